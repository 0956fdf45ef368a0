"""Keep the ledger compact: few sorted files, no old ones that nobody reads, nothing left over."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, delete, select

from app.confirming import confirm, newest_confirmed
from app.database import Database
from app.refusals import NotNow
from app.tables import DataFileRow, UpkeepKind
from app.upkeep.leases import is_worker_there, leased, leased_versions
from app.upkeep.rounds import noted
from app.upkeep.sweep import sweep
from app.workspace import open_reader
from experiments.errors import BadInput
from experiments.ledger.compaction import Compacted, CompactionLost, compact
from experiments.ledger.ledger import Ledger
from experiments.ledger.log import checkpoints, versions_logged
from experiments.ledger.writing import HOOKS

KEPT: Final = timedelta(hours=168)  # for which files stay that a newer version no longer reads


@dataclass(frozen=True, slots=True)
class Tidied:
    """What a round did.

    Attributes:
        compacted: Tables and years whose files became others.
        vacuumed: Old files that were deleted.
        swept: Files that no commit named, and that were deleted.
        put_off: What somebody else changed meanwhile, in words.
    """

    compacted: tuple[Compacted, ...]
    vacuumed: int
    swept: tuple[str, ...]
    put_off: tuple[str, ...] = ()


def tidy(
    database: Database,
    ledger: Ledger,
    *,
    clock: Callable[[], datetime],
    by: int | None = None,
    whole: bool = False,
) -> Tidied:
    """One round: compact what needs it, delete old files that nobody reads, sweep up the rest.

    Args:
        database: The registry, which keeps the round.
        ledger: Others may append to it meanwhile.
        clock: Says what time it is.
        by: Who asked for it.
        whole: Whether to compact all files that share customers, however few they are.
    """
    with noted(database, UpkeepKind.COMPACT, clock=clock, by=by) as done:
        compacted, put_off = _compacted(database, ledger, clock=clock, whole=whole)
        with database.writing() as session:
            vacuumed = vacuum(session, ledger, now=clock())
            swept = sweep(session, ledger, now=clock())
            trim_logs(session, ledger, now=clock())
        done.result = result = Tidied(compacted, vacuumed, swept, put_off)
    return result


def vacuum(
    session: Session,
    ledger: Ledger,
    *,
    now: datetime,
    kept: timedelta = KEPT,
    full: bool = False,
) -> int:
    """Delete files that no version of the last days reads, nor anybody's lease.

    Args:
        session: The registry; committed.
        ledger: Others may append to it meanwhile, unless `full`.
        now: The present time.
        kept: For how long files stay after a newer version no longer reads them.
        full: Whether to delete files that no commit names as well; a commit under way would lose
            its own.

    Returns:
        How many files were deleted.

    Raises:
        BadInput: Files would stay for less than a week.
        NotNow: `full`, and a worker is there.
    """
    if kept < KEPT:
        raise BadInput(
            f"Old files of the ledger stay for {KEPT.total_seconds() / 3600:.0f} hours at least, "
            f"because somebody may still read them; leave the time out."
        )
    if full and is_worker_there(session, now=now):
        raise NotNow(
            "A worker is there, and may be writing files that no commit names yet; stop it first."
        )
    return _vacuum(session, ledger, now=now, kept=kept, full=full)


def trim_logs(session: Session, ledger: Ledger, *, now: datetime) -> None:
    """Delete entries of the logs that a checkpoint has replaced for a while.

    No commit does this by itself, because its checkpoint is not on disk before it is confirmed. A
    log stays as it is while somebody reads an older version.

    Args:
        session: The registry; committed.
        ledger: Others may write to it meanwhile.
        now: The present time.
    """
    for name in ledger.tables():
        newest = newest_confirmed(session, name)
        leased = leased_versions(session, now=now).get(name, ())
        session.commit()
        made = [version for version, _ in checkpoints(ledger.location, name)]
        if newest is None or not made or max(made) > min([newest, *leased]):
            continue
        table = ledger.open(name)
        if table is not None:
            table.cleanup_metadata()


def longest_log(ledger: Ledger) -> int:
    """How many entries the longest log of a table has."""
    tables = ledger.tables()
    return max((len(versions_logged(ledger.location, table)) for table in tables), default=0)


def most_files(ledger: Ledger) -> int:
    """Of how many files the fullest year of behavior consists."""
    by_folder: dict[str, int] = {}
    for path, _ in ledger.live_files("behavior"):
        folder = path.rpartition("/")[0]
        by_folder[folder] = by_folder.get(folder, 0) + 1
    return max(by_folder.values(), default=0)


def _compacted(
    database: Database, ledger: Ledger, *, clock: Callable[[], datetime], whole: bool
) -> tuple[tuple[Compacted, ...], tuple[str, ...]]:
    done: list[Compacted] = []
    # Half of the cores: people wait for the rest.
    threads = max(1, (os.cpu_count() or 2) // 2)
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as scratch,
        open_reader(ledger, threads=threads, scratch=Path(scratch)) as engine,
        # Its commit is compared with those that came since it began to read.
        leased(database, ledger, holder="compaction", clock=clock),
    ):
        try:
            for one in compact(engine, ledger, now=clock(), whole=whole):
                with database.writing() as session:
                    confirm(session, ledger, now=clock(), tables=[one.table])
                    session.commit()
                done.append(one)
        except CompactionLost as lost:
            return tuple(done), (str(lost),)
    return tuple(done), ()


def _vacuum(session: Session, ledger: Ledger, *, now: datetime, kept: timedelta, full: bool) -> int:
    leased = leased_versions(session, now=now)
    old = select(DataFileRow.table_name).where(col(DataFileRow.removed_in).is_not(None)).distinct()
    tables = ledger.tables() if full else tuple(session.exec(old).all())
    session.commit()
    deleted = 0
    for name in tables:
        table = ledger.open(name)
        if table is None:
            continue
        paths = table.vacuum(
            retention_hours=int(kept.total_seconds() // 3600),
            dry_run=False,
            enforce_retention_duration=kept >= KEPT,
            full=full,
            keep_versions=list(leased.get(name, ())) or None,
            post_commithook_properties=HOOKS,
        )
        confirm(session, ledger, now=now, tables=[name])
        gone = [path for path in paths if path]
        session.exec(
            delete(DataFileRow).where(
                col(DataFileRow.table_name) == name, col(DataFileRow.path).in_(gone)
            )
        )
        session.commit()
        deleted += len(gone)
    return deleted
