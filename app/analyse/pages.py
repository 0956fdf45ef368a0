"""The page on which an analysis is run and read."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from app.analyse.kept import Head, heads, newest, report_kept, said_as_of
from app.analyse.request import ask
from app.batches import ledger_through
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
from app.people.caller import Caller
from app.people.rights import Right
from app.steps import PilotHead, head_here, show_pilot
from app.tables import PilotRow
from app.web.forms import Said, errors_of
from app.web.jobs import answer_page, awaited
from app.web.route import BookRoute
from experiments.errors import BadInput, Problem
from experiments.report.html import Terms, effects_block, time_block
from experiments.report.report import Tone
from experiments.report.sentences import WORDS
from experiments.report.wording import counted
from experiments.words import day, moment

LABELS: Final = {"as_of": "As of", "amendment": "What differs from the plan"}

router = APIRouter(route_class=BookRoute)


@dataclass(frozen=True, slots=True)
class Look:
    """A row of the list of analyses, in words.

    Attributes:
        number: Of the analysis.
        as_of: The day as of which outcomes were read.
        word: Shape and word of its verdict.
        tone: Its meaning.
        batch: Highest batch that was read.
        made: When.
    """

    number: int
    as_of: str
    word: str
    tone: Tone
    batch: int
    made: str


@router.get("/pilots/{slug}/analyse", dependencies=[allow(Right.READ)])
def analyse_page(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: ReadingDep,
    today: TodayDep,
    settings: SettingsDep,
) -> Response:
    """What the newest analysis found, and what another one would read."""
    return _page(request, session, pilot, caller, today=today, zone=settings.timezone)


@router.post("/pilots/{slug}/analyse", dependencies=[allow(Right.ANALYSE)])
def run_analysis_page(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    database: DatabaseDep,
    now: NowDep,
    today: TodayDep,
    settings: SettingsDep,
    as_of: Said = "",
    amendment: Said = "",
) -> Response:
    """Run an analysis, and show what came of it, or how far it is."""
    try:
        job = ask(
            session,
            pilot,
            by=caller,
            as_of=_day(as_of),
            amendment=amendment,
            now=now,
            today=today,
        )
    except BadInput as error:
        session.rollback()
        return _page(
            request,
            session,
            pilot,
            caller,
            today=today,
            zone=settings.timezone,
            errors=errors_of(error, LABELS),
            typed={"as_of": as_of, "amendment": amendment},
        )
    return answer_page(awaited(session, database, job))


def _page(
    request: Request,
    session: Session,
    pilot: PilotRow,
    caller: Caller,
    *,
    today: date,
    zone: str,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    head = head_here(request, session, pilot, today=today)
    row = newest(session, pilot)
    all_heads = heads(session, pilot)
    through = ledger_through(session)
    session.rollback()
    own = pilot.owner_id == caller.user_id
    report = report_kept(row) if row is not None else None
    return show_pilot(
        request,
        session,
        pilot,
        "analyse/page.html",
        step="analyse",
        today=today,
        head=head,
        status=422 if errors else 200,
        may_run=caller.may(Right.ANALYSE, own=own, safe=False),
        may_pull=caller.may(Right.PULL_ACCOUNTS, own=own),
        to_read=to_read(head, through=through, today=today),
        repeats=_repeats(head, all_heads, through=through, today=today),
        report=report,
        shown=said_as_of(all_heads[0]) if all_heads else "",
        looks=[_look(each, ZoneInfo(zone)) for each in all_heads],
        snippet=snippet(str(request.base_url), pilot.slug),
        errors=errors or {},
        typed=typed or {"as_of": "", "amendment": ""},
        effects=effects_block(report.effects) if report and report.effects else None,
        over_time=time_block(report.over_time) if report and report.over_time else None,
        terms=Terms(report.glossary) if report else None,
    )


def to_read(head: PilotHead, *, through: int, today: date) -> str:
    """What an analysis would read today, in a sentence; empty before customers are enrolled."""
    if head.visible_from is None:
        return ""
    customers = counted(head.facts.enrolled, "customer", "customers")
    if today < head.visible_from:
        return (
            f"Outcomes are veiled until {day(head.visible_from)}. An analysis today checks the "
            f"groups of {customers} and looks at no outcome."
        )
    return (
        f"An analysis now reads what {customers} did, as of {day(min(today, head.visible_from))}, "
        f"from the ledger up to batch {through:,}."
    )


def snippet(origin: str, slug: str) -> str:
    """How an analyst gets the same numbers in a notebook or a shell."""
    address = f"{origin}api/v1/pilots/{slug}"
    return (
        f"curl -H \"Authorization: Bearer $PILOTBOOK_TOKEN\" '{address}/results?format=csv'\n\n"
        f"import os\n"
        f"import pandas as pd\n\n"
        f'who = {{"Authorization": f"Bearer {{os.environ[\'PILOTBOOK_TOKEN\']}}"}}\n'
        f'results = pd.read_csv("{address}/results?format=csv", storage_options=who)\n'
        f'accounts = pd.read_parquet("{address}/accounts", storage_options=who)\n'
    )


def _repeats(head: PilotHead, kept: list[Head], *, through: int, today: date) -> str:
    """Says which analysis another one would repeat; empty where it would be new."""
    if not kept or head.visible_from is None:
        return ""
    same = kept[0].ledger_through == through and kept[0].as_of == min(today, head.visible_from)
    return f"Nothing has changed since analysis {kept[0].number}." if same else ""


def _look(each: Head, zone: ZoneInfo) -> Look:
    word, tone = WORDS[each.status]
    made = moment(each.created_at.astimezone(zone))
    return Look(each.number, day(each.as_of), word, tone, each.ledger_through, made)


def _day(said: str) -> date | None:
    if not said.strip():
        return None
    try:
        return date.fromisoformat(said.strip())
    except ValueError:
        wrong = Problem("as_of", "is no day; write it like 2026-07-31")
        raise BadInput("The analysis was not run.", [wrong]) from None
