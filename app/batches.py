"""Give uploads their place in the ledger: pending before anything is written, then accepted.

No registry transaction is open while files are read and the ledger is written.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session, col, select

from app.stored import to_text
from app.tables import BatchKind, BatchRow, BatchState
from experiments.errors import BadFile, PilotError


@contextmanager
def pending_batch(
    session: Session, *, kind: BatchKind, path: Path, now: datetime
) -> Iterator[BatchRow]:
    """Open a batch for an upload; a refused upload leaves none behind.

    Raises:
        BadFile: The file cannot be read.
    """
    batch = BatchRow(
        kind=kind,
        state=BatchState.PENDING,
        file_name=path.name,
        sha256=_sha256(path),
        received_at=now,
    )
    session.add(batch)
    session.commit()
    try:
        yield batch
    except PilotError:
        session.delete(batch)
        session.commit()
        raise


def refuse_again(session: Session, batch: BatchRow, *, measures: Collection[str]) -> None:
    """Stop where the same bytes brought the same measures before: every row would count twice.

    A wide file may come once more for other measures.

    Raises:
        BadFile: Names the earlier upload.
    """
    same = select(BatchRow).where(
        BatchRow.kind == batch.kind,
        BatchRow.state == BatchState.ACCEPTED,
        BatchRow.sha256 == batch.sha256,
    )
    for earlier in session.exec(same.order_by(col(BatchRow.batch_no))).all():
        twice = sorted({*earlier.measures} & {*measures})
        if twice:
            raise BadFile(
                f"{batch.file_name}: the same file was recorded before, as {earlier.file_name!r} "
                f"in batch {earlier.batch_no}, and brought {', '.join(twice)}; recorded again, "
                f"every row of it would count twice. Name it once, or for other measures."
            )
    session.commit()


def accept(session: Session, batch: BatchRow, receipt: object) -> None:
    """Keep the receipt; from here on the batch counts."""
    batch.state = BatchState.ACCEPTED
    batch.receipt_json = to_text(receipt)
    session.add(batch)
    session.commit()


def number_of(batch: BatchRow) -> int:
    """The number that the registry gave to a batch."""
    if batch.batch_no is None:
        raise RuntimeError("the batch was not stored before it was used")
    return batch.batch_no


def ledger_through(session: Session) -> int:
    """The highest batch that counts; 0 where there is none."""
    accepted = select(BatchRow.batch_no).where(BatchRow.state == BatchState.ACCEPTED)
    newest = session.exec(accepted.order_by(col(BatchRow.batch_no).desc()).limit(1)).first()
    session.commit()
    return newest or 0


def complete_through(session: Session) -> dict[str, date]:
    """Per measure, the day through which somebody declared its rows complete."""
    declared: dict[str, date] = {}
    batches = session.exec(
        select(BatchRow).where(
            BatchRow.state == BatchState.ACCEPTED, col(BatchRow.complete_through).is_not(None)
        )
    ).all()
    for batch in batches:
        for measure in batch.measures:
            through = batch.complete_through or date.min
            declared[measure] = max(declared.get(measure, through), through)
    session.commit()
    return declared


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""  # reading the file says what is wrong with it
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadFile(
            f"{path.name} cannot be read ({error.strerror}); check who may read it."
        ) from None
