"""Calls about a plan: write, freeze and sign it, ask what it leads to, tell what is new."""

import json
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response

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
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.plan import service
from app.plan.asked import PowerQuery
from app.plan.draft import Draft, draft_of, text_of_file
from app.plan.drafted import kind_of
from app.plan.outlook import Assumed, assumed_of, draft_outlook, sentences_of
from app.plan.readiness import readiness_of
from app.plan.schemas import (
    PLAN,
    Begun,
    Frozen,
    PowerModel,
    ReadinessCheck,
    ReadinessList,
    Signature,
    SignatureRequest,
    UpdateList,
    UpdateModel,
    UpdateRequest,
    plan_body,
)
from app.plan.updates import Update, add_update, updates_of
from app.refusals import Stale, TooLarge, WrongType
from app.tables import PilotRow
from app.web.api import PREFIX, Cursor, Limit, api_router, problems, read_cursor, write_cursor
from app.web.etags import etag, headers_of, not_modified
from app.web.route import note
from experiments.errors import BadInput, Problem, Undefined
from experiments.plan.pilot_file import PlanFile, parse_plan_file, parse_plan_json
from experiments.terms import SHARES, MetricKind
from experiments.words import day

LONGEST: Final = 1024**2
TOML: Final = "application/toml"
PLAN_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The plan; `ETag` changes with it",
        "content": {"application/json": {"schema": {"type": "object"}, "example": PLAN}},
    },
}

router = api_router("plans")


async def body_of(request: Request) -> bytes:
    """The body of a request, as long as a plan can be.

    Raises:
        TooLarge: It is longer.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST:
            raise TooLarge("The plan is longer than 1 MB; send the plan alone, without data.")
    return bytes(body)


BodyDep = Annotated[bytes, Depends(body_of)]
IfMatch = Annotated[
    str | None,
    Header(description="`ETag` of the plan that was changed.", max_length=200),
]


@router.post(
    "/pilots",
    status_code=201,
    response_model=Begun,
    dependencies=[allow(Right.WRITE)],
    responses=problems(413, 415),
    openapi_extra=plan_body(),
)
def begin_pilot(
    *, request: Request, caller: CallerDep, session: WritingDep, now: NowDep, body: BodyDep
) -> Response:
    """Begin a pilot with a complete plan; it is a draft until it is frozen."""
    plan = _plan_in(request, body)
    draft = Draft.of_plan(plan)
    service.check_draft(session, draft, by=caller)
    pilot = service.begin_pilot(session, owner=caller, draft=draft, now=now)
    note(request, pilot=pilot.slug)
    address = f"{PREFIX}/pilots/{pilot.slug}"
    begun = Begun(slug=pilot.slug, address=address, page=f"/pilots/{pilot.slug}/plan")
    headers = {"Location": address, **headers_of(_tag(pilot, None))}
    return JSONResponse(begun.model_dump(mode="json"), 201, headers=headers)


@router.get(
    "/pilots/{slug}/plan",
    dependencies=[allow(Right.READ)],
    responses={**PLAN_ANSWER, 304: {"description": "As `If-None-Match` has it"}},
    response_class=JSONResponse,
)
def get_plan(request: Request, pilot: PilotDep, session: ReadingDep) -> Response:
    """The plan: as frozen, or the draft as far as it is written."""
    frozen = service.plan_row(session, pilot)
    tag = _tag(pilot, frozen.fingerprint if frozen else None)
    said = json.loads(frozen.canonical_json) if frozen else dict(draft_of(pilot).given)
    return not_modified(request, tag) or JSONResponse(said, headers=dict(headers_of(tag)))


@router.put(
    "/pilots/{slug}/plan",
    dependencies=[allow(Right.WRITE)],
    responses={**PLAN_ANSWER, **problems(412, 413, 415)},
    response_class=JSONResponse,
    openapi_extra=plan_body(),
)
def put_plan(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    body: BodyDep,
    if_match: IfMatch = None,
) -> Response:
    """Write the whole draft anew; another slug moves the pilot's address (`Location`)."""
    if service.plan_row(session, pilot) is not None:
        raise service.PlanAlreadyFrozen(pilot.slug)
    version = _version(pilot, if_match)
    draft = Draft.of_plan(_plan_in(request, body))
    service.check_draft(session, draft, by=caller, pilot=pilot)
    row = service.save_draft(session, pilot, draft, version=version)
    headers = {**headers_of(_tag(row, None)), "Location": f"{PREFIX}/pilots/{row.slug}/plan"}
    return JSONResponse(dict(draft.given), headers=headers)


@router.post(
    "/pilots/{slug}/plan/freeze",
    dependencies=[allow(Right.WRITE)],
    responses=problems(412),
)
def freeze_plan(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    today: TodayDep,
    if_match: IfMatch = None,
) -> Frozen:
    """Freeze the plan, for good."""
    version = None if if_match is None else _version(pilot, if_match)
    fingerprint = service.freeze(session, pilot, by=caller, now=now, version=version)
    note(request, fingerprint=fingerprint)
    starts_on = service.frozen_plan(session, pilot)[0].pilot.starts_on
    late = today > starts_on
    sentence = "The plan is frozen; it waits for its sponsor's signature."
    if late:
        sentence += (
            f" The pilot began on {day(starts_on)}, so that its result will be retrospective, "
            f"which cannot open the roll-out by itself."
        )
    return Frozen(fingerprint=fingerprint, retrospective=late, sentence=sentence)


