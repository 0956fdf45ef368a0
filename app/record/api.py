"""Behavior and measures over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.batches import number_of, reversal_of, reverse
from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    Number,
    ReadingDep,
    TodayDep,
    WritingDep,
    allow,
)
from app.people.rights import Right
from app.record.correcting import refuse_correction
from app.record.forms import (
    BehaviorQuery,
    Entry,
    MeasureBody,
    ReversalBody,
    read_rows,
    refuse_unfinished,
    row_columns,
    rows_upload,
)
from app.record.ledger import NEWEST, batch_lines, behavior_batch
from app.record.measures import describe, known_measures
from app.record.posts import MOST_ROWS, Posted, submit_posts
from app.record.replies import (
    Batches,
    BatchModel,
    MeasureModel,
    Measures,
    ReceiptModel,
    Reversed,
)
from app.record.request import ask_to_record_file
from app.record.service import receipt_of
from app.record.work import receipt_body
from app.web.api import Cursor, Limit, api_router, problems, read_cursor, write_cursor
from app.web.group_commit import write_together
from app.web.inbox import file_body, inbox_of
from app.web.jobs import ACCEPTED, answer_call, ended
from app.web.route import note
from app.web.uploads import Upload, discard_upload, receive_upload
from experiments.plan.pilot_file import BehaviorFile
from experiments.report.flat import rejects_csv

router = api_router("behavior")
QueryDep = Annotated[BehaviorQuery, Query()]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of behavior that was sent, what its columns mean, and why it corrects earlier ones."""

    upload: Upload
    columns: BehaviorFile
    correct: str | None


@dataclass(frozen=True, slots=True)
class SentRows:
    """A few rows that were sent, to be recorded together with those of others."""

    entries: list[Entry]
    strict: bool
    complete: date | None


async def behavior_of_call(request: Request, query: QueryDep) -> AsyncIterator[Sent | SentRows]:
    """Take in a file, or a few rows; a file is removed again where the call comes to nothing."""
    inbox = inbox_of(request.app.state.settings.files)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    entries = await read_rows(request, query) if kind == "application/json" else []
    if 0 < len(entries) <= MOST_ROWS and query.correct is None:
        yield SentRows(entries, query.strict, query.complete)
        return
    if entries:
        upload = await rows_upload(entries, inbox=inbox)
    else:
        upload = await receive_upload(request, inbox=inbox, name=query.name)
    try:
        if entries:
            columns = row_columns(entries, strict=query.strict, complete=query.complete)
        else:
            columns = query.columns(file=upload.name)
        yield Sent(upload, columns, query.correct)
    except BaseException:
        discard_upload(upload)
        raise


def _body() -> dict[str, Any]:
    described = file_body("customer_id,day,revenue\nC000004,2026-03-28,24.90\n")
    example = Entry.model_config["json_schema_extra"]["examples"]  # type: ignore[index]
    rows = {"type": "array", "minItems": 1, "items": Entry.model_json_schema()}
    described["requestBody"]["content"]["application/json"] = {"schema": rows, "example": example}
    return described


