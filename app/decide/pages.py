"""The page on which an executive decides, and a second one signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from app.analyse.kept import report_kept, said_as_of
from app.decide import service
from app.decide.forms import LABELS, OPTIONS
from app.dependencies import (
    CallerDep,
    NowDep,
    PilotDep,
    ReadingDep,
    SettingsDep,
    TodayDep,
    WritingDep,
    allow,
)
from app.people.caller import Caller
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.refusals import NotFound, Refusal, Stale, TooManyTries
from app.steps import CHOICES, show_pilot
from app.tables import Choice, DecisionRow, PilotRow
from app.web.forms import Said, after, errors_of
from app.web.route import BookRoute, note
from experiments.errors import BadInput, PilotError, Problem
from experiments.words import moment

STATUSES: Final[Mapping[type[PilotError], int]] = {Stale: 412, TooManyTries: 429}
COUNTS: Final = "Signed. The decision counts."

router = APIRouter(route_class=BookRoute)


@dataclass(frozen=True, slots=True)
class Signed:
    """A decision in words.

    Attributes:
        choice: What was decided.
        is_override: Whether it is against the recommendation.
        reason: Why.
        decided_by: Who signed it.
        decided_at: When.
        seconded_by: Who signed it as the second; empty where nobody did.
        seconded_at: When.
        counts: Whether it needs nobody any more.
        fingerprint: Of the analysis that was shown.
        own_fingerprint: Of the decision, which a second executive signs.
    """

    choice: str
    is_override: bool
    reason: str
    decided_by: str
    decided_at: str
    seconded_by: str
    seconded_at: str
    counts: bool
    fingerprint: str
    own_fingerprint: str


@router.get("/pilots/{slug}/decide", dependencies=[allow(Right.READ)])
def decide_page(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: ReadingDep,
    today: TodayDep,
    settings: SettingsDep,
    otherwise: bool = False,
) -> Response:
    """What is recommended, and what was decided; `otherwise` replaces a decision that waits."""
    return _page(
        request,
        session,
        pilot,
        caller,
        today=today,
        zone=settings.timezone,
        otherwise=otherwise,
    )


@router.post("/pilots/{slug}/decide", dependencies=[allow(Right.SIGN)])
def sign_decision(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    today: TodayDep,
    settings: SettingsDep,
    choice: Said = "",
    reason: Said = "",
    password: Said = "",
    fingerprint: Said = "",
) -> Response:
    """Accept the recommendation or override it."""
    try:
        with slow_guessing(request, caller):
            decision = service.decide(
                session,
                pilot,
                by=caller,
                choice=_choice(choice),
                reason=reason,
                password=password,
                fingerprint=fingerprint,
                now=now,
            )
    except (BadInput, Stale, TooManyTries) as error:
        session.rollback()
        return _page(
            request,
            session,
            pilot,
            caller,
            today=today,
            zone=settings.timezone,
            otherwise=True,
            refused=error,
            typed={"choice": choice, "reason": reason},
        )
    note(request, after=decision.choice, reason=decision.reason)
    done = "Signed. Another executive has to sign it too before it counts."
    return after(_address(pilot), done if decision.needs_second else COUNTS)


@router.post("/pilots/{slug}/decide/second", dependencies=[allow(Right.SIGN)])
def second_decision(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    today: TodayDep,
    settings: SettingsDep,
    password: Said = "",
    fingerprint: Said = "",
) -> Response:
    """Sign a decision as its second executive."""
    try:
        with slow_guessing(request, caller):
            service.second(
                session, pilot, by=caller, password=password, fingerprint=fingerprint, now=now
            )
    except (BadInput, Stale, TooManyTries) as error:
        session.rollback()
        return _page(
            request, session, pilot, caller, today=today, zone=settings.timezone, refused=error
        )
    return after(_address(pilot), COUNTS)


def _page(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    *,
    today: date,
    zone: str,
    otherwise: bool = False,
    refused: BadInput | Refusal | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    try:
        question = service.question_of(session, pilot)
    except NotFound:
        question = None
    report = report_kept(question.analysis) if question else None
    decision = question.decision if question else None
    may_sign = caller.may(Right.SIGN, safe=False) and pilot.owner_id != caller.user_id
    waits = question is not None and question.waits_for_second
    others = decision is not None and decision.decided_by != caller.user_id
    recommended = question.recommendation.choice if question else None
    return show_pilot(
        request,
        session,
        pilot,
        "decide/page.html",
        step="decide",
        today=today,
        status=_status(refused),
        question=question,
        report=report,
        shown=said_as_of(question.analysis) if question else "",
        recommended=CHOICES[recommended].capitalize() if recommended else "",
        options=OPTIONS,
        signed=_signed(session, decision, ZoneInfo(zone)) if decision else None,
        may_decide=may_sign,
        asks_second=may_sign and waits and others and not otherwise,
        errors=_errors(refused),
        typed=typed or {"choice": recommended.value if recommended else "", "reason": ""},
    )


def _signed(session: Session, decision: DecisionRow, zone: ZoneInfo) -> Signed:
    emails = service.signers(session, decision)
    second, at = decision.seconded_by, decision.seconded_at
    return Signed(
        choice=CHOICES[Choice(decision.choice)].capitalize(),
        is_override=decision.needs_second,
        reason=decision.reason,
        decided_by=emails[decision.decided_by],
        decided_at=moment(decision.decided_at.astimezone(zone)),
        seconded_by=emails[second] if second else "",
        seconded_at=moment(at.astimezone(zone)) if at else "",
        counts=service.counts(decision),
        fingerprint=decision.fingerprint,
        own_fingerprint=service.fingerprint_of_decision(decision),
    )


def _choice(said: str) -> Choice:
    try:
        return Choice(said)
    except ValueError:
        raise BadInput(service.REFUSED, [Problem("choice", "is missing; choose one")]) from None


def _errors(refused: BadInput | Refusal | None) -> dict[str, str]:
    if refused is None:
        return {}
    return errors_of(refused, LABELS) if isinstance(refused, BadInput) else {"": str(refused)}


def _status(refused: BadInput | Refusal | None) -> int:
    return 200 if refused is None else STATUSES.get(type(refused), 422)


def _address(pilot: PilotRow) -> str:
    return f"/pilots/{pilot.slug}/decide"
