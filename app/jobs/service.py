"""Jobs: sent by a request, taken by one worker at a time, kept with their answers.

A worker holds a job while it renews its lease. A lease that has run out belongs to a worker that is
gone: the job waits again, and whatever that worker still reports is ignored. Leases are compared
with the caller's clock; the clocks of several machines have to agree to well within a lease.

Whoever calls commits.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func, or_, update
from sqlmodel import Session, col, select

from app.database import Database
from app.tables import JobKind, JobRow, JobState
from experiments.errors import PilotError

Json = dict[str, Any]
LEDGER_WRITERS: Final = frozenset(JobKind) - {JobKind.ANALYSE}
LEASE: Final = timedelta(seconds=60)
ATTEMPTS: Final = 3
MOST_TOGETHER: Final = 200  # jobs that are done at once
TAKING_TURNS: Final = 7_208_411  # names the PostgreSQL lock under which jobs are claimed
new_id: Final = partial(secrets.token_urlsafe, 16)
# As `_end` names them: a statement that ends many jobs takes the values of each by these names.
_ENDED: Final[Mapping[str, BindParameter[Any]]] = {
    name: bindparam(f"new_{name}")
    for name in ("state", "ended_at", "lease_until", "answer_status", "answer_json")
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job ends with: the status and body that a request would have got."""

    status: int
    body: Json


ProblemOf = Callable[[Exception], Answer]


