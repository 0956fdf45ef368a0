"""Small posts: recorded together, answered each by itself, and each exactly once."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select, update

from app.jobs.service import wait
from app.tables import BatchRow, IdempotencyKeyRow, JobKind, JobRow, JobState, JournalRow
from app.web.group_commit import group_commit
from app.web.process import own_process
from app.work import open_worker
from experiments.engines.engine import open_engine
from experiments.ledger.ledger import Ledger
from experiments.record.together import record_posts
from tests.app.running import in_folder, wait_long
from tests.site import NOW, Site, open_site

Answer = Any


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


def row(customer: str, value: object = 1, **others: str) -> dict[str, object]:
    said = {"customer_id": customer, "measure": "revenue", "occurred_at": "2026-03-02"}
    return {**said, "value": value, **others}


def at_once(api: TestClient, posts: Sequence[dict[str, Any]]) -> list[Answer]:
    """Send posts together; their answers in order."""
    with ThreadPoolExecutor(len(posts)) as threads:
        return list(threads.map(lambda post: api.post("/behavior", **post), posts))


def held(site: Site) -> list[tuple[int, str]]:
    """Batch and event of every row of the ledger."""
    with open_engine() as engine:
        rows = Ledger(Path(site.settings.ledger)).behavior(engine).select("batch_no", "event_id")
        return sorted((r["batch_no"], r["event_id"] or "") for r in engine.fetch(rows).to_pylist())


def test_posts_at_once_have_a_batch_and_a_receipt_each(site: Site) -> None:
    api = site.script("manager")
    answers = at_once(api, [{"json": [row(f"c{n}")]} for n in range(12)])
    assert {answer.status_code for answer in answers} == {201}
    batches = {answer.json()["batch"] for answer in answers}
    assert len(batches) == 12
    for answer in answers:
        kept = api.get(answer.headers["location"].removeprefix("/api/v1"))
        assert {**kept.json(), "received_at": ""} == {**answer.json(), "received_at": ""}
    assert sorted(batch for batch, _ in held(site)) == sorted(batches)
    assert not in_folder(site.settings.files)
    with site.database.reading() as session:
        written = session.exec(select(JournalRow).where(JournalRow.action == "record_behavior"))
        assert len(written.all()) == 12


def test_a_bad_post_is_refused_and_spoils_nobody(site: Site) -> None:
    api = site.script("manager")
    posts: list[dict[str, Any]] = [
        {"json": [row("a")]},
        {"json": [row("b", "seven")]},
        {"json": [row("c"), row("c", "x")], "params": {"strict": "true"}},
        {"json": [row("d"), row("d", "x")]},
        {"json": [{"customer_id": "e"}]},
        {"json": [row("f")], "params": {"complete": "2026-04-02"}},
    ]
    answers = at_once(api, posts)
    assert [answer.status_code for answer in answers] == [201, 422, 422, 201, 422, 422]
    assert answers[1].json()["errors"][0]["line"] == 1
    assert (answers[3].json()["accepted"], answers[3].json()["rejected"]) == (1, 1)
    assert len(held(site)) == 2
    with site.database.reading() as session:  # a refused post leaves no batch behind
        assert len(session.exec(select(BatchRow)).all()) == 2


def test_one_post_of_a_group_can_be_reversed(site: Site) -> None:
    api = site.script("manager")
    answers = at_once(api, [{"json": [row(f"c{n}", event_id=f"e{n}")]} for n in range(4)])
    wrong = answers[2].json()["batch"]
    assert api.request("DELETE", f"/behavior/{wrong}", json={"reason": "No."}).status_code == 200
    again = api.post("/behavior", json=[row("c2", event_id="e2")]).json()
    assert (again["entries"], again["repeated"]) == (1, 0)
    known = api.post("/behavior", json=[row("c1", event_id="e1")]).json()
    assert (known["entries"], known["repeated"]) == (0, 1)


def test_long_waiting_is_answered_with_a_job_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.jobs.SECONDS", 0.0)
    api = site.script("manager")
    answers = at_once(api, [{"json": [row(f"c{n}")]} for n in range(4)])
    assert {answer.status_code for answer in answers} == {202}
    jobs = {answer.json()["job"] for answer in answers}
    assert len(jobs) == 4
    for job in jobs:
        assert wait(site.database, job, seconds=60).answer_status == 201
        told = api.get(f"/jobs/{job}").json()
        assert (told["kind"], told["state"], told["status"]) == ("rows", "done", 201)


def test_what_stops_a_group_is_tried_post_by_post(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_with_c2(*args: Any, **named: Any) -> Any:
        if any(one.customer_id == "c2" for fit in args[2] for one in fit.rows):
            raise ZeroDivisionError
        return record_posts(*args, **named)

    monkeypatch.setattr("app.record.posts.record_posts", fails_with_c2)
    answers = at_once(site.script("manager"), [{"json": [row(f"c{n}")]} for n in range(5)])
    assert [answer.status_code for answer in answers] == [201, 201, 500, 201, 201]
    with site.database.reading() as session:
        accepted = session.exec(select(BatchRow.batch_no).where(BatchRow.state == "accepted"))
        assert {*accepted.all()} == {
            answer.json()["batch"] for answer in answers if answer.is_success
        }


def test_a_job_that_comes_again_is_answered_with_its_first_receipt(site: Site) -> None:
    """As after a worker that was killed when the batch was accepted, and its job not ended."""
    first = site.script("manager").post("/behavior", json=[row("a")])
    with site.database.writing() as session:
        job = session.exec(select(JobRow).where(JobRow.kind == JobKind.ROWS)).one()
        job.state, job.attempts = JobState.WAITING, 1
        job.answer_json = job.answer_status = job.ended_at = None
        session.add(job)
        session.commit()
    ended = wait(site.database, job.id, seconds=60)
    assert (ended.answer_status, json.loads(ended.answer_json or "")) == (201, first.json())
    assert len(held(site)) == 1


def test_a_key_is_one_post_also_where_the_site_was_stopped_before_it_answered(site: Site) -> None:
    api, key = site.script("manager"), {"Idempotency-Key": "k1"}
    first = api.post("/behavior", json=[row("a")], headers=key)
    with site.database.writing() as session:  # the answer was never kept
        kept = session.exec(select(IdempotencyKeyRow)).one()
        kept.status = kept.body = kept.headers_json = None
        session.add(kept)
        session.commit()
    again = api.post("/behavior", json=[row("a")], headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(held(site)) == 1


def test_a_key_whose_process_is_gone_is_free_at_once(site: Site) -> None:
    """Its request was cut off before it was a job; nobody waits for minutes."""
    api, key = site.script("manager"), {"Idempotency-Key": "k1"}
    api.post("/behavior", json=[row("a", "x")], headers=key)

    def cut_off(process: str | None) -> None:
        with site.database.writing() as session:
            kept = session.exec(select(IdempotencyKeyRow)).one()
            kept.status = kept.body = kept.headers_json = None
            kept.process = process
            session.add(kept)
            session.exec(update(JobRow).values(id="another", ended_at=None))
            session.commit()

    cut_off(own_process())
    assert api.post("/behavior", json=[row("a", "x")], headers=key).status_code == 409
    cut_off(None)  # nobody knows whose it is
    assert api.post("/behavior", json=[row("a", "x")], headers=key).status_code == 409
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        gone = other.submit(own_process).result()
    cut_off(gone)
    assert api.post("/behavior", json=[row("a", "x")], headers=key).status_code == 422


def test_a_repeated_request_gets_its_first_answer_also_where_that_only_led_to_the_job(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words again: whoever is told where to look finds there what came of it."""
    monkeypatch.setattr("app.web.jobs.SECONDS", 0.0)
    api, key = site.script("manager"), {"Idempotency-Key": "k1"}
    first = api.post("/behavior", json=[row("a")], headers=key)
    wait(site.database, first.json()["job"], seconds=60)
    again = api.post("/behavior", json=[row("a")], headers=key)
    assert (first.status_code, again.status_code, again.text) == (202, 202, first.text)
    assert again.headers["location"] == first.headers["location"]
    job = api.get(again.headers["location"].removeprefix("/api/v1")).json()
    assert (job["status"], job["answer"]["accepted"]) == (201, 1)
    assert len(held(site)) == 1


