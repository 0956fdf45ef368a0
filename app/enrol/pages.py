"""The enrol page: upload, say what the columns mean, draw the groups, read the receipt."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    PilotDep,
    ReadingDep,
    SettingsDep,
    TodayDep,
    WritingDep,
    allow,
)
from app.enrol.forms import MEANINGS, WORDS, guessed, lacking, typed_columns, typed_seed
from app.enrol.kept import kept_of
from app.enrol.lists import list_name, write_list
from app.enrol.request import ask_to_draw, ask_to_enrol, new_seed
from app.enrol.service import enrolment_receipt, waiting_list
from app.enrol.shown import (
    alike_shown,
    drawn_sentence,
    enrolled_sentence,
    overlap_sentence,
    planned_groups,
)
from app.errors import problem_of
from app.people.caller import Caller
from app.people.rights import Right
from app.plan.service import frozen_plan
from app.steps import PilotHead, head_here, show_pilot
from app.tables import PilotRow
from app.web.columns import TypedDep, column_names, errors_at, shown_upload
from app.web.forms import said_of
from app.web.inbox import UploadId, Waiting, remember, upload_of_form, waiting_upload
from app.web.jobs import answer_page, awaited
from app.web.route import BookRoute
from app.web.sent import sent_file
from app.workspace import open_workspace
from experiments.enrol.customers import attributes_of, refuse_unknown_attributes
from experiments.enrol.enrolment import as_drawn
from experiments.enrol.guess import CustomerMeaning, guess_customers
from experiments.errors import BadInput, PilotError
from experiments.plan.pilot_file import CustomersFile
from experiments.report.wording import counted

router = APIRouter(route_class=BookRoute)
STEP: Final = "enrol"


@router.get("/pilots/{slug}/enrol", dependencies=[allow(Right.READ)])
def enrol_page(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    settings: SettingsDep,
    database: DatabaseDep,
    caller: CallerDep,
    today: TodayDep,
) -> Response:
    """Ask for customers, for the draw, or show who is enrolled."""
    head = head_here(request, session, pilot, today=today)
    if head.facts.enrolled:
        plan, _ = frozen_plan(session, pilot)
        receipt = enrolment_receipt(session, pilot)
        session.rollback()
        kept = kept_of(settings, database, pilot)
        return show_pilot(
            request,
            session,
            pilot,
            "enrol/enrolled.html",
            step=STEP,
            today=today,
            head=head,
            receipt=receipt,
            sentence=enrolled_sentence(receipt),
            drawn=drawn_sentence(receipt),
            control=plan.design.control,
            alike=alike_shown(kept.alike, plan),
            levels=kept.alike.levels,
            arms=plan.design.arms,
            overlaps=[(one, overlap_sentence(one)) for one in kept.overlaps if one.customers],
            may_list=_may(caller, Right.SEE_CUSTOMERS, pilot),
        )
    if head.facts.listed:
        typed = {"seed": str(new_seed())}
        return _ask_draw(request, session, pilot, caller, today, head=head, typed=typed, errors={})
    return _ask_file(request, session, pilot, caller, today, head=head, errors={})


@router.post("/pilots/{slug}/enrol/uploads", dependencies=[allow(Right.WRITE)])
async def upload_customers(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Take in a file of customers, and ask what its columns mean."""
    try:
        upload = await upload_of_form(request, by=caller.user_id, now=now)
    except PilotError as error:
        return await run_in_threadpool(
            _ask_file,
            request,
            session,
            pilot,
            caller,
            today,
            errors={"file": said_of(error)},
            status=problem_of(error).status,
        )
    return RedirectResponse(_upload_address(pilot, upload), HTTPStatus.SEE_OTHER)


@router.get("/pilots/{slug}/enrol/uploads/{upload}", dependencies=[allow(Right.WRITE)])
def columns_page(
    request: Request,
    *,
    pilot: PilotDep,
    upload: UploadId,
    session: ReadingDep,
    settings: SettingsDep,
    caller: CallerDep,
    today: TodayDep,
) -> Response:
    """Show the first rows, and ask what the columns mean."""
    waiting = waiting_upload(settings.files, upload, by=caller.user_id)
    return _ask_columns(request, session, pilot, waiting, today, typed=waiting.chosen, errors={})


