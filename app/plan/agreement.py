"""Pages of a plan that stands: review it, freeze it, sign it, and tell each other about it."""

from datetime import date
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.dependencies import CallerDep, NowDep, PilotDep, ReadingDep, TodayDep, WritingDep, allow
from app.people.caller import Caller
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.people.sign_ins import as_email
from app.people.users import emails_of
from app.plan import service
from app.plan.copying import copy_plan
from app.plan.draft import check_plan, draft_of
from app.plan.measures import KnownMeasure, known_measures, unrecorded
from app.plan.names import namesakes
from app.plan.outlook import assumed_facts, panel_of
from app.plan.updates import add_update, updates_of
from app.plan.words import in_short, plan_lines
from app.progress import needed_measures
from app.steps import show_pilot
from app.tables import PilotRow
from app.web.forms import Said, after, errors_of
from app.web.route import BookRoute, note
from experiments.errors import BadInput, BadPlan, NotSupported
from experiments.pilot import Plan

router = APIRouter(route_class=BookRoute)


@router.get("/pilots/{slug}/plan/review", dependencies=[allow(Right.READ)])
def review_page(
    request: Request, pilot: PilotDep, caller: CallerDep, session: ReadingDep, today: TodayDep
) -> Response:
    """The plan to be read before it is frozen."""
    if service.plan_row(session, pilot) is not None:
        return RedirectResponse(f"/pilots/{pilot.slug}/plan", 303)
    return show_review(request, session, pilot, caller, today)


@router.post("/pilots/{slug}/plan/freeze", name="freeze_page", dependencies=[allow(Right.WRITE)])
def freeze_plan(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    version: Said = "",
) -> Response:
    """Freeze the plan that was reviewed."""
    try:
        found = service.freeze(session, pilot, by=caller, now=now, version=number_or_none(version))
    except (BadPlan, NotSupported):
        session.rollback()
        return RedirectResponse(f"/pilots/{pilot.slug}/plan?check=yes", 303)
    note(request, fingerprint=found)
    return after(f"/pilots/{pilot.slug}/plan", "The plan is frozen.")


@router.post("/pilots/{slug}/plan/copy", name="copy_page", dependencies=[allow(Right.WRITE)])
def copy_plan_page(
    pilot: PilotDep, caller: CallerDep, session: WritingDep, request: Request, now: NowDep
) -> Response:
    """Begin a draft with the contents of the frozen plan."""
    copy = copy_plan(session, pilot, by=caller, now=now)
    note(request, pilot=copy.slug)
    return after(f"/pilots/{copy.slug}/plan", "The plan is copied.")


@router.post("/pilots/{slug}/plan/signature", name="sign_page", dependencies=[allow(Right.SIGN)])
def sign_plan_page(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    today: TodayDep,
    password: Said = "",
    fingerprint: Said = "",
) -> Response:
    """Sign the frozen plan."""
    try:
        with slow_guessing(request, caller):
            service.sign_plan(
                session, pilot, by=caller, password=password, fingerprint=fingerprint, now=now
            )
    except BadInput as error:
        errors = errors_of(error, {"password": "Password"})
        return show_frozen(request, session, pilot, caller, today, errors=errors, status=422)
    note(request, fingerprint=fingerprint)
    return after(f"/pilots/{pilot.slug}/plan", "You signed the plan.")


@router.get("/pilots/{slug}/updates", dependencies=[allow(Right.READ)])
def updates_page(
    request: Request, pilot: PilotDep, caller: CallerDep, session: ReadingDep, today: TodayDep
) -> Response:
    """What the pilot's people tell each other."""
    return _updates(request, session, pilot, caller, today)


@router.post("/pilots/{slug}/updates", name="add_update", dependencies=[allow(Right.WRITE)])
def add_update_page(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    today: TodayDep,
    text: Said = "",
) -> Response:
    """Add an update."""
    try:
        add_update(session, pilot, text=text, by=caller, now=now)
    except BadInput as error:
        errors = errors_of(error, {"text": "Update"})
        return _updates(
            request, session, pilot, caller, today, text=text, errors=errors, status=422
        )
    return after(f"/pilots/{pilot.slug}/updates", "The update is added.")


