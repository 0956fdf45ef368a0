"""Corrections over HTTP."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    Number,
    ReadingDep,
    SettingsDep,
    WritingDep,
    allow,
)
from app.people.rights import Right
from app.record.correcting_forms import CorrectionsBody
from app.record.correcting_request import ask_to_correct
from app.record.correcting_shown import corrections_to
from app.record.correcting_work import line_body
from app.record.ledger import behavior_batch
from app.record.replies import RECEIPT, ReceiptModel
from app.web.api import Cursor, Limit, api_router, problems, read_cursor, write_cursor
from app.web.inbox import inbox_of
from app.web.jobs import ACCEPTED, answer_call, awaited
from app.web.route import note

router = api_router("behavior")
LINE: dict[str, Any] = {
    "batch": 9,
    "reason": "The till booked one order twice, and another on a wrong card.",
    "corrected_by": "manager@example.com",
    "corrected_at": "2026-04-02T09:00:00+00:00",
    "withdrawn": 2,
    "entered": 1,
    "corrects": [{"batch": 7, "withdrawn": 2}],
    "touches": [{"pilot": "spring-mail", "customers": 2}],
    "reversed_by": None,
}


class CorrectedBatch(BaseModel):
    """A batch of which a correction withdrew rows."""

    batch: int
    withdrawn: int


class TouchedPilot(BaseModel):
    """A pilot of whose customers a correction withdrew or entered rows."""

    pilot: str
    customers: int


class CorrectionModel(BaseModel):
    """A correction: a batch that withdraws rows of others, and enters those that hold instead.

    Attributes:
        batch: Its number; taken back like any batch, it gives the rows back.
        reason: Why.
        corrected_by: Who made it.
        corrected_at: When.
        withdrawn: Rows that no longer count.
        entered: Rows that it brought in their place; of rows that are alike, also those that stay.
        corrects: Which batches' rows it withdrew.
        touches: Which pilots' enrolled customers had a row withdrawn or entered.
        reversed_by: The batch that takes it back.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [LINE]})

    batch: int
    reason: str
    corrected_by: str | None
    corrected_at: datetime
    withdrawn: int
    entered: int
    corrects: list[CorrectedBatch]
    touches: list[TouchedPilot]
    reversed_by: int | None


class CorrectionReceipt(CorrectionModel, ReceiptModel):
    """The receipt of a correction: what its batch brought, and what it withdrew."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**RECEIPT, **LINE}]})


class Corrections(BaseModel):
    """Corrections, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [LINE], "next": None}]})

    items: list[CorrectionModel]
    next: str | None = None


@router.post(
    "/behavior/corrections",
    status_code=HTTPStatus.CREATED,
    response_model=CorrectionReceipt,
    dependencies=[allow(Right.REVERSE)],
    responses={**ACCEPTED, **problems(507)},
)
def correct_behavior(
    request: Request,
    *,
    body: CorrectionsBody,
    session: WritingDep,
    database: DatabaseDep,
    settings: SettingsDep,
    caller: CallerDep,
    now: NowDep,
) -> Response:
    """Correct recorded rows, all of them or none.

    From the correction's batch on, the rows that it names do not count, and those that it brings
    do. Analyses made before keep reading what they read.
    """
    note(request, reason=body.reason, rows=len(body.rows))
    job = ask_to_correct(
        session,
        body,
        inbox=inbox_of(settings.files),
        zone=settings.timezone,
        by=caller,
        now=now,
        once=getattr(request.state, "once", None),
    )
    return answer_call(awaited(session, database, job))


@router.get("/behavior/{batch}/corrections", dependencies=[allow(Right.RECORD)])
def list_corrections(
    batch: Number, session: ReadingDep, limit: Limit = 100, cursor: Cursor = None
) -> Corrections:
    """The corrections of a batch's rows, the newest first."""
    behavior_batch(session, batch)
    first = read_cursor(cursor)
    found = corrections_to(session, batch)
    return Corrections(
        items=[
            CorrectionModel.model_validate(line_body(line)) for line in found[first : first + limit]
        ],
        next=write_cursor(first + limit) if first + limit < len(found) else None,
    )
