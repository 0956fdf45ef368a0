"""Tidying: what it compacts, what it may delete, and what it leaves to those who read."""

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, delete, select

from app.confirming import damages_of, mend
from app.database import Database
from app.refusals import NotNow
from app.tables import CommitRow, DataFileRow, LeaseRow, UpkeepKind, UpkeepRow
from app.upkeep.compaction import _vacuum, most_files, tidy, trim_logs, vacuum
from app.upkeep.leases import announce, is_worker_there, leased, leased_versions, take_leave
from experiments.errors import BadInput
from experiments.ledger.compaction import FEW
from experiments.ledger.ledger import Ledger
from tests.app.upkeep.care import NOW, append_confirmed, clock, customers_of, registry

AT_ONCE = timedelta(0)
LIVE = col(DataFileRow.removed_in).is_(None)


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    with registry(migrated_file, tmp_path) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def data_files(ledger: Ledger) -> list[Path]:
    """All data files of behavior."""
    return sorted((ledger.root / "behavior").rglob("part-*.parquet"))


def test_a_round_compacts_and_is_remembered(database: Database, ledger: Ledger) -> None:
    for batch_no in range(1, 4):
        append_confirmed(database, ledger, [1, 2], batch_no=batch_no)
    assert most_files(ledger) == 3
    done = tidy(database, ledger, clock=clock, by=None)
    [compacted] = done.compacted
    assert (compacted.year, compacted.files_before, compacted.files_after) == (2026, 3, 1)
    assert customers_of(ledger) == [1, 1, 1, 2, 2, 2]
    with database.reading() as session:
        [row] = session.exec(select(UpkeepRow)).all()
        assert row.kind == UpkeepKind.COMPACT
        assert json.loads(row.result_json or "")["compacted"][0]["files_after"] == 1
        live = session.exec(select(DataFileRow).where(LIVE)).all()
        assert [file.rows for file in live] == [6]


def test_files_that_a_new_version_replaced_stay_for_a_week(
    database: Database, ledger: Ledger
) -> None:
    for batch_no in (1, 2):
        append_confirmed(database, ledger, [1, 2], batch_no=batch_no)
    tidy(database, ledger, clock=lambda: datetime.now(tz=UTC))
    assert len(data_files(ledger)) == 3


def test_files_that_were_replaced_over_a_week_ago_go(database: Database, ledger: Ledger) -> None:
    """Delta compares with the true time, so that the compaction is set back a week instead."""
    for batch_no in (1, 2):
        append_confirmed(database, ledger, [1, 2], batch_no=batch_no)
    long_ago = datetime.now(tz=UTC) - timedelta(days=8)
    done = tidy(database, ledger, clock=lambda: long_ago)
    assert done.vacuumed == 2
    assert len(data_files(ledger)) == 1
    assert customers_of(ledger) == [1, 1, 2, 2]
    with database.reading() as session:
        assert len(session.exec(select(DataFileRow)).all()) == 1


@pytest.mark.parametrize("hours", [0, 1, 167])
def test_no_vacuum_takes_what_is_younger_than_a_week(
    database: Database, ledger: Ledger, hours: int
) -> None:
    with database.writing() as session, pytest.raises(BadInput, match="168 hours at least"):
        vacuum(session, ledger, now=NOW, kept=timedelta(hours=hours))


