"""Ask a worker to record an upload."""

from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session

from app.jobs.service import submit
from app.people.caller import Caller
from app.record.forms import refuse_unfinished
from app.tables import JobKind, JobRow
from experiments.plan.pilot_file import BehaviorFile


def ask_to_record(
    session: Session,
    upload: Path,
    columns: BehaviorFile,
    *,
    name: str,
    by: Caller,
    now: datetime,
    today: date,
    done: str | None = None,
    back: str | None = None,
) -> JobRow:
    """Send a worker to record an upload.

    Args:
        session: A writing session.
        upload: The file.
        columns: What its columns mean, and through which day it is declared complete.
        name: What its sender calls it.
        by: Who asks.
        now: The present time.
        today: The day in the company's time zone.
        done: The page that shows what came of it.
        back: The page to return to after a failure.

    Raises:
        BadInput: A day is declared complete that is still to come.
    """
    complete = columns.complete if isinstance(columns.complete, date) else None
    refuse_unfinished(complete, today=today)
    arguments = {
        "upload": str(upload),
        "name": name,
        "columns": columns.model_dump(mode="json", exclude={"complete", "occurred_at"}),
        "occurred_at": None if isinstance(columns.occurred_at, date) else columns.occurred_at,
        "occurred_on": str(columns.occurred_at) if isinstance(columns.occurred_at, date) else None,
        "complete": str(complete) if complete else None,
        "done": done,
        "back": back,
    }
    return submit(
        session,
        kind=JobKind.RECORD,
        arguments=arguments,
        by=by.user_id,
        pilot_id=None,
        now=now,
    )
