"""The list of pilots with what needs the reader, and the first page of each."""

from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.dependencies import CallerDep, PilotDep, ReadingDep, SettingsDep, TodayDep, allow
from app.people.rights import Right
from app.plan.updates import updates_of
from app.road.overview import overview_of
from app.road.portfolio import PAGE, Standing, Wanted, find_pilots, nets_of, owners_of
from app.road.today import needs_today
from app.steps import head_of
from app.web.api import Cursor, read_cursor, write_cursor
from app.web.pages import moment, show
from app.web.route import BookRoute

STANDINGS: Final = (
    ("", "Any"),
    (Standing.DRAFT.value, "Draft"),
    (Standing.RUNNING.value, "Running"),
    (Standing.TO_DECIDE.value, "To be decided"),
    (Standing.DECIDED.value, "Decided"),
    (Standing.PROVED.value, "Proved"),
    (Standing.NOT_PROVED.value, "Not proved"),
    (Standing.DISPROVED.value, "Disproved"),
    (Standing.INVALID.value, "Invalid"),
    (Standing.VEILED.value, "Veiled"),
)

router = APIRouter(route_class=BookRoute, dependencies=[allow(Right.READ)])


@router.get("/")
def first_page() -> Response:
    """Everybody begins with the list of pilots."""
    return RedirectResponse("/pilots", 303)


@router.get("/pilots")
def pilots_page(
    request: Request,
    *,
    caller: CallerDep,
    session: ReadingDep,
    today: TodayDep,
    settings: SettingsDep,
    status: Annotated[str, Query(max_length=20)] = "",
    owner: Annotated[str, Query(max_length=254)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """The pilots, the newest first, under what needs the reader today."""
    # An empty choice of the form is no choice, and an unknown one finds nothing to narrow by.
    known = status if status in set(Standing) else ""
    wanted = Wanted(Standing(known) if known else None, owner, q)
    zone = settings.timezone
    below = read_cursor(cursor)
    page = find_pilots(session, wanted, today=today, timezone=zone, limit=PAGE, below=below)
    chosen = {key: value for key, value in (("status", known), ("owner", owner), ("q", q)) if value}
    more = {**chosen, "cursor": write_cursor(page.last)} if page.last else None
    return show(
        request,
        "pilots.html",
        items=needs_today(session, caller, today=today, timezone=zone),
        heads=page.heads,
        nets=nets_of(session, page.heads, today=today),
        standings=STANDINGS,
        owners=owners_of(session),
        chosen=chosen,
        more=f"/pilots?{urlencode(more)}" if more else "",
        may_plan=caller.may(Right.WRITE),
    )


@router.get("/pilots/{slug}")
def pilot_page(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: ReadingDep,
    today: TodayDep,
    settings: SettingsDep,
) -> Response:
    """One pilot: its answer, what is next, who and when."""
    head = head_of(session, pilot, today=today, timezone=settings.timezone)
    say = partial(moment, zone=settings.timezone)
    return show(
        request,
        "overview.html",
        head=head,
        current="",
        overview=overview_of(session, head, today=today, timezone=settings.timezone, moment=say),
        updates=updates_of(session, pilot),
        slug=pilot.slug,
        text="",
        errors={},
        may_write=caller.may(Right.WRITE, own=pilot.owner_id == caller.user_id),
    )