@router.post(
    "/pilots/{slug}/plan/signature",
    status_code=201,
    dependencies=[allow(Right.SIGN)],
    responses=problems(412, 429),
)
def sign_plan(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    asked: SignatureRequest,
) -> Signature:
    """Sign the frozen plan as its sponsor."""
    with slow_guessing(request, caller):
        signature = service.sign_plan(
            session,
            pilot,
            by=caller,
            password=asked.password,
            fingerprint=asked.fingerprint,
            now=now,
        )
    note(request, fingerprint=signature.fingerprint)
    return Signature(by=caller.email, at=signature.signed_at, fingerprint=signature.fingerprint)


@router.get("/pilots/{slug}/readiness", dependencies=[allow(Right.READ)])
def get_readiness(
    pilot: PilotDep, session: ReadingDep, today: TodayDep, settings: SettingsDep
) -> ReadinessList:
    """What an analysis needs: what is there, and what is missing."""
    found = readiness_of(session, pilot, today=today, timezone=settings.timezone)
    return ReadinessList(
        checks=[
            ReadinessCheck(name=one.name, outcome=one.outcome, sentence=one.sentence)
            for one in found
        ]
    )


@router.get("/pilots/{slug}/power", response_model=PowerModel, dependencies=[allow(Right.READ)])
def get_power(
    *,
    pilot: PilotDep,
    session: ReadingDep,
    asked: Annotated[PowerQuery, Query()],
) -> dict[str, Any]:
    """Power curve, break-even and customers needed; what is left out is as the form has it."""
    frozen = service.plan_row(session, pilot)
    draft = draft_of(pilot)
    given = json.loads(frozen.canonical_json) if frozen else draft.given
    kind = kind_of(given)
    typed, _ = assumed_of(draft.fields or {}, kind=kind)
    assumed = asked.added_to(typed)
    _refuse_unknown_baseline(assumed, kind)
    found = draft_outlook(given, assumed)
    return {
        "customers": found.customers,
        "effect": _json(found.effect),
        "break_even": _json(found.break_even),
        "power": _json(found.to_prove.power),
        "customers_needed": _json(found.to_prove.customers_needed),
        "detectable_effect": _json(found.detectable_effect),
        "break_even_horizon": _json(found.break_even_horizon),
        "guardrails": [
            {
                "metric": one.metric,
                "power": _json(one.power),
                "customers_needed": _json(one.customers_needed),
            }
            for one in found.guardrails
        ],
        "days": _json(found.days),
        "target": found.target,
        "curve": [
            {"customers": point.customers, "power": point.power} for point in found.to_prove.curve
        ],
        "sentences": sentences_of(given, found),
    }


@router.get("/pilots/{slug}/updates", dependencies=[allow(Right.READ)])
def get_updates(
    pilot: PilotDep, session: ReadingDep, limit: Limit = 50, cursor: Cursor = None
) -> UpdateList:
    """What the pilot's people told each other, the newest first."""
    found = updates_of(session, pilot, limit=limit + 1, before=read_cursor(cursor))
    more = len(found) > limit
    return UpdateList(
        items=[_update(one) for one in found[:limit]],
        next=write_cursor(found[limit - 1].number) if more else None,
    )


@router.post("/pilots/{slug}/updates", status_code=201, dependencies=[allow(Right.WRITE)])
def post_update(
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    asked: UpdateRequest,
) -> UpdateModel:
    """Add an update."""
    return _update(add_update(session, pilot, text=asked.text, by=caller, now=now))


def _plan_in(request: Request, body: bytes) -> PlanFile:
    """The plan in a body, JSON or TOML by its content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return parse_plan_json(body)
    if kind == TOML:
        return parse_plan_file(text_of_file(body, name="The pilot file"), name="The pilot file")
    raise WrongType(
        f"A body of type {kind or 'unknown'!r} cannot be read; send application/json or {TOML}."
    )


def _tag(pilot: PilotRow, fingerprint: str | None) -> str:
    return etag(fingerprint) if fingerprint else etag("draft", pilot.draft_version)


def _version(pilot: PilotRow, if_match: str | None) -> int | None:
    """The draft's version that the caller changed; None where they do not say."""
    if if_match is None:
        return None
    said = {tag.strip() for tag in if_match.split(",")}
    if "*" in said or _tag(pilot, None) in said:
        return pilot.draft_version
    raise Stale(
        f"The plan of {pilot.slug} is not the one that If-Match names; get it again and repeat "
        f"your changes."
    )


def _refuse_unknown_baseline(assumed: Assumed, kind: MetricKind) -> None:
    found = assumed.baseline(kind)
    if isinstance(found, Undefined):
        where = "rate" if kind in SHARES else "mean"
        both = "" if kind in SHARES else " and sd"
        raise BadInput(
            "There is no power without knowing what customers do now.",
            [Problem(where, f"{found.reason}: give {where}{both} in the query")],
        )


def _json(found: float | Undefined) -> Any:
    return {"undefined": found.reason} if isinstance(found, Undefined) else found


def _update(found: Update) -> UpdateModel:
    return UpdateModel(
        number=found.number, text=found.text, by=found.by, created_at=found.created_at
    )
