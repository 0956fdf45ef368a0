"""Calls about what a program is worth."""

from typing import Any

from app.dependencies import PilotDep, ReadingDep, allow
from app.people.rights import Right
from app.value.forms import Worth
from app.value.service import worth
from app.web.api import api_router

router = api_router("results")


@router.get("/pilots/{slug}/value", response_model=Worth, dependencies=[allow(Right.READ)])
def read_value(pilot: PilotDep, session: ReadingDep) -> dict[str, Any]:
    """The money of the newest analysis, from margin to net, on each basis of the plan."""
    return worth(session, pilot)
