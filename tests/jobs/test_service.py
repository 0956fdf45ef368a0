"""The queue: who gets which job, and what becomes of the jobs of workers that are gone."""

import json
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import event
from sqlalchemy.exc import NoResultFound

from app.database import Database
from app.jobs import service
from app.jobs.service import LEASE, Answer
from app.tables import JobKind, JobState
from tests.jobs.queueing import (
    MINUTE,
    NOW,
    SECOND,
    claim,
    clock,
    fetch,
    finish,
    problem_of,
    renew,
    send,
    together,
)


def test_the_oldest_job_comes_first(database: Database) -> None:
    later = send(database, JobKind.ANALYSE, now=NOW + SECOND)
    first = send(database, JobKind.ANALYSE)
    assert [claim(database), claim(database), claim(database)] == [first, later, None]


def test_an_id_cannot_be_guessed(database: Database) -> None:
    """128 bits, as 22 characters of base 64."""
    ids = {send(database) for _ in range(5)}
    assert len(ids) == 5
    assert {len(job_id) for job_id in ids} == {22}


def test_a_job_is_not_seen_before_its_request_commits(database: Database) -> None:
    send(database)
    with database.writing() as session:
        job = service.submit(
            session, kind=JobKind.RECORD, arguments={}, by=1, pilot_id=None, now=NOW
        )
        session.rollback()
    with pytest.raises(NoResultFound):
        fetch(database, job.id)


def test_arguments_and_answers_survive(database: Database) -> None:
    job_id = send(database, path="inbox/Łódź.csv", columns=["a"])
    claim(database)
    assert finish(database, job_id, "w", {"accepted": 3, "first": "Łódź"})
    job = fetch(database, job_id)
    assert json.loads(job.arguments_json) == {"path": "inbox/Łódź.csv", "columns": ["a"]}
    assert (job.state, job.answer_status, job.share_done) == (JobState.DONE, 201, 1.0)
    assert json.loads(job.answer_json or "") == {"accepted": 3, "first": "Łódź"}
    assert job.ended_at == NOW + MINUTE


def test_one_job_at_a_time_writes_the_ledger(database: Database) -> None:
    first = send(database, JobKind.RECORD)
    second = send(database, JobKind.ENROL, now=NOW + SECOND)
    third = send(database, JobKind.ASSIGN, now=NOW + 2 * SECOND)
    analysis = send(database, JobKind.ANALYSE, now=NOW + 3 * SECOND)
    assert [claim(database), claim(database), claim(database)] == [first, analysis, None]
    with database.reading() as session:
        assert not service.has_work(session, kinds=tuple(JobKind), now=NOW)
    finish(database, first, "w")
    assert [claim(database), claim(database)] == [second, None]
    finish(database, second, "w")
    assert claim(database) == third


def test_a_worker_gets_only_the_kinds_it_can_do(database: Database) -> None:
    send(database, JobKind.RECORD)
    analysis = send(database, JobKind.ANALYSE, now=NOW + SECOND)
    only = [JobKind.ANALYSE]
    assert [claim(database, kinds=only), claim(database, kinds=only)] == [analysis, None]


def test_a_lease_that_ran_out_is_taken_over(database: Database) -> None:
    job_id = send(database)
    assert claim(database, "gone") == job_id
    assert claim(database, "next", now=NOW + LEASE - SECOND) is None
    assert claim(database, "next", now=NOW + LEASE) == job_id
    job = fetch(database, job_id)
    assert (job.worker, job.attempts, job.state) == ("next", 1, JobState.RUNNING)


def test_a_lease_that_is_renewed_stays(database: Database) -> None:
    job_id = send(database)
    claim(database, "slow")
    assert renew(database, job_id, "slow", now=NOW + LEASE / 2)
    assert claim(database, "next", now=NOW + LEASE) is None
    job = fetch(database, job_id)
    assert (job.step, job.share_done, job.worker) == ("reading", 0.5, "slow")


def test_what_a_worker_does_after_it_lost_its_lease_is_ignored(database: Database) -> None:
    job_id = send(database)
    claim(database, "slow")
    claim(database, "next", now=NOW + LEASE)
    before = fetch(database, job_id)
    assert not renew(database, job_id, "slow", now=NOW + LEASE)
    assert not finish(database, job_id, "slow", {"accepted": 1})
    with database.writing() as session:
        failed = {job_id: (JobState.FAILED, Answer(422, {}))}
        assert not service.end(session, "slow", failed, now=NOW)
        assert not service.put_back(session, [job_id], "slow", now=NOW, problem_of=problem_of)
        session.commit()
    assert fetch(database, job_id) == before
    assert finish(database, job_id, "next", {"accepted": 2})
    assert not finish(database, job_id, "next", {"accepted": 3})
    assert fetch(database, job_id).answer_json == '{"accepted": 2}'


