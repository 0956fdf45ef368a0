"""The company's ledger: its batches, uploads to it, reversals, and measures."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlmodel import Session

from app.batches import reverse
from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    Number,
    ReadingDep,
    SettingsDep,
    TodayDep,
    WritingDep,
    allow,
)
from app.errors import problem_of
from app.people.caller import Caller
from app.people.rights import Right
from app.record.api import rejects_answer
from app.record.correcting_shown import correction_of, corrections_to
from app.record.forms import MeasureBody
from app.record.ledger import (
    NEWEST,
    BatchLine,
    batch_line,
    batch_lines,
    behavior_batch,
    pilot_enrolled,
)
from app.record.measures import describe, known_measures
from app.record.pages import (
    YES,
    Again,
    Place,
    ask_columns,
    may_reverse,
    record_as_explained,
)
from app.record.service import receipt_of
from app.record.shown import receipt_facts, receipt_sentence, receipt_shown
from app.refusals import NotNow
from app.tables import BatchKind, BatchRow, BatchState
from app.web.api import Cursor, read_cursor, write_cursor
from app.web.columns import TypedDep
from app.web.forms import Said, after, said_of
from app.web.inbox import UploadId, upload_of_form, waiting_upload
from app.web.pages import show
from app.web.route import BookRoute, note
from experiments.errors import PilotError
from experiments.report.flat import rejects_csv

router = APIRouter(route_class=BookRoute)
BATCHES_SHOWN: Final = 50
REJECTS_SHOWN: Final = 20
LONGEST_REASON: Final = 2000
LEDGER: Final = Place(None)
STATES: Final = {
    BatchState.PENDING: "under way",
    BatchState.ACCEPTED: "accepted",
    BatchState.DISCARDED: "not recorded",
}
KINDS: Final = (
    ("money", "Money", "Values are amounts of the unit."),
    ("event", "Events", "Values count how often something happened."),
    ("score", "Score", "Values are marks, such as satisfaction from 1 to 10."),
)


@router.get("/ledger", dependencies=[allow(Right.RECORD)])
def ledger_page(request: Request, session: ReadingDep, cursor: Cursor = None) -> Response:
    """Show the batches, the newest first, and ask for more."""
    return _show_ledger(request, session, below=read_cursor(cursor) or NEWEST, errors={})


@router.post("/ledger/uploads", dependencies=[allow(Right.RECORD)])
async def upload_to_ledger(
    request: Request, session: ReadingDep, caller: CallerDep, now: NowDep
) -> Response:
    """Take in a file of behavior, and ask what its columns mean."""
    try:
        upload = await upload_of_form(request, by=caller.user_id, now=now)
    except PilotError as error:
        return await run_in_threadpool(
            _show_ledger,
            request,
            session,
            below=NEWEST,
            errors={"file": said_of(error)},
            status=problem_of(error).status,
        )
    return RedirectResponse(LEDGER.upload(upload), HTTPStatus.SEE_OTHER)


@router.get("/ledger/uploads/{upload}", dependencies=[allow(Right.RECORD)])
def columns_for_ledger(
    request: Request,
    *,
    upload: UploadId,
    session: ReadingDep,
    settings: SettingsDep,
    caller: CallerDep,
    today: TodayDep,
) -> Response:
    """Show the first rows, and ask what the columns mean."""
    waiting = waiting_upload(settings.files, upload, by=caller.user_id)
    return ask_columns(request, session, LEDGER, waiting, today, typed=waiting.chosen, errors={})


@router.post("/ledger/uploads/{upload}", dependencies=[allow(Right.RECORD)])
def record_for_ledger(
    request: Request,
    *,
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
        LEDGER,
        waiting,
        typed=typed,
        reading=reading,
        writing=session,
        database=database,
        by=caller,
        now=now,
        today=today,
    )


@router.get("/ledger/{batch}", dependencies=[allow(Right.RECORD)])
def batch_page(
    request: Request, *, batch: Number, session: ReadingDep, caller: CallerDep, again: Again = ""
) -> Response:
    """Show what a batch brought, and offer to take it back."""
    return _show_batch(request, session, batch, caller, reason="", errors={}, again=again == YES)


@router.get("/ledger/{batch}/rejects", dependencies=[allow(Right.REVERSE)])
def download_rejects(batch: Number, session: ReadingDep) -> Response:
    """The refused rows of a batch, to correct them."""
    receipt = receipt_of(behavior_batch(session, batch))
    return rejects_answer(receipt_csv=rejects_csv((receipt,)), batch=batch)


@router.post("/ledger/{batch}/reversal", dependencies=[allow(Right.REVERSE)])
def reverse_batch_page(
    request: Request,
    *,
    batch: Number,
    session: WritingDep,
    reading: ReadingDep,
    caller: CallerDep,
    now: NowDep,
    reason: Said = "",
    sure: Said = "",
) -> Response:
    """Take back a batch, once somebody says that they are sure."""
    errors = {}
    if not reason.strip() or len(reason) > LONGEST_REASON:
        errors["reason"] = "Say why the rows are wrong, in some words."
    if not sure:
        errors["sure"] = "Tick this to take the batch back."
    if errors:
        return _show_batch(request, reading, batch, caller, reason=reason, errors=errors)
    note(request, reason=reason)
    reverse(session, batch, reason=reason, by=caller.user_id, now=now)
    said = "The batch is taken back. Analyses from now on do not read it."
    return after(f"/ledger/{batch}", said)


@router.get("/measures", dependencies=[allow(Right.READ)])
def measures_page(request: Request, session: ReadingDep, caller: CallerDep) -> Response:
    """Show what behavior is called."""
    return _show_measures(request, session, caller, typed={}, errors={})


@router.post("/measures", dependencies=[allow(Right.RECORD)])
def add_measure_page(
    request: Request,
    *,
    typed: TypedDep,
    session: WritingDep,
    reading: ReadingDep,
    caller: CallerDep,
    now: NowDep,
) -> Response:
    """Describe a measure."""
    given = {key: typed.get(key, "").strip() for key in ("name", "unit", "kind")}
    try:
        body = MeasureBody.model_validate(given)
        describe(
            session, name=body.name, unit=body.unit, kind=body.kind, by=caller.user_id, now=now
        )
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        said = {
            "name": "Name the measure as files name it, in one line.",
            "unit": "Say what it is counted in, such as EUR or orders.",
            "kind": "Choose what a value is.",
        }
        errors = {key: sentence for key, sentence in said.items() if key in wrong}
        return _show_measures(request, reading, caller, typed=given, errors=errors)
    except NotNow as error:
        session.rollback()
        errors = {"name": str(error)}
        return _show_measures(request, reading, caller, typed=given, errors=errors)
    return after("/measures", f"{body.name} is added.")


def _show_ledger(
    request: Request,
    session: Session,
    *,
    below: int,
    errors: Mapping[str, str],
    status: int = HTTPStatus.OK,
) -> Response:
    found = batch_lines(session, below=below, limit=BATCHES_SHOWN + 1)
    session.rollback()
    more = write_cursor(found[BATCHES_SHOWN - 1].batch) if len(found) > BATCHES_SHOWN else ""
    return show(
        request,
        "record/ledger.html",
        status=status,
        batches=found[:BATCHES_SHOWN],
        states=STATES,
        more=f"/ledger?cursor={more}" if more else "",
        errors=errors,
    )


def _show_batch(
    request: Request,
    session: Session,
    number: int,
    caller: Caller,
    *,
    reason: str,
    errors: Mapping[str, str],
    again: bool = False,
) -> Response:
    line = batch_line(session, number)
    row = session.get_one(BatchRow, number)
    reversal = session.get(BatchRow, line.reversed_by) if line.reversed_by else None
    correction, corrections = correction_of(session, number), corrections_to(session, number)
    pilot = pilot_enrolled(session, number) if line.kind is BatchKind.ENROLMENT else None
    session.rollback()
    receipt = receipt_of(row) if _has_receipt(line) else None
    mine = may_reverse(caller, row.user_id)
    first = row.received_at.date() if again else None
    return show(
        request,
        "record/batch.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        line=line,
        pilot=pilot,
        row=row,
        reversal=reversal,
        receipt=receipt,
        correction=correction,
        corrections=corrections,
        shown=receipt_shown(receipt, again_on=first) if receipt else None,
        sentence=receipt_sentence(receipt) if receipt else "",
        facts=receipt_facts(receipt, complete_through=line.complete_through) if receipt else [],
        rejects=receipt.rejects[:REJECTS_SHOWN] if receipt and mine else (),
        may_reverse=mine and receipt is not None and reversal is None,
        may_reject=mine,
        reason=reason,
        errors=errors,
    )


def _has_receipt(line: BatchLine) -> bool:
    is_behavior = line.kind is BatchKind.BEHAVIOR and line.state is BatchState.ACCEPTED
    return is_behavior and line.accepted is not None


def _show_measures(
    request: Request,
    session: Session,
    caller: Caller,
    *,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    measures = known_measures(session)
    session.rollback()
    return show(
        request,
        "record/measures.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        measures=measures,
        kinds=KINDS,
        words={value: label for value, label, _ in KINDS},
        typed=typed,
        errors=errors,
        may_add=caller.may(Right.RECORD, safe=False),
    )
