"""Behavior and measures over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from app.batches import number_of, reverse
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
from app.record.forms import (
    BehaviorQuery,
    Entry,
    MeasureBody,
    ReversalBody,
    row_columns,
    rows_upload,
)
from app.record.ledger import NEWEST, batch_lines, behavior_batch
from app.record.measures import describe, known_measures
from app.record.request import ask_to_record
from app.record.service import receipt_of
from app.record.work import receipt_body
from app.tables import BatchKind, BatchState, MeasureKind
from app.web.api import Cursor, Limit, api_router, problems, read_cursor, write_cursor
from app.web.inbox import file_body, inbox_of
from app.web.jobs import ACCEPTED, answer_call, awaited
from app.web.route import note
from app.web.uploads import Upload, discard_upload, receive_upload
from experiments.plan.pilot_file import BehaviorFile
from experiments.report.flat import rejects_csv

router = api_router("behavior")
QueryDep = Annotated[BehaviorQuery, Query()]
RECEIPT: dict[str, Any] = {
    "batch": 7,
    "file": "sales.csv",
    "received_at": "2026-04-01T09:00:00+00:00",
    "counted": 48222,
    "accepted": 48210,
    "rejected": 12,
    "entries": 48205,
    "repeated": 5,
    "rounded": 0,
    "blank": 0,
    "first": "2026-03-01",
    "last": "2026-03-28",
    "matched": 48160,
    "unmatched": 45,
    "unmatched_customers": 31,
    "alike": 0,
    "measures": {"revenue": 48205},
    "complete_through": "2026-03-28",
    "rejects": [{"line": 7, "column": "amount", "value": "12,x", "reason": "is no number"}],
    "rejects_url": "/api/v1/behavior/7/rejects",
    "reversed_by": None,
    "address": "/api/v1/behavior/7",
}


class RejectModel(BaseModel):
    """A refused row: its line in the file, and what is wrong."""

    line: int
    column: str
    value: str
    reason: str


class ReceiptModel(BaseModel):
    """What a batch of behavior brought.

    Attributes:
        batch: Its number, which orders the ledger.
        file: Name of the file.
        received_at: When it came.
        counted: Records in the file.
        accepted: Records taken in.
        rejected: Records refused.
        entries: Rows that reached the ledger; a wide record brings several.
        repeated: Entries left out because the ledger or the file has them already.
        rounded: Values that had more than four decimals.
        blank: Cells without a value.
        first: Day of the oldest entry.
        last: Day of the newest.
        matched: Entries of customers who are enrolled in a pilot.
        unmatched: Entries of others.
        unmatched_customers: How many customers these others are.
        alike: Entries without an event id that look like entries of earlier batches.
        measures: Entries per measure.
        complete_through: The day through which its measures are declared complete.
        rejects: The first 20 refused cells.
        rejects_url: Where all of them are; None where there are none.
        reversed_by: The batch that takes it back.
        address: Of this receipt.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [RECEIPT]})

    batch: int
    file: str
    received_at: datetime
    counted: int
    accepted: int
    rejected: int
    entries: int
    repeated: int
    rounded: int
    blank: int
    first: date | None
    last: date | None
    matched: int
    unmatched: int
    unmatched_customers: int
    alike: int = 0
    measures: dict[str, int]
    complete_through: date | None
    rejects: list[RejectModel]
    rejects_url: str | None
    reversed_by: int | None
    address: str


class BatchModel(BaseModel):
    """A batch in a list: of behavior, of an enrolment, or a reversal."""

    batch: int
    kind: BatchKind
    state: BatchState
    file: str
    received_at: datetime
    sender: str | None
    accepted: int | None
    rejected: int | None
    first: date | None
    last: date | None
    measures: list[str]
    complete_through: date | None
    reverses: int | None
    reversed_by: int | None


class Batches(BaseModel):
    """Batches, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "batch": 7,
                            "kind": "behavior",
                            "state": "accepted",
                            "file": "sales.csv",
                            "received_at": "2026-04-01T09:00:00Z",
                            "sender": "manager@example.com",
                            "accepted": 48210,
                            "rejected": 12,
                            "first": "2026-03-01",
                            "last": "2026-03-28",
                            "measures": ["revenue"],
                            "complete_through": "2026-03-28",
                            "reverses": None,
                            "reversed_by": None,
                        }
                    ],
                    "next": None,
                }
            ]
        }
    )

    items: list[BatchModel]
    next: str | None = None


class Reversed(BaseModel):
    """A reversal: a batch without rows, from whose number on another batch does not count."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"batch": 8, "reverses": 7, "reason": "The file was that of May."}]
        }
    )

    batch: int
    reverses: int
    reason: str


class MeasureModel(BaseModel):
    """A measure; unit and kind are None where nobody said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "revenue", "unit": "EUR", "kind": "money", "recorded": True}]
        }
    )

    name: str
    unit: str | None
    kind: MeasureKind | None
    recorded: bool


class Measures(BaseModel):
    """Measures by name."""

    items: list[MeasureModel]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Behavior that was sent, and what its columns mean."""

    upload: Upload
    columns: BehaviorFile


async def behavior_of_call(request: Request, query: QueryDep) -> AsyncIterator[Sent]:
    """Take in a file, or rows of JSON; removed again where the call comes to nothing."""
    inbox = inbox_of(request.app.state.settings.files)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_rows = kind == "application/json"
    if is_rows:
        upload = await rows_upload(request, query, inbox=inbox)
    else:
        upload = await receive_upload(request, inbox=inbox, name=query.name)
    try:
        columns = row_columns(upload, query) if is_rows else query.columns(file=upload.name)
        yield Sent(upload, columns)
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
def record_behavior(
    *,
    sent: Annotated[Sent, Depends(behavior_of_call, scope="function")],
    session: WritingDep,
    database: DatabaseDep,
    caller: CallerDep,
    now: NowDep,
    today: TodayDep,
) -> Response:
    """Record a file of behavior, or rows of JSON, into the company's ledger.

    Good rows are taken in and bad ones listed, unless `strict`. The same file with the same meaning
    is recorded once; JSON rows repeat only by `Idempotency-Key` or `event_id`.
    """
    upload = sent.upload
    job = ask_to_record(
        session, upload.path, sent.columns, name=upload.name, by=caller, now=now, today=today
    )
    answer = answer_call(awaited(session, database, job))
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
    body = receipt_body(session, behavior_batch(session, batch))
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
