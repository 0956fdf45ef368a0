"""Ask for an analysis."""

from datetime import date, datetime

from sqlmodel import Session

from app.analyse.service import inputs_of
from app.jobs.service import submit
from app.people.caller import Caller
from app.tables import JobKind, JobRow, PilotRow
from experiments.errors import BadInput, Problem
from experiments.report.wording import counted

LONGEST_AMENDMENT = 2000


def ask(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    as_of: date | None = None,
    amendment: str = "",
    now: datetime,
    today: date,
) -> JobRow:
    """Send a worker to analyse a pilot.

    Args:
        session: A writing session.
        pilot: The pilot.
        by: Who asks.
        as_of: The day as of which outcomes are read; today where None.
        amendment: What differs from the plan, and why.
        now: The present time.
        today: The day in the company's time zone.

    Raises:
        BadInput: The day is still to come.
        NotNow: The plan is no more than a draft, or nobody is enrolled yet.
    """
    refuse_later(as_of, today=today)
    if len(amendment) > LONGEST_AMENDMENT or not amendment.replace("\n", "").isprintable():
        longest = counted(LONGEST_AMENDMENT, "character", "characters")
        raise BadInput(
            "The analysis was not run.",
            [Problem("amendment", f"must be plain text of at most {longest}")],
        )
    inputs_of(session, pilot, today=as_of or today, engine="")  # says what is not there yet
    return submit_analysis(
        session, pilot, by=by, as_of=as_of, amendment=" ".join(amendment.split()), now=now
    )


def submit_analysis(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    as_of: date | None,
    amendment: str = "",
    lift: int | None = None,
    now: datetime,
) -> JobRow:
    """The job of an analysis; with `lift`, one that looks before the plan allows."""
    return submit(
        session,
        kind=JobKind.ANALYSE,
        arguments={
            "slug": pilot.slug,
            "as_of": as_of.isoformat() if as_of else None,
            "amendment": amendment,
            "lift": lift,
        },
        by=by.user_id,
        pilot_id=pilot.id,
        now=now,
    )


def refuse_later(as_of: date | None, *, today: date) -> None:
    """Stop at a day that is still to come.

    Raises:
        BadInput: At `as_of`.
    """
    if as_of is not None and as_of > today:
        raise BadInput(
            "The analysis was not run.",
            [Problem("as_of", f"{as_of} is still to come; the latest day is today, {today}")],
        )
