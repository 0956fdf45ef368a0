"""Correct rows as a job: once, however often its worker is stopped."""

import json
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app.batches import discard_pending, number_of, reversal_of
from app.jobs.service import Answer, Json
from app.jobs.worker import Progress
from app.record.correcting import correct_by_file, correct_rows, made_since
from app.record.correcting_shown import CorrectionLine, correction_of
from app.record.service import receipt_of
from app.record.work import columns_asked, receipt_body
from app.tables import BatchRow, JobRow
from app.web.inbox import keep_taken, refused_is_removed
from app.workspace import Workspace


def run(
    workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
) -> Answer:
    """Correct rows, as a call named them or as a file sends their events again.

    Raises:
        BadInput: What was asked cannot be done; nothing is corrected.
        NotNow: A batch of these rows was taken back meanwhile.
    """
    asked = json.loads(job.arguments_json)
    session = workspace.session
    discard_pending(session)
    upload = Path(asked["upload"])
    # What an earlier try of this job corrected before its worker was stopped is not done again.
    batch = made_since(session, upload, since=job.created_at) if job.attempts else None
    session.commit()
    if batch is None:
        progress("looking for the rows", 0.1)
        with refused_is_removed(upload):
            batch = _correct(workspace, upload, asked, now=now, by=job.user_id)
    body = correction_body(session, batch)
    session.commit()
    keep_taken(upload, batch=batch.batch_no)
    return Answer(HTTPStatus.CREATED, body)


def correction_body(session: Session, batch: BatchRow) -> Json:
    """The receipt of a correction, as a call is answered."""
    number = number_of(batch)
    line = correction_of(session, number)
    receipt = receipt_body(batch, receipt_of(batch), reversal_of(session, number))
    return receipt | ({} if line is None else line_body(line))


def line_body(line: CorrectionLine) -> Json:
    """What a correction did, as calls are answered."""
    return {
        "batch": line.batch,
        "reason": line.reason,
        "corrected_by": line.by,
        "corrected_at": line.made_at.isoformat(),
        "withdrawn": line.withdrawn,
        "entered": line.entered,
        "corrects": [
            {"batch": batch, "withdrawn": count} for batch, count in line.corrects.items()
        ],
        "touches": [{"pilot": slug, "customers": count} for slug, count in line.touched.items()],
        "reversed_by": line.reversed_by,
    }


def _correct(
    workspace: Workspace, upload: Path, asked: dict[str, Any], *, now: datetime, by: int
) -> BatchRow:
    if "columns" not in asked:
        return correct_rows(workspace, upload, now=now, by=by)
    return correct_by_file(
        workspace,
        upload,
        columns_asked(asked),
        reason=asked["correct"],
        complete_through=date.fromisoformat(asked["complete"]) if asked["complete"] else None,
        now=now,
        by=by,
        name=asked["name"],
    )
