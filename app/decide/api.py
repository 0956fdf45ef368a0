"""Calls about what is decided."""

from typing import Any

from fastapi import Request

from app.decide import service
from app.decide.forms import DecisionRequest, QuestionModel, SecondRequest
from app.dependencies import CallerDep, NowDep, PilotDep, ReadingDep, WritingDep, allow
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.web.api import api_router, problems
from app.web.route import note

router = api_router("decisions")


@router.get(
    "/pilots/{slug}/decision", response_model=QuestionModel, dependencies=[allow(Right.READ)]
)
def read_decision(pilot: PilotDep, session: ReadingDep) -> dict[str, Any]:
    """The newest analysis, what it recommends, and what was decided."""
    return service.said(session, service.question_of(session, pilot))


@router.post(
    "/pilots/{slug}/decision",
    status_code=201,
    response_model=QuestionModel,
    dependencies=[allow(Right.SIGN)],
    responses=problems(412, 429),
)
def decide(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    asked: DecisionRequest,
) -> dict[str, Any]:
    """Accept the recommendation, or override it; that needs a reason and a second executive."""
    with slow_guessing(request, caller):
        decision = service.decide(
            session,
            pilot,
            by=caller,
            choice=asked.choice,
            reason=asked.reason,
            password=asked.password,
            fingerprint=asked.fingerprint,
            now=now,
        )
    note(request, after=decision.choice, reason=decision.reason)
    return service.said(session, service.question_of(session, pilot))


@router.post(
    "/pilots/{slug}/decision/second",
    status_code=201,
    response_model=QuestionModel,
    dependencies=[allow(Right.SIGN)],
    responses=problems(412, 429),
)
def second(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    asked: SecondRequest,
) -> dict[str, Any]:
    """Sign a decision as its second executive."""
    with slow_guessing(request, caller):
        service.second(
            session,
            pilot,
            by=caller,
            password=asked.password,
            fingerprint=asked.fingerprint,
            now=now,
        )
    return service.said(session, service.question_of(session, pilot))
