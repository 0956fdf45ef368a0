"""The report as a page of the site."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.analyse.kept import newest
from app.dependencies import PilotDep, ReadingDep, SettingsDep, TodayDep, allow
from app.people.rights import Right
from app.report.forms import AnalysisNumber
from app.report.shown import shown
from app.steps import show_pilot
from app.web.route import BookRoute
from experiments.report.html import Terms, effects_block, money_block, retention_block, time_block

router = APIRouter(route_class=BookRoute)


@router.get("/pilots/{slug}/report", dependencies=[allow(Right.READ)])
def report_page(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    today: TodayDep,
    settings: SettingsDep,
    analysis: AnalysisNumber = None,
) -> Response:
    """The report of the newest analysis, or of an earlier one."""
    latest = newest(session, pilot)
    found = (
        shown(session, pilot, analysis, timezone=settings.timezone)
        if latest or analysis is not None
        else None
    )
    report = found.report if found else None
    return show_pilot(
        request,
        session,
        pilot,
        "report/page.html",
        step="report",
        today=today,
        report=report,
        number=found.number if found else 0,
        newest=latest.number if latest else 0,
        effects=effects_block(report.effects) if report and report.effects else None,
        over_time=time_block(report.over_time) if report and report.over_time else None,
        retention=[retention_block(chart) for chart in report.retention] if report else [],
        money=[(money, money_block(money)) for money in report.money] if report else [],
        terms=Terms(report.glossary) if report else None,
    )
