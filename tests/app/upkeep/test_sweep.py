"""The sweep: what nobody knows goes after a day, and nothing else does."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import delete

from app.database import Database
from app.tables import CommitRow, DataFileRow
from app.upkeep.sweep import sweep
from experiments.ledger.ledger import Ledger
from tests.app.upkeep.care import append_confirmed, customers_of, registry
from tests.ledger.behaved import append_rows


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    with registry(migrated_file, tmp_path) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def left_over(ledger: Ledger, *, hours: float) -> list[Path]:
    """What stopped writers leave, some hours old."""
    behavior = ledger.root / "behavior"
    paths = [
        behavior / "year=2026" / "part-left-over.parquet",
        behavior / "year=2026" / "part-under-way.parquet#1",
        behavior / "_delta_log" / f"{9:020}.json#1",
    ]
    at = datetime.now(tz=UTC).timestamp() - hours * 3600
    for path in paths:
        path.write_bytes(b"left over")
        os.utime(path, (at, at))
    return paths


def swept(database: Database, ledger: Ledger) -> int:
    """Sweep; how many files went."""
    with database.writing() as session:
        return len(sweep(session, ledger, now=datetime.now(tz=UTC)))


def test_what_nobody_knows_goes_after_a_day(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    paths = left_over(ledger, hours=25)
    assert swept(database, ledger) == 3
    assert not any(path.exists() for path in paths)
    assert customers_of(ledger) == [1]


def test_what_may_be_under_way_stays(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    left_over(ledger, hours=23)
    assert swept(database, ledger) == 0


@pytest.mark.parametrize("known", ["to the registry", "to the log"])
def test_files_of_the_ledger_stay_however_old_they_are(
    database: Database, ledger: Ledger, known: str
) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    append_rows(ledger, [2], batch_no=2)
    if known == "to the log":
        with database.writing() as session:
            session.exec(delete(DataFileRow))
            session.exec(delete(CommitRow))
            session.commit()
    long_ago = (datetime.now(tz=UTC) - timedelta(days=400)).timestamp()
    for path in ledger.root.rglob("*.parquet"):
        os.utime(path, (long_ago, long_ago))
    assert swept(database, ledger) == 0
    assert customers_of(ledger) == [1, 2]
