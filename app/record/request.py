"""Ask a worker to record an upload."""

from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session

from app.database import Database
from app.jobs.service import new_id, submit
from app.people.caller import Caller
from app.record.forms import refuse_unfinished
from app.tables import JobKind, JobRow
from app.web.uploads import Upload, discard_upload
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
    once: str | None = None,
    correct: str | None = None,
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
        once: The id of its job, where the same request has the same job.
        correct: Why earlier rows are wrong, where its events replace those of the ledger.

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
        "correct": correct,
        "done": done,
        "back": back,
    }
    return submit(
        session,
        kind=JobKind.RECORD if correct is None else JobKind.CORRECT,
        arguments=arguments,
        by=by.user_id,
        pilot_id=None,
        now=now,
        make_id=new_id if once is None else lambda: once,
    )


def ask_to_record_file(
    database: Database,
    upload: Upload,
    columns: BehaviorFile,
    *,
    by: Caller,
    now: datetime,
    today: date,
    once: str | None,
    correct: str | None = None,
) -> str:
    """Send a worker to record an upload of a call; the id of its job.

    A request that was cut off and comes again is the job that it was before: what was sent again is
    removed.

    Raises:
        BadInput: As `ask_to_record`.
    """
    with database.writing() as session:
        if once is not None and session.get(JobRow, once) is not None:
            discard_upload(upload)
            return once
        job = ask_to_record(
            session,
            upload.path,
            columns,
            name=upload.name,
            by=by,
            now=now,
            today=today,
            once=once,
            correct=correct,
        )
        session.commit()
        return job.id