def number_or_none(text: str) -> int | None:
    """The version that a form was made from; None where it does not say."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def known_here(request: Request, session: Session) -> list[KnownMeasure]:
    """The measures that the company knows, by the days of its time zone."""
    return known_measures(session, timezone=request.app.state.settings.timezone)


def show_review(
    request: Request, session: Session, pilot: PilotRow, caller: Caller, today: date
) -> Response:
    """A draft to be read; who may write it may freeze it."""
    may_write = caller.may(Right.WRITE, own=pilot.owner_id == caller.user_id)
    try:
        plan: Plan | None = (
            service.check_draft(session, draft_of(pilot), by=caller, pilot=pilot)
            if may_write
            else check_plan(draft_of(pilot))
        )
    except (BadPlan, NotSupported):
        if may_write:
            return RedirectResponse(f"/pilots/{pilot.slug}/plan?check=yes", 303)
        plan = None
    return show_pilot(
        request,
        session,
        pilot,
        "plan/review.html",
        step="plan",
        today=today,
        slug=pilot.slug,
        draft_version=pilot.draft_version,
        may_write=may_write,
        short=in_short(plan) if plan else "",
        lines=plan_lines(plan) if plan else (),
        **(_promise(request, session, pilot, plan) if plan else {}),
        namesakes=namesakes(session, pilot, plan.pilot.name) if plan else (),
        starts_on=plan.pilot.starts_on if plan else None,
        is_late=plan is not None and today > plan.pilot.starts_on,
    )


def show_frozen(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """A frozen plan: its sentences, fingerprint and signature, or the place to sign."""
    plan, row = service.frozen_plan(session, pilot)
    signature = service.plan_signature(session, pilot)
    signer = emails_of(session, {signature.user_id})[signature.user_id] if signature else ""
    is_sponsor = as_email(plan.pilot.sponsor) == caller.email and pilot.owner_id != caller.user_id
    may_sign = caller.may(Right.SIGN) and is_sponsor and signature is None
    return show_pilot(
        request,
        session,
        pilot,
        "plan/frozen.html",
        step="plan",
        today=today,
        status=status,
        slug=pilot.slug,
        short=in_short(plan),
        lines=plan_lines(plan),
        **_promise(request, session, pilot, plan),
        owns=pilot.owner_id == caller.user_id and caller.may(Right.WRITE, own=True),
        address=(address := str(request.url_for("plan_page", slug=pilot.slug))),
        mail=_mail(plan, address),
        fingerprint=row.fingerprint,
        frozen_at=row.frozen_at,
        is_late=row.frozen_at.date() > plan.pilot.starts_on,
        sponsor=plan.pilot.sponsor,
        signature=signature,
        signer=signer,
        may_sign=may_sign,
        may_copy=caller.may(Right.WRITE, own=pilot.owner_id == caller.user_id),
        errors=errors or {},
    )


def _promise(request: Request, session: Session, pilot: PilotRow, plan: Plan) -> dict[str, Any]:
    """What the plan leads to by the numbers that were typed beside it, and what to beware of."""
    fields = draft_of(pilot).fields or {}
    given = plan.model_dump(mode="json", exclude_none=True)
    return {
        "panel": panel_of(given, fields),
        "assumed": assumed_facts(given, fields),
        "cautions": unrecorded(needed_measures(plan), known_here(request, session)),
    }


def _mail(plan: Plan, address: str) -> str:
    """A link that opens a mail to the sponsor; nobody is sent one."""
    subject = quote(f"Please sign the plan of {plan.pilot.name}")
    body = quote(f"The plan of {plan.pilot.name} is frozen and waits for your signature: {address}")
    return f"mailto:{quote(plan.pilot.sponsor, safe='@')}?subject={subject}&body={body}"


def _updates(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    text: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    return show_pilot(
        request,
        session,
        pilot,
        "plan/updates.html",
        step="",
        today=today,
        status=status,
        slug=pilot.slug,
        updates=updates_of(session, pilot),
        may_write=caller.may(Right.WRITE, own=pilot.owner_id == caller.user_id),
        text=text,
        errors=errors or {},
    )
