"""Calls for a report as a document."""

from typing import Final

from fastapi import Request
from fastapi.responses import Response

from app.dependencies import PilotDep, ReadingDep, SettingsDep, allow
from app.people.rights import Right
from app.report.forms import AnalysisNumber, Format
from app.report.shown import document, printed, shown
from app.stored import to_text
from app.web.api import api_router
from app.web.etags import etag, headers_of, not_modified

TEXT: Final = {"schema": {"type": "string"}}

router = api_router("results")


@router.get(
    "/pilots/{slug}/report",
    response_class=Response,
    dependencies=[allow(Right.READ)],
    responses={
        200: {
            "description": "The report",
            "content": {
                "text/html": TEXT,
                "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"title": "Win-back voucher", "slug": "win-back"},
                },
            },
        },
        304: {"description": "The caller has this version (`If-None-Match`)"},
    },
)
def read_report(
    request: Request,
    *,
    pilot: PilotDep,
    session: ReadingDep,
    settings: SettingsDep,
    format: Format = Format.HTML,
    analysis: AnalysisNumber = None,
) -> Response:
    """The report of an analysis: one page, a PDF document, or its texts as JSON."""
    found = shown(session, pilot, analysis, timezone=settings.timezone)
    session.rollback()  # no transaction stays open while a document is set
    tag = etag(found.number, found.version, format)
    known = not_modified(request, tag)
    if known is not None:
        return known
    headers = {**headers_of(tag)}
    name = f"{pilot.slug}-{found.number}.{format}"
    if format is Format.JSON:
        return Response(to_text(found.report), media_type="application/json", headers=headers)
    if format is Format.PDF:
        headers["Content-Disposition"] = f'inline; filename="{name}"'
        return Response(printed(found.report), media_type="application/pdf", headers=headers)
    page = document(found.report)
    headers["Content-Disposition"] = f'inline; filename="{name}"'
    headers["Content-Security-Policy"] = page.content_security_policy
    return Response(page.html, media_type="text/html", headers=headers)