def test_no_full_vacuum_while_a_worker_is_there(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    with database.writing() as session:
        announce(session, "worker-0123456789", now=NOW)
        assert is_worker_there(session, now=NOW)
        with pytest.raises(NotNow, match="A worker is there"):
            vacuum(session, ledger, now=NOW, full=True)
        take_leave(session, "worker-0123456789")
        assert vacuum(session, ledger, now=NOW, full=True) == 0


def test_a_worker_that_died_is_there_for_minutes_only(database: Database) -> None:
    with database.writing() as session:
        announce(session, "worker-0123456789", now=NOW)
        announce(session, "worker-0123456789", now=NOW)
        assert not is_worker_there(session, now=NOW + timedelta(minutes=4))


@pytest.mark.live
def test_a_lease_keeps_the_files_that_are_read(database: Database, ledger: Ledger) -> None:
    """Ten analyses in a row, each pinned while the ledger is compacted and vacuumed at once."""
    append_confirmed(database, ledger, [1, 2], batch_no=1)
    for turn in range(10):
        append_confirmed(database, ledger, [1, 2], batch_no=turn + 2)
        with leased(database, ledger, holder="analysis", clock=clock) as pinned:
            before = digest_of(pinned)
            tidy(database, ledger, clock=clock, whole=True)
            with database.writing() as session:
                _vacuum(session, ledger, now=NOW, kept=AT_ONCE, full=False)
            assert digest_of(pinned) == before
    with database.writing() as session:
        _vacuum(session, ledger, now=NOW, kept=AT_ONCE, full=False)
        assert session.exec(select(LeaseRow)).all() == []
    assert len(data_files(ledger)) == 1
    assert len(customers_of(ledger)) == 22


def digest_of(ledger: Ledger) -> str:
    """What an analysis would be computed from."""
    return hashlib.sha256(repr(customers_of(ledger)).encode()).hexdigest()


def test_the_lease_of_a_reader_that_died_ends_by_itself(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    reader = leased(database, ledger, holder="analysis", clock=clock)
    reader.__enter__()
    with database.writing() as session:
        assert leased_versions(session, now=NOW + timedelta(hours=23)) == {"behavior": (1,)}
        assert leased_versions(session, now=NOW + timedelta(hours=24)) == {}


def test_small_posts_do_not_pile_up(database: Database, ledger: Ledger) -> None:
    for batch_no in range(1, FEW + 4):
        append_confirmed(database, ledger, [batch_no], batch_no=batch_no)
    tidy(database, ledger, clock=clock)
    assert most_files(ledger) == 1


def test_tidying_beside_a_writer_loses_and_doubles_nothing(
    database: Database, ledger: Ledger
) -> None:
    append_confirmed(database, ledger, [1], batch_no=1, day=date(2025, 1, 1))

    def write() -> None:
        for batch_no in range(2, 22):
            append_confirmed(database, Ledger(ledger.root), [batch_no], batch_no=batch_no)

    writer = threading.Thread(target=write)
    writer.start()
    rounds = 0
    while writer.is_alive():
        rounds += len(tidy(database, ledger, clock=clock, whole=True).compacted)
    writer.join()
    assert rounds
    assert customers_of(ledger) == list(range(1, 22))
    with database.reading() as session:
        live = session.exec(select(DataFileRow).where(LIVE)).all()
        assert sum(file.rows for file in live) == 21


def test_old_entries_of_the_log_go_once_a_checkpoint_is_safe(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.ledger.ledger.LOG_KEPT", "interval 0 days")
    for batch_no in range(1, 4):
        append_confirmed(database, ledger, [batch_no], batch_no=batch_no)
    log = ledger.root / "behavior" / "_delta_log"
    with database.writing() as session:
        trim_logs(session, ledger, now=NOW)
        assert len(list(log.glob("*.json"))) == 4
        with leased(database, ledger, holder="backup", clock=clock):
            append_confirmed(database, ledger, [4], batch_no=4)
            table = ledger.open("behavior")
            assert table is not None
            table.create_checkpoint()
            trim_logs(session, ledger, now=NOW)
            assert len(list(log.glob("*.json"))) == 5  # somebody reads an older version
        trim_logs(session, ledger, now=NOW)
        assert len(list(log.glob("*.json"))) == 1
        assert damages_of(session, ledger) == ()
    append_confirmed(database, ledger, [5], batch_no=5)
    assert customers_of(ledger) == [1, 2, 3, 4, 5]


def test_a_registry_that_never_saw_the_ledger_sets_nothing_aside(
    database: Database, ledger: Ledger
) -> None:
    """Files that were compacted and vacuumed are gone rightly, though old entries name them."""
    for batch_no in (1, 2):
        append_confirmed(database, ledger, [1, 2], batch_no=batch_no)
    assert tidy(database, ledger, clock=clock).vacuumed == 2  # the clock is months behind Delta's
    with database.writing() as session:
        session.exec(delete(DataFileRow))
        session.exec(delete(CommitRow))
        session.commit()
        found = mend(session, ledger, now=NOW)
        assert (found.torn, found.set_aside) == ((), ())
        assert [file.rows for file in session.exec(select(DataFileRow)).all()] == [4]
    assert customers_of(ledger) == [1, 1, 2, 2]
