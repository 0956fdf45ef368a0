"""A worker: takes jobs from the queue and runs them, one after another."""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, Self

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlmodel import Session

from app.database import Database
from app.jobs import service
from app.jobs.service import LEASE, Answer, ProblemOf
from app.tables import JobKind, JobRow, JobState
from experiments.errors import PilotError

Progress = Callable[[str, float], None]
Handler = Callable[[JobRow, Progress], Answer]
Check = Callable[[], None]
Together = Callable[[Sequence[JobRow], Check], Sequence[Answer | Exception]]
RENEWALS: Final = 4  # of a lease while it lasts
THROTTLE: Final = 0.2  # seconds between two reports of progress
RETRY: Final = 1.0  # seconds after the registry did not answer
BUSY: Final = 5.0  # seconds after a job, for which the next is looked for more often
SOON: Final = 0.01  # seconds between two looks then
# Of the time that jobs took together, for which more may come: whoever got an answer asks again.
GATHER: Final = 0.25
_log = structlog.get_logger()


class LeaseLost(Exception):
    """The job may be another worker's by now; raised in the handler, which has to stop."""


class Worker:
    """Runs jobs, one at a time; each thread has a worker of its own.

    A handler

    - calls its progress before it writes what others will see: the call raises `LeaseLost` when
      the job may have been given to another worker;
    - has no transaction of the registry open while it does something else: the lease could not be
      renewed on SQLite;
    - may meet a job again (`attempts` is not 0) after a worker that was killed at any moment, and
      takes nothing in twice.

    Jobs of a kind in `together` are handed over as many as wait, so that they share what each
    would cost alone; every one still has its own answer. Where that fails, they are tried one by
    one: what is wrong with one is no other's fault. Such a handler calls its check, not progress.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[JobKind, Handler],
        *,
        name: str,
        problem_of: ProblemOf,
        clock: Callable[[], datetime],
        together: Mapping[JobKind, Together] | None = None,
        kinds: Collection[JobKind] | None = None,
        pause: float = 0.1,
        lease: timedelta = LEASE,
    ) -> None:
        # Two that have one name, an old process and the one after it, would share their leases.
        self.name = f"{name[:50]}-{secrets.token_hex(6)}"
        self._together = together or {}
        self.kinds = frozenset({*handlers, *self._together} if kinds is None else kinds)
        self._database = database
        self._handlers = handlers
        self._problem_of = problem_of
        self._clock = clock
        self._pause = pause
        self._lease = lease

    def run(self, stop: threading.Event) -> None:
        """Run jobs until told to stop; the one at hand is finished first."""
        worked_at = -BUSY
        while not stop.is_set():
            try:
                begun = time.monotonic()
                done = self._run_next()
                if done:
                    worked_at = time.monotonic()
                    if done > 1:
                        stop.wait(GATHER * (worked_at - begun))
                    continue
                pause = SOON if time.monotonic() - worked_at < BUSY else self._pause
            except SQLAlchemyError as error:
                _log.warning("the registry does not answer", worker=self.name, error=str(error))
                pause = RETRY
            stop.wait(pause)

    def run_one(self) -> bool:
        """Run the job that has waited longest; False when there is none for this worker."""
        return self._run_next() > 0

    def _run_next(self) -> int:
        """Run the job that has waited longest, with those that are done with it; how many."""
        with self._database.reading() as session:
            if not service.has_work(session, kinds=self.kinds, now=self._clock()):
                return 0
        with self._database.writing() as session:
            now = self._clock()
            job = service.claim(
                session,
                worker=self.name,
                kinds=self.kinds,
                now=now,
                problem_of=self._problem_of,
                lease=self._lease,
            )
            jobs = [job] if job is not None else []
            if job is not None and job.kind in self._together:
                jobs += service.claim_alike(session, job, now=now, lease=self._lease)
            session.commit()
        if job is None:
            return 0
        with structlog.contextvars.bound_contextvars(job=job.id, kind=job.kind, worker=self.name):
            self._run(jobs)
        return len(jobs)

    def _run(self, jobs: Sequence[JobRow]) -> None:
        with _Heartbeat(self._database, jobs, self.name, self._clock, self._lease) as heartbeat:
            kept = self._steadily(self._ending(jobs, heartbeat))
        if not kept:
            _log.warning("the job was lost to another worker")

    def _ending(self, jobs: Sequence[JobRow], heartbeat: "_Heartbeat") -> "_Ending":
        """Run the handler; how the jobs end, not yet written."""
        try:
            if jobs[0].kind in self._together:
                ends = self._ends_of(self._together[JobKind(jobs[0].kind)], jobs, heartbeat.check)
            else:
                handle = self._handlers[JobKind(jobs[0].kind)]
                result = _result_of(handle, jobs[0], heartbeat.progress)
                ends = {jobs[0].id: _end_of(result, self._problem_of)}
        except LeaseLost:
            return lambda session, *, now: False
        except DBAPIError as error:
            _log.warning("the registry did not answer, the job waits again", exc_info=error)
            put_back = partial(service.put_back, problem_of=self._problem_of)
            ids = [job.id for job in jobs]
            return lambda session, *, now: put_back(session, ids, self.name, now=now)
        return lambda session, *, now: service.end(session, self.name, ends, now=now)

    def _ends_of(self, handle: Together, jobs: Sequence[JobRow], check: Check) -> dict[str, "_End"]:
        """How jobs that are done together end, each by itself."""
        try:
            results = list(handle(jobs, check))
        except LeaseLost:
            raise
        except Exception as error:
            if _is_outage(error):
                raise
            if len(jobs) > 1:
                _log.warning("what was done together is tried one by one", exc_info=error)
                ends: dict[str, _End] = {}
                for job in jobs:
                    ends |= self._ends_of(handle, [job], check)
                return ends
            results = [error]
        return {
            job.id: _end_of(result, self._problem_of)
            for job, result in zip(jobs, results, strict=True)
        }

    def _steadily(self, ending: "_Ending") -> bool:
        """Write how a job ends, again until the registry answers or the lease is over."""
        end = time.monotonic() + self._lease.total_seconds()
        while True:
            try:
                with self._database.writing() as session:
                    kept = ending(session, now=self._clock())
                    session.commit()
                    return kept
            except SQLAlchemyError:
                if time.monotonic() > end:
                    raise
                time.sleep(RETRY)


_End = tuple[JobState, Answer]


class _Ending(Protocol):
    def __call__(self, session: Session, *, now: datetime) -> bool: ...


class _Heartbeat:
    """Renews the lease of jobs and writes their progress, from a thread of its own.

    So a handler never waits for the registry when it tells its progress, however often it does.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[JobRow],
        worker: str,
        clock: Callable[[], datetime],
        lease: timedelta,
    ) -> None:
        self._database = database
        self._job_ids = [job.id for job in jobs]
        self._worker = worker
        self._clock = clock
        self._lease = lease
        self._until = jobs[0].lease_until or clock()
        self._reached = ("", 0.0)
        self._lost = False
        self._told = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._beat, name=f"heartbeat {jobs[0].id}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._told.set()
        self._thread.join()

    def progress(self, step: str, share_done: float) -> None:
        """Say how far the job has come.

        Raises:
            LeaseLost: Another worker may have the job.
        """
        self._reached = (step, share_done)
        self._told.set()
        self.check()

    def check(self) -> None:
        """Stop where another worker may have the jobs.

        Raises:
            LeaseLost: It may.
        """
        if self._lost or self._clock() >= self._until:
            raise LeaseLost

    def _beat(self) -> None:
        every = self._lease.total_seconds() / RENEWALS
        pause = every
        while not self._lost:
            self._told.wait(pause)
            if self._over.is_set():
                return
            self._told.clear()
            try:
                self._renew()
                pause = every
            except SQLAlchemyError as error:
                _log.warning("the lease was not renewed", jobs=self._job_ids[:3], error=str(error))
                pause = min(RETRY, every)
            self._over.wait(min(THROTTLE, every))

    def _renew(self) -> None:
        now = self._clock()
        step, share_done = self._reached
        with self._database.writing() as session:
            held = service.renew(
                session, self._job_ids, self._worker,
                step=step, share_done=share_done, now=now, lease=self._lease,
            )  # fmt: skip
            session.commit()
        self._until = now + self._lease
        self._lost = not held


def _result_of(handle: Handler, job: JobRow, progress: Progress) -> Answer | Exception:
    """What a handler answers, or what stopped it; an outage is nobody's answer."""
    try:
        return handle(job, progress)
    except LeaseLost:
        raise
    except Exception as error:
        if _is_outage(error):
            raise
        return error


def _end_of(result: Answer | Exception, problem_of: ProblemOf) -> "_End":
    if isinstance(result, Answer):
        return JobState.DONE, result
    if not isinstance(result, PilotError):
        _log.error("the job met a fault", exc_info=result)
    return JobState.FAILED, problem_of(result)


def _is_outage(error: Exception) -> bool:
    return isinstance(error, OperationalError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
