"""What is confirmed, what a power cut leaves, and what is lost.

No power is cut: the states that one can leave are made by hand, as they were measured.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest
from sqlmodel import Session, col, select

from app.batches import excluded
from app.confirming import confirm, damages_of, mend, newest_confirmed, refuse_damaged
from app.database import open_database
from app.record import service
from app.tables import CommitRow, DataFileRow, JournalRow
from app.workspace import Workspace
from experiments.engines.engine import open_engine
from experiments.errors import DamagedLedger
from experiments.ledger.ledger import Ledger
from tests.app.kept import ORDERS, kept_workspace
from tests.ledger.behaved import append_rows

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    database = open_database(database_url)
    with database.writing() as opened:
        yield opened
    database.close()


@pytest.fixture
def quick_session(migrated_file: Path, tmp_path: Path) -> Iterator[Session]:
    path = tmp_path / "registry.db"
    path.write_bytes(migrated_file.read_bytes())
    database = open_database(path)
    with database.writing() as opened:
        yield opened
    database.close()


def customers(ledger: Ledger) -> list[int]:
    """Whose rows are read."""
    with open_engine() as engine:
        return sorted(engine.fetch(ledger.behavior(engine))["customer"].to_pylist())


def last_entry(ledger: Ledger) -> Path:
    """The newest entry of the log of behavior."""
    return max((ledger.root / "behavior" / "_delta_log").glob("*.json"))


def last_data_file(ledger: Ledger) -> Path:
    """The data file that was written last."""
    files = (ledger.root / "behavior").rglob("part-*.parquet")
    return max(files, key=lambda path: path.stat().st_mtime_ns)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zero(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def zero_the_middle(path: Path) -> None:
    """Blocks in the middle never reached the disk; beginning and footer did."""
    whole = bytearray(path.read_bytes())
    whole[4:200] = b"\0" * 196
    path.write_bytes(whole)


Fault = Callable[[Path], None]
FAULTS = (empty, halve, zero, Path.unlink)


def test_a_confirmed_commit_is_known_with_its_files(session: Session, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1, 2], batch_no=1)
    assert confirm(session, ledger, now=NOW) == 2  # the table, then its rows
    session.commit()
    [file] = session.exec(select(DataFileRow)).all()
    assert (file.table_name, file.rows, file.added_in) == ("behavior", 2, 1)
    assert file.size == (ledger.root / "behavior" / file.path).stat().st_size
    assert len(file.sha256) == 64
    assert newest_confirmed(session, "behavior") == 1
    assert confirm(session, ledger, now=NOW) == 0


def test_a_registry_that_never_saw_the_ledger_confirms_it_as_it_stands(
    quick_session: Session, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for batch_no in (1, 2):
        append_rows(ledger, [batch_no], batch_no=batch_no)
    table = ledger.open("behavior")
    assert table is not None
    table.create_checkpoint()
    for version in (0, 1):
        (ledger.root / "behavior" / "_delta_log" / f"{version:020}.json").unlink()
    confirm(quick_session, ledger, now=NOW)
    assert [row.version for row in quick_session.exec(select(CommitRow)).all()] == [2]
    assert len(quick_session.exec(select(DataFileRow)).all()) == 2


def test_processes_that_confirm_at_the_same_moment_agree(database_url: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    database, barrier = open_database(database_url), Barrier(4)

    def confirmed(_: int) -> int:
        with database.writing() as session:
            barrier.wait()
            found = confirm(session, ledger, now=NOW)
            session.commit()
            return found

    with ThreadPoolExecutor(4) as threads:
        for batch_no in range(1, 13):
            append_rows(ledger, [batch_no], batch_no=batch_no)
            assert sum(threads.map(confirmed, range(4))) == (2 if batch_no == 1 else 1)
    with database.reading() as session:
        versions = session.exec(select(CommitRow.version).order_by(col(CommitRow.version))).all()
        assert [*versions] == list(range(13))
    database.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("which", [last_entry, last_data_file], ids=["log", "data"])
def test_a_commit_that_is_not_whole_is_set_aside_and_named(
    quick_session: Session, tmp_path: Path, fault: Fault, which: Callable[[Ledger], Path]
) -> None:
    """The eight states in which a power cut may leave the newest commit."""
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    confirm(quick_session, ledger, now=NOW)
    quick_session.commit()
    append_rows(ledger, [2], batch_no=2)
    at_fault = which(ledger)
    fault(at_fault)
    found = mend(quick_session, ledger, now=NOW)
    lost_without_trace = which is last_entry and fault is Path.unlink
    if not lost_without_trace:
        [torn] = found.torn
        assert at_fault.name in torn
    assert customers(ledger) == [1]
    append_rows(ledger, [2], batch_no=3)  # sent again, under a new number
    assert confirm(quick_session, ledger, now=NOW) == 1
    assert customers(ledger) == [1, 2]


def test_a_hole_in_the_middle_of_a_data_file_is_found(
    quick_session: Session, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    confirm(quick_session, ledger, now=NOW)
    append_rows(ledger, range(1000), batch_no=2)
    zero_the_middle(last_data_file(ledger))
    [torn] = mend(quick_session, ledger, now=NOW).torn
    assert "is no whole Parquet file" in torn
    assert customers(ledger) == [1]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_new_table_that_is_not_whole_begins_anew(
    quick_session: Session, tmp_path: Path, fault: Fault
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    fault(ledger.root / "behavior" / "_delta_log" / f"{0:020}.json")
    assert mend(quick_session, ledger, now=NOW).torn
    append_rows(ledger, [2], batch_no=2)
    confirm(quick_session, ledger, now=NOW)
    assert customers(ledger) == [2]


def test_what_was_set_aside_stands_in_the_journal_and_in_the_quarantine(
    quick_session: Session, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    confirm(quick_session, ledger, now=NOW)
    append_rows(ledger, [2], batch_no=2)
    entry, data = last_entry(ledger), last_data_file(ledger)
    halve(entry)
    found = mend(quick_session, ledger, now=NOW)
    assert not entry.exists()
    kept = ledger.root / "quarantine" / "2026-04-02T09-00-00"
    assert (kept / entry.relative_to(ledger.root)).exists()
    assert found.set_aside == (f"behavior/_delta_log/{entry.name}",)
    assert data.exists()  # named by no entry that can be read: swept up a day later
    [written] = quick_session.exec(select(JournalRow)).all()
    assert written.action == "mend the ledger"
    assert entry.name in written.detail_json


def test_a_whole_commit_that_nobody_confirmed_is_confirmed(
    quick_session: Session, tmp_path: Path
) -> None:
    """A worker that died between the commit and its confirmation; the batch is not accepted."""
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    found = mend(quick_session, ledger, now=NOW)
    assert (found.torn, found.set_aside, found.confirmed) == ((), (), 2)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_torn_checkpoint_gives_way_to_the_log(
    quick_session: Session, tmp_path: Path, fault: Fault
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    confirm(quick_session, ledger, now=NOW)
    append_rows(ledger, [2], batch_no=2)
    table = ledger.open("behavior")
    assert table is not None
    table.create_checkpoint()
    [checkpoint] = (ledger.root / "behavior" / "_delta_log").glob("*.checkpoint.parquet")
    fault(checkpoint)
    mend(quick_session, ledger, now=NOW)
    assert customers(ledger) == [1, 2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_confirmed_entry_that_is_lost_is_named_and_nothing_is_read(
    quick_session: Session, tmp_path: Path, fault: Fault
) -> None:
    """Without this, a log entry of zero bytes is a commit without files: rows silently gone."""
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    append_rows(ledger, [2], batch_no=2)
    confirm(quick_session, ledger, now=NOW)
    quick_session.commit()
    refuse_damaged(quick_session, ledger)
    entry = last_entry(ledger)
    fault(entry)
    mend(quick_session, ledger, now=NOW)
    with pytest.raises(DamagedLedger, match=rf"{entry.name}.*Restore"):
        refuse_damaged(quick_session, ledger)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_older_entry_that_is_lost_is_found_by_the_thorough_look(
    quick_session: Session, tmp_path: Path, fault: Fault
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for batch_no in (1, 2, 3):
        append_rows(ledger, [batch_no], batch_no=batch_no)
    confirm(quick_session, ledger, now=NOW)
    assert damages_of(quick_session, ledger) == ()
    entry = ledger.root / "behavior" / "_delta_log" / f"{2:020}.json"
    fault(entry)
    [damage] = damages_of(quick_session, ledger)
    assert entry.name in damage


def test_one_changed_byte_of_a_confirmed_entry_is_found(
    quick_session: Session, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    confirm(quick_session, ledger, now=NOW)
    entry = last_entry(ledger)
    entry.write_text(entry.read_text().replace('"numRecords', '"numrecords'))
    [damage] = damages_of(quick_session, ledger)
    assert "is not what was written" in damage


def test_rows_that_somebody_takes_away_come_back(quick_session: Session, tmp_path: Path) -> None:
    """Append-only tables do not refuse `restore`."""
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1)
    append_rows(ledger, [2], batch_no=2)
    confirm(quick_session, ledger, now=NOW)
    quick_session.commit()
    table = ledger.open("behavior")
    assert table is not None
    table.restore(1)
    assert customers(ledger) == [1]
    append_rows(ledger, [3], batch_no=3)
    with pytest.raises(DamagedLedger, match="takes rows away"):
        confirm(quick_session, ledger, now=NOW)
    quick_session.rollback()
    [torn] = mend(quick_session, ledger, now=NOW + timedelta(minutes=1)).torn
    assert "takes rows away" in torn
    assert customers(ledger) == [1, 2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("which", [last_entry, last_data_file], ids=["log", "data"])
def test_a_file_whose_commit_was_torn_is_recorded_once_after_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    which: Callable[[Ledger], Path],
) -> None:
    """Power fails between the commit and its confirmation; the job is done again."""
    orders = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for customer, path in enumerate(orders, start=1):
        path.write_text(f"who,day,what,amount\n{customer},2026-01-05,revenue,{customer}.50\n")

    def power_fails(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def record(workspace: Workspace, path: Path) -> None:
        service.record_file(workspace, path, ORDERS, complete_through=None, now=NOW)

    with kept_workspace(tmp_path) as workspace:
        record(workspace, orders[0])
        with monkeypatch.context() as cut:
            cut.setattr(service, "confirm", power_fails)
            with pytest.raises(KeyboardInterrupt):
                record(workspace, orders[1])
        fault(which(workspace.ledger))
    with kept_workspace(tmp_path) as workspace:
        mend(workspace.session, workspace.ledger, now=NOW)
        record(workspace, orders[1])
        without = excluded(workspace.session, through=99)
        rows = workspace.ledger.behavior(workspace.engine, without=without)
        found = workspace.engine.fetch(rows)["value"].to_pylist()
        assert sorted(found) == [Decimal("1.5"), Decimal("2.5")]
        refuse_damaged(workspace.session, workspace.ledger)
        assert damages_of(workspace.session, workspace.ledger) == ()
