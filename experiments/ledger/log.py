"""What the log of a table says: which files each commit adds and removes.

Read as Delta's protocol writes it, because deltalake takes a log entry of zero bytes for a commit
without files, and tells nothing of one that is missing.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import pyarrow.fs as arrow_fs

from experiments.errors import PilotError
from experiments.ledger.location import Location
from experiments.ledger.writing import APP

LOG: Final = "_delta_log"
LAST_CHECKPOINT: Final = f"{LOG}/_last_checkpoint"
_ENTRY: Final = re.compile(r"(\d{20})\.json")
_CHECKPOINT: Final = re.compile(r"(\d{20})\.checkpoint\..*parquet")


class TornEntry(PilotError):
    """An entry of the log that is not whole."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path} {why}.")


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A data file that a commit adds; `path` is within the table."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of a table, as its log tells.

    Attributes:
        version: Of the table after the commit.
        added: Files that are read from then on.
        removed: Paths of files that are no longer read.
        batch_no: The batch that it names; None where it only moved rows.
        changes_data: Whether rows came or went; otherwise they were only moved.
        sha256: Of the entry.
    """

    version: int
    added: tuple[AddedFile, ...]
    removed: tuple[str, ...]
    batch_no: int | None
    changes_data: bool
    sha256: str


def still_named(entries: Sequence[Entry]) -> tuple[AddedFile, ...]:
    """The files that commits add and none of them removes; the others may be gone by now."""
    gone = {path for entry in entries for path in entry.removed}
    return tuple(one for entry in entries for one in entry.added if one.path not in gone)


def entry_path(version: int) -> str:
    """Where a commit's entry stands within the table.

    Example:
        >>> entry_path(7)
        '_delta_log/00000000000000000007.json'
    """
    return f"{LOG}/{version:020}.json"


def versions_logged(location: Location, table: str) -> tuple[int, ...]:
    """The versions whose entries are there, in order; old ones may have been cleaned up."""
    return tuple(
        sorted(int(found[1]) for name in names_in_log(location, table)
               if (found := _ENTRY.fullmatch(name)))
    )  # fmt: skip


def checkpoints(location: Location, table: str) -> tuple[tuple[int, str], ...]:
    """Version and path of each checkpoint file."""
    return tuple(
        sorted((int(found[1]), f"{LOG}/{name}") for name in names_in_log(location, table)
               if (found := _CHECKPOINT.fullmatch(name)))
    )  # fmt: skip


def newest_checkpoint(location: Location, table: str, *, since: int) -> tuple[str, ...]:
    """Paths of the newest checkpoint and of its pointer, where it was made at `since` or later."""
    try:
        with location.files(table).open_input_stream(LAST_CHECKPOINT) as stream:
            version = int(json.loads(stream.read())["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ()
    if version < since:
        return ()
    made = (path for number, path in checkpoints(location, table) if number == version)
    return (*made, LAST_CHECKPOINT)


def names_in_log(location: Location, table: str) -> Sequence[str]:
    """Names of the files in a table's log."""
    selector = arrow_fs.FileSelector(LOG, allow_not_found=True)
    return [info.base_name for info in location.files(table).get_file_info(selector)]


def has_entry(location: Location, table: str, version: int) -> bool:
    """Whether a commit's entry is there; whether it is whole is another question."""
    [info] = location.files(table).get_file_info([entry_path(version)])
    return bool(info.type == arrow_fs.FileType.File)


def newest_from(location: Location, table: str, version: int) -> int | None:
    """The newest version of a table, from one that was seen; None where its entry is gone.

    Entries go from the oldest on: where the one that was seen is there, so are those after it.
    """
    newest = version
    while has_entry(location, table, newest + 1):
        newest += 1
    return newest if newest > version or has_entry(location, table, version) else None


def read_entry(location: Location, table: str, version: int) -> Entry:
    """What a commit did.

    Raises:
        TornEntry: It is missing, empty or no JSON.
    """
    path = f"{table}/{entry_path(version)}"
    try:
        with location.files(table).open_input_stream(entry_path(version)) as stream:
            text = stream.read()
    except FileNotFoundError:
        raise TornEntry(path, "is missing") from None
    if not text.strip():
        raise TornEntry(path, "is empty")
    try:
        actions = [json.loads(line) for line in text.splitlines() if line.strip()]
        return _entry_of(version, actions, hashlib.sha256(text).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TornEntry(path, "is torn: it cannot be read as the log of a commit") from None


def _entry_of(version: int, actions: Sequence[dict[str, Any]], sha256: str) -> Entry:
    added, removed, batch_no, changes = [], [], None, False
    for action in actions:
        if "add" in action:
            said = action["add"]
            added.append(AddedFile(unquote(said["path"]), int(said["size"])))
            changes |= bool(said["dataChange"])
        elif "remove" in action:
            removed.append(unquote(action["remove"]["path"]))
            changes |= bool(action["remove"]["dataChange"])
        elif "txn" in action and action["txn"]["appId"] == APP:
            batch_no = int(action["txn"]["version"])
    return Entry(version, tuple(added), tuple(removed), batch_no, changes, sha256)
