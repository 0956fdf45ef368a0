"""The record page of a pilot, and uploads of behavior there and under the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.batches import complete_through
from app.database import Database
from app.dependencies import (
    LARGEST_ID,
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
from app.errors import problem_of
from app.people.caller import Caller
from app.people.rights import Right
from app.progress import needed_measures
from app.record.columns import (
    HELP,
    WORDS,
    Need,
    guessed,
    lacking,
    meanings_offered,
    needs_of,
    rows_offered,
    typed_columns,
)
from app.record.ledger import behavior_batch
from app.record.measures import known_measures
from app.record.request import ask_to_record
from app.record.service import receipt_of
from app.record.shown import arrived, receipt_shown
from app.steps import PilotHead, head_here, show_pilot
from app.tables import PilotRow
from app.web.columns import TypedDep, column_names, errors_at, shown_upload
from app.web.forms import said_of
from app.web.inbox import UploadId, Waiting, remember, upload_of_form, waiting_upload
from app.web.jobs import answer_page, awaited
from app.web.pages import show
from app.web.route import BookRoute
from experiments.errors import BadInput, PilotError
from experiments.record.guess import guess_behavior

router = APIRouter(route_class=BookRoute)
STEP: Final = "record"
FIELDS: Final = {name: name for name in ("complete", "occurred_on", "each_row")} | {
    "occurred_at": "occurred_on"
}
YES: Final = "yes"
Again = Annotated[str, Query(max_length=8, description="The file was recorded before.")]
BatchNumber = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where behavior is uploaded: on a pilot's page, or under the ledger where `pilot` is None."""

    pilot: PilotRow | None

    @property
    def address(self) -> str:
        """The page itself."""
        return "/ledger" if self.pilot is None else f"/pilots/{self.pilot.slug}/record"

    @property
    def done(self) -> str:
        """The page that shows a receipt."""
        return "/ledger/{batch}" if self.pilot is None else f"{self.address}?batch={{batch}}"

    def upload(self, upload: str) -> str:
        """The page that asks what the columns mean."""
        return f"{self.address}/uploads/{upload}"


@router.get("/pilots/{slug}/record", dependencies=[allow(Right.READ)])
def record_page(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    caller: CallerDep,
    today: TodayDep,
    batch: BatchNumber = None,
    again: Again = "",
) -> Response:
    """Show what arrived for a pilot and what is missing, and ask for more."""
    return _show_arrived(
        request, session, pilot, caller, today, batch=batch, again=again == YES, errors={}
    )


