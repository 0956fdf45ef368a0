"""Lift the veil: look at outcomes before the plan allows, which is signed and never forgotten."""

from datetime import date, datetime
from typing import Final

from sqlmodel import Session

from app.analyse.request import refuse_later, submit_analysis
from app.analyse.service import schedule_of
from app.people.caller import Caller
from app.people.sign_ins import check_password
from app.plan.service import frozen_plan, pilot_id
from app.refusals import NotNow
from app.tables import JobRow, LiftRow, PilotRow
from experiments.analyse.schedule import Schedule
from experiments.errors import BadInput, Problem
from experiments.terms import Look
from experiments.words import day

REFUSED: Final = "The veil was not lifted."
FEWEST_WORDS: Final = 4
LONGEST_REASON: Final = 2000


def lift_veil(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    reason: str,
    password: str,
    as_of: date | None = None,
    now: datetime,
    today: date,
) -> JobRow:
    """Sign that the veil is lifted, and send a worker to look.

    Args:
        session: A writing session; what it holds is undone while the password is checked.
        pilot: The pilot.
        by: The admin.
        reason: Why, in a sentence; printed on every report of the pilot from then on.
        password: The admin's.
        as_of: The day as of which outcomes are read; today where None.
        now: The present time.
        today: The day in the company's time zone.

    Raises:
        BadInput: The password is wrong, the reason is missing, or the day is still to come.
        NotNow: Nothing is veiled, or there is nothing to see yet.
    """
    try:
        check_password(session, email=by.email, password=password)
    except BadInput:
        wrong = Problem("password", "is not yours; type the one that you sign in with")
        raise BadInput(REFUSED, [wrong]) from None
    said = _checked(reason)
    refuse_later(as_of, today=today)
    plan, stored = frozen_plan(session, pilot)
    schedule = schedule_of(session, pilot)
    if (as_of or today) <= plan.pilot.starts_on:
        begins = day(plan.pilot.starts_on)
        raise NotNow(f"There is nothing to see yet: the pilot begins on {begins}.")
    if not is_veiled(schedule, as_of or today):
        raise NotNow("Nothing is veiled on that day: the plan allows a look. Run an analysis.")
    lift = LiftRow(
        pilot_id=pilot_id(pilot),
        user_id=by.user_id,
        reason=said,
        fingerprint=stored.fingerprint,
        lifted_at=now,
    )
    session.add(lift)
    session.flush()
    return submit_analysis(session, pilot, by=by, as_of=as_of, lift=lift.id, now=now)


def is_veiled(schedule: Schedule, today: date) -> bool:
    """Whether a look on this day needs the veil lifted: before the first, or between two."""
    newest = schedule.newest(today)
    if newest is None:
        return True
    return schedule.kind is Look.GROUP_SEQUENTIAL and newest not in (today, schedule.last)


def _checked(reason: str) -> str:
    said = " ".join(reason.split())
    if len(said) > LONGEST_REASON or not said.isprintable():
        wrong = f"must be plain text of at most {LONGEST_REASON:,} characters"
    elif len(said.split()) < FEWEST_WORDS:
        wrong = f"{'is too short' if said else 'is missing'}; say in a sentence why it cannot wait"
    else:
        return said
    raise BadInput(REFUSED, [Problem("reason", wrong)])
