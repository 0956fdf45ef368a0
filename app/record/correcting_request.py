"""Ask a worker to correct rows."""

from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from app.jobs.service import new_id, submit
from app.people.caller import Caller
from app.record.correcting_forms import CorrectionsBody, keep_corrections
from app.tables import JobKind, JobRow
from app.web.uploads import discard_upload


def ask_to_correct(
    session: Session,
    body: CorrectionsBody,
    *,
    inbox: Path,
    zone: str,
    by: Caller,
    now: datetime,
    once: str | None = None,
    back: str | None = None,
) -> JobRow:
    """Send a worker to correct rows.

    Args:
        session: A writing session.
        body: Which rows, what holds instead, and why.
        inbox: Folder for uploads.
        zone: The company's time zone.
        by: Who asks.
        now: The present time.
        once: The id of its job, where the same request has the same job.
        back: The page to return to after a failure.

    Raises:
        BadInput: A value or a day cannot be read; names each.
        NoRoom: The disk is full.
    """
    if once is not None and (known := session.get(JobRow, once)) is not None:
        return known
    upload = keep_corrections(body, inbox=inbox, zone=zone)
    try:
        return submit(
            session,
            kind=JobKind.CORRECT,
            arguments={"upload": str(upload.path), "name": "corrections", "back": back},
            by=by.user_id,
            pilot_id=None,
            now=now,
            make_id=new_id if once is None else lambda: once,
        )
    except BaseException:
        discard_upload(upload)
        raise
