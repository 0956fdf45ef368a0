"""Record a file of behavior, and find what was recorded."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import ibis.expr.types as ir
from sqlmodel import Session, select

from app.batches import (
    RecordedMeanwhile,
    accept,
    excluded,
    number_of,
    pending_batch,
    refuse_again,
    sha256_of,
    standing,
)
from app.confirming import confirm
from app.refusals import NotNow
from app.stored import from_text
from app.tables import BatchKind, BatchRow, EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.intake.told import told_as
from experiments.pilot import Plan
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt, record
from experiments.record.staging import measures_of, stage_behavior
from experiments.terms import CONTACT
from experiments.words import day


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an upload.

    Attributes:
        receipt: Of the upload, or of the same one before.
        repeated: Whether it was recorded before, and nothing was recorded now.
    """

    receipt: Receipt
    repeated: bool


def take_behavior(
    workspace: Workspace,
    path: Path,
    columns: BehaviorFile,
    *,
    complete_through: date | None,
    now: datetime,
    by: int | None = None,
    name: str | None = None,
) -> Recorded:
    """Record an upload once, however often it is sent.

    Args:
        workspace: As for `record_file`.
        path: As for `record_file`.
        columns: As for `record_file`.
        complete_through: As for `record_file`.
        now: As for `record_file`.
        by: As for `record_file`.
        name: As for `record_file`.

    Raises:
        BadFile: As `record_file`; the same file under another meaning of its columns.
        NotNow: The same upload was recorded before, declared complete through an earlier day.
    """
    session = workspace.session
    earlier = repeated(session, sha256=sha256_of(path), columns=columns)
    session.commit()
    if earlier is None:
        try:
            receipt = record_file(
                workspace, path, columns,
                complete_through=complete_through, now=now, by=by, name=name,
            )  # fmt: skip
        except RecordedMeanwhile:
            earlier = repeated(session, sha256=sha256_of(path), columns=columns)
            session.commit()
            if earlier is None:
                raise
        else:
            return Recorded(receipt, repeated=False)
    refuse_further_completeness(earlier, complete_through)
    return Recorded(receipt_of(earlier), repeated=True)


def record_file(
    workspace: Workspace,
    path: Path,
    columns: BehaviorFile,
    *,
    complete_through: date | None,
    now: datetime,
    by: int | None = None,
    name: str | None = None,
) -> Receipt:
    """Record a file of behavior into the company's ledger.

    Args:
        workspace: Registry, ledger and engine.
        path: The file.
        columns: What its columns mean, and whether one bad row refuses it.
        complete_through: The day through which the file is declared complete, if it is.
        now: When it is recorded.
        by: Who sent it.
        name: How the file is called; the name of `path` where None.

    Raises:
        BadFile: The file cannot be read, was recorded before, or a row was refused under
            `strict`.
    """
    session = workspace.session
    called = name or path.name
    with (
        pending_batch(
            session, kind=BatchKind.BEHAVIOR, path=path, now=now, by=by, file_name=called
        ) as batch,
        _scratch_file(workspace.scratch / f"staged-{number_of(batch)}.parquet") as waiting,
    ):
        with told_as(path, called):
            staged = stage_behavior(path, columns, zone=workspace.timezone, into=waiting)
        measures = {*columns.recorded, *measures_of(workspace.engine, staged)}
        refuse_again(session, batch, measures=measures)
        without = excluded(session, through=number_of(batch))
        enrolled = _enrolled(workspace)
        session.commit()
        receipt = record(
            workspace.engine,
            workspace.ledger,
            staged,
            name=called,
            batch_no=number_of(batch),
            recorded_at=now,
            strict=columns.strict,
            enrolled=enrolled,
            without=without,
        )
        confirm(session, workspace.ledger, now=now, tables=("directory", "behavior"))
        batch.complete_through = complete_through
        batch.measures_json = json.dumps(sorted(measures))
        batch.columns_json = meaning_of(columns)
        batch.content = content_of(batch.sha256, columns)
        accept(session, batch, receipt)
    return receipt


def repeated(session: Session, *, sha256: str, columns: BehaviorFile) -> BatchRow | None:
    """The batch that the same bytes became before, if their columns meant the same."""
    same = standing(BatchKind.BEHAVIOR).where(
        BatchRow.sha256 == sha256, BatchRow.columns_json == meaning_of(columns)
    )
    return session.exec(same).first()


def refuse_further_completeness(earlier: BatchRow, complete_through: date | None) -> None:
    """Stop where a repeated upload declares more days complete than it did before.

    Raises:
        NotNow: Says what was declared; passing it over would keep outcomes veiled without a word.
    """
    known = earlier.complete_through
    if complete_through is None or (known is not None and complete_through <= known):
        return
    declared = f"declared complete through {day(known)}" if known else "not declared complete"
    raise NotNow(
        f"The same file was recorded before, in batch {earlier.batch_no}, {declared}. To declare "
        f"it complete through {day(complete_through)}, reverse that batch and send the file again."
    )


def receipt_of(batch: BatchRow) -> Receipt:
    """The receipt of an accepted batch of behavior."""
    if batch.receipt_json is None:
        raise RuntimeError(f"batch {batch.batch_no} has no receipt")
    return from_text(Receipt, batch.receipt_json)


def receipts_for(session: Session, plan: Plan, *, through: int) -> tuple[Receipt, ...]:
    """What an analysis up to a batch rests on: receipts of the batches that brought its measures.

    Contacts are of every plan; batches that are reversed by then do not count.
    """
    wanted = {metric.measure for metric in plan.metrics} | {CONTACT}
    batches = session.exec(standing(BatchKind.BEHAVIOR, through=through)).all()
    return tuple(receipt_of(batch) for batch in batches if wanted & {*batch.measures})


def meaning_of(columns: BehaviorFile) -> str:
    """What the columns of a file mean, in one way only."""
    said = columns.model_dump(
        mode="json", exclude={"file", "warehouse", "table", "strict", "complete"}
    )
    said["measures"] = sorted(columns.measures)
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_of(sha256: str, columns: BehaviorFile) -> str:
    """What bytes say: they, and what their columns mean."""
    return hashlib.sha256(f"{sha256} {meaning_of(columns)}".encode()).hexdigest()


def _enrolled(workspace: Workspace) -> list[ir.Table]:
    """The customers of every pilot of the registry."""
    query = select(PilotRow.slug, EnrolmentRow.batch_no).where(EnrolmentRow.pilot_id == PilotRow.id)
    return [
        workspace.ledger.enrolment(workspace.engine, slug, batch_no=batch_no)
        for slug, batch_no in workspace.session.exec(query).all()
    ]


@contextmanager
def _scratch_file(path: Path) -> Iterator[Path]:
    """A file that is gone afterwards, also where the work was refused."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
