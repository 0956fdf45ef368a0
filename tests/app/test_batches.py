"""Batches: discarded, reversed, never counted twice, in an order that analyses can rely on."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from app import batches
from app.batches import (
    RecordedMeanwhile,
    accept,
    complete_through,
    discard_pending,
    excluded,
    ledger_through,
    number_of,
    pending_batch,
    reverse,
)
from app.database import Database, open_database
from app.record import service as record_service
from app.record.service import Recorded, receipt_of, record_file, repeated, take_behavior
from app.refusals import NotFound, NotNow
from app.tables import BatchKind, BatchRow, BatchState
from app.workspace import Workspace
from experiments.behavior.accounts import Attribute
from experiments.engines.embedded import open_embedded
from experiments.errors import BadFile, BadInput
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import record
from tests.app.kept import DIED, NOW, ORDERS, WITH_IDS, kept_workspace

LINES = ["who,day,what,amount,order", "a,2026-03-01,revenue,5,o1", "b,2026-03-02,revenue,7,o2"]
RECEIPT = Attribute("a", "b", True)  # any dataclass can be a receipt


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.writing() as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with kept_workspace(tmp_path / "kept") as opened:
        yield opened


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(LINES) + "\n")
    return path


def batch(
    session: Session,
    state: BatchState = BatchState.ACCEPTED,
    kind: BatchKind = BatchKind.BEHAVIOR,
    complete: date | None = None,
) -> int:
    """Add a batch that brought revenue; its number."""
    row = BatchRow(
        kind=kind, state=state, file_name="f.csv", sha256="s", received_at=NOW,
        complete_through=complete, measures_json='["revenue"]',
    )  # fmt: skip
    session.add(row)
    session.commit()
    return number_of(row)


def in_batch(session: Session, path: Path, work: Callable[[BatchRow], None]) -> None:
    """Do some work inside a pending batch."""
    with pending_batch(session, kind=BatchKind.BEHAVIOR, path=path, now=NOW) as pending:
        work(pending)


def undo(session: Session, batch_no: int) -> int:
    """Reverse a batch; the number of the reversal."""
    row = reverse(session, batch_no, reason="wrong month", by=None, now=NOW)
    session.commit()
    return number_of(row)


def values(workspace: Workspace) -> list[Decimal]:
    """What an analysis of now would read."""
    through = ledger_through(workspace.session)
    without = excluded(workspace.session, through=through)
    workspace.session.commit()
    rows = workspace.ledger.behavior(workspace.engine, through=through, without=without)
    return sorted(workspace.engine.fetch(rows)["value"].to_pylist())


@pytest.mark.parametrize("fault", [BadInput("no"), RuntimeError("no"), KeyboardInterrupt()])
def test_whatever_stops_the_work_discards_the_batch(
    session: Session, orders: Path, fault: BaseException
) -> None:
    def work(pending: BatchRow) -> None:
        pending.complete_through = NOW.date()
        raise fault

    with pytest.raises(type(fault)):
        in_batch(session, orders, work)
    row = session.exec(select(BatchRow)).one()
    assert (row.state, row.complete_through, row.file_name) == ("discarded", None, "orders.csv")
    assert ledger_through(session) == 0
    assert excluded(session, through=9) == {1}


def test_a_fault_after_the_receipt_discards_nothing(session: Session, orders: Path) -> None:
    def work(pending: BatchRow) -> None:
        accept(session, pending, RECEIPT)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        in_batch(session, orders, work)
    assert session.exec(select(BatchRow.state)).all() == ["accepted"]


def test_a_batch_knows_its_sender_and_the_name_that_the_sender_gave(
    session: Session, orders: Path
) -> None:
    with pending_batch(
        session, kind=BatchKind.BEHAVIOR, path=orders, now=NOW, file_name="März.csv"
    ) as pending:
        accept(session, pending, RECEIPT)
    row = session.exec(select(BatchRow)).one()
    assert (row.file_name, row.user_id) == ("März.csv", None)


def test_what_a_dead_worker_left_pending_is_discarded(session: Session) -> None:
    kept, left = batch(session), batch(session, BatchState.PENDING)
    assert discard_pending(session) == 1
    assert discard_pending(session) == 0
    assert excluded(session, through=left) == {left}
    assert ledger_through(session) == kept


def test_a_batch_that_another_process_gave_up_is_not_accepted(
    session: Session, orders: Path
) -> None:
    def work(pending: BatchRow) -> None:
        discard_pending(session)
        accept(session, pending, RECEIPT)

    with pytest.raises(NotNow, match="another process writes"):
        in_batch(session, orders, work)
    assert session.exec(select(BatchRow.state)).all() == ["discarded"]


def test_nothing_is_read_past_a_pending_batch(session: Session) -> None:
    """It may come to count, and an analysis that read past it would not repeat."""
    first, pending, later = batch(session), batch(session, BatchState.PENDING), batch(session)
    assert ledger_through(session) == first
    discard_pending(session)
    assert ledger_through(session) == later
    assert excluded(session, through=later) == {pending}


def test_a_reversal_counts_from_its_own_number_on(session: Session) -> None:
    day = date(2026, 3, 31)
    wrong, other = batch(session, complete=day), batch(session)
    reversal = undo(session, wrong)
    assert reversal == ledger_through(session) == 3
    assert excluded(session, through=other) == frozenset()
    assert excluded(session, through=reversal) == {wrong}
    assert complete_through(session, through=other) == {"revenue": day}
    assert complete_through(session, through=reversal) == {}


def test_a_reversal_says_who_when_and_why(session: Session) -> None:
    row = reverse(session, batch(session), reason=" wrong month ", by=None, now=NOW)
    assert (row.kind, row.state, row.reverses, row.reason) == (
        "reversal", "accepted", 1, "wrong month",
    )  # fmt: skip
    assert (row.received_at, row.file_name) == (NOW, "f.csv")


def test_a_reversal_leaves_its_transaction_to_the_caller(session: Session) -> None:
    reverse(session, batch(session), reason="wrong month", by=None, now=NOW)
    session.rollback()
    assert ledger_through(session) == 1


def test_a_number_is_not_given_out_before_the_one_below_it_is_settled(
    database: Database, session: Session, orders: Path
) -> None:
    """Else an analysis could read past a reversal that appears below it afterwards."""
    reverse(session, batch(session), reason="wrong month", by=None, now=NOW)
    began = threading.Event()

    def one_more() -> int:
        with database.writing() as other:
            began.set()
            in_batch(other, orders, lambda pending: accept(other, pending, RECEIPT))
            return ledger_through(other)

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(one_more)
        began.wait()
        time.sleep(0.2)  # the other has had time to overtake
        assert not found.done()
        session.commit()
        assert found.result() == 3


def test_what_cannot_be_reversed_is_refused_in_words(session: Session) -> None:
    wrong = batch(session)
    reversal = undo(session, wrong)
    enrolled = batch(session, kind=BatchKind.ENROLMENT)
    dropped = batch(session, BatchState.DISCARDED)
    for number, error, said in (
        (77, NotFound, "no batch 77"),
        (wrong, NotNow, "was reversed before, by batch 2"),
        (reversal, NotNow, "is itself a reversal; to have the rows of batch 1 back"),
        (enrolled, NotNow, "plan a new pilot"),
        (dropped, NotNow, "is discarded, so that there is nothing to reverse"),
    ):
        with pytest.raises(error, match=said):
            reverse(session, number, reason="wrong", by=None, now=NOW)
    with pytest.raises(BadInput, match="reason: is empty"):
        reverse(session, batch(session), reason=" ", by=None, now=NOW)


def test_a_file_can_be_recorded_again_after_its_reversal(
    workspace: Workspace, orders: Path
) -> None:
    """With event ids too: those of a reversed batch are not known."""
    for columns in (ORDERS, WITH_IDS):
        first = record_file(workspace, orders, columns, complete_through=None, now=NOW)
        with pytest.raises(BadFile, match="recorded before"):
            record_file(workspace, orders, columns, complete_through=None, now=NOW)
        assert values(workspace) == [5, 7]
        undo(workspace.session, first.batch_no)
        assert values(workspace) == []
        again = record_file(workspace, orders, columns, complete_through=None, now=NOW)
        assert (again.entries, again.repeated) == (2, 0)
        assert values(workspace) == [5, 7]
        undo(workspace.session, again.batch_no)


def test_an_analysis_before_a_reversal_reads_the_same_rows_after_it(
    workspace: Workspace, orders: Path
) -> None:
    first = record_file(workspace, orders, ORDERS, complete_through=None, now=NOW)
    undo(workspace.session, first.batch_no)
    without = excluded(workspace.session, through=first.batch_no)
    rows = workspace.ledger.behavior(workspace.engine, through=first.batch_no, without=without)
    assert workspace.engine.fetch(rows).num_rows == 2


@pytest.mark.parametrize("columns", [ORDERS, WITH_IDS], ids=["without ids", "with event ids"])
def test_a_fault_between_ledger_and_receipt_records_nothing_twice(
    workspace: Workspace, orders: Path, columns: BehaviorFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(record_service, "accept", fail)
        with pytest.raises(OSError, match="no space"):
            record_file(workspace, orders, columns, complete_through=None, now=NOW)
    workspace.session.commit()
    assert workspace.engine.fetch(workspace.ledger.behavior(workspace.engine)).num_rows == 2
    assert values(workspace) == []
    receipt = record_file(workspace, orders, columns, complete_through=None, now=NOW)
    assert (receipt.batch_no, receipt.entries, receipt.repeated) == (2, 2, 0)
    assert values(workspace) == [5, 7]


@pytest.mark.live
def test_a_worker_that_dies_between_ledger_and_receipt_records_nothing_twice(
    tmp_path: Path, orders: Path
) -> None:
    folder = tmp_path / "kept"
    dying = [sys.executable, "-m", "tests.app.kept", str(folder), str(orders)]
    assert subprocess.run(dying, check=False).returncode == DIED
    with kept_workspace(folder) as workspace:
        assert workspace.engine.fetch(workspace.ledger.behavior(workspace.engine)).num_rows == 2
        assert values(workspace) == []
        assert discard_pending(workspace.session) == 1
        receipt = record_file(workspace, orders, WITH_IDS, complete_through=None, now=NOW)
        assert (receipt.batch_no, receipt.entries, receipt.repeated) == (2, 2, 0)
        assert values(workspace) == [5, 7]


def test_the_same_upload_gets_its_first_receipt(workspace: Workspace, orders: Path) -> None:
    first = take_behavior(workspace, orders, ORDERS, complete_through=NOW.date(), now=NOW)
    copy = orders.with_name("copy.csv")
    copy.write_bytes(orders.read_bytes())
    lenient = ORDERS.model_copy(update={"file": "copy.csv", "strict": False, "complete": False})
    again = take_behavior(workspace, copy, lenient, complete_through=None, now=NOW)
    assert (first.repeated, again.repeated) == (False, True)
    assert first.receipt == again.receipt
    assert len(workspace.session.exec(select(BatchRow)).all()) == 1


def test_of_two_uploads_at_once_with_the_same_content_one_becomes_a_batch(
    workspace: Workspace, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither finds the other before it is written; the registry lets one of them count."""
    receipts: list[Recorded | None] = []

    def overtaken(*args: Any, **named: Any) -> Any:
        found = record(*args, **named)
        if not receipts:
            receipts.append(None)
            database = open_database(tmp_path / "kept" / "registry.db")
            with open_embedded() as engine, database.writing() as session:
                other = replace(workspace, session=session, engine=engine, scratch=tmp_path)
                receipts[0] = take_behavior(other, orders, ORDERS, complete_through=None, now=NOW)
            database.close()
        return found

    monkeypatch.setattr(record_service, "record", overtaken)
    second = take_behavior(workspace, orders, ORDERS, complete_through=None, now=NOW)
    assert receipts[0] is not None
    assert (receipts[0].repeated, second.repeated) == (False, True)
    assert second.receipt == receipts[0].receipt
    states = workspace.session.exec(select(BatchRow.state).order_by(col(BatchRow.batch_no))).all()
    assert [*states] == [BatchState.DISCARDED, BatchState.ACCEPTED]
    workspace.session.commit()
    assert values(workspace) == [5, 7]


