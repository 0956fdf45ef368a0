"""Pages of a draft: begin it, write it, have it checked."""

import uuid
from datetime import date
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

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
from app.people.rights import Right
from app.people.sign_ins import as_email
from app.people.users import emails_of, list_users
from app.plan import service
from app.plan.agreement import known_here, number_or_none, show_frozen, show_review
from app.plan.draft import Draft, draft_of, text_of_file
from app.plan.drafted import kind_of
from app.plan.fields import ROWS, Fields, first_primary, rows_of
from app.plan.forms import (
    CHOICES,
    FIRST_METRIC,
    NEW_METRIC,
    errors_at,
    label_of,
    new_fields,
    pairs,
    read_fields,
    typed_of,
    with_own,
    with_row,
    without_row,
)
from app.plan.measures import KnownMeasure, unrecorded
from app.plan.outlook import assumed_of, panel_of
from app.refusals import Stale, TooLarge
from app.steps import show_pilot
from app.tables import PilotRow, Role
from app.web.forms import Said, after
from app.web.pages import show
from app.web.route import BookRoute, note
from experiments.errors import BadInput, BadPlan, NotSupported, PilotError
from experiments.plan.pilot_file import parse_plan_file

# Which opened page wrote a draft last; a page does not stand in its own way.
EDITOR: Final = "editor"
LONGEST_FILE: Final = 1024**2
TypedDep = Annotated[list[tuple[str, str]], Depends(typed_of)]

router = APIRouter(route_class=BookRoute)
# What is looked up while somebody types changes nothing, and is no entry of the journal.
lookups = APIRouter()


@router.get("/pilots/new", dependencies=[allow(Right.WRITE)])
def new_pilot_page(request: Request) -> Response:
    """Ask for the pilot's name, or for a pilot file."""
    return show(request, "plan/new.html", name="", errors={}, problems=())


@router.post("/pilots/new", name="begin_pilot_page", dependencies=[allow(Right.WRITE)])
def begin_pilot(
    *,
    request: Request,
    caller: CallerDep,
    session: WritingDep,
    settings: SettingsDep,
    now: NowDep,
    name: Said = "",
) -> Response:
    """Begin a draft."""
    if not name.strip():
        wrong = {"name": "Name is missing."}
        return show(request, "plan/new.html", status=422, name=name, errors=wrong, problems=())
    fields = new_fields(name=name.strip(), owner=caller.email, currency=settings.currency)
    draft = Draft.of_fields(fields, kept={})
    pilot = service.begin_pilot(session, owner=caller, draft=draft, now=now)
    draft = Draft.of_fields({**fields, "pilot-slug": pilot.slug}, kept={})
    pilot.draft_json = draft.as_json()
    note(request, pilot=pilot.slug)
    return RedirectResponse(f"/pilots/{pilot.slug}/plan", 303)


@router.post("/pilots/new/file", name="begin_from_file", dependencies=[allow(Right.WRITE)])
def begin_from_file(
    request: Request, caller: CallerDep, session: WritingDep, now: NowDep, file: UploadFile
) -> Response:
    """Begin a draft with a pilot file."""
    try:
        plan = parse_plan_file(_text_of(file), name=file.filename or "pilot file")
    except BadPlan as error:
        wrong = {"file": error.what}
        return show(
            request, "plan/new.html", status=422, name="", errors=wrong, problems=error.problems
        )
    said = "The pilot file is read."
    if caller.role is not Role.ADMIN and as_email(plan.pilot.owner) != caller.email:
        header = plan.pilot.model_copy(update={"owner": caller.email})
        plan = plan.model_copy(update={"pilot": header})
        said = f"{said} You are the owner now."
    pilot = service.begin_pilot(session, owner=caller, draft=Draft.of_plan(plan), now=now)
    note(request, pilot=pilot.slug)
    return after(f"/pilots/{pilot.slug}/plan?check=yes", said)


@router.get("/pilots/{slug}/plan", dependencies=[allow(Right.READ)])
def plan_page(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: ReadingDep,
    today: TodayDep,
    check: str = "",
) -> Response:
    """The plan: a form while it is a draft of the reader's, else to be read."""
    if service.plan_row(session, pilot) is not None:
        return show_frozen(request, session, pilot, caller, today)
    if not caller.may(Right.WRITE, own=pilot.owner_id == caller.user_id):
        return show_review(request, session, pilot, caller, today)
    wrong = _problems(session, pilot, caller) if check else None
    return _edit(request, session, pilot, caller, today, wrong=wrong)


@router.post("/pilots/{slug}/plan", name="save_plan", dependencies=[allow(Right.WRITE)])
def save_plan(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    today: TodayDep,
    typed: TypedDep,
) -> Response:
    """Save the draft, and check it unless a button asked for something else."""
    pressed = dict(typed)
    if "remove" in pressed:
        typed = without_row(typed, pressed["remove"])
    fields = _fields(typed, caller, session, pilot)
    try:
        row = _save(session, pilot, fields, pressed)
    except Stale:
        session.rollback()
        wrong: PilotError | None = Stale(
            "Somebody else saved this plan meanwhile. Below is what you typed: saving it again "
            "writes over theirs."
        )
        return _edit(request, session, pilot, caller, today, fields=fields, wrong=wrong, status=412)
    if {"add", "remove", "preview"} & set(pressed):
        if pressed.get("add") in ("metrics", "treatments", "segments"):
            fields = with_row(fields, pressed["add"])
        session.commit()
        return _edit(request, session, row, caller, today, fields=fields)
    if "save" in pressed:
        return after(f"/pilots/{row.slug}/plan", "The draft is saved.")
    session.commit()
    wrong = _problems(session, row, caller)
    if wrong is not None:
        return _edit(request, session, row, caller, today, wrong=wrong, status=422)
    return RedirectResponse(f"/pilots/{row.slug}/plan/review", 303)


