"""Confirm what reached the ledger, and mend what a power cut left of it.

The registry knows the newest version of each table that is safe on disk, with a digest of every
file. A batch counts only after the commit that brought it is confirmed; so whatever is found above
the newest confirmed version was promised to nobody, and whatever is missing below it is lost.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from app.people.journal import write_entry
from app.tables import BatchRow, CommitRow, DataFileRow, UpkeepKind, UpkeepRow
from experiments.errors import DamagedLedger
from experiments.ledger.durable import DataFile, sync_commits, take_stock
from experiments.ledger.ledger import Ledger
from experiments.ledger.log import (
    AddedFile,
    Entry,
    TornEntry,
    checkpoints,
    entry_path,
    has_entry,
    read_entry,
    still_named,
    versions_logged,
)
from experiments.ledger.torn import (
    QUARANTINE,
    Torn,
    set_aside,
    set_torn_checkpoints_aside,
    whole_commits,
)

READ: Final = ("behavior", "directory", "withdrawn")
# Rows of these are never taken away; the others shrink when a person is erased.
ONLY_GROWING: Final = frozenset({"behavior", "withdrawn"})
AT_ONCE: Final = 5_000  # paths in one statement
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mended:
    """What a look at the end of the logs found.

    Attributes:
        torn: Commits that were not whole, in words.
        set_aside: Files that were moved to the quarantine.
        confirmed: How many whole commits were confirmed.
    """

    torn: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    confirmed: int = 0


def confirm(
    session: Session, ledger: Ledger, *, now: datetime, tables: Collection[str] | None = None
) -> int:
    """Bring new commits to disk, and remember them; whoever calls commits the session.

    Ends the transaction at hand before it begins, because none is open while files are synced.

    Args:
        session: The registry.
        ledger: Has been written to.
        now: The present time.
        tables: Which were written to; all where None.

    Returns:
        How many commits were new.

    Raises:
        DamagedLedger: A commit took rows away, as `restore` does.
        TornEntry: A commit is not whole.
        TornFile: A data file is not whole.
    """
    found = []
    names = ledger.tables() if tables is None else tables
    above = {table: newest_confirmed(session, table) for table in names}
    session.commit()
    for table in names:
        entries = _new_entries(ledger, table, above[table])
        _refuse_shrinking(table, entries)
        if entries:
            sync_commits(ledger.location, table, entries)
            stock = {*take_stock(ledger.location, table, still_named(entries))}
            found.append((table, entries, stock))
    if found:
        _alone(session)
    return sum(_remember(session, *one, now=now) for one in found)


def mend(
    session: Session,
    ledger: Ledger,
    *,
    now: datetime,
    tables: Collection[str] | None = None,
    thorough: bool = True,
) -> Mended:
    """Set aside commits that are not whole, and confirm the others; before anybody writes.

    Args:
        session: The registry; committed.
        ledger: Nobody writes to it.
        now: The present time.
        tables: Which to look at; all where None.
        thorough: Whether to look at checkpoints as well, as after a power cut; otherwise it costs
            next to nothing where all is confirmed.
    """
    torn: list[str] = []
    moved: list[str] = []
    label = f"{now:%Y-%m-%dT%H-%M-%S}"
    names = ledger.tables() if tables is None else tables
    for table in names:
        above = newest_confirmed(session, table)
        session.commit()
        if not (thorough or has_entry(ledger.location, table, _after(above))):
            continue
        moved += set_torn_checkpoints_aside(ledger.location, table, above=above, label=label)
        entries, first = whole_commits(ledger.location, table, above=above)
        first = _shrinking(table, entries) or first
        if first is not None:
            torn.append(str(first))
            moved += set_aside(
                ledger.location,
                table,
                from_version=first.version,
                known=_known_paths(session, table),
                label=label,
            )
            session.commit()
    confirmed = confirm(session, ledger, now=now, tables=names)
    if moved:
        detail = {"torn": torn, "set_aside": moved, "quarantine": f"{QUARANTINE}/{label}"}
        _log.warning("the ledger was mended", **detail)
        write_entry(
            session,
            at=now,
            user=None,
            action="mend the ledger",
            subject="ledger",
            status=200,
            detail=detail,
        )
    session.commit()
    return Mended(tuple(torn), tuple(moved), confirmed)


def refuse_damaged(session: Session, ledger: Ledger) -> None:
    """Stop before a read of a ledger that is damaged; costs next to nothing.

    It is where the newest safe commit is lost, and where the last scrub found damage.

    Raises:
        DamagedLedger: Names the files.
    """
    damages = [damage for table in READ for damage in _damages(session, ledger, table, most=1)]
    scrubbed = select(UpkeepRow.result_json).where(
        UpkeepRow.kind == UpkeepKind.SCRUB, col(UpkeepRow.ended_at).is_not(None)
    )
    last = session.exec(scrubbed.order_by(col(UpkeepRow.id).desc()).limit(1)).first()
    session.commit()
    damages += json.loads(last)["damages"] if last else []
    if damages:
        raise DamagedLedger(sorted({*damages}))


def damages_of(session: Session, ledger: Ledger, *, most: int | None = None) -> tuple[str, ...]:
    """Every entry of the logs that was safe, and is lost or changed by now.

    Args:
        session: The registry; its transaction is ended.
        ledger: Is looked at.
        most: How many entries of each table to look at, the newest first; all where None.
    """
    tables = session.exec(select(CommitRow.table_name).distinct()).all()
    session.commit()
    found = [
        damage for table in sorted(tables) for damage in _damages(session, ledger, table, most=most)
    ]
    session.commit()
    return tuple(found)


def newest_confirmed(session: Session, table: str) -> int | None:
    """The newest version of a table that is safe on disk; None where none is."""
    newest = select(func.max(CommitRow.version)).where(CommitRow.table_name == table)
    return session.exec(newest).one()


def _new_entries(ledger: Ledger, table: str, above: int | None) -> tuple[Entry, ...]:
    """The commits above a version; all of a table that is read as it stands, in the newest."""
    if above is None and not has_entry(ledger.location, table, 0):
        return _as_it_stands(ledger, table)
    version = _after(above)
    entries = []
    while has_entry(ledger.location, table, version):
        entries.append(read_entry(ledger.location, table, version))
        version += 1
    return tuple(entries)


def _after(version: int | None) -> int:
    return 0 if version is None else version + 1


def _as_it_stands(ledger: Ledger, table: str) -> tuple[Entry, ...]:
    """A table whose first entries were cleaned up, in a registry that has never seen it."""
    logged = versions_logged(ledger.location, table)
    if not logged:
        return ()
    newest = read_entry(ledger.location, table, logged[-1])
    live = tuple(AddedFile(path, size) for path, size in ledger.live_files(table))
    return (Entry(newest.version, live, (), newest.batch_no, False, newest.sha256),)


def _remember(
    session: Session,
    table: str,
    entries: Sequence[Entry],
    files: Collection[DataFile],
    *,
    now: datetime,
) -> int:
    """Write down what nobody wrote down meanwhile; upkeep confirms beside recording."""
    newest = newest_confirmed(session, table)
    new = [entry for entry in entries if newest is None or entry.version > newest]
    by_path = {file.path: file for file in files}
    for entry in new:
        for file in [by_path[one.path] for one in entry.added if one.path in by_path]:
            session.add(
                DataFileRow(
                    table_name=table,
                    path=file.path,
                    size=file.size,
                    rows=file.rows,
                    sha256=file.sha256,
                    added_in=entry.version,
                )
            )
        session.flush()
        for start in range(0, len(entry.removed), AT_ONCE):
            some = entry.removed[start : start + AT_ONCE]
            gone = update(DataFileRow).where(
                col(DataFileRow.table_name) == table, col(DataFileRow.path).in_(some)
            )
            session.exec(gone.values(removed_in=entry.version))
        session.add(
            CommitRow(
                table_name=table,
                version=entry.version,
                sha256=entry.sha256,
                batch_no=_known_batch(session, entry.batch_no),
                confirmed_at=now,
            )
        )
    session.flush()
    return len(new)


def _alone(session: Session) -> None:
    """Let one at a time write commits down. On SQLite a writer is alone already."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql("LOCK TABLE commits IN SHARE ROW EXCLUSIVE MODE")