@router.post("/pilots/{slug}/record/uploads", dependencies=[allow(Right.RECORD)])
async def upload_for_pilot(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Take in a file of behavior, and ask what its columns mean."""
    try:
        upload = await upload_of_form(request, by=caller.user_id, now=now)
    except PilotError as error:
        return await run_in_threadpool(
            _show_arrived,
            request,
            session,
            pilot,
            caller,
            today,
            batch=None,
            errors={"file": said_of(error)},
            status=problem_of(error).status,
        )
    return RedirectResponse(Place(pilot).upload(upload), HTTPStatus.SEE_OTHER)


@router.get("/pilots/{slug}/record/uploads/{upload}", dependencies=[allow(Right.RECORD)])
def columns_for_pilot(
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
    return ask_columns(
        request, session, Place(pilot), waiting, today, typed=waiting.chosen, errors={}
    )


@router.post("/pilots/{slug}/record/uploads/{upload}", dependencies=[allow(Right.RECORD)])
def record_for_pilot(
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
    """Record an upload, as its columns were explained."""
    waiting = waiting_upload(settings.files, upload, by=caller.user_id)
    return record_as_explained(
        request,
        Place(pilot),
        waiting,
        typed=typed,
        reading=reading,
        writing=session,
        database=database,
        by=caller,
        now=now,
        today=today,
    )


def record_as_explained(
    request: Request,
    place: Place,
    waiting: Waiting,
    *,
    typed: Mapping[str, str],
    reading: Session,
    writing: Session,
    database: Database,
    by: Caller,
    now: datetime,
    today: date,
) -> Response:
    """Record an upload as a form explained its columns, or show the form with what is wrong."""
    remember(waiting, typed)
    names = column_names(waiting.preview)
    try:
        columns = typed_columns(typed, names, file=waiting.name, today=today)
    except BadInput as error:
        errors = errors_at(error, names, FIELDS, WORDS)
        return ask_columns(request, reading, place, waiting, today, typed=typed, errors=errors)
    job = ask_to_record(
        writing,
        waiting.path,
        columns,
        name=waiting.name,
        by=by,
        now=now,
        today=today,
        done=place.done,
        back=request.url.path,
    )
    return answer_page(awaited(writing, database, job))


def ask_columns(
    request: Request,
    session: Session,
    place: Place,
    waiting: Waiting,
    today: date,
    *,
    typed: Mapping[str, Any],
    errors: Mapping[str, str],
) -> Response:
    """Show the first rows of an upload, and ask what its columns mean."""
    measures = {measure.name for measure in known_measures(session)}
    pilot, closes_on = place.pilot, None
    head: PilotHead | None = None
    needs: tuple[Need, ...] = ()
    if pilot is not None:
        head = head_here(request, session, pilot, today=today)
        facts = head.facts
        needs = needs_of(facts.plan) if facts.plan else ()
        closes_on = facts.closes_on
    session.rollback()
    measures |= {need.measure for need in needs}
    counted = {need.measure for need in needs if need.is_counted}
    guess = guess_behavior(waiting.preview, measures=measures, counted=counted)
    said = typed or guessed(guess, measures)
    ask_row = not any(one.meaning == "customer_id" for one in guess.columns[1:])
    context: dict[str, Any] = {
        "status": HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        "name": waiting.name,
        "seen": shown_upload(waiting.preview, said, ask_row=ask_row),
        "meanings": meanings_offered(needs, measures),
        "rows_offered": rows_offered(needs, measures),
        "needs": needs,
        "help": HELP,
        "is_long": guess.is_long,
        "missing": () if typed else lacking(guess, needs),
        "closes_on": closes_on,
        "typed": said,
        "other_file": place.address,
        "errors": errors,
    }
    if pilot is None:
        return show(request, "record/ledger_columns.html", **context)
    return show_pilot(
        request,
        session,
        pilot,
        "record/columns.html",
        step=STEP,
        today=today,
        head=head,
        **context,
    )


def _show_arrived(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    today: date,
    *,
    batch: int | None,
    again: bool = False,
    errors: Mapping[str, str],
    status: int = HTTPStatus.OK,
) -> Response:
    head = head_here(request, session, pilot, today=today)
    facts = head.facts
    measures = None
    if facts.plan is not None and facts.closes_on is not None:
        declared = complete_through(session, through=LARGEST_ID)
        measures = arrived(
            session, facts.plan, closes_on=facts.closes_on, complete=declared, today=today
        )
    may_record = caller.may(Right.RECORD, safe=False)
    row = behavior_batch(session, batch) if batch and may_record else None
    receipt = receipt_of(row) if row is not None else None
    needs = needed_measures(facts.plan) if facts.plan else ()
    first = row.received_at.date() if row is not None and again else None
    return show_pilot(
        request,
        session,
        pilot,
        "record/arrived.html",
        step=STEP,
        today=today,
        head=head,
        status=status,
        measures=measures,
        receipt=receipt,
        shown=receipt_shown(receipt, needs=needs, again_on=first) if receipt else None,
        early=facts.starts_on is not None and today < facts.starts_on,
        may_record=may_record,
        may_reject=row is not None and may_reverse(caller, row.user_id),
        errors=errors,
    )


def may_reverse(caller: Caller, sender: int | None) -> bool:
    """Whether somebody may reverse a batch, and read its rejects."""
    return caller.may(Right.REVERSE, own=sender == caller.user_id, safe=False)