class WorkerStopped(PilotError):
    """A job that stops its worker each time is not tried for ever."""

    def __init__(self) -> None:
        super().__init__(
            "The worker stopped three times while at this, so it was given up. "
            "Nothing was taken in; send it again."
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """How the queue stands.

    Attributes:
        waiting: Jobs that wait.
        running: Jobs that run.
        oldest: How long the first of those that wait has waited; None where none does.
        sign_of_life: When a worker last renewed a lease or ended a job; an idle one gives no sign.
    """

    waiting: int
    running: int
    oldest: timedelta | None
    sign_of_life: datetime | None


def submit(
    session: Session,
    *,
    kind: JobKind,
    arguments: Json,
    by: int,
    pilot_id: int | None,
    now: datetime,
    make_id: Callable[[], str] = new_id,
) -> JobRow:
    """Put a job into the queue; its id cannot be guessed."""
    job = JobRow(
        id=make_id(),
        kind=kind,
        state=JobState.WAITING,
        user_id=by,
        pilot_id=pilot_id,
        arguments_json=json.dumps(arguments, ensure_ascii=False),
        created_at=now,
    )
    session.add(job)
    session.flush()
    return job


def has_work(session: Session, *, kinds: Collection[JobKind], now: datetime) -> bool:
    """Whether `claim` would find something to do; takes no lock."""
    found = select(JobRow.id).where(or_(_may_start(kinds, now), _abandoned(now))).limit(1)
    return session.exec(found).first() is not None


def claim(
    session: Session,
    *,
    worker: str,
    kinds: Collection[JobKind],
    now: datetime,
    problem_of: ProblemOf,
    lease: timedelta = LEASE,
) -> JobRow | None:
    """Take the job that has waited longest; those of workers that are gone wait again before.

    One job at a time writes the ledger.

    Args:
        session: A writing session.
        worker: A name that no other worker has.
        kinds: What the worker can do.
        now: The present time.
        problem_of: Makes the answer of a job that is given up.
        lease: How long the worker holds the job, unless it renews the lease.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has one writer anyway. Rows cannot be locked against a second ledger writer,
        # because the rows that forbid it are others than the one that is claimed.
        session.exec(select(func.pg_advisory_xact_lock(TAKING_TURNS))).one()
    _give_back(session, _abandoned(now), now=now, problem_of=problem_of)
    first = select(JobRow).where(_may_start(kinds, now))
    order = (col(JobRow.created_at), col(JobRow.id))
    job = session.exec(first.order_by(*order).limit(1)).first()
    if job is None:
        return None
    job.state = JobState.RUNNING
    job.worker = worker
    job.lease_until = now + lease
    session.add(job)
    session.flush()
    return job


def claim_alike(
    session: Session, job: JobRow, *, now: datetime, lease: timedelta = LEASE
) -> list[JobRow]:
    """Take more jobs of the kind of a claimed one, to be done with it; those that wait longest."""
    found = (
        select(JobRow)
        .where(JobRow.state == JobState.WAITING, JobRow.kind == job.kind)
        .order_by(col(JobRow.created_at), col(JobRow.id))
        .limit(MOST_TOGETHER - 1)
    )
    jobs = list(session.exec(found).all())
    if jobs:
        taken = {"state": JobState.RUNNING, "worker": job.worker, "lease_until": now + lease}
        statement = update(JobRow).where(col(JobRow.id).in_([one.id for one in jobs]))
        session.exec(statement.values(**taken), execution_options={"synchronize_session": False})
    return jobs


def renew(
    session: Session,
    job_ids: Collection[str],
    worker: str,
    *,
    step: str,
    share_done: float,
    now: datetime,
    lease: timedelta = LEASE,
) -> bool:
    """Hold jobs for longer, and say how far they are; False when the worker has lost one."""
    values = {"step": step, "share_done": share_done, "lease_until": now + lease}
    return _change(session, job_ids, worker, **values) == len(job_ids)


def end(
    session: Session,
    worker: str,
    ends: Mapping[str, tuple[JobState, Answer]],
    *,
    now: datetime,
) -> bool:
    """Keep how jobs ended, each its answer or problem; False when the worker had lost one of them.

    Nothing is kept of one that was lost.
    """
    held = _held([], worker) & (col(JobRow.id) == bindparam("own"))
    done = case((_ENDED["state"] == JobState.DONE, 1.0), else_=col(JobRow.share_done))
    statement = update(JobRow).where(held).values(share_done=done, **_ENDED)
    rows = [
        {"own": job_id, **{f"new_{name}": value for name, value in _end(*end, now).items()}}
        for job_id, end in ends.items()
    ]
    changed = session.connection().execute(statement, rows)
    return changed.rowcount == len(rows)


def put_back(
    session: Session,
    job_ids: Collection[str],
    worker: str,
    *,
    now: datetime,
    problem_of: ProblemOf,
) -> bool:
    """Let jobs that were interrupted wait again; False when the worker had lost one."""
    own = _held(job_ids, worker)
    return _give_back(session, own, now=now, problem_of=problem_of) == len(job_ids)


def recover(session: Session, *, now: datetime, problem_of: ProblemOf) -> int:
    """Let all jobs that run wait again, at the start of an installation's only worker.

    Returns:
        How many there were.
    """
    running = col(JobRow.state) == JobState.RUNNING
    return _give_back(session, running, now=now, problem_of=problem_of)


def wait(database: Database, job_id: str, *, seconds: float, pause: float = 0.05) -> JobRow:
    """The job once it has ended, or as it stands after some seconds; holds no transaction open."""
    end = time.monotonic() + seconds
    while True:
        with database.reading() as session:
            job = session.get_one(JobRow, job_id)
        left = end - time.monotonic()
        if job.state in (JobState.DONE, JobState.FAILED) or left <= 0:
            return job
        time.sleep(min(pause, left))


def queue(session: Session, *, now: datetime, lease: timedelta = LEASE) -> Queue:
    """How the queue stands."""
    state = col(JobRow.state)
    waiting = select(func.count(), func.min(JobRow.created_at)).where(state == JobState.WAITING)
    running = select(func.count(), func.max(JobRow.lease_until)).where(state == JobState.RUNNING)
    waits, first = session.exec(waiting).one()
    runs, renewed = session.exec(running).one()
    ended = session.exec(select(func.max(JobRow.ended_at))).one()
    signs = [sign for sign in (renewed and renewed - lease, ended) if sign]
    return Queue(waits, runs, now - first if first else None, max(signs, default=None))


def _may_start(kinds: Collection[JobKind], now: datetime) -> ColumnElement[bool]:
    """A job that waits, unless it would be the second to write the ledger."""
    kind, writers = col(JobRow.kind), sorted(LEDGER_WRITERS)
    one_writes = (
        select(JobRow.id)
        .where(
            col(JobRow.state) == JobState.RUNNING,
            kind.in_(writers),
            col(JobRow.lease_until) > now,
        )
        .correlate(None)
        .exists()
    )
    waits = (col(JobRow.state) == JobState.WAITING) & kind.in_(sorted(kinds))
    return waits & (kind.not_in(writers) | ~one_writes)


def _abandoned(now: datetime) -> ColumnElement[bool]:
    return (col(JobRow.state) == JobState.RUNNING) & (col(JobRow.lease_until) <= now)


def _held(job_ids: Collection[str], worker: str) -> ColumnElement[bool]:
    """The jobs that a worker holds, of these where some are named."""
    held = (col(JobRow.state) == JobState.RUNNING) & (col(JobRow.worker) == worker)
    return held & col(JobRow.id).in_(job_ids) if job_ids else held


def _give_back(
    session: Session, which: ColumnElement[bool], *, now: datetime, problem_of: ProblemOf
) -> int:
    """Let jobs wait again; one that stopped its workers too often fails."""
    # In one order, so that two who do this do not wait for each other.
    rows = select(JobRow).where(which).order_by(col(JobRow.id)).with_for_update()
    jobs = session.exec(rows, execution_options={"populate_existing": True}).all()
    for job in jobs:
        job.attempts += 1
        job.worker = job.lease_until = None
        job.step, job.share_done = "", 0.0
        job.state = JobState.WAITING
        if job.attempts >= ATTEMPTS:
            for name, value in _end(JobState.FAILED, problem_of(WorkerStopped()), now).items():
                setattr(job, name, value)
        session.add(job)
    session.flush()
    return len(jobs)


def _end(state: JobState, answer: Answer, now: datetime) -> Json:
    return {
        "state": state,
        "ended_at": now,
        "lease_until": None,
        "answer_status": answer.status,
        "answer_json": json.dumps(answer.body, ensure_ascii=False),
    }


def _change(session: Session, job_ids: Collection[str], worker: str, **values: Any) -> int:
    """Change the jobs of these that a worker holds; how many those are.

    One statement that asks and changes: nobody can take a job in between.
    """
    statement = update(JobRow).where(_held(job_ids, worker)).values(**values)
    changed = session.exec(statement, execution_options={"synchronize_session": False})
    return changed.rowcount
