"""Calls about all pilots: the list, one with its steps, what they brought."""

import hashlib
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.dependencies import PilotDep, ReadingDep, TodayDep, allow
from app.people.rights import Right
from app.road.portfolio import Page, Standing, Wanted, find_pilots, results_of
from app.steps import PilotHead, StepState, head_of
from app.web.api import PREFIX, Cursor, Limit, api_router, read_cursor, write_cursor
from app.web.etags import headers_of, not_modified
from experiments.decide.verdict import Status
from experiments.report.plain import Json

SUMMARY: Final[Any] = {
    "slug": "mens-email",
    "name": "Men's e-mail, spring",
    "owner": "manager@example.com",
    "sponsor": "executive@example.com",
    "starts_on": "2026-03-21",
    "ends_on": "2026-04-03",
    "status": "proved",
    "step": "decide",
    "visible_from": "2026-04-04",
    "address": f"{PREFIX}/pilots/mens-email",
    "page": "/pilots/mens-email",
}
STEP: Final[Any] = {
    "name": "decide",
    "state": "now",
    "line": "the sponsor accepts or overrides",
    "page": "/pilots/mens-email/decide",
}
READING: Final[Any] = {"value": 5230.0, "low": 2500.0, "high": 7950.0}
RETURN: Final[Any] = {"value": 2.4, "low": 1.2, "high": 3.7}

SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "As `If-None-Match` has it"}}

router = api_router("pilots")
Words = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


class PilotSummary(BaseModel):
    """A pilot in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [SUMMARY]})

    slug: str
    name: str
    owner: str
    sponsor: str
    starts_on: date | None
    ends_on: date | None
    status: Status | None = Field(description="Verdict of the newest analysis; null before it.")
    step: str = Field(description="The step at which the pilot is.")
    visible_from: date | None = Field(description="From when outcomes can be seen, where known.")
    address: str
    page: str


class PilotList(BaseModel):
    """A page of pilots, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [SUMMARY], "next": None}]})

    items: list[PilotSummary]
    next: str | None


class StepModel(BaseModel):
    """One of the seven steps."""

    name: str
    state: StepState
    line: str
    page: str | None


class PilotModel(PilotSummary):
    """A pilot with its steps."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**SUMMARY, "steps": [STEP], "customers": {"mail": 500, "hold": 500}}]
        }
    )

    steps: list[StepModel]
    customers: dict[str, int] = Field(description="Enrolled customers per arm; empty before.")


class Reading(BaseModel):
    """A number with its interval."""

    value: float
    low: float
    high: float


class Undefined(BaseModel):
    """There is no number, and this is why."""

    undefined: str


class PortfolioRow(PilotSummary):
    """What a pilot brought: null before its first analysis."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**SUMMARY, "net": READING, "roi": RETURN, "sentence": "It pays."}]
        }
    )

    net: Reading | Undefined | None
    roi: Reading | Undefined | None
    sentence: str | None = Field(description="The verdict in full.")


class Portfolio(BaseModel):
    """A page of pilots with what they brought, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [{**SUMMARY, "net": READING, "roi": RETURN, "sentence": "It pays."}],
                    "next": None,
                }
            ]
        }
    )

    items: list[PortfolioRow]
    next: str | None


@router.get("/pilots", response_model=PilotList, dependencies=[allow(Right.READ)], responses=SAME)
def list_pilots(
    request: Request,
    *,
    session: ReadingDep,
    today: TodayDep,
    status: Standing | None = None,
    owner: Words = "",
    q: Words = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Pilots, the newest first."""
    page = find_pilots(
        session,
        Wanted(status, owner, q),
        today=today,
        timezone=request.app.state.settings.timezone,
        limit=limit,
        below=read_cursor(cursor),
    )
    items = [PilotSummary(**_summary(head)) for head in page.heads]
    return _answer(request, PilotList(items=items, next=_next(page)))


@router.get(
    "/pilots/{slug}", response_model=PilotModel, dependencies=[allow(Right.READ)], responses=SAME
)
def read_pilot(request: Request, pilot: PilotDep, session: ReadingDep, today: TodayDep) -> Response:
    """One pilot with its steps."""
    zone = request.app.state.settings.timezone
    head = head_of(session, pilot, today=today, timezone=zone)
    steps = [
        StepModel(name=step.name, state=step.state, line=step.line, page=step.href)
        for step in head.steps
    ]
    found = PilotModel(**_summary(head), steps=steps, customers=dict(head.facts.arms))
    return _answer(request, found)


@router.get(
    "/portfolio", response_model=Portfolio, dependencies=[allow(Right.READ)], responses=SAME
)
def read_portfolio(
    request: Request,
    *,
    session: ReadingDep,
    today: TodayDep,
    status: Standing | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Pilots with verdict, net and return, the newest first."""
    page = find_pilots(
        session,
        Wanted(status),
        today=today,
        timezone=request.app.state.settings.timezone,
        limit=limit,
        below=read_cursor(cursor),
    )
    verdicts = results_of(session, page.heads)
    items = [_row(head, verdicts.get(head.slug, {})) for head in page.heads]
    return _answer(request, Portfolio(items=items, next=_next(page)))


def _row(head: PilotHead, verdict: Json) -> PortfolioRow:
    return PortfolioRow(
        **_summary(head),
        net=verdict.get("net"),
        roi=verdict.get("roi"),
        sentence=verdict.get("sentence"),
    )


def _summary(head: PilotHead) -> dict[str, Any]:
    return {
        "slug": head.slug,
        "name": head.name,
        "owner": head.owner,
        "sponsor": head.sponsor,
        "starts_on": head.starts_on,
        "ends_on": head.ends_on,
        "status": head.status,
        "step": head.step,
        "visible_from": head.visible_from,
        "address": f"{PREFIX}/pilots/{head.slug}",
        "page": f"/pilots/{head.slug}",
    }


def _next(page: Page) -> str | None:
    return write_cursor(page.last) if page.last else None


def _answer(request: Request, found: BaseModel) -> Response:
    """The answer with a tag of its bytes, or only the news that the caller has them."""
    body = found.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kept = not_modified(request, tag)
    return kept or Response(body, media_type="application/json", headers=dict(headers_of(tag)))
