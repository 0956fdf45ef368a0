"""Record an upload as a job: once, however often it is sent."""

import json
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app.batches import discard_pending, reversal_of
from app.jobs.service import Answer, Json
from app.jobs.worker import Progress
from app.record.service import take_behavior
from app.tables import BatchRow, JobRow
from app.web.api import PREFIX
from app.web.inbox import keep_taken, refused_is_removed, remove_repeated
from app.workspace import Workspace
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt

REJECTS_SHOWN = 20


def run(
    workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
) -> Answer:
    """Record an upload; the same one again gives its first receipt.

    Raises:
        BadInput: The file, or what its columns mean; nothing is recorded.
        NotNow: The same upload was recorded before, declared complete through an earlier day.
    """
    asked = json.loads(job.arguments_json)
    session = workspace.session
    discard_pending(session)
    upload = Path(asked["upload"])
    progress("reading the file and writing the ledger", 0.1)
    with refused_is_removed(upload):
        recorded = take_behavior(
            workspace,
            upload,
            columns_asked(asked),
            complete_through=date.fromisoformat(asked["complete"]) if asked["complete"] else None,
            now=now,
            by=job.user_id,
            name=asked["name"],
        )
    # What an earlier try of this job recorded before its worker was stopped is no repeat.
    repeated = recorded.repeated and not job.attempts
    batch = session.get_one(BatchRow, recorded.receipt.batch_no)
    body = receipt_body(batch, recorded.receipt, reversal_of(session, recorded.receipt.batch_no))
    session.commit()
    if repeated:
        remove_repeated(upload)
        return Answer(HTTPStatus.OK, body)
    keep_taken(upload, batch=recorded.receipt.batch_no)
    return Answer(HTTPStatus.CREATED, body)


def receipt_body(batch: BatchRow, receipt: Receipt, reversal: BatchRow | None = None) -> Json:
    """The receipt of a batch of behavior, as a call is answered."""
    address = f"{PREFIX}/behavior/{receipt.batch_no}"
    return {
        "batch": receipt.batch_no,
        "file": receipt.file,
        "received_at": batch.received_at.isoformat(),
        "counted": receipt.counted,
        "accepted": receipt.accepted,
        "rejected": receipt.rejected,
        "entries": receipt.entries,
        "repeated": receipt.repeated,
        "rounded": receipt.rounded,
        "blank": receipt.blank,
        "first": receipt.first and receipt.first.isoformat(),
        "last": receipt.last and receipt.last.isoformat(),
        "matched": receipt.entries - receipt.unmatched,
        "unmatched": receipt.unmatched,
        "unmatched_customers": receipt.unmatched_customers,
        "alike": receipt.alike,
        "measures": receipt.measures,
        "complete_through": batch.complete_through and batch.complete_through.isoformat(),
        "rejects": [
            {
                "line": reject.line,
                "column": reject.column,
                "value": reject.value,
                "reason": reject.reason,
            }
            for reject in receipt.rejects[:REJECTS_SHOWN]
        ],
        "rejects_url": f"{address}/rejects" if receipt.rejects else None,
        "reversed_by": reversal and reversal.batch_no,
        "address": address,
    }


def columns_asked(asked: dict[str, Any]) -> BehaviorFile:
    """What the columns of an upload mean, by the arguments of its job."""
    day = asked["occurred_on"]
    at = date.fromisoformat(day) if day else asked["occurred_at"]
    return BehaviorFile.model_validate({**asked["columns"], "occurred_at": at, "complete": False})