def test_the_same_key_at_once_is_one_post(site: Site) -> None:
    api, key = site.script("manager"), {"Idempotency-Key": "k1"}
    answers = at_once(api, [{"json": [row("a")], "headers": key}] * 10)
    assert {answer.status_code for answer in answers} <= {201, 409}
    bodies = {answer.text for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    other = api.post("/behavior", json=[row("b")], headers=key)
    assert other.status_code == 422
    assert len(held(site)) == 1


def test_changes_that_fail_together_are_written_one_by_one(site: Site) -> None:
    """A group commit keeps what is right of a group in which something is wrong."""
    commit = group_commit(site.database)

    def write(session: Any, numbers: Sequence[int]) -> list[int]:
        if 3 in numbers:
            raise ZeroDivisionError
        return [number * 2 for number in numbers]

    futures = [commit.submit(site.database, write, number) for number in range(6)]
    results = [future.exception() or future.result() for future in futures]
    assert [type(one).__name__ if isinstance(one, Exception) else one for one in results] == [
        0, 2, 4, "ZeroDivisionError", 8, 10,
    ]  # fmt: skip


@pytest.mark.live
def test_a_thousand_sendings_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY D8, of a file and of rows: 500 in sequence over a restart, and 500 at once."""
    wait_long(monkeypatch)
    text = "customer,day,amount\n" + "".join(f"c{n},2026-03-01,{n}\n" for n in range(20))
    said = {"customer_id": "customer", "occurred_at": "day", "measures": "amount", "name": "a.csv"}
    file: dict[str, Any] = {
        "params": said,
        "content": text,
        "headers": {"Content-Type": "text/csv"},
    }
    keyed: dict[str, Any] = {"json": [row("x")], "headers": {"Idempotency-Key": "once"}}
    bodies: set[str] = set()
    for _ in range(2):  # the second is after a restart
        with open_site(tmp_path) as site:
            api = site.script("manager")
            for sending, times in ((file, 50), (keyed, 200)):
                for _ in range(times):
                    answer = api.post("/behavior", **sending)
                    assert answer.status_code in (200, 201)
                    bodies.add(answer.text)
    with open_site(tmp_path) as site:
        api = site.script("manager")
        with ThreadPoolExecutor(32) as threads:
            sendings = [file, keyed, keyed, keyed, keyed] * 100
            answers = list(threads.map(lambda sending: api.post("/behavior", **sending), sendings))
        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        bodies |= {answer.text for answer in answers if answer.is_success}
        other = api.post("/behavior", json=[row("y")], headers={"Idempotency-Key": "once"})
        assert other.status_code == 422
        assert len(bodies) == 2
        assert {batch for batch, _ in held(site)} == {1, 2}


def test_a_worker_without_posts_opens_no_engine(site: Site) -> None:
    worker = open_worker(site.settings, site.database, name="idle", clock=lambda: NOW)
    assert not worker.run_one()