@router.post("/pilots/{slug}/plan/draft", name="autosave_plan", dependencies=[allow(Right.WRITE)])
def autosave(
    *,
    request: Request,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    settings: SettingsDep,
    now: NowDep,
    typed: TypedDep,
) -> Response:
    """Save the draft while it is typed; its address moves only when a button is pressed."""
    fields = _fields(typed, caller, session, pilot)
    try:
        row = _save(session, pilot, fields, dict(typed), move=False)
    except Stale:
        answer = show(request, "plan/_conflict.html", status=422)
        answer.headers["HX-Retarget"] = "#conflict"
        return answer
    at = now.astimezone(ZoneInfo(settings.timezone)).strftime("%H:%M")
    return show(request, "plan/_saved.html", at=at, draft_version=row.draft_version)


@lookups.post("/pilots/{slug}/plan/outlook", name="plan_outlook", dependencies=[allow(Right.WRITE)])
def outlook_panel(request: Request, typed: TypedDep, session: ReadingDep) -> Response:
    """What the form leads to, as it is typed."""
    fields = read_fields(typed, owner=None)
    given = Draft.of_fields(fields, kept={}).given
    return show(
        request,
        "plan/_outlook.html",
        panel=panel_of(given, fields),
        cautions=_cautions(fields, known_here(request, session)),
        is_fragment=True,
    )


def _fields(
    typed: list[tuple[str, str]], caller: Caller, session: Session, pilot: PilotRow
) -> Fields:
    if caller.role is Role.ADMIN or pilot.owner_id is None:
        return read_fields(typed, owner=None)
    owner = emails_of(session, {pilot.owner_id})[pilot.owner_id]
    return read_fields(typed, owner=owner)


def _save(
    session: Session, pilot: PilotRow, fields: Fields, pressed: dict[str, str], *, move: bool = True
) -> PilotRow:
    before = draft_of(pilot)
    editor = pressed.get(EDITOR, "")[:32]
    draft = Draft.of_fields({**fields, EDITOR: editor}, kept=before.given)
    version = number_or_none(pressed.get("version", ""))
    if move and editor and (before.fields or {}).get(EDITOR) == editor:
        version = None  # the page saved itself while its button was pressed
    return service.save_draft(session, pilot, draft, version=version, move=move)


def _cautions(fields: Fields, known: list[KnownMeasure]) -> tuple[str, ...]:
    named = [row.get("measure", "").strip() for row in rows_of(fields, "metrics")]
    return unrecorded([name for name in named if name], known)


def _problems(session: Session, pilot: PilotRow, caller: Caller) -> PilotError | None:
    """Why the draft cannot be frozen; None where it can."""
    try:
        service.check_draft(session, draft_of(pilot), by=caller, pilot=pilot)
    except (BadPlan, NotSupported) as error:
        return error
    return None


def _edit(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    fields: Fields | None = None,
    wrong: PilotError | None = None,
    status: int = 200,
) -> Response:
    """The form, with what was typed, and what is wrong with it."""
    draft = draft_of(pilot)
    fields = draft.form() if fields is None else fields
    given = Draft.of_fields(fields, kept=draft.given).given
    # The money metric need not be named: it is the first primary one.
    if fields.get("value-metric") == first_primary(fields):
        fields = {name: text for name, text in fields.items() if name != "value-metric"}
    errors = {}
    if isinstance(wrong, BadInput):
        errors = errors_at(wrong, fields)
    elif wrong is not None:
        errors = {"": str(wrong)}
    kind = kind_of(given)
    aside = assumed_of(fields, kind=kind)[1]
    errors |= {name: f"{label_of(name, kind=kind)}: {said}." for name, said in aside.items()}
    known = known_here(request, session)
    metrics = rows_of(fields, "metrics")
    return show_pilot(
        request,
        session,
        pilot,
        "plan/edit.html",
        step="plan",
        today=today,
        status=status,
        fields=fields,
        errors=errors,
        slug=pilot.slug,
        draft_version=pilot.draft_version,
        editor=uuid.uuid4().hex,
        panel=panel_of(given, fields),
        cautions=_cautions(fields, known),
        is_fragment=False,
        measures=known,
        known_names={measure.name for measure in known},
        executives=[user.email for user in list_users(session, role=Role.EXECUTIVE)],
        managers=[user.email for user in list_users(session, role=Role.MANAGER)],
        is_admin=caller.role is Role.ADMIN,
        choices=CHOICES,
        with_own=with_own,
        prefixed=lambda start, keys: [f"{start}{key}" for key in keys],
        wrong_at=lambda starts: any(name.startswith(tuple(starts)) for name in errors),
        pairs=pairs,
        first_metric=FIRST_METRIC,
        new_metric=NEW_METRIC,
        metric_names=[name for row in metrics if (name := row.get("name") or row.get("measure"))],
        rows={group: rows_of(fields, group) for group in ROWS},
    )


def _text_of(file: UploadFile) -> str:
    name = file.filename or "pilot file"
    content = file.file.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise TooLarge(f"{name} is longer than a pilot file can be; send the plan alone.")
    return text_of_file(content, name=name)