@router.post("/pilots/{slug}/enrol/uploads/{upload}", dependencies=[allow(Right.WRITE)])
def enrol_upload(
    request: Request,
    *,
    pilot: PilotDep,
    upload: UploadId,
    typed: TypedDep,
    reading: ReadingDep,
    session: WritingDep,
    database: DatabaseDep,
    settings: SettingsDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Enrol the customers of an upload, as its columns were explained."""
    waiting = waiting_upload(settings.files, upload, by=caller.user_id)
    remember(waiting, typed)
    names = column_names(waiting.preview)
    try:
        columns = typed_columns(typed, names, file=waiting.name)
        plan, _ = frozen_plan(reading, pilot)
        refuse_unknown_attributes(as_drawn(plan, seed=0, strata=()), columns)
    except BadInput as error:
        errors = errors_at(error, names, {}, WORDS)
        return _ask_columns(request, reading, pilot, waiting, today, typed=typed, errors=errors)
    job = ask_to_enrol(
        session,
        pilot,
        waiting.path,
        columns,
        name=waiting.name,
        by=caller,
        now=now,
        back=_upload_address(pilot, upload),
    )
    return answer_page(awaited(session, database, job))


@router.post("/pilots/{slug}/enrol/draw", dependencies=[allow(Right.WRITE)])
def draw_groups_page(
    request: Request,
    *,
    pilot: PilotDep,
    typed: TypedDep,
    reading: ReadingDep,
    session: WritingDep,
    database: DatabaseDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Draw the groups of the customers who wait."""
    try:
        seed = typed_seed(typed.get("seed", ""))
    except BadInput as error:
        errors = {"seed": error.problems[0].what}
        return _ask_draw(request, reading, pilot, caller, today, typed=typed, errors=errors)
    strata = tuple(typed.get("strata", "").splitlines())
    job = ask_to_draw(session, pilot, seed=seed, strata=strata, by=caller, now=now)
    return answer_page(awaited(session, database, job))


@router.get("/pilots/{slug}/enrol/list", dependencies=[allow(Right.SEE_CUSTOMERS)])
def treatment_list(
    pilot: PilotDep,
    settings: SettingsDep,
    database: DatabaseDep,
    arm: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """The list of a group, or of all, for whoever writes to the customers."""
    with database.reading() as session, open_workspace(settings, session) as workspace:
        path = workspace.scratch / "list.csv"
        write_list(workspace, pilot, arm=arm, path=path)
        plan, _ = frozen_plan(workspace.session, pilot)
        name = list_name(pilot, plan.design.arms, arm)
        return sent_file(path, media_type="text/csv", name=name)


def _ask_file(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    head: PilotHead | None = None,
    errors: Mapping[str, str],
    status: int = HTTPStatus.OK,
) -> Response:
    return show_pilot(
        request,
        session,
        pilot,
        "enrol/upload.html",
        step=STEP,
        today=today,
        head=head,
        status=status,
        errors=errors,
        may_write=_may(caller, Right.WRITE, pilot),
    )


def _ask_columns(
    request: Request,
    session: Session,
    pilot: PilotRow,
    waiting: Waiting,
    today: date,
    *,
    typed: Mapping[str, Any],
    errors: Mapping[str, str],
) -> Response:
    plan, _ = frozen_plan(session, pilot)
    # Where neither file nor plan says how groups are drawn, the next page asks; nothing is missing.
    drawable = as_drawn(plan, seed=0, strata=())
    guess = guess_customers(waiting.preview, plan=plan)
    said = typed or guessed(pilot, guess)
    seen = shown_upload(
        waiting.preview,
        said,
        ask_row=not any(one.meaning is CustomerMeaning.CUSTOMER_ID for one in guess.columns[1:]),
    )
    lack = lacking(plan, column_names(waiting.preview)[1:], file=waiting.name)
    has_groups = any(one.meaning == CustomerMeaning.ARM for one in seen.columns)
    return show_pilot(
        request,
        session,
        pilot,
        "enrol/columns.html",
        step=STEP,
        today=today,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        name=waiting.name,
        lacking=lack,
        seen=seen,
        meanings=[("", list(MEANINGS))],
        missing=() if typed or lack else guess_customers(waiting.preview, plan=drawable).missing,
        will_draw=() if has_groups else plan.design.arms,
        draws_later=not has_groups and plan.design.seed is None,
        strangers=guess.other_arms,
        other_arms=said.get("other_arms", ""),
        errors=errors,
    )


def _ask_draw(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    head: PilotHead | None = None,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    plan, _ = frozen_plan(session, pilot)
    waiting = waiting_list(session, pilot)
    if waiting is None:
        return RedirectResponse(f"/pilots/{pilot.slug}/enrol", HTTPStatus.SEE_OTHER)
    known = attributes_of(CustomersFile.model_validate_json(waiting.columns_json))
    return show_pilot(
        request,
        session,
        pilot,
        "enrol/draw.html",
        step=STEP,
        today=today,
        head=head,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        customers=counted(waiting.customers, "customer waits", "customers wait"),
        name=waiting.file_name,
        shares=planned_groups(plan, customers=waiting.customers),
        strata=[(name, name) for name in known],
        planned_strata=plan.design.strata,
        chosen=typed.get("strata", "").splitlines(),
        seed=typed.get("seed", ""),
        errors=errors,
        may_write=_may(caller, Right.WRITE, pilot),
    )


def _upload_address(pilot: PilotRow, upload: str) -> str:
    return f"/pilots/{pilot.slug}/enrol/uploads/{upload}"


def _may(caller: Caller, right: Right, pilot: PilotRow) -> bool:
    return caller.may(right, own=pilot.owner_id == caller.user_id, safe=False)
