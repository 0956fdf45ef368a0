"""A registry and a ledger for tests of its care, in which every append is confirmed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from app.confirming import confirm
from app.database import Database, open_database
from experiments.engines.engine import open_engine
from experiments.ledger.ledger import Ledger
from tests.ledger.behaved import append_rows

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)


def clock() -> datetime:
    """It is always nine."""
    return NOW


@contextmanager
def registry(migrated_file: Path, folder: Path) -> Iterator[Database]:
    """A migrated SQLite registry in a folder."""
    path = folder / "registry.db"
    path.write_bytes(migrated_file.read_bytes())
    database = open_database(path)
    yield database
    database.close()


def append_confirmed(
    database: Database,
    ledger: Ledger,
    customers: Sequence[int],
    *,
    batch_no: int,
    day: date = date(2026, 1, 5),
) -> None:
    """Append one row per customer, and confirm it."""
    append_rows(ledger, customers, batch_no=batch_no, day=day)
    with database.writing() as session:
        confirm(session, ledger, now=NOW)
        session.commit()


def customers_of(ledger: Ledger) -> list[int]:
    """Whose rows are read, each as often as they have rows."""
    with open_engine() as engine:
        return sorted(engine.fetch(ledger.behavior(engine))["customer"].to_pylist())
