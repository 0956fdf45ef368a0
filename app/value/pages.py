"""The page on what a program is worth."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.analyse.kept import newest, report_kept, said_as_of
from app.dependencies import PilotDep, ReadingDep, TodayDep, allow
from app.people.rights import Right
from app.steps import show_pilot
from app.web.route import BookRoute
from experiments.report.html import Terms, money_block

router = APIRouter(route_class=BookRoute)


@router.get("/pilots/{slug}/value", dependencies=[allow(Right.READ)])
def value_page(request: Request, pilot: PilotDep, session: ReadingDep, today: TodayDep) -> Response:
    """Net, return and break-even, on each basis of the plan."""
    row = newest(session, pilot)
    report = report_kept(row) if row is not None else None
    return show_pilot(
        request,
        session,
        pilot,
        "value/page.html",
        step="value",
        today=today,
        report=report,
        shown=said_as_of(row) if row is not None else "",
        money=[(money, money_block(money)) for money in report.money] if report else [],
        terms=Terms(report.glossary) if report else None,
    )
