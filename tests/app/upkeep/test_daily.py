"""What is due when, and that a worker says that it is there."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.database import Database
from app.tables import UpkeepKind, UpkeepRow
from app.upkeep import daily
from app.upkeep.compaction import longest_log
from app.upkeep.daily import care, keep_up
from app.upkeep.leases import is_worker_there
from experiments.errors import DamagedLedger
from experiments.ledger.ledger import Ledger
from tests.app.upkeep.care import NOW, append_confirmed, clock, customers_of, registry


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    with registry(migrated_file, tmp_path) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def rounds(database: Database) -> list[str]:
    """What was done so far."""
    with database.reading() as session:
        return [row.kind for row in session.exec(select(UpkeepRow)).all()]


def test_a_ledger_is_cared_for_once_a_day(database: Database, ledger: Ledger) -> None:
    care(database, ledger, clock=clock)
    assert rounds(database) == []
    append_confirmed(database, ledger, [1], batch_no=1)
    care(database, ledger, clock=clock)
    both = [UpkeepKind.COMPACT, UpkeepKind.SCRUB]
    assert rounds(database) == both
    care(database, ledger, clock=lambda: NOW + timedelta(hours=23))
    assert rounds(database) == both
    care(database, ledger, clock=lambda: NOW + timedelta(hours=24))
    assert rounds(database) == both * 2


def test_files_that_pile_up_are_compacted_before_the_day_is_over(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "MANY", 3)
    append_confirmed(database, ledger, [1, 2], batch_no=1)
    care(database, ledger, clock=clock)
    for batch_no in (2, 3, 4):
        append_confirmed(database, ledger, [1, 2], batch_no=batch_no)
    care(database, ledger, clock=lambda: NOW + timedelta(minutes=5))
    assert rounds(database).count(UpkeepKind.COMPACT) == 1
    care(database, ledger, clock=lambda: NOW + timedelta(minutes=15))
    assert rounds(database).count(UpkeepKind.COMPACT) == 2


def test_damage_is_named_and_the_next_day_is_another_scrub(
    database: Database, ledger: Ledger
) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    [file] = (ledger.root / "behavior").rglob("part-*.parquet")
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(DamagedLedger, match=file.name):
        care(database, ledger, clock=clock)
    care(database, ledger, clock=clock)
    with pytest.raises(DamagedLedger, match=file.name):
        care(database, ledger, clock=lambda: NOW + timedelta(days=1))


def test_whoever_keeps_up_is_there_until_told_to_stop(database: Database, ledger: Ledger) -> None:
    stop, seen = threading.Event(), threading.Event()

    def is_seen() -> None:
        while not seen.is_set():
            with database.reading() as session:
                if is_worker_there(session, now=NOW):
                    seen.set()

    watch = threading.Thread(target=is_seen)
    watch.start()
    keeper = threading.Thread(
        target=keep_up,
        args=(database, ledger),
        kwargs={"worker": "worker-1", "clock": clock, "stop": stop, "tick": 0.05},
    )
    keeper.start()
    assert seen.wait(20)
    stop.set()
    keeper.join()
    watch.join()
    with database.reading() as session:
        assert not is_worker_there(session, now=NOW)


def test_a_log_that_grows_long_is_trimmed_before_the_day_is_over(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small posts make many commits; each lists the log."""
    monkeypatch.setattr("experiments.ledger.ledger.LOG_KEPT", "interval 0 days")
    monkeypatch.setattr(daily, "LONG", 3)
    care(database, ledger, clock=clock)
    append_confirmed(database, ledger, [1], batch_no=1)
    care(database, ledger, clock=clock)
    for batch_no in (2, 3, 4):
        append_confirmed(database, ledger, [1], batch_no=batch_no)
    table = ledger.open("behavior")
    assert table is not None
    table.create_checkpoint()
    assert longest_log(ledger) == 5
    care(database, ledger, clock=clock)
    assert longest_log(ledger) == 1
    assert customers_of(ledger) == [1, 1, 1, 1]
