"""Record a file of behavior."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import ibis.expr.types as ir
from sqlmodel import select

from app.batches import accept, number_of, pending_batch, refuse_again
from app.tables import BatchKind, EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt, record
from experiments.record.staging import measures_of, stage_behavior


def record_file(
    workspace: Workspace,
    path: Path,
    columns: BehaviorFile,
    *,
    complete_through: date | None,
    now: datetime,
) -> Receipt:
    """Record a file of behavior into the company's ledger.

    Args:
        workspace: Registry, ledger and engine.
        path: The file.
        columns: What its columns mean, and whether one bad row refuses it.
        complete_through: The day through which the file is declared complete, if it is.
        now: When it is recorded.

    Raises:
        BadFile: The file cannot be read, was recorded before, or a row was refused under
            `strict`.
    """
    session = workspace.session
    with (
        pending_batch(session, kind=BatchKind.BEHAVIOR, path=path, now=now) as batch,
        _scratch_file(workspace.scratch / f"staged-{number_of(batch)}.parquet") as waiting,
    ):
        staged = stage_behavior(path, columns, zone=workspace.timezone, into=waiting)
        measures = {*columns.measures, *measures_of(workspace.engine, staged)}
        refuse_again(session, batch, measures=measures)
        receipt = record(
            workspace.engine,
            workspace.ledger,
            staged,
            name=path.name,
            batch_no=number_of(batch),
            recorded_at=now,
            strict=columns.strict,
            enrolled=_enrolled(workspace),
        )
        batch.complete_through = complete_through
        batch.measures_json = json.dumps(sorted(measures))
        accept(session, batch, receipt)
    return receipt


def _enrolled(workspace: Workspace) -> list[ir.Table]:
    """The customers of every pilot of the registry."""
    session = workspace.session
    query = select(PilotRow.slug, EnrolmentRow.batch_no).where(EnrolmentRow.pilot_id == PilotRow.id)
    enrolments = session.exec(query).all()
    session.commit()
    return [
        workspace.ledger.enrolment(workspace.engine, slug, batch_no=batch_no)
        for slug, batch_no in enrolments
    ]


@contextmanager
def _scratch_file(path: Path) -> Iterator[Path]:
    """A file that is gone afterwards, also where the work was refused."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
