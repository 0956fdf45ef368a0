"""Jobs that are done together, and those who wait for jobs."""

from collections.abc import Sequence

from sqlalchemy import event

from app.database import Database
from app.jobs import service
from app.jobs.service import Answer
from app.jobs.watching import watcher_of
from app.jobs.worker import Check, Worker
from app.tables import JobKind, JobRow, JobState
from experiments.errors import BadInput
from tests.jobs.queueing import NOW, SECOND, clock, fetch, finish, problem_of, send


def waiting(database: Database, count: int) -> list[str]:
    return [send(database, JobKind.ROWS, now=NOW + number * SECOND) for number in range(count)]


class Handler:
    """Answers each job with its place among those that it is given."""

    def __init__(self, *, bad: Sequence[str] = (), fatal: Sequence[str] = ()) -> None:
        self.given: list[list[str]] = []
        self.bad, self.fatal = bad, fatal

    def __call__(self, jobs: Sequence[JobRow], check: Check) -> list[Answer | Exception]:
        """Do the jobs."""
        self.given.append([job.id for job in jobs])
        check()
        if any(job.id in self.fatal for job in jobs):
            raise ZeroDivisionError
        return [
            BadInput("row 1 is empty") if job.id in self.bad else Answer(201, {"place": at})
            for at, job in enumerate(jobs)
        ]


def worker(database: Database, handler: Handler) -> Worker:
    return Worker(
        database, {}, together={JobKind.ROWS: handler}, name="w", problem_of=problem_of, clock=clock
    )


def test_what_waits_is_done_at_once_in_its_order(database: Database) -> None:
    ids, handler = waiting(database, 5), Handler()
    send(database, JobKind.ANALYSE)
    assert worker(database, handler).run_one()
    assert handler.given == [ids]
    assert {fetch(database, job_id).answer_json for job_id in ids} == {
        f'{{"place": {at}}}' for at in range(5)
    }
    assert not worker(database, handler).run_one()


def test_each_has_its_own_end(database: Database) -> None:
    ids = waiting(database, 3)
    worker(database, Handler(bad=ids[1:2])).run_one()
    states = [fetch(database, job_id).state for job_id in ids]
    assert states == [JobState.DONE, JobState.FAILED, JobState.DONE]


def test_what_fails_together_is_tried_one_by_one(database: Database) -> None:
    ids = waiting(database, 3)
    handler = Handler(fatal=ids[:1])
    worker(database, handler).run_one()
    assert handler.given == [ids, ids[:1], ids[1:2], ids[2:]]
    assert [fetch(database, job_id).answer_status for job_id in ids] == [500, 201, 201]


def test_jobs_that_another_worker_took_meanwhile_are_left_to_it(database: Database) -> None:
    ids = waiting(database, 2)

    def lose(jobs: Sequence[JobRow], check: Check) -> list[Answer | Exception]:
        with database.writing() as session:
            later = clock() + 2 * service.LEASE
            first = service.claim(
                session, worker="other", kinds=[JobKind.ROWS], now=later, problem_of=problem_of
            )
            assert first is not None
            session.commit()
        return [Answer(201, {})] * len(jobs)

    taking = Worker(
        database, {}, together={JobKind.ROWS: lose}, name="w", problem_of=problem_of, clock=clock
    )
    taking.run_one()
    assert fetch(database, ids[0]).worker == "other"
    assert {fetch(database, job_id).answer_json for job_id in ids} == {None}


def test_all_who_wait_are_told_by_few_looks(database: Database) -> None:
    ids = waiting(database, 20)
    looks: list[str] = []
    event.listen(
        database.reads, "before_cursor_execute",
        lambda conn, cursor, statement, *_: looks.append(statement),
    )  # fmt: skip
    futures = [watcher_of(database).watch(database, job_id) for job_id in [*ids, ids[0]]]
    worker(database, Handler()).run_one()
    assert [future.result(30).id for future in futures] == [*ids, ids[0]]
    assert sum("jobs.state IN" in look for look in looks) < 20


def test_who_stops_waiting_stops_nobody_else(database: Database) -> None:
    [job_id] = waiting(database, 1)
    gone, stays = (watcher_of(database).watch(database, job_id) for _ in range(2))
    assert gone.cancel()
    with database.writing() as session:
        service.claim(session, worker="w", kinds=[JobKind.ROWS], now=NOW, problem_of=problem_of)
        session.commit()
    finish(database, job_id, "w", {"accepted": 1})
    assert stays.result(30).answer_json == '{"accepted": 1}'
