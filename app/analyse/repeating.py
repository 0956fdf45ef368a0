"""Compute a kept analysis once more: from the plan, customers and batches that it names."""

import json

from sqlmodel import col, select

from app.analyse.conclusion import result_of
from app.analyse.service import Finding, analyse_pilot
from app.plan.service import find_pilot
from app.record.service import receipts_for
from app.refusals import NotFound
from app.tables import AnalysisRow, LiftRow, PilotRow
from app.workspace import Workspace
from experiments.report.plain import as_json


def parts_that_differ(workspace: Workspace, slug: str) -> dict[int, tuple[str, ...]]:
    """Repeat every analysis of a pilot: by its number, which parts of its result are not the same.

    None, where it repeats byte for byte.

    Raises:
        NotFound: There is no such pilot.
        PilotError: As for `analyse_pilot`.
    """
    pilot = find_pilot(workspace.session, slug)
    if pilot is None:
        raise NotFound(f"pilot {slug!r}")
    of_pilot = select(AnalysisRow).where(AnalysisRow.pilot_id == pilot.id)
    rows = workspace.session.exec(of_pilot.order_by(col(AnalysisRow.number))).all()
    return {
        row.number: _differ(row.result_json, repeated_result(workspace, finding, row))
        for row in rows
        for finding in [repeat(workspace, pilot, row)]
    }


def repeat(workspace: Workspace, pilot: PilotRow, kept: AnalysisRow) -> Finding:
    """Analyse a pilot as it was analysed then, whatever was recorded or corrected since.

    Args:
        workspace: Registry, ledger and engine.
        pilot: The pilot.
        kept: The analysis to repeat; it stays as it is, and nobody looks once more.

    Raises:
        PilotError: As for `analyse_pilot`.
    """
    lift = workspace.session.exec(select(LiftRow).where(LiftRow.analysis_id == kept.id)).first()
    return analyse_pilot(workspace, pilot, today=kept.as_of, lift=lift, again=kept)


def repeated_result(workspace: Workspace, finding: Finding, kept: AnalysisRow) -> str:
    """The result of a repeated analysis, in the bytes in which results are kept."""
    read = receipts_for(workspace.session, finding.plan, through=kept.ledger_through)
    workspace.session.commit()
    amendment = json.loads(kept.result_json)["amendment"] or ""
    return as_json(result_of(finding, read, amendment=amendment))


def _differ(kept: str, again: str) -> tuple[str, ...]:
    if kept == again:
        return ()
    one, other = json.loads(kept), json.loads(again)
    return tuple(key for key in {**one, **other} if one.get(key) != other.get(key)) or ("text",)