@router.post(
    "/behavior",
    status_code=HTTPStatus.CREATED,
    response_model=ReceiptModel,
    dependencies=[allow(Right.RECORD)],
    responses={
        200: {
            "model": ReceiptModel,
            "description": "The same file was recorded before: its first receipt.",
            "headers": {"Pilotbook-Repeated": {"schema": {"type": "string"}}},
        },
        **ACCEPTED,
        **problems(413, 415, 507),
    },
    openapi_extra=_body(),
)
async def record_behavior(
    request: Request,
    *,
    sent: Annotated[Sent | SentRows, Depends(behavior_of_call, scope="function")],
    database: DatabaseDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Record a file of behavior, or rows of JSON, into the company's ledger.

    Good rows are taken in and bad ones listed, unless `strict`. The same file with the same meaning
    is recorded once; JSON rows repeat only by `Idempotency-Key` or `event_id`.
    """
    once: str | None = getattr(request.state, "once", None)
    if isinstance(sent, Sent):
        if sent.correct is not None:
            refuse_correction(caller, sent.columns)
            note(request, reason=sent.correct)
        job = await run_in_threadpool(
            ask_to_record_file, database, sent.upload, sent.columns,
            by=caller, now=now, today=today, once=once, correct=sent.correct,
        )  # fmt: skip
    else:
        refuse_unfinished(sent.complete, today=today)
        post = Posted(
            sent.entries, sent.strict, sent.complete, by=caller.user_id, now=now, job_id=once
        )
        job = await write_together(database, submit_posts, post)
    answer = answer_call(await ended(database, job))
    if answer.status_code == HTTPStatus.OK:
        answer.headers["Pilotbook-Repeated"] = "true"
    return answer


@router.get("/behavior", dependencies=[allow(Right.RECORD)])
def list_batches(session: ReadingDep, limit: Limit = 100, cursor: Cursor = None) -> Batches:
    """The batches of the ledger, the newest first."""
    found = batch_lines(session, below=read_cursor(cursor) or NEWEST, limit=limit + 1)
    more = len(found) > limit
    return Batches(
        items=[BatchModel.model_validate(one, from_attributes=True) for one in found[:limit]],
        next=write_cursor(found[limit - 1].batch) if more else None,
    )


@router.get("/behavior/{batch}", dependencies=[allow(Right.RECORD)])
def read_receipt(batch: Number, session: ReadingDep) -> ReceiptModel:
    """The receipt of a batch of behavior."""
    found = behavior_batch(session, batch)
    body = receipt_body(found, receipt_of(found), reversal_of(session, batch))
    return ReceiptModel.model_validate(body)


@router.get(
    "/behavior/{batch}/rejects",
    dependencies=[allow(Right.REVERSE)],
    response_class=Response,
    responses={
        200: {
            "description": "Every refused cell, with its line.",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": 'line,column,value,reason,file\n7,amount,"1,x",is no number,s.csv\n',
                }
            },
        }
    },
)
def read_rejects(batch: Number, session: ReadingDep) -> Response:
    """The refused rows of a batch, as a table."""
    receipt = receipt_of(behavior_batch(session, batch))
    return rejects_answer(receipt_csv=rejects_csv((receipt,)), batch=batch)


def rejects_answer(*, receipt_csv: str, batch: int) -> Response:
    """Refused rows as a file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="refused-{batch}.csv"'}
    return Response(receipt_csv, media_type="text/csv", headers=headers)


@router.delete("/behavior/{batch}", dependencies=[allow(Right.REVERSE)])
def reverse_batch(
    request: Request,
    *,
    batch: Number,
    body: ReversalBody,
    session: WritingDep,
    caller: CallerDep,
    now: NowDep,
) -> Reversed:
    """Take back a batch; analyses made before keep reading it, later ones do not."""
    note(request, reason=body.reason)
    found = reverse(session, batch, reason=body.reason, by=caller.user_id, now=now)
    return Reversed(batch=number_of(found), reverses=batch, reason=found.reason or "")


@router.get("/measures", dependencies=[allow(Right.READ)])
def list_measures(session: ReadingDep, limit: Limit = 100, cursor: Cursor = None) -> Measures:
    """Measures that somebody described, or that the ledger has rows of; by name."""
    first = read_cursor(cursor)
    found = known_measures(session)
    shown = found[first : first + limit]
    return Measures(
        items=[MeasureModel.model_validate(one, from_attributes=True) for one in shown],
        next=write_cursor(first + limit) if first + limit < len(found) else None,
    )


@router.post("/measures", status_code=HTTPStatus.CREATED, dependencies=[allow(Right.RECORD)])
def add_measure(
    body: MeasureBody, session: WritingDep, caller: CallerDep, now: NowDep
) -> MeasureModel:
    """Describe a measure."""
    made = describe(
        session, name=body.name, unit=body.unit, kind=body.kind, by=caller.user_id, now=now
    )
    return MeasureModel.model_validate(made, from_attributes=True)
