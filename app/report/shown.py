"""A kept report as it is shown today: with the signatures under plan and decision."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from app.analyse.kept import numbered, report_kept
from app.analyse.looks import lifts_of
from app.decide.service import counts, signers
from app.people.users import emails_of
from app.steps import CHOICES
from app.stored import to_text
from app.tables import (
    AnalysisRow,
    Choice,
    DecisionRow,
    PilotRow,
    PlanRow,
    SignatureRow,
    SignedWhat,
)
from experiments.decide.verdict import Status
from experiments.report.html import render_html, style_sha256
from experiments.report.pdf import render_pdf
from experiments.report.report import Line, PilotReport
from experiments.words import day

# A page that was opened is printed or sent on within minutes; more than a few are rarely open.
RENDERED: Final = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """A report as it is shown.

    Attributes:
        number: Of the analysis.
        status: Its verdict.
        report: With signatures.
    """

    number: int
    status: Status
    report: PilotReport

    @property
    def version(self) -> str:
        """What changes whenever anything that is shown does."""
        return sha256(to_text(self.report).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Document:
    """A report as one page, and what a browser may load for it."""

    html: str
    content_security_policy: str


def shown(session: Session, pilot: PilotRow, number: int | None, *, timezone: str) -> Shown:
    """A report by the number of its analysis; the newest where None.

    Raises:
        NotFound: There is no such analysis.
    """
    row = numbered(session, pilot, number)
    zone = ZoneInfo(timezone)
    signatures = (
        *_plan(session, pilot, zone),
        *_lifts(session, pilot, timezone),
        *_decision(session, row, zone),
    )
    report = replace(report_kept(row), signatures=signatures)
    return Shown(row.number, Status(row.status), report)


@lru_cache(maxsize=RENDERED)
def document(report: PilotReport) -> Document:
    """The report as one page that needs nothing else."""
    html = render_html(report)
    policy = (
        f"default-src 'none'; style-src '{style_sha256(html)}'; font-src data:; img-src data:; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Document(html, policy)


@lru_cache(maxsize=RENDERED)
def printed(report: PilotReport) -> bytes:
    """The report as a PDF document."""
    return render_pdf(report)


def _plan(session: Session, pilot: PilotRow, zone: ZoneInfo) -> Iterable[Line]:
    """Who signed the frozen plan; a signature under something else does not count."""
    query = (
        select(SignatureRow)
        .join(PlanRow, col(PlanRow.pilot_id) == SignatureRow.pilot_id)
        .where(
            SignatureRow.pilot_id == pilot.id,
            SignatureRow.what == SignedWhat.PLAN,
            SignatureRow.fingerprint == PlanRow.fingerprint,
        )
        .order_by(col(SignatureRow.id))
    )
    signed = session.exec(query).all()
    emails = emails_of(session, {signature.user_id for signature in signed})
    for signature in signed:
        who, on = emails[signature.user_id], _day(signature.signed_at, zone)
        yield Line("Plan", f"Signed by {who} on {on}")
    if not signed:
        yield Line("Plan", "Not signed")


def _lifts(session: Session, pilot: PilotRow, timezone: str) -> Iterable[Line]:
    """Who looked before the plan allowed: on every report, also of an earlier analysis."""
    for lifted in lifts_of(session, pilot, timezone=timezone):
        yield Line("Veil lifted", f"{lifted.words[0].upper()}{lifted.words[1:]}")


def _decision(session: Session, row: AnalysisRow, zone: ZoneInfo) -> Iterable[Line]:
    """The newest decision on this analysis or an earlier one."""
    query = (
        select(DecisionRow, AnalysisRow.number)
        .where(
            DecisionRow.analysis_id == AnalysisRow.id,
            DecisionRow.pilot_id == row.pilot_id,
            AnalysisRow.number <= row.number,
        )
        .order_by(col(DecisionRow.id).desc())
        .limit(1)
    )
    found = session.exec(query).first()
    if found is not None:
        decision, number = found
        label = "Decision" if number == row.number else f"Decision on analysis {number}"
        yield Line(label, _said(session, decision, zone))
    elif row.status != Status.VEILED:
        yield Line("Decision", "Not taken yet")


def _said(session: Session, decision: DecisionRow, zone: ZoneInfo) -> str:
    emails = signers(session, decision)
    choice = CHOICES[Choice(decision.choice)].capitalize()
    first = emails[decision.decided_by]
    said = f"{choice}; signed by {first} on {_day(decision.decided_at, zone)}"
    if decision.seconded_by is not None and decision.seconded_at is not None:
        second = emails[decision.seconded_by]
        said += f", seconded by {second} on {_day(decision.seconded_at, zone)}"
    if not counts(decision):
        said += "; does not count before a second executive has signed"
    return f"{said}. Reason: {decision.reason}" if decision.reason else said


def _day(at: datetime, zone: ZoneInfo) -> str:
    return day(at.astimezone(zone).date())