def test_a_content_counts_once_until_it_is_taken_back(session: Session) -> None:
    def accepted() -> int:
        row = BatchRow(
            kind=BatchKind.BEHAVIOR, state=BatchState.PENDING, file_name="f.csv", sha256="s",
            received_at=NOW,
        )  # fmt: skip
        session.add(row)
        session.commit()
        row.content = "s"
        accept(session, row, RECEIPT)
        return number_of(row)

    first = accepted()
    with pytest.raises(RecordedMeanwhile, match=r"f\.csv was recorded at the same moment"):
        accepted()
    undo(session, first)
    assert accepted() > first


def test_the_same_file_under_another_meaning_is_no_repeat(
    workspace: Workspace, orders: Path
) -> None:
    take_behavior(workspace, orders, ORDERS, complete_through=None, now=NOW)
    with pytest.raises(BadFile, match="recorded before"):
        take_behavior(workspace, orders, WITH_IDS, complete_through=None, now=NOW)


def test_a_repeat_that_declares_more_days_complete_is_told_what_to_do(
    workspace: Workspace, orders: Path
) -> None:
    """Passing the declaration over would keep the outcomes veiled without a word."""
    first = take_behavior(workspace, orders, ORDERS, complete_through=None, now=NOW)
    with pytest.raises(NotNow, match="in batch 1, not declared complete"):
        take_behavior(workspace, orders, ORDERS, complete_through=NOW.date(), now=NOW)
    undo(workspace.session, first.receipt.batch_no)
    again = take_behavior(workspace, orders, ORDERS, complete_through=NOW.date(), now=NOW)
    assert not again.repeated


def test_a_repeat_is_found_in_the_registry_alone(workspace: Workspace, orders: Path) -> None:
    digest = batches.sha256_of(orders)
    assert repeated(workspace.session, sha256=digest, columns=ORDERS) is None
    workspace.session.commit()
    receipt = record_file(
        workspace, orders, ORDERS, complete_through=None, now=NOW, name="März.csv"
    )
    found = repeated(workspace.session, sha256=digest, columns=ORDERS)
    assert found is not None
    assert receipt_of(found) == receipt
    assert (receipt.file, found.file_name) == ("März.csv", "März.csv")


def test_the_order_of_measures_gives_a_file_no_other_meaning(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("who,day,spend,visit\na,2026-03-01,5,1\n")
    one = BehaviorFile(file="w", customer_id="who", occurred_at="day", measures=("spend", "visit"))
    other = one.model_copy(update={"measures": ("visit", "spend")})
    take_behavior(workspace, path, one, complete_through=None, now=NOW)
    assert take_behavior(workspace, path, other, complete_through=None, now=NOW).repeated
