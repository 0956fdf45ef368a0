"""Where a customer id may stand beside the ledger: uploads, receipts, jobs, kept answers.

An upload is read with the readers of intake, cell by cell: an id such as 7 stands in every file as
a digit, and in few as an id. In receipts and answers only what people are told is looked at.
"""

import json
import re
import shutil
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, or_, text
from sqlmodel import Session, col, select

from app.jobs.service import LEDGER_WRITERS
from app.tables import BatchRow, CustomerListRow, IdempotencyKeyRow, JobRow, PilotRow
from app.upkeep.retention import upload_named, uploads
from app.web.jobs import OPEN
from experiments.errors import PilotError
from experiments.intake.rows import open_rows

GONE: Final = "(erased)"
SETTLED: Final = timedelta(hours=1)  # after which an upload is not on its way any more
# What people are told of a row that is wrong; the rest of an answer is counts and addresses.
TOLD: Final = frozenset({"value", "reason", "detail", "what"})
# Arguments of a job that name no customer.
MEANING: Final = frozenset({"columns", "upload", "slug", "name", "done", "back", "strata"})


def waiting_for(session: Session, files: Path, customer_id: str) -> list[str]:
    """What still needs a text that names somebody, in words; empty where nothing does.

    Args:
        session: The registry.
        files: The installation's folder of files.
        customer_id: Of that customer.
    """
    found = []
    lists = select(CustomerListRow.upload, PilotRow.slug).where(
        CustomerListRow.pilot_id == PilotRow.id
    )
    for upload, slug in session.exec(lists.order_by(PilotRow.slug)).all():
        if names(Path(upload), customer_id):
            found.append(
                f"the list of pilot {slug!r} that waits for its draw: draw the groups, or send a "
                f"list without this customer"
            )
    kinds = [str(kind) for kind in LEDGER_WRITERS]
    jobs = select(JobRow).where(col(JobRow.state).in_(OPEN), col(JobRow.kind).in_(kinds))
    for job in session.exec(jobs.order_by(col(JobRow.created_at))).all():
        upload = upload_named(job.arguments_json)
        said = json.loads(job.arguments_json)
        if names(Path(upload), customer_id) if upload else said != _without_rows(said, customer_id):
            found.append(f"job {job.id}, which takes this customer in: wait until it is over")
    session.commit()
    return found


def remove_uploads_of(
    files: Path, customer_id: str, *, needed: Collection[str], now: datetime
) -> int:
    """Remove the uploads that name somebody, and that nothing but caution keeps; how many.

    What was taken in is in the ledger; what nobody confirmed yet has to be sent again.
    """
    removed = 0
    for upload in uploads(files, needed=needed):
        age = now.timestamp() - upload.folder.stat().st_mtime
        arriving = upload.batch is None and not upload.waits and age < SETTLED.total_seconds()
        if upload.folder.name in needed or arriving or upload.path is None:
            continue
        if names(upload.path, customer_id):
            shutil.rmtree(upload.folder)
            removed += 1
    return removed


def names(path: Path, customer_id: str) -> bool:
    """Whether a cell of a file is a customer id; also where the file cannot be read to its end."""
    if not path.is_file():
        return False
    try:
        with open_rows(path) as rows:
            for batch in rows:
                for column in batch.columns:
                    if pa.types.is_string(column.type) and _holds(column, customer_id):
                        return True
            return bool(rows.rejects)  # rows that could not be read may hold anything
    except PilotError:
        return True


def forget(session: Session, customer_id: str) -> int:
    """Take an id out of what the registry keeps of rows that came; how many entries named it.

    Args:
        session: A writing session; whoever calls commits.
        customer_id: The id.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))  # no page keeps what stood there
    spelled = {json.dumps(customer_id, ensure_ascii=plain)[1:-1] for plain in (False, True)}

    def in_text(column: Any) -> ColumnElement[bool]:
        return or_(*(col(column).contains(each, autoescape=True) for each in spelled))

    forgotten = 0
    for batch in session.exec(select(BatchRow).where(in_text(BatchRow.receipt_json))).all():
        forgotten += _rewrite(batch, "receipt_json", customer_id, rows=False)
    jobs = select(JobRow).where(in_text(JobRow.answer_json) | in_text(JobRow.arguments_json))
    for job in session.exec(jobs).all():
        forgotten += _rewrite(job, "answer_json", customer_id, rows=False)
        forgotten += _rewrite(job, "arguments_json", customer_id, rows=True)
    for key in session.exec(select(IdempotencyKeyRow).execution_options(yield_per=500)):
        if key.body and any(each.encode() in key.body for each in spelled):
            forgotten += _rewrite(key, "body", customer_id, rows=False)
    session.flush()
    return forgotten


def _rewrite(row: Any, attribute: str, customer_id: str, *, rows: bool) -> bool:
    """Take an id out of a text of a row; whether it was there."""
    kept = getattr(row, attribute)
    if not kept:
        return False
    try:
        said = json.loads(kept)
    except ValueError:
        setattr(row, attribute, None)  # no answer of ours; the id stands in it all the same
        return True
    left = _without_rows(said, customer_id) if rows else _untold(said, customer_id)
    if left == said:
        return False
    dumped = json.dumps(left, ensure_ascii=False)
    setattr(row, attribute, dumped.encode() if isinstance(kept, bytes) else dumped)
    return True


def _without_rows(said: Any, customer_id: str) -> Any:
    """Arguments of a job whose rows name nobody instead of somebody."""
    if isinstance(said, dict):
        return {
            key: one if key in MEANING else _without_rows(one, customer_id)
            for key, one in said.items()
        }
    if isinstance(said, list):
        return [_without_rows(one, customer_id) for one in said]
    return GONE if said == customer_id else said


def _untold(said: Any, customer_id: str) -> Any:
    """An answer in which what people are told of wrong rows does not name somebody."""
    if isinstance(said, dict):
        return {
            key: _unnamed(one, customer_id)
            if key in TOLD and isinstance(one, str)
            else _untold(one, customer_id)
            for key, one in said.items()
        }
    return [_untold(one, customer_id) for one in said] if isinstance(said, list) else said


def _unnamed(told: str, customer_id: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(customer_id)}(?!\w)", GONE, told)


def _holds(column: pa.Array, customer_id: str) -> bool:
    return bool(pc.any(pc.equal(pc.utf8_trim_whitespace(column), customer_id)).as_py())
