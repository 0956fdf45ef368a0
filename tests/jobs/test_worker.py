"""The worker: what it does with answers, refusals, faults, kills and outages."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.database import Database, open_database
from app.jobs import service
from app.jobs.service import Answer
from app.jobs.worker import Handler, LeaseLost, Progress, Worker
from app.tables import JobKind, JobRow, JobState
from experiments.errors import BadInput
from tests.jobs import slow_worker
from tests.jobs.queueing import NOW, SECOND, claim, clock, fetch, problem_of, send

RESULT = Answer(201, {"accepted": 2})
SHORT = timedelta(seconds=0.4)


def worker(database: Database, handler: Handler, *, lease: timedelta = service.LEASE) -> Worker:
    handlers = dict.fromkeys(JobKind, handler)
    return Worker(
        database, handlers, name="w", problem_of=problem_of, clock=clock, pause=0.01, lease=lease
    )


def raising(*errors: Exception) -> Handler:
    """Raises one error per run, and then gives an answer."""
    left = list(errors)

    def handle(job: JobRow, progress: Progress) -> Answer:
        if left:
            raise left.pop(0)
        return RESULT

    return handle


@contextmanager
def at_work(*workers: Worker) -> Iterator[None]:
    """The workers run, each in its thread."""
    stop = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stop,)) for each in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 30 seconds")


def go_on(progress: Progress) -> None:
    for _ in range(3000):
        progress("writing", 0.5)
        time.sleep(0.01)


def test_the_answer_of_a_handler_is_kept(database: Database) -> None:
    job_id = send(database)
    assert worker(database, raising()).run_one()
    job = fetch(database, job_id)
    assert (job.state, job.answer_status) == (JobState.DONE, 201)
    assert json.loads(job.answer_json or "") == {"accepted": 2}
    assert not worker(database, raising()).run_one()


def test_what_a_person_can_act_on_becomes_a_problem(database: Database) -> None:
    job_id = send(database)
    with capture_logs() as logs:
        worker(database, raising(BadInput("row 3 is empty"))).run_one()
    job = fetch(database, job_id)
    assert job.state == JobState.FAILED
    assert json.loads(job.answer_json or "") == {"title": "BadInput", "detail": "row 3 is empty"}
    assert logs == []


def test_a_fault_fails_the_job_and_is_written_down(database: Database) -> None:
    first, second = send(database), send(database, now=NOW + SECOND)
    with capture_logs() as logs, at_work(worker(database, raising(ZeroDivisionError("secret")))):
        until(lambda: fetch(database, second).state == JobState.DONE)
    job = fetch(database, first)
    assert (job.state, job.answer_status) == (JobState.FAILED, 500)
    assert [entry["event"] for entry in logs] == ["the job met a fault"]
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)


def test_the_log_names_the_job(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = send(database)
    worker(database, raising(ZeroDivisionError())).run_one()
    logged = capsys.readouterr().out
    assert job_id in logged
    assert "ZeroDivisionError" in logged


def test_progress_is_shown_while_the_job_runs(database: Database) -> None:
    seen = []

    def handle(job: JobRow, progress: Progress) -> Answer:
        for share in range(50):
            progress("reading", share / 100)
        until(lambda: fetch(database, job.id).share_done == 0.49)
        seen.append(fetch(database, job.id))
        return RESULT

    send(database)
    worker(database, handle).run_one()
    assert [(job.state, job.step) for job in seen] == [(JobState.RUNNING, "reading")]


def test_a_long_job_keeps_its_lease(database: Database) -> None:
    def handle(job: JobRow, progress: Progress) -> Answer:
        for _ in range(8):
            time.sleep(SHORT.total_seconds() / 4)
            assert claim(database, "thief", now=clock()) is None
        progress("end", 1)
        return RESULT

    job_id = send(database)
    worker(database, handle, lease=SHORT).run_one()
    job = fetch(database, job_id)
    assert (job.state, job.attempts) == (JobState.DONE, 0)


def test_a_handler_that_lost_its_job_is_stopped_and_not_acknowledged(database: Database) -> None:
    def handle(job: JobRow, progress: Progress) -> Answer:
        # Two minutes from now, as a worker whose clock goes wrong: nobody had renewed the lease.
        assert claim(database, "other", now=clock() + 2 * service.LEASE) == job.id
        with pytest.raises(LeaseLost) as lost:
            go_on(progress)
        raise lost.value

    job_id = send(database)
    with capture_logs() as logs:
        worker(database, handle).run_one()
    job = fetch(database, job_id)
    assert (job.state, job.worker, job.attempts) == (JobState.RUNNING, "other", 1)
    assert [entry["event"] for entry in logs] == ["the job was lost to another worker"]


def test_an_answer_that_comes_too_late_is_not_kept(database: Database) -> None:
    def handle(job: JobRow, progress: Progress) -> Answer:
        claim(database, "other", now=clock() + 2 * service.LEASE)
        return RESULT

    job_id = send(database)
    worker(database, handle).run_one()
    job = fetch(database, job_id)
    assert (job.state, job.worker, job.answer_json) == (JobState.RUNNING, "other", None)


def test_a_job_whose_registry_was_away_waits_again(database: Database) -> None:
    job_id = send(database)
    away = OperationalError("select", {}, Exception("the server has gone"))
    with at_work(worker(database, raising(away))):
        until(lambda: fetch(database, job_id).state == JobState.DONE)
    assert fetch(database, job_id).attempts == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_outlives_its_connections(database: Database, database_url: str) -> None:
    """All connections are cut ten times while jobs run; each is done in the end."""
    ids = [send(database, kind) for kind in [*JobKind] * 3]

    def handle(job: JobRow, progress: Progress) -> Answer:
        time.sleep(0.05)
        with database.reading() as session:
            session.get_one(JobRow, job.id)
        return RESULT

    address = database_url
    with at_work(worker(database, handle)):
        with psycopg.connect(address, autocommit=True) as connection:
            for _ in range(10):
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
                time.sleep(0.05)
        other = open_database(address)
        until(lambda: all(fetch(other, each).state == JobState.DONE for each in ids))
        other.close()


def test_a_worker_outlives_a_registry_without_tables(tmp_path: Path) -> None:
    empty = open_database(tmp_path / "registry.db")
    with capture_logs() as logs, at_work(worker(empty, raising())):
        until(lambda: len(logs) > 0)
    assert logs[0]["event"] == "the registry does not answer"
    empty.close()


def test_two_workers_share_the_kinds(database: Database) -> None:
    """One for the ledger, one for analyses, as threads of one process: both work at once."""
    meeting = threading.Barrier(2, timeout=30)
    runs: Counter[str] = Counter()

    def handle(job: JobRow, progress: Progress) -> Answer:
        meeting.wait()
        runs[job.kind] += 1
        return RESULT

    ids = [send(database, kind) for kind in (JobKind.RECORD, JobKind.ANALYSE) * 3]
    both = [
        Worker(
            database, dict.fromkeys(JobKind, handle), name="w", problem_of=problem_of,
            clock=clock, kinds=kinds, pause=0.01,
        )
        for kinds in (service.LEDGER_WRITERS, [JobKind.ANALYSE])
    ]  # fmt: skip
    with at_work(*both):
        until(lambda: all(fetch(database, each).state == JobState.DONE for each in ids))
    assert runs == {JobKind.RECORD: 3, JobKind.ANALYSE: 3}
    assert both[0].name != both[1].name


@pytest.mark.live
@pytest.mark.parametrize("restarted", [True, False], ids=["restart", "second worker"])
def test_the_job_of_a_killed_worker_is_done_by_the_next(
    database: Database, database_url: str, tmp_path: Path, restarted: bool
) -> None:
    """Killed (-9) in the middle: a restart takes the job over at once, another worker with time."""
    begun = tmp_path / "begun"
    job_id = send(database)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.slow_worker", database_url, str(begun)]
    )
    try:
        until(lambda: begun.exists() and fetch(database, job_id).share_done == 0.25)
        time.sleep(slow_worker.LEASE.total_seconds())
        assert claim(database, "early", now=clock()) is None  # it lives, and has renewed its lease
    finally:
        process.kill()
        process.wait()
    if restarted:
        with database.writing() as session:
            assert service.recover(session, now=clock(), problem_of=problem_of) == 1
            session.commit()
        assert worker(database, slow_worker.slow(begun)).run_one()
    else:
        assert not worker(database, slow_worker.slow(begun)).run_one()
        with at_work(worker(database, slow_worker.slow(begun))):
            until(lambda: fetch(database, job_id).state == JobState.DONE)
    job = fetch(database, job_id)
    assert (job.state, job.answer_json) == (JobState.DONE, '{"attempts": 1}')
