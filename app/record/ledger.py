"""The batches of the ledger, as receipts tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.refusals import NotFound
from app.tables import BatchKind, BatchRow, BatchState, EnrolmentRow, PilotRow, UserRow
from experiments.report.wording import days

NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch in a list.

    Attributes:
        batch: Its number.
        kind: What it holds.
        state: How far it has come.
        file: Name of its file.
        received_at: When it came.
        sender: Who sent it; None where nobody is known.
        accepted: Records taken in; customers of an enrolment; None before it is accepted.
        rejected: Records refused.
        first: Day of the oldest entry.
        last: Day of the newest.
        measures: What it brought rows of.
        complete_through: The day through which its measures were declared complete.
        reverses: The batch that it takes back.
        reversed_by: The batch that takes it back.
        reason: Why it takes another back, or came to nothing.
    """

    batch: int
    kind: BatchKind
    state: BatchState
    file: str
    received_at: datetime
    sender: str | None
    accepted: int | None
    rejected: int | None
    first: date | None
    last: date | None
    measures: Sequence[str]
    complete_through: date | None
    reverses: int | None
    reversed_by: int | None
    reason: str | None = None

    @property
    def span(self) -> str:
        """First to last day in words; empty where there is none."""
        return days(self.first, self.last) if self.first and self.last else ""


def batch_lines(session: Session, *, below: int = NEWEST, limit: int) -> list[BatchLine]:
    """Batches below a number, the newest first."""
    return _lines(session, col(BatchRow.batch_no) < below, limit=limit)


def batch_line(session: Session, number: int) -> BatchLine:
    """One batch.

    Raises:
        NotFound: There is none of that number.
    """
    found = _lines(session, col(BatchRow.batch_no) == number, limit=1)
    if not found:
        raise NotFound(f"batch {number}")
    return found[0]


def behavior_batch(session: Session, number: int) -> BatchRow:
    """A batch of behavior that was accepted.

    Raises:
        NotFound: There is none of that number.
    """
    batch = session.get(BatchRow, number)
    if batch is None or batch.kind != BatchKind.BEHAVIOR or batch.receipt_json is None:
        raise NotFound(f"batch of behavior {number}")
    return batch


def pilot_enrolled(session: Session, number: int) -> str | None:
    """The pilot whose customers a batch enrolled; None where it came to nothing."""
    query = select(PilotRow.slug).join(EnrolmentRow).where(EnrolmentRow.batch_no == number)
    return session.exec(query).first()


def _lines(session: Session, which: Any, *, limit: int) -> list[BatchLine]:
    reversal = aliased(BatchRow)
    query = (
        select(BatchRow, UserRow.email, reversal.batch_no)
        .join(UserRow, col(UserRow.id) == BatchRow.user_id, isouter=True)
        .join(reversal, col(reversal.reverses) == BatchRow.batch_no, isouter=True)
        .where(which)
        .order_by(col(BatchRow.batch_no).desc())
        .limit(limit)
    )
    return [_line(batch, sender, by) for batch, sender, by in session.exec(query).all()]


def _line(batch: BatchRow, sender: str | None, reversed_by: int | None) -> BatchLine:
    receipt = from_json(batch.receipt_json) if batch.receipt_json else {}
    accepted = receipt.get("accepted")
    if batch.kind == BatchKind.ENROLMENT and receipt:
        accepted = sum(receipt["arms"].values())
    return BatchLine(
        batch=batch.batch_no or 0,
        kind=BatchKind(batch.kind),
        state=BatchState(batch.state),
        file=batch.file_name,
        received_at=batch.received_at,
        sender=sender,
        accepted=accepted,
        rejected=receipt.get("rejected"),
        first=_day(receipt.get("first")),
        last=_day(receipt.get("last")),
        measures=tuple(batch.measures),
        complete_through=batch.complete_through,
        reverses=batch.reverses,
        reversed_by=reversed_by,
        reason=batch.reason,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
