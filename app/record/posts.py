"""Small posts of JSON rows: a job each, recorded together with the others that wait.

The job's row in the registry, synced before anything else, holds the rows; there is no file. Each
post has its own batch, receipt and answer, and all share one commit of the ledger.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert
from sqlmodel import Session, col, select

from app.batches import accept_all, discard, discard_pending, excluded, open_batches
from app.confirming import confirm
from app.jobs.service import Answer, new_id
from app.jobs.worker import Check
from app.record.forms import ROWS_NAME, Entry, row_columns
from app.record.service import meaning_of, receipt_of
from app.record.work import receipt_body
from app.tables import (
    BatchKind,
    BatchRow,
    BatchState,
    EnrolmentRow,
    JobKind,
    JobRow,
    JobState,
    PilotRow,
)
from app.workspace import Workspace
from experiments.errors import BadFile
from experiments.record.held import Held
from experiments.record.together import COLUMNS, Enrolled, Fit, Post, examine_posts, record_posts

MOST_ROWS: Final = 1_000  # of a small post; more are written down as a file
NEWEST: Final = 2**63 - 1
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Posted:
    """A small post on its way into the queue; `job_id` where the same post has the same job."""

    entries: Sequence[Entry]
    strict: bool
    complete: date | None
    by: int
    now: datetime
    job_id: str | None = None


def submit_posts(session: Session, posts: Sequence[Posted]) -> list[str]:
    """Put posts into the queue, each once; the ids of their jobs. Whoever calls commits."""
    ids = [post.job_id or new_id() for post in posts]
    named = [post.job_id for post in posts if post.job_id is not None]
    known = (
        {*session.exec(select(JobRow.id).where(col(JobRow.id).in_(named))).all()} if named else {}
    )
    new = {one: _job(one, post) for one, post in zip(ids, posts, strict=True) if one not in known}
    if new:
        session.execute(insert(JobRow), list(new.values()))
    return ids


class Kept:
    """What a thread keeps between posts: what it holds of the ledger, and who is enrolled.

    An enrolment never changes, so that each is read once.
    """

    def __init__(self) -> None:
        self.held = Held()
        self._read: dict[tuple[str, int], Numbers] = {}

    def among(
        self,
        workspace: Workspace,
        customers: Collection[int],
        *,
        enrolments: Collection[tuple[str, int]],
    ) -> set[int]:
        """Those of some customers who are enrolled; enrolments by pilot and batch."""
        asked = np.fromiter(customers, np.int64, len(customers))
        found: set[int] = set()
        for slug, batch_no in enrolments:
            numbers = self._read.get((slug, batch_no))
            if numbers is None:
                rows = workspace.ledger.enrolment(workspace.engine, slug, batch_no=batch_no)
                read = workspace.engine.fetch(rows.select("customer"))["customer"]
                numbers = self._read[slug, batch_no] = np.sort(read.to_numpy())
            found |= {*asked[np.isin(asked, numbers, kind="sort")].tolist()}
        return found


def run_together(
    workspace: Workspace,
    jobs: Sequence[JobRow],
    *,
    now: datetime,
    kept: Kept,
    check: Check,
) -> list[Answer | Exception]:
    """Record posts in one commit; an answer for each, or what is wrong with it.

    Args:
        workspace: Registry, ledger and engine.
        jobs: Of kind `rows`, in the order in which they came.
        now: The present time.
        kept: What is known already.
        check: Raises where another worker may have the jobs.
    """
    session = workspace.session
    # Asked in one transaction: on SQLite each waits for every other writer.
    results = _recorded_before(session, [job for job in jobs if job.attempts])
    without = excluded(session, through=NEWEST)
    enrolments = session.exec(
        select(PilotRow.slug, EnrolmentRow.batch_no).where(EnrolmentRow.pilot_id == PilotRow.id)
    ).all()
    discard_pending(session)
    todo = [job for job in jobs if job.id not in results]
    if not todo:
        return [results[job.id] for job in jobs]
    asked = [json.loads(job.arguments_json) for job in todo]
    posts = [Post(one["name"], one["rows"], strict=one["strict"]) for one in asked]
    examined = examine_posts(
        workspace.engine,
        workspace.ledger,
        posts,
        held=kept.held,
        zone=workspace.timezone,
        without=without,
    )
    fits: list[tuple[Fit, BatchRow, str]] = []
    for job, one, fit in zip(todo, asked, examined, strict=True):
        if isinstance(fit, BadFile):
            results[job.id] = fit
        else:
            fits.append((fit, _batch(job, one, fit, now=now), job.id))
    check()
    if fits:
        among = partial(kept.among, workspace, enrolments=enrolments)
        results |= _recorded(workspace, fits, now=now, held=kept.held, among=among, without=without)
    return [results[job.id] for job in jobs]


def _recorded(
    workspace: Workspace,
    fits: Sequence[tuple[Fit, BatchRow, str]],
    *,
    now: datetime,
    held: Held,
    among: Enrolled,
    without: Collection[int],
) -> dict[str, Answer | Exception]:
    """Record posts, and answer each by its job."""
    session = workspace.session
    batches = [batch for _, batch, _ in fits]
    numbers = open_batches(session, batches)
    try:
        receipts = record_posts(
            workspace.engine,
            workspace.ledger,
            [fit for fit, _, _ in fits],
            batch_nos=numbers,
            recorded_at=now,
            held=held,
            enrolled=among,
            without=without,
        )
        confirm(session, workspace.ledger, now=now, tables=("directory", "behavior"))
        for batch in batches:
            batch.content = batch.sha256
        accept_all(session, list(zip(batches, receipts, strict=True)))
    except BaseException:
        discard(session, batches)
        raise
    return {
        job_id: Answer(HTTPStatus.CREATED, receipt_body(batch, receipt))
        for (_, batch, job_id), receipt in zip(fits, receipts, strict=True)
    }


def _recorded_before(session: Session, jobs: Sequence[JobRow]) -> dict[str, Answer | Exception]:
    """What an earlier try recorded before its worker was stopped."""
    found: dict[str, Answer | Exception] = {}
    for job in jobs:
        query = select(BatchRow).where(
            BatchRow.sha256 == _digest(job.id), BatchRow.state == BatchState.ACCEPTED
        )
        batch = session.exec(query).first()
        if batch is not None:
            body = receipt_body(batch, receipt_of(batch))
            found[job.id] = Answer(HTTPStatus.CREATED, body)
    return found


def _job(job_id: str, post: Posted) -> dict[str, Any]:
    """The job of a post; its arguments are all that is kept of what was sent."""
    columns = row_columns(post.entries, strict=post.strict, complete=post.complete)
    arguments = {
        "name": ROWS_NAME,
        "rows": [entry.cells(COLUMNS) for entry in post.entries],
        "strict": post.strict,
        "complete": post.complete and post.complete.isoformat(),
        "meaning": meaning_of(columns),
    }
    return {
        "id": job_id,
        "kind": JobKind.ROWS,
        "state": JobState.WAITING,
        "user_id": post.by,
        "arguments_json": json.dumps(arguments, ensure_ascii=False),
        "created_at": post.now,
    }


def _batch(job: JobRow, asked: dict[str, Any], fit: Fit, *, now: datetime) -> BatchRow:
    return BatchRow(
        kind=BatchKind.BEHAVIOR,
        state=BatchState.PENDING,
        file_name=fit.name,
        sha256=_digest(job.id),
        user_id=job.user_id,
        received_at=now,
        complete_through=asked["complete"] and date.fromisoformat(asked["complete"]),
        measures_json=json.dumps(sorted(fit.measures)),
        columns_json=asked["meaning"],
    )


def _digest(job_id: str) -> str:
    """By what the batch of a post is known: rows are no file, and the same ones may come again."""
    return hashlib.sha256(f"rows of job {job_id}".encode()).hexdigest()
