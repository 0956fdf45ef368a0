"""D8 and D9: the same post again in every way, and long stories of posts, crashes and care."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest.mock import patch

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlmodel import func, select

from app.jobs.service import ATTEMPTS
from app.tables import BatchRow, BatchState
from app.upkeep.compaction import tidy
from app.upkeep.scrub import scrub
from app.workspace import open_ledger
from tests.faults.books import (
    SEED,
    Book,
    check,
    clock,
    file_of,
    open_book,
    rows_found,
    work_through,
)
from tests.faults.intake import PARAMS
from tests.site import Site, open_site

THREADS: Final = 8
ANSWERS: Final = {200, 201, 202, 409, 422}  # 202 where the machine is slow: the job has the receipt
CSV: Final = {"Content-Type": "text/csv"}
# Before the commit, before it is synced, before it counts, and before its job has its answer.
STOPS: Final = (
    "experiments.ledger.ledger.append",
    "app.confirming.sync_commits",
    "app.confirming._remember",
    "app.jobs.service.end",
)


class Killed(BaseException):
    """The process ends here."""


def d8(*, again: int = 1_000) -> dict[str, Any]:
    """Post the same file again: in turn, at once, after a restart; with a key and without.

    There is one batch and one body; the same key with other bytes is refused with 422.
    """
    statuses: Counter[int] = Counter()
    bodies: set[str] = set()
    lock = threading.Lock()
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        folder = Path(name)

        def post(api: TestClient, key: str | None, rows: int = 20) -> int:
            headers = CSV if key is None else {**CSV, "Idempotency-Key": key}
            content = file_of("same", rows)
            answer = api.post("/behavior", params=PARAMS, content=content, headers=headers)
            with lock:
                statuses[int(answer.status_code)] += 1
                if answer.status_code in (200, 201):
                    bodies.add(answer.text)
            return answer.status_code

        with open_site(folder) as site:
            _until_answered(site, post)
            apis = [site.script("manager") for _ in range(THREADS)]
            for at in range(again // 2):
                post(apis[0], ("key", None)[at % 2])
            with ThreadPoolExecutor(THREADS) as pool:
                posts = [
                    pool.submit(post, apis[at % THREADS], ("key", None)[at % 2])
                    for at in range(again // 2)
                ]
            for posted in posts:
                posted.result()
            other = post(apis[0], "key", rows=21)
        with open_site(folder) as site:
            api = site.script("manager")
            for key in ("key", None):
                post(api, key)
            with site.database.reading() as session:
                accepted = select(func.count()).where(BatchRow.state == BatchState.ACCEPTED)
                batches = session.exec(accepted).one()
            check(rows_found(site.settings, site.database), {"same": 20}, {"same"})
    if other != 422 or batches != 1 or len(bodies) != 1 or statuses.keys() - ANSWERS:
        raise AssertionError(f"{batches} batches, {len(bodies)} bodies, {statuses}, {other}")
    return {"posts": statuses.total(), "batches": batches, "answers": dict(statuses)}


def _until_answered(site: Site, post: Any) -> None:
    """The first post, and another beside it, which may be told that the first is under way."""
    api = site.script("manager")
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(post, api, "key") for _ in range(2))
        found = {first.result(), second.result()}
    while not found & {200, 201, 202}:
        time.sleep(0.1)
        found = {post(api, "key")}


class Story(RuleBasedStateMachine):
    """Posts, crashes, restarts and care in any order; the ledger is what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = open_book()
        self.book: Book = self._opened.__enter__()
        self.contents: dict[str, bytes] = {}
        self.stops = 0

    def teardown(self) -> None:
        """Close the installation."""
        self.is_what_was_sent()
        self._opened.__exit__(None, None, None)

    @rule(rows=st.integers(1, 6))
    def post_file(self, rows: int) -> None:
        """Post a new file."""
        name = f"f{len(self.book.sent)}"
        self.contents[name] = file_of(name, rows)
        self.book.send_file(name, rows)

    @rule(rows=st.integers(1, 6))
    def post_rows(self, rows: int) -> None:
        """Post new rows of JSON."""
        self.book.send_rows(f"r{len(self.book.sent)}", rows)

    @precondition(lambda self: self.contents)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Post a file once more."""
        name = data.draw(st.sampled_from(sorted(self.contents)))
        self.book.send_file(name, self.book.sent[name])

    @rule()
    def work(self) -> None:
        """Do what waits, as after a restart."""
        work_through(self.book.settings, self.book.database)
        self.stops = 0

    @precondition(lambda self: self.stops < ATTEMPTS - 1)
    @rule(where=st.sampled_from(STOPS))
    def stop_at(self, where: str) -> None:
        """Begin what waits, and stop at some step as if killed; what does so each time is given up.

        A job that was given up says so, and nothing of it is in the ledger.
        """
        self.stops += 1
        with patch(where, side_effect=Killed), suppress(Killed):
            work_through(self.book.settings, self.book.database)

    @rule(whole=st.booleans())
    def compact_and_vacuum(self, whole: bool) -> None:
        """A round of care a week ago, so that what it replaces may go at once."""
        long_ago = datetime.now(tz=UTC) - timedelta(days=8)
        ledger = open_ledger(self.book.settings)
        tidy(self.book.database, ledger, clock=lambda: long_ago, whole=whole)

    @rule()
    def read(self) -> None:
        """What is there is there once and whole, and the files are what was written."""
        self.book.check(set())
        scrub(self.book.database, open_ledger(self.book.settings), clock=clock)

    def is_what_was_sent(self) -> None:
        """After all work is done, every post is there once."""
        self.work()
        self.book.check({*self.book.sent})


def d9(*, stories: int = 200, steps: int = 50) -> dict[str, Any]:
    """Stories drawn by Hypothesis: model and ledger are the same after each."""
    drawn = settings(
        max_examples=stories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(SEED)(Story), settings=drawn)
    return {"stories": stories, "steps": steps}
