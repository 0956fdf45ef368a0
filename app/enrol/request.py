"""Ask a worker to enrol customers, or to draw the groups of those who wait."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session

from app.enrol.service import refuse_enrolled, waiting_list
from app.jobs.service import submit
from app.people.caller import Caller
from app.plan.service import frozen_plan
from app.tables import JobKind, JobRow, PilotRow
from experiments.plan.pilot_file import CustomersFile

LARGEST_NEW_SEED: Final = 10**6  # short enough to be read out on the telephone


def new_seed() -> int:
    """A seed that nobody could foresee."""
    return secrets.randbelow(LARGEST_NEW_SEED)


def ask_to_enrol(
    session: Session,
    pilot: PilotRow,
    upload: Path,
    columns: CustomersFile,
    *,
    name: str,
    by: Caller,
    now: datetime,
    back: str | None = None,
) -> JobRow:
    """Send a worker to enrol the customers of an upload.

    Args:
        session: A writing session.
        pilot: Whose customers they are.
        upload: The file.
        columns: What its columns mean.
        name: What its sender calls it.
        by: Who asks.
        now: The present time.
        back: The page to return to after a failure.

    Raises:
        NotNow: The plan is a draft, or the pilot has its customers.
    """
    frozen_plan(session, pilot)
    refuse_enrolled(session, pilot)
    arguments = {
        "slug": pilot.slug,
        "upload": str(upload),
        "name": name,
        "columns": columns.model_dump(mode="json"),
        "back": back,
    }
    return submit(
        session,
        kind=JobKind.ENROL,
        arguments=arguments,
        by=by.user_id,
        pilot_id=pilot.id,
        now=now,
    )


def ask_to_draw(
    session: Session,
    pilot: PilotRow,
    *,
    seed: int,
    strata: tuple[str, ...],
    by: Caller,
    now: datetime,
) -> JobRow:
    """Send a worker to draw the groups of the customers who wait.

    Args:
        session: A writing session.
        pilot: Whose customers wait.
        seed: As for `app.enrol.service.draw_arms`.
        strata: As for `app.enrol.service.draw_arms`.
        by: Who asks.
        now: The present time.

    Raises:
        NotNow: The plan is a draft, or the pilot has its customers.
    """
    frozen_plan(session, pilot)
    refuse_enrolled(session, pilot)
    waiting = waiting_list(session, pilot)
    arguments = {
        "slug": pilot.slug,
        "upload": waiting.upload if waiting else "",
        "seed": seed,
        "strata": list(strata),
    }
    return submit(
        session,
        kind=JobKind.ASSIGN,
        arguments=arguments,
        by=by.user_id,
        pilot_id=pilot.id,
        now=now,
    )
