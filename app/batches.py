"""Give uploads their place in the ledger: pending before anything is written, then accepted.

No registry transaction is open while files are read and the ledger is written. A batch that came to
nothing is discarded and never deleted, because its rows may be in the ledger: every read leaves
them out. Functions that only ask or that reverse leave the transaction to their caller.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.refusals import NotFound, NotNow
from app.stored import to_text
from app.tables import BatchKind, BatchRow, BatchState, CorrectedBatchRow
from experiments.errors import BadFile, BadInput, Problem


class RecordedMeanwhile(NotNow):
    """The same upload was recorded between the look for it and its acceptance."""

    def __init__(self, file_name: str) -> None:
        super().__init__(
            f"{file_name} was recorded at the same moment by somebody else; send it again to get "
            f"that receipt."
        )


@contextmanager
def pending_batch(
    session: Session,
    *,
    kind: BatchKind,
    path: Path,
    now: datetime,
    by: int | None = None,
    file_name: str | None = None,
) -> Iterator[BatchRow]:
    """Open a batch for an upload; whatever stops the work discards it.

    Args:
        session: The registry; holds no transaction inside the block.
        kind: What the batch holds.
        path: The upload.
        now: When it arrived.
        by: Who sent it.
        file_name: How it is called; the name of `path` where None.

    Raises:
        BadFile: The file cannot be read.
    """
    digest = sha256_of(path)
    _number_in_turn(session)
    batch = BatchRow(
        kind=kind,
        state=BatchState.PENDING,
        file_name=file_name or path.name,
        sha256=digest,
        user_id=by,
        received_at=now,
    )
    session.add(batch)
    session.commit()
    try:
        yield batch
    except BaseException as error:
        session.rollback()
        if batch.state == BatchState.PENDING:
            batch.state = BatchState.DISCARDED
            batch.reason = error.what.removesuffix(":") if isinstance(error, BadInput) else None
            session.add(batch)
        session.commit()
        raise


def open_batches(session: Session, batches: Sequence[BatchRow]) -> list[int]:
    """Give pending batches their numbers, rising, at once; commits.

    Whoever opens them accepts or discards them all.
    """
    _number_in_turn(session)
    session.add_all(batches)
    session.commit()
    return [number_of(batch) for batch in batches]


def discard(session: Session, batches: Sequence[BatchRow]) -> None:
    """Give up batches that came to nothing; commits."""
    session.rollback()
    for batch in batches:
        batch.state = BatchState.DISCARDED
        session.add(batch)
    session.commit()


def discard_pending(session: Session) -> int:
    """Discard what a worker that died left pending, before the only writer begins an intake.

    Returns:
        How many batches that were.
    """
    left = session.exec(select(BatchRow).where(BatchRow.state == BatchState.PENDING)).all()
    for batch in left:
        batch.state = BatchState.DISCARDED
        session.add(batch)
    session.commit()
    return len(left)


def refuse_again(session: Session, batch: BatchRow, *, measures: Collection[str]) -> None:
    """Stop where the same bytes brought the same measures before: every row would count twice.

    A wide file may come once more for other measures, and any file after its reversal.

    Raises:
        BadFile: Names the earlier upload.
    """
    for earlier in session.exec(standing(batch.kind).where(BatchRow.sha256 == batch.sha256)).all():
        twice = sorted({*earlier.measures} & {*measures})
        if twice:
            raise BadFile(
                f"{batch.file_name}: the same file was recorded before, as {earlier.file_name!r} "
                f"in batch {earlier.batch_no}, and brought {', '.join(twice)}; recorded again, "
                f"every row of it would count twice. Name it once, or for other measures."
            )


def accept(session: Session, batch: BatchRow, receipt: object) -> None:
    """Keep the receipt; from here on the batch counts.

    Raises:
        NotNow: Another process took over and gave the batch up.
    """
    accept_all(session, [(batch, receipt)])


def accept_all(session: Session, receipts: Sequence[tuple[BatchRow, object]]) -> None:
    """Keep the receipts of batches that were recorded together, all or none.

    Raises:
        NotNow: Another process took over and gave them up.
        RecordedMeanwhile: A batch that counts has the same content.
    """
    name = receipts[0][0].file_name
    try:
        _refuse_given_up(session, [batch for batch, _ in receipts])
        for batch, receipt in receipts:
            batch.state = BatchState.ACCEPTED
            batch.receipt_json = to_text(receipt)
            session.add(batch)
        session.commit()
    except IntegrityError as error:
        session.rollback()
        if "content" in str(error.orig):
            raise RecordedMeanwhile(name) from None
        raise


def reverse(
    session: Session, batch_no: int, *, reason: str, by: int | None, now: datetime
) -> BatchRow:
    """Take back a batch of behavior: from a number of its own on, its rows do not count.

    Analyses made before read up to a lower number, and repeat.

    Raises:
        NotFound: There is no such batch.
        BadInput: The reason is empty.
        NotNow: The batch does not count, or is not one of behavior.
    """
    batch = session.get(BatchRow, batch_no)
    if batch is None:
        raise NotFound(f"batch {batch_no}")
    if not reason.strip():
        raise BadInput(
            "The batch was not reversed:",
            [Problem("reason", "is empty; say why the rows are wrong")],
        )
    _number_in_turn(session)
    earlier = reversal_of(session, batch_no)
    if batch.kind == BatchKind.ENROLMENT:
        raise NotNow(
            f"Batch {batch_no} enrolled the customers of a pilot and cannot be reversed; plan a "
            f"new pilot for other customers."
        )
    if batch.kind == BatchKind.REVERSAL:
        raise NotNow(
            f"Batch {batch_no} is itself a reversal; to have the rows of batch {batch.reverses} "
            f"back, send its file again."
        )
    if earlier is not None:
        raise NotNow(f"Batch {batch_no} was reversed before, by batch {earlier.batch_no}.")
    if batch.state != BatchState.ACCEPTED:
        raise NotNow(f"Batch {batch_no} is {batch.state}, so that there is nothing to reverse.")
    correction = _standing_correction(session, batch_no)
    if correction is not None:
        raise NotNow(
            f"Rows of batch {batch_no} were corrected by batch {correction}, and stand there now; "
            f"take that batch back first."
        )
    reversal = BatchRow(
        kind=BatchKind.REVERSAL,
        state=BatchState.ACCEPTED,
        file_name=batch.file_name,
        sha256="",
        user_id=by,
        received_at=now,
        reverses=batch_no,
        reason=reason.strip(),
    )
    batch.content = None
    session.add_all([batch, reversal])
    session.flush()
    return reversal


def refuse_reversed(session: Session, batch_nos: Collection[int]) -> None:
    """Stop before a correction is accepted of batches that were reversed meanwhile.

    Raises:
        NotNow: Names the batch.
    """
    _number_in_turn(session)
    query = select(BatchRow.reverses).where(col(BatchRow.reverses).in_(batch_nos))
    gone = session.exec(query).first()
    if gone is not None:
        raise NotNow(f"Batch {gone} was taken back meanwhile; nothing was corrected.")


def reversal_of(session: Session, batch_no: int) -> BatchRow | None:
    """The reversal of a batch, if there is one."""
    return session.exec(select(BatchRow).where(BatchRow.reverses == batch_no)).first()


def number_of(batch: BatchRow) -> int:
    """The number that the registry gave to a batch."""
    if batch.batch_no is None:
        raise RuntimeError("the batch was not stored before it was used")
    return batch.batch_no


def ledger_through(session: Session) -> int:
    """The highest batch that counts, below the first that is pending; 0 where there is none.

    A pending batch may come to count later; an analysis that read past it would not repeat.
    """
    pending = session.exec(
        select(func.min(BatchRow.batch_no)).where(BatchRow.state == BatchState.PENDING)
    ).one()
    accepted = select(func.max(BatchRow.batch_no)).where(BatchRow.state == BatchState.ACCEPTED)
    if pending is not None:
        accepted = accepted.where(col(BatchRow.batch_no) < pending)
    return session.exec(accepted).one() or 0


def excluded(session: Session, *, through: int) -> frozenset[int]:
    """The batches that a read up to `through` leaves out: not accepted, or reversed by then."""
    numbers = select(BatchRow.reverses).where(
        col(BatchRow.reverses).is_not(None), col(BatchRow.batch_no) <= through
    )
    reversed_by_then = {number for number in session.exec(numbers).all() if number is not None}
    return never_accepted(session, through=through) | reversed_by_then


def never_accepted(session: Session, *, through: int) -> frozenset[int]:
    """The batches up to `through` that are pending or discarded."""
    numbers = select(BatchRow.batch_no).where(
        BatchRow.state != BatchState.ACCEPTED, col(BatchRow.batch_no) <= through
    )
    return frozenset(number for number in session.exec(numbers).all() if number is not None)


def standing(kind: str, *, through: int | None = None) -> SelectOfScalar[BatchRow]:
    """Accepted batches of a kind that are not reversed, in order; as of batch `through`, or now."""
    reversal = aliased(BatchRow)
    undone = select(reversal.reverses).where(reversal.reverses == BatchRow.batch_no)
    found = select(BatchRow).where(BatchRow.kind == kind, BatchRow.state == BatchState.ACCEPTED)
    if through is not None:
        undone = undone.where(col(reversal.batch_no) <= through)
        found = found.where(col(BatchRow.batch_no) <= through)
    return found.where(~undone.exists()).order_by(col(BatchRow.batch_no))


def complete_through(session: Session, *, through: int) -> dict[str, date]:
    """Per measure, the day through which somebody declared its rows complete, as of a batch."""
    declared: dict[str, date] = {}
    for batch in session.exec(standing(BatchKind.BEHAVIOR, through=through)).all():
        if batch.complete_through is not None:
            for measure in batch.measures:
                known = declared.get(measure, batch.complete_through)
                declared[measure] = max(known, batch.complete_through)
    return declared


def sha256_of(path: Path) -> str:
    """The digest of an upload, by which it is known again; empty where there is no file.

    Raises:
        BadFile: The file cannot be read.
    """
    if not path.is_file():
        return ""  # reading the file says what is wrong with it
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadFile(
            f"{path.name} cannot be read ({error.strerror}); check who may read it."
        ) from None


def _refuse_given_up(session: Session, batches: Sequence[BatchRow]) -> None:
    numbers = [number_of(batch) for batch in batches]
    states = session.exec(
        select(BatchRow.state).where(col(BatchRow.batch_no).in_(numbers)).with_for_update()
    ).all()
    if any(state != BatchState.PENDING for state in states):
        raise NotNow(
            f"Batch {numbers[0]} was given up, because another process writes to the ledger; "
            f"send {batches[0].file_name} again."
        )


def _standing_correction(session: Session, batch_no: int) -> int | None:
    """The newest correction of a batch's rows that is not reversed itself."""
    reversal = aliased(BatchRow)
    undone = select(reversal.reverses).where(reversal.reverses == CorrectedBatchRow.batch_no)
    query = (
        select(func.max(CorrectedBatchRow.batch_no))
        .where(CorrectedBatchRow.corrected == batch_no)
        .where(~undone.exists())
    )
    return session.exec(query).one()


def _number_in_turn(session: Session) -> None:
    """Let numbers become visible in their order, which analyses rely on.

    SQLite has one writer anyway; PostgreSQL gives numbers out before transactions end.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql("LOCK TABLE batches IN SHARE ROW EXCLUSIVE MODE")
