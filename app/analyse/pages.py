"""The page on which an analysis is run and read."""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from app.analyse import lifting
from app.analyse.kept import Head, heads, newest, report_kept, said_as_of
from app.analyse.lifting import is_veiled
from app.analyse.looks import looks_of
from app.analyse.request import ask
from app.analyse.shown import count_words, nets_of, planned_looks, row_of, to_read
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
from app.looking import looks_ahead
from app.people.caller import Caller
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.plan.service import plan_row
from app.refusals import TooManyTries
from app.steps import PilotHead, head_here, show_pilot
from app.tables import PilotRow
from app.web.forms import Said, errors_of
from app.web.jobs import answer_page, awaited
from app.web.route import BookRoute, note
from experiments.errors import BadInput, Problem
from experiments.report.html import Terms, effects_block, retention_block, time_block

LABELS: Final = {
    "as_of": "As of",
    "amendment": "What differs from the plan",
    "reason": "Why it cannot wait",
    "password": "Your password",
}

router = APIRouter(route_class=BookRoute)


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


@router.post("/pilots/{slug}/lift", name="lift_veil_page", dependencies=[allow(Right.LIFT)])
def lift_veil(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    database: DatabaseDep,
    now: NowDep,
    today: TodayDep,
    settings: SettingsDep,
    reason: Said = "",
    lift_as_of: Said = "",
    password: Said = "",
) -> Response:
    """Look before the plan allows, and show what came of it."""
    try:
        with slow_guessing(request, caller):
            job = lifting.lift_veil(
                session,
                pilot,
                by=caller,
                reason=reason,
                password=password,
                as_of=_day(lift_as_of),
                now=now,
                today=today,
            )
    except (BadInput, TooManyTries) as error:
        session.rollback()
        errors = {"": str(error)}
        if isinstance(error, BadInput):
            errors = errors_of(error, LABELS)
            errors = {{"as_of": "lift_as_of"}.get(at, at): said for at, said in errors.items()}
        return _page(
            request,
            session,
            pilot,
            caller,
            today=today,
            zone=settings.timezone,
            errors=errors,
            typed={"reason": reason, "lift_as_of": lift_as_of},
            status=429 if isinstance(error, TooManyTries) else 422,
        )
    note(request, reason=reason)
    return answer_page(awaited(session, database, job))


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
    status: int = 422,
) -> Response:
    head = head_here(request, session, pilot, today=today)
    row = newest(session, pilot)
    all_heads = heads(session, pilot)
    looks = looks_of(session, pilot, timezone=zone)
    nets = nets_of(session, all_heads)
    through = ledger_through(session)
    plan = plan_row(session, pilot)
    session.rollback()
    own = pilot.owner_id == caller.user_id
    report = report_kept(row) if row is not None else None
    veiled = _is_veiled(head, today)
    may_lift = veiled and caller.may(Right.LIFT, own=own, safe=False)
    return show_pilot(
        request,
        session,
        pilot,
        "analyse/page.html",
        step="analyse",
        today=today,
        head=head,
        status=status if errors else 200,
        may_run=caller.may(Right.ANALYSE, own=own, safe=False),
        may_pull=caller.may(Right.PULL_ACCOUNTS, own=own),
        to_read=to_read(head, through=through, today=today),
        repeats=_repeats(head, all_heads, through=through, today=today),
        report=report,
        shown=said_as_of(all_heads[0]) if all_heads else "",
        rows=[
            row_of(each, looks.get(each.number), nets.get(each.id, ""), ZoneInfo(zone))
            for each in all_heads
        ],
        count=count_words(looks),
        planned=planned_looks(head, today),
        ahead=looks_ahead(head.facts, today),
        may_lift=may_lift,
        plan_fingerprint=plan.fingerprint if plan else "",
        snippet=snippet(str(request.base_url), pilot.slug),
        errors=errors or {},
        typed={"as_of": "", "amendment": "", "reason": "", "lift_as_of": "", **(typed or {})},
        effects=effects_block(report.effects) if report and report.effects else None,
        over_time=time_block(report.over_time) if report and report.over_time else None,
        retention=[retention_block(chart) for chart in report.retention] if report else [],
        terms=Terms(report.glossary) if report else None,
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
    schedule, facts = head.facts.schedule, head.facts
    if not kept or schedule is None or kept[0].id != facts.analysis_id:
        return ""
    same = kept[0].ledger_through == through and kept[0].as_of == (schedule.newest(today) or today)
    return f"Nothing has changed since analysis {kept[0].number}." if same else ""


def _is_veiled(head: PilotHead, today: date) -> bool:
    """Whether there is an outcome to see today that only an admin can unveil."""
    schedule, begins = head.facts.schedule, head.starts_on
    if schedule is None or begins is None or today <= begins:
        return False
    return is_veiled(schedule, today)


def _day(said: str) -> date | None:
    if not said.strip():
        return None
    try:
        return date.fromisoformat(said.strip())
    except ValueError:
        wrong = Problem("as_of", "is no day; write it like 2026-07-31")
        raise BadInput("The analysis was not run.", [wrong]) from None
