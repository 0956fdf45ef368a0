"""Put a finding into words, for scripts and for people, and keep both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import select

from app.analyse.service import Finding, keep
from app.record.service import receipts_for
from app.stored import to_text
from app.tables import AnalysisRow, PilotRow
from app.workspace import Workspace
from experiments.decide.verdict import Status
from experiments.record.recording import Receipt
from experiments.report.build import build_report
from experiments.report.plain import Json
from experiments.report.report import PilotReport
from experiments.report.result import result
from experiments.report.sentences import in_full, verdict_line


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An analysis as it is kept.

    Attributes:
        row: Where it is kept.
        result: As scripts read it.
        report: As people read it.
    """

    row: AnalysisRow
    result: Json
    report: PilotReport


def conclude(
    workspace: Workspace, pilot: PilotRow, finding: Finding, *, now: datetime, amendment: str = ""
) -> Conclusion:
    """Put a finding into words for scripts and for people, and keep both.

    Args:
        workspace: Holds the registry.
        pilot: The pilot.
        finding: What was found.
        now: When.
        amendment: What differs from the plan, and why, if somebody said so.
    """
    session = workspace.session
    inputs = finding.analysed.analysis.inputs
    read = receipts_for(session, finding.plan, through=inputs.ledger_through)
    earlier = select(func.count()).where(
        AnalysisRow.pilot_id == pilot.id, AnalysisRow.status != Status.VEILED
    )
    looks = session.exec(earlier).one() + 1
    session.commit()
    found = result_of(finding, read, amendment=amendment)
    report = report_of(finding, read, looks=looks, amendment=amendment)
    row = keep(workspace, pilot, found, inputs=inputs, report_json=to_text(report), now=now)
    return Conclusion(row, found, report)


def result_of(finding: Finding, receipts: Sequence[Receipt] = (), *, amendment: str = "") -> Json:
    """The result of an analysis, and of the files read for it, as scripts read it."""
    sentences = {
        verdict.treatment: in_full(verdict_line(finding.plan, verdict, finding.registration))
        for verdict in finding.decision.verdicts
    }
    return result(
        finding.plan,
        finding.analysed.analysis,
        finding.decision,
        registration=finding.registration,
        sentences=sentences,
        receipts=receipts,
        amendment=amendment,
    )


def report_of(
    finding: Finding, receipts: Sequence[Receipt] = (), *, looks: int = 1, amendment: str = ""
) -> PilotReport:
    """The report of an analysis, and of the files read for it, as people read it.

    Args:
        finding: What was found.
        receipts: What the files of behavior brought.
        looks: How often outcomes have been looked at, this time included.
        amendment: What differs from the plan, and why.
    """
    return build_report(
        finding.plan,
        finding.analysed.analysis,
        finding.decision,
        registration=finding.registration,
        left_out=finding.enrolment.left_out,
        assigned=finding.enrolment.assigned,
        receipts=receipts,
        looks=looks,
        amendment=amendment,
    )
