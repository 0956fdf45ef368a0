"""The first page of a pilot: its answer, or what is known before there is one; who, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.analyse.kept import report_kept
from app.analyse.looks import lifts_of
from app.looking import looks_ahead, when_seen
from app.people.users import emails_of
from app.steps import CHOICES, PilotHead
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
from experiments.report.html import ChartBlock, effects_block
from experiments.report.report import PilotReport, Tone
from experiments.report.wording import counted
from experiments.terms import CheckName
from experiments.words import day

Moment = Callable[[datetime], str]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows below the steps.

    Attributes:
        report: Of the newest analysis; None before the first.
        checks: All its checks in one sentence.
        effects: The chart of effects; None while veiled.
        known: What is known while there is no answer.
        coming: What comes, where customers are enrolled and nothing waits for the reader.
        looks: When outcomes may be looked at, where that is not once; and who lifted the veil.
        signed: Who owns, signed and decided, and when.
        fingerprint: Of the frozen plan; empty before.
    """

    report: PilotReport | None
    checks: str
    effects: ChartBlock | None
    known: Pairs
    coming: tuple[str, ...]
    looks: tuple[str, ...]
    signed: Pairs
    fingerprint: str


def overview_of(
    session: Session, head: PilotHead, *, today: date, timezone: str, moment: Moment
) -> Overview:
    """What is known of a pilot, read and not computed.

    Args:
        session: The registry.
        head: The pilot.
        today: The day in the company's time zone.
        timezone: The company's.
        moment: Says a time in the company's time zone.
    """
    facts = head.facts
    row = session.get(AnalysisRow, facts.analysis_id) if facts.analysis_id else None
    plan = session.exec(select(PlanRow).where(PlanRow.pilot_id == facts.pilot_id)).first()
    report = report_kept(row) if row else None
    return Overview(
        report=report,
        checks=_checks(report, head, today) if report else "",
        effects=effects_block(report.effects) if report and report.effects else None,
        known=() if facts.is_unveiled else _known(head),
        coming=_coming(head, today),
        looks=(*looks_ahead(facts, today), *_lifts(session, facts.pilot_id, timezone)),
        signed=_signed(session, head, plan, moment),
        fingerprint=plan.fingerprint if plan else "",
    )


def _checks(report: PilotReport, head: PilotHead, today: date) -> str:
    """The checks of the analysis; a window that is simply still open is no failure."""
    if head.status is not Status.VEILED or not head.visible_from or today >= head.visible_from:
        return report.checks_line
    window = CheckName.WINDOW_COMPLETE.replace("_", " ")
    others = [check for check in report.checks if check.label != window]
    passed = sum(check.tone is Tone.GOOD for check in others)
    worries = [check for check in others if check.tone in (Tone.CAUTION, Tone.BAD)]
    parts = [f"{passed} passed", *(f"{check.label} {check.outcome}" for check in worries)]
    return f"Still running, until {head.visible_words}; so far {', '.join(parts)}."


def _known(head: PilotHead) -> Pairs:
    """Counts, what has arrived, and from when outcomes can be seen."""
    facts = head.facts
    if facts.plan is None:
        return ()
    shares = facts.plan.design.planned_shares()
    groups = "; ".join(
        f"{counted(count, 'customer', 'customers')} in “{arm}” "
        f"({100 * count / facts.enrolled:.1f} %, planned {float(100 * shares[arm]):.1f} %)"
        for arm, count in facts.arms.items()
    )
    lines = [("Customers", groups or _waiting(head))]
    if facts.enrolled:
        lines.append(("Behavior", _behavior(head)))
    if head.visible_from:
        lines.append(("Outcomes", when_seen(facts.schedule) if facts.schedule else ""))
    return tuple(lines)


def _lifts(session: Session, pilot_id: int, timezone: str) -> list[str]:
    pilot = session.get_one(PilotRow, pilot_id)
    lifts = lifts_of(session, pilot, timezone=timezone)
    return [f"The veil was lifted {lifted.words}." for lifted in lifts]


def _coming(head: PilotHead, today: date) -> tuple[str, ...]:
    facts = head.facts
    if not facts.enrolled or head.next_step or head.visible_from is None:
        return ()
    if facts.goes_on:
        return ("The pilot goes on. Keep recording behavior for all groups.",)
    if facts.is_unveiled:
        return ()
    is_early = facts.starts_on is not None and today < facts.starts_on
    lines = [
        "Send the list to whoever runs the program." if is_early else "",
        "The sponsor has yet to sign." if head.unsigned else "",
        f"From {day(facts.starts_on)} on, upload behavior; orders of the past can be uploaded now."
        if is_early and facts.starts_on
        else "",
        f"The outcome {when_seen(facts.schedule)}." if facts.schedule else "",
    ]
    return tuple(line for line in lines if line)


def _waiting(head: PilotHead) -> str:
    if head.facts.listed:
        return counted(head.facts.listed, "waits", "wait") + " for their groups"
    return "not enrolled yet"


def _behavior(head: PilotHead) -> str:
    facts = head.facts
    parts = []
    if facts.missing:
        parts.append(f"nothing yet of {', '.join(facts.missing)} since the pilot began")
    if facts.complete_to:
        parts.append(f"declared complete through {day(facts.complete_to)}")
    return "; ".join(parts) or "arriving; not declared complete yet"


def _signed(session: Session, head: PilotHead, plan: PlanRow | None, moment: Moment) -> Pairs:
    decision = head.facts.decision
    query = (
        select(SignatureRow)
        .where(SignatureRow.pilot_id == head.facts.pilot_id, SignatureRow.what == SignedWhat.PLAN)
        .order_by(col(SignatureRow.id))
    )
    signatures = session.exec(query).all() if plan else []
    users = {signature.user_id for signature in signatures}
    if decision is not None:
        users |= {decision.decided_by, decision.seconded_by or decision.decided_by}
    emails = emails_of(session, users) if users else {}
    lines = [("Owner", head.owner), ("Sponsor", head.sponsor), ("Runs", head.dates)]
    if plan is not None:
        lines.append(("Plan frozen", moment(plan.frozen_at)))
    lines += [
        ("Plan signed", f"by {emails[signature.user_id]}, {moment(signature.signed_at)}")
        for signature in signatures
    ]
    if decision is not None:
        lines.append(("Decision", _decision(decision, emails, moment)))
    return tuple((name, text) for name, text in lines if text)


def _decision(decision: DecisionRow, emails: dict[int, str], moment: Moment) -> str:
    said = CHOICES[Choice(decision.choice)]
    text = f"{said}, by {emails[decision.decided_by]}, {moment(decision.decided_at)}"
    if decision.seconded_by and decision.seconded_at:
        text += f"; seconded by {emails[decision.seconded_by]}, {moment(decision.seconded_at)}"
    elif decision.needs_second:
        text += "; waits for a second executive"
    return f"{text}. {decision.reason}" if decision.reason else text
