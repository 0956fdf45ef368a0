"""Make commits safe on disk: what a commit wrote survives a power cut once this returns.

A commit makes rows visible, and nothing more: it returns before its log entry is on disk. An object
store keeps what it has acknowledged, so that nothing needs to be synced there.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.errors import PilotError
from experiments.ledger.location import Location
from experiments.ledger.log import (
    LOG,
    AddedFile,
    Entry,
    entry_path,
    newest_checkpoint,
    still_named,
)

BLOCK: Final = 1 << 20


class TornFile(PilotError):
    """A data file that is not what its commit says."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path} {why}.")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as it was when its commit became safe; `path` is within the table."""

    path: str
    size: int
    rows: int
    sha256: str


def sync_commits(location: Location, table: str, entries: Sequence[Entry]) -> None:
    """Bring the files of commits to disk: data, log, checkpoints, then the folders that name them.

    Does nothing in an object store.
    """
    if not (entries and location.is_local):
        return
    folder = location.folder / table
    folders = {folder / LOG, folder}
    for added in still_named(entries):
        _sync(folder / added.path)
        folders.add((folder / added.path).parent)
    for entry in entries:
        _sync(folder / entry_path(entry.version))
        if entry.version == 0:
            # The table is new, and perhaps the folders above it.
            folders.update(folder.parents)
    for path in newest_checkpoint(location, table, since=min(one.version for one in entries)):
        _sync(folder / path)
    for one in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        _sync(one)


def sync_folders(location: Location, paths: Iterable[str]) -> None:
    """Bring to disk that files came or went; `paths` are theirs within the ledger."""
    if location.is_local:
        above = {parent for path in paths for parent in (location.folder / path).parents}
        for folder in sorted(above, key=lambda path: len(path.parts), reverse=True):
            if folder.is_relative_to(location.folder):
                _sync(folder)


def take_stock(location: Location, table: str, added: Iterable[AddedFile]) -> Iterator[DataFile]:
    """Size, rows and digest of data files.

    Raises:
        TornFile: A file is missing, has another size than its commit says, or has no footer.
    """
    files = location.files(table)
    for one in added:
        where = f"{table}/{one.path}"
        try:
            with files.open_input_file(one.path) as file:
                size = file.size()
                if size != one.size:
                    raise TornFile(where, f"holds {size:,} bytes and not {one.size:,}")
                rows = pq.ParquetFile(file).metadata.num_rows
        except FileNotFoundError:
            raise TornFile(where, "is missing") from None
        except pa.ArrowInvalid as error:
            raise TornFile(where, f"is no whole Parquet file ({error})") from None
        yield DataFile(one.path, size, rows, digest(location, table, one.path))


def digest(location: Location, table: str, path: str) -> str:
    """SHA-256 of a file of a table.

    Raises:
        FileNotFoundError: It is missing.
    """
    found = hashlib.sha256()
    with location.files(table).open_input_stream(path) as stream:
        while block := stream.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _sync(path: Path) -> None:
    """Sync a file or folder; a folder above the ledger that may not be opened is not ours."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
