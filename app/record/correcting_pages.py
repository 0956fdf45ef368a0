"""Correct or withdraw a row of a batch, on pages: find it, say what holds instead, and why."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from app.database import Database
from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    Number,
    SettingsDep,
    WritingDep,
    allow,
)
from app.people.rights import Right
from app.record.correcting_forms import CorrectionsBody
from app.record.correcting_request import ask_to_correct
from app.record.correcting_shown import BatchRows, rows_of_customer
from app.settings import Settings
from app.web.columns import TypedDep
from app.web.forms import errors_of
from app.web.inbox import inbox_of
from app.web.jobs import answer_page, awaited
from app.web.pages import show
from app.web.route import BookRoute, note
from app.workspace import open_workspace
from experiments.errors import BadInput, Problem

router = APIRouter(route_class=BookRoute)
WITHDRAW: Final = "withdraw"
# What names a row in a hidden field of its form.
NAMING: Final = ("measure", "occurred_at", "value", "item", "event_id", "source")
LABELS: Final = {
    "customer": "Customer id",
    "customer_id": "Customer id",
    "occurred_at": "Day",
    "value": "Value",
    "item": "Item",
    "reason": "Why",
}


# Found by POST, because an address is no place for a customer's id.
@router.post("/ledger/{batch}/rows", dependencies=[allow(Right.REVERSE)])
def find_rows(
    request: Request,
    *,
    batch: Number,
    typed: TypedDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> Response:
    """Show the rows of one customer, or ask what holds in the place of the one that was chosen."""
    customer = typed.get("customer", "").strip()
    found = _find(database, settings, batch, customer)
    row = _row_of(typed.get("row", ""))
    if row is not None:
        said = {"customer_id": customer, **{key: row[key] or "" for key in LABELED}, "reason": ""}
        return _ask(request, batch, customer, row, typed=said, errors={})
    errors = {} if customer else {"customer": "Say whose rows you look for."}
    return show(
        request,
        "record/rows.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        batch=batch,
        customer=customer,
        found=found,
        name_of=lambda one: json.dumps({key: one[key] for key in NAMING}, ensure_ascii=False),
        errors=errors,
    )


@router.post("/ledger/{batch}/corrections", dependencies=[allow(Right.REVERSE)])
def correct_row(
    request: Request,
    *,
    batch: Number,
    typed: TypedDep,
    session: WritingDep,
    database: DatabaseDep,
    settings: SettingsDep,
    caller: CallerDep,
    now: NowDep,
) -> Response:
    """Correct or withdraw a row, with a reason."""
    customer, row = typed.get("customer", ""), _row_of(typed.get("row", ""))
    if row is None:
        raise BadInput("No row was chosen.", [Problem("row", "find it on the page of its batch")])
    try:
        body = _body(batch, customer, row, typed)
        job = ask_to_correct(
            session,
            body,
            inbox=inbox_of(settings.files),
            zone=settings.timezone,
            by=caller,
            now=now,
            back=f"/ledger/{batch}#correct",
        )
    except BadInput as error:
        session.rollback()
        plain = BadInput(
            error.what,
            [Problem(one.where.rpartition(".")[2], one.what) for one in error.problems],
        )
        return _ask(request, batch, customer, row, typed=typed, errors=errors_of(plain, LABELS))
    note(request, reason=body.reason)
    return answer_page(awaited(session, database, job))


LABELED: Final = ("occurred_at", "value", "item")


def _find(database: Database, settings: Settings, batch: int, customer: str) -> BatchRows:
    with database.reading() as session, open_workspace(settings, session) as workspace:
        return rows_of_customer(workspace, batch, customer)


def _row_of(text: str) -> dict[str, str | None] | None:
    """The row that a form names; None where none is, or not by a form of these pages."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or {*found} != {*NAMING}:
        return None
    return {key: None if found[key] is None else str(found[key]) for key in NAMING}


def _body(
    batch: int, customer: str, row: Mapping[str, str | None], typed: Mapping[str, str]
) -> CorrectionsBody:
    """A form as the call that asks for the same.

    Raises:
        BadInput: Names each field at fault.
    """
    instead: dict[str, Any] | None = None
    if typed.get("what") != WITHDRAW:
        before = {"customer_id": customer, **{key: row[key] for key in LABELED}}
        instead = {
            key: typed.get(key, "").strip() or None
            for key, value in before.items()
            if typed.get(key, "").strip() != (value or "")
        }
        missing = [key for key, value in instead.items() if value is None and key != "item"]
        if missing:
            raise BadInput("", [Problem(key, "is empty; say what holds") for key in missing])
        if not instead:
            raise BadInput("Nothing was changed; say what holds instead, or withdraw the row.")
    named = {"batch": batch, "customer_id": customer, **row, "instead": instead}
    try:
        return CorrectionsBody.model_validate({"reason": typed.get("reason", ""), "rows": [named]})
    except ValidationError as error:
        wrong = {str(one["loc"][-1]): str(one["msg"]) for one in error.errors()}
        if "reason" in wrong:
            wrong["reason"] = "say in some words why the row is wrong"
        raise BadInput("", [Problem(*one) for one in wrong.items()]) from None


def _ask(
    request: Request,
    batch: int,
    customer: str,
    row: Mapping[str, str | None],
    *,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    return show(
        request,
        "record/correct.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        batch=batch,
        customer=customer,
        row=row,
        name=json.dumps(dict(row), ensure_ascii=False),
        typed=typed,
        errors=errors,
    )
