"""Find commits that a power cut left half done, and set them aside.

Only commits above the newest one that is known to be safe can be torn: nobody was told that they
succeeded, so that what they should have brought is sent again.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as arrow_fs
import pyarrow.parquet as pq

from experiments.ledger.durable import TornFile, sync_folders
from experiments.ledger.location import Location
from experiments.ledger.log import (
    LAST_CHECKPOINT,
    AddedFile,
    Entry,
    TornEntry,
    checkpoints,
    entry_path,
    read_entry,
    still_named,
    versions_logged,
)

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Torn:
    """The first commit of a table that is not whole.

    Attributes:
        version: Of the commit.
        path: The file that is at fault, within the ledger.
        why: What is wrong with it.
    """

    version: int
    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} {self.why}"


def whole_commits(
    location: Location, table: str, *, above: int | None
) -> tuple[tuple[Entry, ...], Torn | None]:
    """The commits above a version that are whole, and the first that is not.

    Args:
        location: Of the ledger.
        table: Which table.
        above: The newest version that is known to be safe; None where none is.
    """
    logged = versions_logged(location, table)
    if above is not None:
        start = above + 1
    else:
        # Entries before a checkpoint may have been cleaned up; without one, all have to be there.
        start = min(logged, default=0) if checkpoints(location, table) else 0
    entries: list[Entry] = []
    first: Torn | None = None
    for version in range(start, max(logged, default=start - 1) + 1):
        try:
            entries.append(read_entry(location, table, version))
        except TornEntry as torn:
            first = Torn(version, torn.path, torn.why)
            break
    named = {*still_named(entries)}
    for at, entry in enumerate(entries):
        try:
            for added in entry.added:
                if added in named:
                    _read_through(location, table, added)
        except TornFile as torn:
            return tuple(entries[:at]), Torn(entry.version, torn.path, torn.why)
    return tuple(entries), first


def set_aside(
    location: Location, table: str, *, from_version: int, known: Collection[str], label: str
) -> tuple[str, ...]:
    """Move commits from a version on, and the files that only they name, to the quarantine.

    Args:
        location: Of the ledger.
        table: Which table.
        from_version: The first commit that goes.
        known: Data files that stay, whatever these commits say of them.
        label: Names the folder within the quarantine.

    Returns:
        What was moved, as paths within the ledger.
    """
    kept, going = _named(location, table, from_version)
    # The newest first: whatever stops this, the log that stays has no gap.
    paths = [
        *(path for version, path in checkpoints(location, table) if version >= from_version),
        *_pointer(location, table, from_version),
        *(
            entry_path(version)
            for version in reversed(versions_logged(location, table))
            if version >= from_version
        ),
        *sorted(going - kept - {*known}),
    ]
    return _move(location, table, paths, label=label)


def set_torn_checkpoints_aside(
    location: Location, table: str, *, above: int | None, label: str
) -> tuple[str, ...]:
    """Move checkpoints that are not whole, or have no entry, to the quarantine.

    The entries of the log stand for them.

    Args:
        location: Of the ledger.
        table: Which table.
        above: As for `whole_commits`.
        label: Names the folder within the quarantine.
    """
    found = checkpoints(location, table)
    # Looked for afterwards, because a writer makes an entry first, and its checkpoint then.
    newest = max(versions_logged(location, table), default=-1)
    torn, whole = [], []
    for version, path in found:
        is_safe = above is not None and version <= above
        if is_safe or (version <= newest and _is_whole(location, table, path)):
            whole.append(version)
        else:
            torn.append(path)
    pointer = _pointer(location, table, max(whole, default=-1) + 1)
    return _move(location, table, [*torn, *pointer], label=label)


def _is_whole(location: Location, table: str, path: str) -> bool:
    try:
        _read_through(location, table, AddedFile(path, -1))
    except TornFile:
        return False
    return True


def _read_through(location: Location, table: str, added: AddedFile) -> None:
    """Read a Parquet file from end to end; what a power cut left of it need not be its end.

    Raises:
        TornFile: It is missing, of another size than its commit says, or cannot be read.
    """
    where = f"{table}/{added.path}"
    try:
        with location.files(table).open_input_file(added.path) as file:
            size = file.size()
            if added.size not in (-1, size):
                raise TornFile(where, f"holds {size:,} bytes and not {added.size:,}")
            opened = pq.ParquetFile(file, page_checksum_verification=True)
            for _ in opened.iter_batches():
                pass
    except FileNotFoundError:
        raise TornFile(where, "is missing") from None
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TornFile(where, f"is no whole Parquet file ({why})") from None


def _named(location: Location, table: str, from_version: int) -> tuple[set[str], set[str]]:
    """Paths that commits before a version name, and those that later ones add."""
    kept: set[str] = set()
    going: set[str] = set()
    for version in versions_logged(location, table):
        try:
            entry = read_entry(location, table, version)
        except TornEntry:
            continue
        (kept if version < from_version else going).update(one.path for one in entry.added)
    return kept, going


def _pointer(location: Location, table: str, at_least: int) -> Iterator[str]:
    """The pointer to the newest checkpoint, where it is torn or points at a version or above."""
    try:
        with location.files(table).open_input_stream(LAST_CHECKPOINT) as stream:
            version = int(json.loads(stream.read())["version"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        yield LAST_CHECKPOINT
        return
    if version >= at_least:
        yield LAST_CHECKPOINT


def _move(location: Location, table: str, paths: Sequence[str], *, label: str) -> tuple[str, ...]:
    files = location.files()
    moved = []
    for path in paths:
        source, target = f"{table}/{path}", f"{QUARANTINE}/{label}/{table}/{path}"
        [info] = files.get_file_info([source])
        if info.type != arrow_fs.FileType.File:
            continue
        if location.is_local:
            files.create_dir(target.rpartition("/")[0], recursive=True)
        files.move(source, target)
        moved.append(source)
    sync_folders(location, [*moved, *(f"{QUARANTINE}/{label}/{one}" for one in moved)])
    return tuple(moved)
