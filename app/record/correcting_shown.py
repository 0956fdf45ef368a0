"""What was corrected, as pages and calls tell of it, and the rows that may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import ibis
from sqlmodel import Session, col, select

from app.batches import excluded, ledger_through
from app.confirming import refuse_damaged
from app.record.ledger import behavior_batch
from app.record.service import receipt_of
from app.tables import BatchRow, CorrectedBatchRow, CorrectionRow, UserRow
from app.workspace import Workspace
from experiments.record.corrected import CONTENTS, standing
from experiments.report.wording import counted

ROWS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """A correction as pages and calls tell of it.

    Attributes:
        batch: Its number.
        corrects: Per batch whose rows it withdrew, how many.
        withdrawn: Rows that no longer count.
        entered: Rows in their place, and others that it brought.
        touched: Per pilot, how many of its customers had a row corrected.
        by: Who made it; None where nobody is known.
        made_at: When.
        reason: Why.
        reversed_by: The batch that takes it back.
    """

    batch: int
    corrects: dict[int, int]
    withdrawn: int
    entered: int
    touched: dict[str, int]
    by: str | None
    made_at: datetime
    reason: str
    reversed_by: int | None


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Rows of a batch, as pages show them.

    Attributes:
        rows: What people know of each, in words, and how many `copies` of it there are.
        are_more: Whether there are more than are shown.
    """

    rows: tuple[dict[str, Any], ...]
    are_more: bool


def correction_sentences(line: CorrectionLine) -> list[str]:
    """What a correction did, for the command line."""
    parts = [f"{count:,} of batch {batch}" for batch, count in line.corrects.items()]
    rows = "row was" if line.withdrawn == 1 else "rows were"
    touched = [
        f"{counted(count, 'customer', 'customers')} of {slug}"
        for slug, count in line.touched.items()
    ]
    return [
        f"{line.withdrawn:,} {rows} withdrawn ({', '.join(parts) or 'of no batch'}), "
        f"{line.entered:,} entered.",
        f"It touches {', '.join(touched)}; their next analysis reads the corrected rows."
        if touched
        else "It touches no customer of a pilot.",
    ]


def correction_of(session: Session, batch: int) -> CorrectionLine | None:
    """What a batch corrected; None where it is no correction."""
    found = _lines(session, [batch])
    return found[0] if found else None


def corrections_to(session: Session, batch: int) -> list[CorrectionLine]:
    """The corrections of a batch's rows, the newest first."""
    numbers = select(CorrectedBatchRow.batch_no).where(CorrectedBatchRow.corrected == batch)
    return _lines(session, session.exec(numbers).all())


def rows_of_customer(workspace: Workspace, batch: int, customer_id: str) -> BatchRows:
    """The rows of a batch that count and are of one customer, the newest first.

    Raises:
        NotFound: There is no such batch of behavior.
        DamagedLedger: Names the files.
    """
    session, engine = workspace.session, workspace.engine
    refuse_damaged(session, workspace.ledger)
    receipt = receipt_of(behavior_batch(session, batch))
    without = excluded(session, through=ledger_through(session))
    session.rollback()
    if receipt.first is None or receipt.last is None:
        return BatchRows((), are_more=False)
    days = (receipt.first, receipt.last)
    rows = standing(engine, workspace.ledger, without=without, days=days)
    rows = rows.filter((rows.batch_no == batch) & (rows.customer_id == customer_id))
    alike = rows.group_by([*CONTENTS]).agg(copies=rows.count())
    ordered = alike.order_by([ibis.desc("occurred_at"), "measure", "item", "value"])
    found = engine.fetch(ordered.limit(ROWS_SHOWN + 1)).to_pylist()
    shown = tuple(
        {
            **row,
            "occurred_at": row["occurred_at"].isoformat(),
            "value": f"{row['value'].normalize():f}",
        }
        for row in found[:ROWS_SHOWN]
    )
    return BatchRows(shown, len(found) > ROWS_SHOWN)


def _lines(session: Session, numbers: Sequence[int]) -> list[CorrectionLine]:
    parts = session.exec(
        select(CorrectedBatchRow).where(col(CorrectedBatchRow.batch_no).in_(numbers))
    ).all()
    corrects: dict[int, dict[int, int]] = {number: {} for number in numbers}
    for part in parts:
        corrects[part.batch_no][part.corrected] = part.withdrawn
    reversals: dict[Any, int | None] = dict(
        session.exec(
            select(BatchRow.reverses, BatchRow.batch_no).where(col(BatchRow.reverses).in_(numbers))
        ).all()
    )
    query = (
        select(CorrectionRow, UserRow.email)
        .join(UserRow, col(UserRow.id) == CorrectionRow.user_id, isouter=True)
        .where(col(CorrectionRow.batch_no).in_(numbers))
        .order_by(col(CorrectionRow.batch_no).desc())
    )
    return [
        CorrectionLine(
            batch=row.batch_no,
            corrects=dict(sorted(corrects[row.batch_no].items())),
            withdrawn=row.withdrawn,
            entered=row.entered,
            touched=row.touched,
            by=email,
            made_at=row.made_at,
            reason=row.reason,
            reversed_by=reversals.get(row.batch_no),
        )
        for row, email in session.exec(query).all()
    ]