def test_a_job_that_stops_its_worker_three_times_fails(database: Database) -> None:
    job_id = send(database)
    for attempt in range(3):
        assert claim(database, now=NOW + attempt * LEASE) == job_id
    assert claim(database, now=NOW + 3 * LEASE) is None
    job = fetch(database, job_id)
    assert (job.state, job.attempts, job.answer_status) == (JobState.FAILED, 3, 500)
    assert "stopped three times" in (job.answer_json or "")
    assert "send it again" in (job.answer_json or "")
    assert job.ended_at == NOW + 3 * LEASE


def test_a_job_that_is_put_back_starts_anew(database: Database) -> None:
    job_id = send(database)
    claim(database)
    renew(database, job_id, "w", now=NOW)
    with database.writing() as session:
        assert service.put_back(session, [job_id], "w", now=NOW, problem_of=problem_of)
        session.commit()
    job = fetch(database, job_id)
    assert (job.state, job.attempts, job.step, job.worker) == (JobState.WAITING, 1, "", None)


def test_after_a_restart_all_that_ran_waits_again(database: Database) -> None:
    ids = {send(database, JobKind.ANALYSE), send(database, JobKind.RECORD)}
    waiting = send(database, JobKind.RECORD, now=NOW + SECOND)
    assert {claim(database), claim(database)} == ids
    with database.writing() as session:
        assert service.recover(session, now=NOW, problem_of=problem_of) == 2
        assert service.recover(session, now=NOW, problem_of=problem_of) == 0
        session.commit()
    assert [fetch(database, job_id).attempts for job_id in ids] == [1, 1]
    assert fetch(database, waiting).attempts == 0
    assert {claim(database), claim(database)} == ids


def test_the_queue_is_counted(database: Database) -> None:
    with database.reading() as session:
        assert service.queue(session, now=NOW) == service.Queue(0, 0, None, None)
    first = send(database, JobKind.ANALYSE)
    send(database, JobKind.RECORD, now=NOW + SECOND)
    send(database, JobKind.RECORD, now=NOW + 2 * SECOND)
    claim(database, now=NOW + 3 * SECOND)
    with database.reading() as session:
        found = service.queue(session, now=NOW + 11 * SECOND)
    assert found == service.Queue(2, 1, 10 * SECOND, NOW + 3 * SECOND)
    finish(database, first, "w")
    with database.reading() as session:
        found = service.queue(session, now=NOW)
    assert (found.running, found.sign_of_life) == (0, NOW + MINUTE)


def test_waiting_ends_with_the_job(database: Database) -> None:
    job_id = send(database)
    claim(database)
    done = threading.Timer(0.2, finish, (database, job_id, "w"))
    done.start()
    began = time.monotonic()
    assert service.wait(database, job_id, seconds=20).state == JobState.DONE
    assert time.monotonic() - began < 10
    done.join()


def test_waiting_ends_after_some_seconds_with_the_job_as_it_stands(database: Database) -> None:
    job_id = send(database)
    claim(database)
    began = time.monotonic()
    assert service.wait(database, job_id, seconds=0.2).state == JobState.RUNNING
    assert time.monotonic() - began >= 0.2


def test_threads_never_share_a_job_nor_the_ledger(database: Database) -> None:
    """Six workers, 32 jobs: each job runs once, and no two of those that write do so at once."""
    ids = {send(database, kind): kind for kind in [*JobKind] * 8}
    runs: Counter[str] = Counter()
    writing = threading.Lock()
    left = threading.Semaphore(len(ids))

    def work(number: int) -> None:
        while left.acquire(blocking=False):
            while (job_id := claim(database, f"w{number}", now=clock())) is None:
                time.sleep(0.002)
            if ids[job_id] != JobKind.ANALYSE:
                assert writing.acquire(blocking=False), "two wrote the ledger"
            time.sleep(0.001)
            runs[job_id] += 1
            if ids[job_id] != JobKind.ANALYSE:
                writing.release()
            assert finish(database, job_id, f"w{number}")

    together(work, threads=6)
    assert runs == Counter([*ids])
    assert {fetch(database, job_id).state for job_id in ids} == {JobState.DONE}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_idle_worker_asks_the_index(database: Database) -> None:
    """Jobs that ended stay for years; nobody may look through them ten times a second."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(database.reads, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    with database.reading() as session:
        service.has_work(session, kinds=[*JobKind], now=NOW)
    statement, values = asked[-1]
    assert "FROM jobs" in statement
    with database.reads.connect() as connection:
        steps = connection.exec_driver_sql(f"explain query plan {statement}", values).all()
    assert [str(step[-1]) for step in steps if str(step[-1]).startswith("SCAN jobs")] == []
