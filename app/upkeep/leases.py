"""Leases: what somebody is reading, so that no vacuum takes its files; and who is at work."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, delete, select

from app.database import Database
from app.tables import LeaseRow
from experiments.ledger.ledger import Ledger

# An analysis that takes longer is gone: whoever died frees its lease by this.
LONGEST: Final = timedelta(hours=24)
PRESENCE: Final = timedelta(minutes=3)  # that a worker counts as at work after it last said so
READ: Final = ("behavior", "directory", "withdrawn")
WORKER: Final = "worker"


@contextmanager
def leased(
    database: Database,
    ledger: Ledger,
    *,
    holder: str,
    clock: Callable[[], datetime],
    tables: Iterable[str] = READ,
) -> Iterator[Ledger]:
    """The ledger as it is now, whose files stay for as long as the block lasts.

    Args:
        database: The registry.
        ledger: To be read.
        holder: Who reads, for those who look into the leases.
        clock: Says what time it is.
        tables: Which are read; the others are read as they are.
    """
    pinned = ledger.pinned(tables)
    leases = [
        LeaseRow(
            id=secrets.token_hex(16),
            table_name=table,
            version=version,
            holder=holder[:64],
            until=clock() + LONGEST,
        )
        for table, version in pinned.versions.items()
    ]
    ids = [lease.id for lease in leases]
    with database.writing() as session:
        session.add_all(leases)
        session.commit()
    try:
        yield pinned
    finally:
        with database.writing() as session:
            session.exec(delete(LeaseRow).where(col(LeaseRow.id).in_(ids)))
            session.commit()


def leased_versions(session: Session, *, now: datetime) -> Mapping[str, tuple[int, ...]]:
    """Per table, the versions that somebody reads; leases that have run out are removed."""
    session.exec(delete(LeaseRow).where(col(LeaseRow.until) <= now))
    found: dict[str, set[int]] = defaultdict(set)
    for lease in session.exec(select(LeaseRow).where(LeaseRow.table_name != WORKER)).all():
        found[lease.table_name].add(lease.version)
    return {table: tuple(sorted(versions)) for table, versions in found.items()}


def announce(session: Session, worker: str, *, now: datetime) -> None:
    """Say that a worker is there, which may begin to write at any moment."""
    session.merge(
        LeaseRow(
            id=worker[-32:], table_name=WORKER, version=0, holder=worker[:64], until=now + PRESENCE
        )
    )


def take_leave(session: Session, worker: str) -> None:
    """Say that a worker has gone."""
    session.exec(delete(LeaseRow).where(col(LeaseRow.id) == worker[-32:]))


def is_worker_there(session: Session, *, now: datetime) -> bool:
    """Whether some worker said lately that it is there."""
    there = select(LeaseRow.id).where(LeaseRow.table_name == WORKER, col(LeaseRow.until) > now)
    return session.exec(there).first() is not None
