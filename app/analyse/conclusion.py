"""Put a finding into words, for scripts and for people, and keep both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.analyse.looks import count_looks
from app.analyse.service import Finding, keep
from app.record.service import receipts_for
from app.stored import to_text
from app.tables import AnalysisRow, LiftRow, PilotRow
from app.workspace import Workspace
from experiments.engines.warehouse import Snapshot
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
    workspace: Workspace,
    pilot: PilotRow,
    finding: Finding,
    *,
    now: datetime,
    amendment: str = "",
    asked_by: int | None = None,
    lift: LiftRow | None = None,
    sources: Sequence[Snapshot] = (),
) -> Conclusion:
    """Put a finding into words for scripts and for people, and keep both.

    Args:
        workspace: Holds the registry.
        pilot: The pilot.
        finding: What was found.
        now: When.
        amendment: What differs from the plan, and why, if somebody said so.
        asked_by: The user who asked for it.
        lift: Of the veil, for it.
        sources: What tables of a warehouse held that were read beside the ledger.
    """
    session = workspace.session
    analysis = finding.analysed.analysis
    read = receipts_for(session, finding.plan, through=analysis.inputs.ledger_through)
    looks = count_looks(session, pilot) + 1
    session.commit()
    found = result_of(finding, read, amendment=amendment)
    report = report_of(finding, read, sources=sources, looks=looks, amendment=amendment)
    row = keep(
        workspace,
        pilot,
        found,
        analysis=analysis,
        report_json=to_text(report),
        now=now,
        asked_by=asked_by,
        lift=lift,
    )
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
    finding: Finding,
    receipts: Sequence[Receipt] = (),
    *,
    sources: Sequence[Snapshot] = (),
    looks: int = 1,
    amendment: str = "",
) -> PilotReport:
    """The report of an analysis, and of the files read for it, as people read it.

    Args:
        finding: What was found.
        receipts: What the files of behavior brought.
        sources: What tables of a warehouse held.
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
        sources=sources,
        looks=looks,
        amendment=amendment,
    )
