"""Show a template as a page."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import equip
from app.web.forms import notice_of
from experiments import words
from experiments.report.shapes import check_mark, verdict_mark

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates"


def show(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Render a template of `app/templates` with what every page knows.

    Every template may use `reader` (the caller, or None), `path`, `version`, `moment(at)`, which
    says a time in the company's time zone, and `notice`, the sentence that the request before left
    behind in the address.
    """
    text = (
        environment()
        .get_template(template)
        .render(
            reader=getattr(request.state, "caller", None),
            path=request.url.path,
            version=_version(),
            notice=notice_of(request),
            moment=partial(moment, zone=request.app.state.settings.timezone),
            **context,
        )
    )
    return HTMLResponse(text, status, headers=dict(headers or {}))


def moment(at: datetime, *, zone: str) -> str:
    """A time as people write it.

    Example:
        >>> from datetime import UTC
        >>> moment(datetime(2026, 3, 3, 13, 5, tzinfo=UTC), zone="Europe/Warsaw")
        '3 March 2026, 14:05'
    """
    return words.moment(at.astimezone(ZoneInfo(zone)))


@cache
def _version() -> str:
    return version("pilotbook")


@cache
def environment() -> Environment:
    """The templates; what they do not know is an error, and every text is escaped."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["day"] = words.day
    found.filters["verdict_mark"] = verdict_mark
    found.filters["check_mark"] = check_mark
    equip(found)
    return found
