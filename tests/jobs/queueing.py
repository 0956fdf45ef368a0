"""What the tests of jobs share."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from app.database import Database
from app.jobs import service
from app.jobs.service import Answer, Json
from app.tables import JobKind, JobRow, JobState, Role, UserRow

NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def clock() -> datetime:
    return datetime.now(UTC)


def problem_of(error: Exception) -> Answer:
    return Answer(500, {"title": type(error).__name__, "detail": str(error)})


def send(
    database: Database, kind: JobKind = JobKind.RECORD, *, now: datetime = NOW, **arguments: object
) -> str:
    """Submit and commit a job; gives its id."""
    with database.writing() as session:
        user = session.exec(select(UserRow)).first()
        if user is None:
            user = UserRow(email="a@b.example", role=Role.ADMIN, password_hash="", created_at=NOW)
            session.add(user)
            session.flush()
        job = service.submit(
            session, kind=kind, arguments=arguments, by=user.id or 0, pilot_id=None, now=now
        )
        session.commit()
        return job.id


def claim(
    database: Database,
    worker: str = "w",
    *,
    kinds: Sequence[JobKind] = tuple(JobKind),
    now: datetime = NOW,
) -> str | None:
    """Claim and commit; gives the job's id."""
    with database.writing() as session:
        job = service.claim(session, worker=worker, kinds=kinds, now=now, problem_of=problem_of)
        session.commit()
        return job.id if job else None


def renew(database: Database, job_id: str, worker: str, *, now: datetime) -> bool:
    with database.writing() as session:
        held = service.renew(session, [job_id], worker, step="reading", share_done=0.5, now=now)
        session.commit()
        return held


def finish(database: Database, job_id: str, worker: str, body: Json | None = None) -> bool:
    with database.writing() as session:
        ends = {job_id: (JobState.DONE, Answer(201, body or {}))}
        kept = service.end(session, worker, ends, now=NOW + MINUTE)
        session.commit()
        return kept


def fetch(database: Database, job_id: str) -> JobRow:
    with database.reading() as session:
        return session.get_one(JobRow, job_id)


def together(act: Callable[[int], object], *, threads: int) -> None:
    """Run something in several threads; raises what the first of them that failed raised."""
    faults: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            act(number)
        except BaseException as fault:
            faults.append(fault)

    started = [threading.Thread(target=guarded, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if faults:
        raise faults[0]