def _known_batch(session: Session, batch_no: int | None) -> int | None:
    """The number, unless the registry was restored from a time before it gave it out."""
    return batch_no if batch_no and session.get(BatchRow, batch_no) is not None else None


def _known_paths(session: Session, table: str) -> frozenset[str]:
    paths = select(DataFileRow.path).where(DataFileRow.table_name == table)
    return frozenset(session.exec(paths).all())


def _refuse_shrinking(table: str, entries: Sequence[Entry]) -> None:
    torn = _shrinking(table, entries)
    if torn is not None:
        raise DamagedLedger([str(torn)])


def _shrinking(table: str, entries: Sequence[Entry]) -> Torn | None:
    """The first commit that takes rows away for good, though rows of its table are for ever."""
    if table not in ONLY_GROWING:
        return None
    for entry in entries:
        if entry.removed and entry.changes_data:
            path = f"{table}/{entry_path(entry.version)}"
            return Torn(
                entry.version, path, "takes rows away, which only somebody beside Pilotbook does"
            )
    return None


def _damages(session: Session, ledger: Ledger, table: str, *, most: int | None) -> list[str]:
    query = select(CommitRow).where(CommitRow.table_name == table)
    if most != 1 and checkpoints(ledger.location, table):
        # Older ones were cleaned up, after a checkpoint took their place.
        oldest = min(versions_logged(ledger.location, table), default=0)
        query = query.where(col(CommitRow.version) >= oldest)
    found = []
    for row in session.exec(query.order_by(col(CommitRow.version).desc()).limit(most)).all():
        try:
            entry = read_entry(ledger.location, table, row.version)
        except TornEntry as torn:
            found.append(f"{torn.path} {torn.why}")
            continue
        if entry.sha256 != row.sha256:
            found.append(f"{table}/{entry_path(row.version)} is not what was written")
    return found
