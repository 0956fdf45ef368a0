"""Copy an installation while it works, so that it can be restored, and prove the copy.

The registry comes first, from one snapshot; then each table of the ledger up to the version that
the snapshot knows to be safe, its log before its data; then the files that nothing else stands for.
So the ledger is never behind the registry, nor ahead of it: rows of a batch that the registry does
not know would stand in the way of the batch that gets its number.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import inspect

from app.database import Database
from app.tables import LeaseRow, UpkeepKind
from app.upkeep.backup_copy import Copy, Known, copy_files, copy_table
from app.upkeep.backup_proof import problems_of
from app.upkeep.backup_set import FORMAT, REGISTRY, Manifest, Place
from app.upkeep.leases import leased
from app.upkeep.registry_dump import ENDING, dump_registry, schema_of, snapshot
from app.upkeep.retention import needed_uploads, remove_rows, remove_uploads
from app.upkeep.rounds import noted
from experiments.errors import PROBLEMS_SHOWN, BadInput, PilotError, Problem
from experiments.ledger.ledger import Ledger


class BackupFailed(PilotError):
    """The copy is not what it should be; there is no new backup."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        listed = "\n".join(f"  {problem}" for problem in problems[:PROBLEMS_SHOWN])
        more = len(problems) - PROBLEMS_SHOWN
        hidden = f"\n  ... and {more:,} more" if more > 0 else ""
        super().__init__(f"The backup failed, and earlier ones stay as they are:\n{listed}{hidden}")


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A verified backup.

    Attributes:
        place: The folder of backups.
        name: Which of them.
        ledger_through: Highest batch that counts in it.
        files: How many it consists of.
        size: Their bytes.
        new_files: How many of them were not there before.
        new_size: Their bytes.
        rows: Rows of the ledger, all tables together.
        uploads_removed: Uploads that are not needed any more, because it holds what they became.
        uploads_size: Their bytes.
        deleted: Older backups that were deleted.
    """

    place: str
    name: str
    ledger_through: int
    files: int
    size: int
    new_files: int
    new_size: int
    rows: int
    uploads_removed: int
    uploads_size: int
    deleted: int = 0


def back_up(
    database: Database,
    ledger: Ledger,
    *,
    files: Path,
    place: Path,
    clock: Callable[[], datetime],
    by: int | None = None,
    keep: int | None = None,
) -> BackedUp:
    """Make a backup beside those that are there, and prove it by reading it again.

    Uploads whose batches it contains are removed afterwards, and the rows of small posts.

    Args:
        database: The registry, of any schema.
        ledger: The company's.
        files: The installation's folder of files.
        place: Folder for backups alone.
        clock: Says what time it is.
        by: Who asked for it; None where nobody is known.
        keep: How many backups stay, this one included; all where None.

    Raises:
        BadInput: The folder cannot be used, or there is nothing to back up.
        BackupFailed: A file of the ledger is damaged, or the copy does not hold what it should.
        NotNow: Another backup is under way.
    """
    _refuse_inside(place, ledger, files)
    there = Place(place.absolute())
    with there.alone(), noted(database, UpkeepKind.BACKUP, clock=clock, by=by) as done:
        copied = Copy(there)
        now = clock()
        with _leased(database, ledger, clock=clock):
            manifest, known = _copy(database, ledger, copied, files=files, now=now)
        problems = [*copied.problems, *problems_of(there, manifest)]
        if problems:
            raise BackupFailed(problems)
        name = there.write(manifest)
        deleted = there.keep_newest(keep, own=name) if keep else 0
        with database.reading() as session:
            needed = needed_uploads(session)
        remove_rows(database, before=now)
        removed, removed_size = remove_uploads(files, contained=known.accepted, needed=needed)
        done.result = made = BackedUp(
            place=str(there.folder),
            name=name,
            ledger_through=manifest.ledger_through,
            files=len(manifest.files),
            size=manifest.size,
            new_files=copied.new_files,
            new_size=copied.new_size,
            rows=sum(table.rows for table in manifest.ledger),
            uploads_removed=removed,
            uploads_size=removed_size,
            deleted=deleted,
        )
    return made


def _copy(
    database: Database, ledger: Ledger, copied: Copy, *, files: Path, now: datetime
) -> tuple[Manifest, Known]:
    """Copy the installation, in the order that keeps its parts in step."""
    with tempfile.TemporaryDirectory(prefix="pilotbook-") as folder:
        registry = Path(folder)
        with snapshot(database) as connection:
            schema = schema_of(connection)
            if schema is None:
                raise BadInput("There is nothing to back up: the registry has no tables yet.")
            dumped = tuple(dump_registry(connection, registry))
        known = Known.of(registry, dumped)
        for table in dumped:
            name = f"{table.name}{ENDING}"
            copied.add_file(f"{REGISTRY}/{name}", registry / name)
    tables = tuple(copy_table(copied, ledger, table, known) for table in ledger.tables())
    copy_files(copied, files, known)
    manifest = Manifest(
        format=FORMAT,
        made_at=now,
        pilotbook=version("pilotbook"),
        schema=schema,
        ledger_through=known.through,
        registry=dumped,
        ledger=tables,
        files=tuple(copied.files),
    )
    return manifest, known


def _refuse_inside(place: Path, ledger: Ledger, files: Path) -> None:
    own = [files.absolute()]
    if ledger.location.is_local:
        own.append(ledger.location.folder)
    for folder in own:
        if place.absolute().is_relative_to(folder) or folder.is_relative_to(place.absolute()):
            raise BadInput(
                f"{place} and {folder} lie within each other; name a folder for backups alone, "
                f"best on another disk."
            )


@contextmanager
def _leased(database: Database, ledger: Ledger, *, clock: Callable[[], datetime]) -> Iterator[None]:
    """Keep the files of today's versions from any vacuum, where the schema knows of leases.

    Of the large tables; files of the others stay for a week after they are read no more.
    """
    if not inspect(database.reads).has_table(LeaseRow.__tablename__):
        yield
        return
    with leased(database, ledger, holder="backup", clock=clock):
        yield
