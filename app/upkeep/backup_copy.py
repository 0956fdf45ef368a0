"""What a backup copies: tables up to a version, and the files that nothing else stands for."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from app.tables import BatchState, JobState
from app.upkeep.backup_proof import BATCHES
from app.upkeep.backup_set import FILES, LEDGER, KeptFile, KeptTable, Place
from app.upkeep.registry_dump import Dumped, rows_of
from app.upkeep.retention import folders_named, upload_named, uploads
from app.web.inbox import inbox_of
from experiments.errors import Problem
from experiments.ledger.ledger import Ledger
from experiments.ledger.log import checkpoints, entry_path, versions_logged
from experiments.ledger.writing import APP

OPEN: Final = (JobState.WAITING, JobState.RUNNING)


@dataclass(slots=True)
class Copy:
    """Files on their way into a backup."""

    place: Place
    files: list[KeptFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    new_files: int = 0
    new_size: int = 0

    def add(self, path: str, stream: Any, *, expected: str | None = None) -> KeptFile:
        """Copy a stream; one that is not what was expected is a problem of the ledger."""
        put = self.place.put(stream)
        if expected is not None and put.sha256 != expected:
            said = "is damaged: its bytes are not those that were written; restore it from a backup"
            self.problems.append(Problem(path, said))
        self.new_files += put.is_new
        self.new_size += put.size * put.is_new
        return self.note(KeptFile(path, put.sha256, put.size))

    def add_file(self, path: str, source: Path) -> None:
        """Copy a file of this machine."""
        with source.open("rb") as stream:
            self.add(path, stream)

    def note(self, file: KeptFile) -> KeptFile:
        """A file that the place holds."""
        self.files.append(file)
        return file


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry knew of the rest at the moment of its snapshot.

    Attributes:
        accepted: Batches that count.
        highest: Number of the last batch, whatever became of it.
        through: Highest batch that counts, below the first that is pending.
        versions: Of each table, the newest version that is safe.
        entries: Digests of log entries, by table and version.
        data: Digest and size of data files, by table and path.
        needed: Folders of uploads that lists and jobs refer to.
    """

    accepted: frozenset[int]
    highest: int
    through: int
    versions: Mapping[str, int]
    entries: Mapping[tuple[str, int], str]
    data: Mapping[tuple[str, str], tuple[str, int]]
    needed: frozenset[str]

    @classmethod
    def of(cls, registry: Path, dumped: Sequence[Dumped]) -> "Known":
        """Read a dumped registry of any schema."""
        tables = {table.name for table in dumped}

        def rows(name: str) -> Iterator[Mapping[str, Any]]:
            return rows_of(registry, name) if name in tables else iter(())

        states = {row["batch_no"]: row["state"] for row in rows(BATCHES)}
        accepted = frozenset(at for at, state in states.items() if state == BatchState.ACCEPTED)
        pending = [at for at, state in states.items() if state == BatchState.PENDING]
        below = min(pending, default=max(states, default=0) + 1)
        versions: dict[str, int] = {}
        entries: dict[tuple[str, int], str] = {}
        for row in rows("commits"):
            name, at = row["table_name"], row["version"]
            versions[name] = max(at, versions.get(name, at))
            entries[name, at] = row["sha256"]
        return cls(
            accepted=accepted,
            highest=max(states, default=0),
            through=max((at for at in accepted if at < below), default=0),
            versions=versions,
            entries=entries,
            data={
                (row["table_name"], row["path"]): (row["sha256"], row["size"])
                for row in rows("data_files")
            },
            needed=folders_named(
                [row["upload"] for row in rows("customer_lists")]
                + [
                    upload_named(row["arguments_json"])
                    for row in rows("jobs")
                    if row["state"] in OPEN
                ]
            ),
        )


def copy_table(copied: Copy, ledger: Ledger, table: str, known: Known) -> KeptTable:
    """Copy a table up to the version that the registry knew: its log, then the data it names."""
    at = known.versions.get(table)
    if at is None:
        at = _newest_known(ledger, table, highest=known.highest)
    location = ledger.location
    source = location.files(table)
    log = [(entry_path(one), one) for one in versions_logged(location, table) if one <= at]
    log += [(path, -1) for one, path in checkpoints(location, table) if one <= at]
    for path, one in log:
        with source.open_input_stream(path) as stream:
            copied.add(f"{LEDGER}/{table}/{path}", stream, expected=known.entries.get((table, one)))
    rows = 0
    for path, _ in sorted(Ledger(location, versions={table: at}).live_files(table)):
        sha256, size = known.data.get((table, path), (None, -1))
        where = f"{LEDGER}/{table}/{path}"
        if sha256 is not None and copied.place.holds(sha256, size=size):
            kept = copied.note(KeptFile(where, sha256, size))
        else:
            with source.open_input_stream(path) as stream:
                kept = copied.add(where, stream, expected=sha256)
        rows += int(pq.read_metadata(copied.place.object(kept.sha256)).num_rows)
    return KeptTable(table, at, rows)


def _newest_known(ledger: Ledger, table: str, *, highest: int) -> int:
    """The newest version of a table, none of whose batches came after the registry's last.

    Asked where no version is known to be safe, as in a ledger whose service was not started since
    an upgrade.
    """
    newest = ledger.open(table)
    for at in range(newest.version() if newest else 0, 0, -1):
        opened = Ledger(ledger.location, versions={table: at}).open(table)
        if opened is not None and (opened.transaction_version(APP) or 0) <= highest:
            return at
    return 0


def copy_files(copied: Copy, files: Path, known: Known) -> None:
    """Copy what analyses left behind, and the uploads that nothing stands for yet."""
    inbox = inbox_of(files)
    skipped = {
        upload.folder
        for upload in uploads(files, needed=known.needed)
        if not upload.waits or upload.batch in known.accepted
    }
    for name, folders, names in os.walk(files):
        folder = Path(name)
        folders[:] = sorted(each for each in folders if folder / each not in skipped)
        for each in sorted(names):
            if each.startswith(".") or folder == inbox:
                continue  # unfinished
            path = folder / each
            try:
                copied.add_file(f"{FILES}/{path.relative_to(files).as_posix()}", path)
            except FileNotFoundError:
                continue  # an upload that was taken in, or refused, a moment ago
