"""D1: the site and its worker are killed at any moment while people post; nothing is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx2
from sqlmodel import col, select

from app.settings import Settings
from app.tables import JobRow
from app.web.jobs import OPEN
from tests.benchmarks.site import client, free_port, token_for
from tests.faults.books import (
    SEED,
    check,
    environment_of,
    file_of,
    open_registry,
    rows_found,
    rows_of,
)
from tests.faults.intake import PARAMS
from tests.site import open_site

CLIENTS: Final = 3
READY: Final = 300.0  # seconds until a site answers, on a busy machine
ROWS: Final = 5
AGAIN: Final = 0.2  # seconds before a request is made again
PATIENCE: Final = 60.0  # seconds for which a post is made again
LOG: Final = "server.log"
LONGEST: Final = 2.0  # between two kills, in times that a site takes to begin


@dataclass
class Sender:
    """Posts files and rows in turn, each again until somebody acknowledges it.

    Attributes:
        port: Of the site.
        token: Of a manager.
        number: Of this sender.
        sent: Rows of each post, by its name.
        acknowledged: Posts that were answered with a 2xx.
        recorded: Those of them that were answered with their receipt.
        answers: How often which answer came.
    """

    port: int
    token: str
    number: int
    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    recorded: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    def run(self, stop: threading.Event) -> None:
        """Post until told to stop; what nobody acknowledges for a while is given up."""
        at = 0
        while not stop.is_set():
            at += 1
            name = f"s{self.number}n{at}"
            self.sent[name] = ROWS
            end = time.monotonic() + PATIENCE
            while not self._posted(name, as_file=at % 2 == 0) and time.monotonic() < end:
                if stop.wait(AGAIN):
                    break

    def _posted(self, name: str, *, as_file: bool) -> bool:
        try:
            with client(self.port, self.token) as api:
                answer = self._post(api, name, as_file=as_file)
        except httpx2.HTTPError:
            self.answers["none"] += 1
            return False
        self.answers[str(answer.status_code)] += 1
        if answer.is_success:
            self.acknowledged.add(name)
            if answer.status_code != httpx2.codes.ACCEPTED:
                self.recorded.add(name)
        return answer.is_success

    def _post(self, api: httpx2.Client, name: str, *, as_file: bool) -> httpx2.Response:
        if as_file:
            headers = {"Content-Type": "text/csv"}
            content = file_of(name, ROWS)
            return api.post("/behavior", params=PARAMS, content=content, headers=headers)
        headers = {"Content-Type": "application/json", "Idempotency-Key": name}
        content = json.dumps(rows_of(name, ROWS)).encode()
        return api.post("/behavior", content=content, headers=headers)


def d1(*, kills: int = 200) -> dict[str, Any]:
    """Kill the worker and the site in turn, at a moment that is drawn.

    After each, the ledger opens, and every acknowledged post is there once (one that was answered
    with 202 once its job is done); at the end all are.
    """
    drawn = random.Random(SEED)  # noqa: S311
    figures: Counter[str] = Counter()
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        folder = Path(name)
        with open_site(folder, working=False):
            pass
        port, token = free_port(), token_for(folder, "manager@example.com")
        senders = [Sender(port, token, number) for number in range(CLIENTS)]
        stop = threading.Event()
        threads = [threading.Thread(target=one.run, args=(stop,), daemon=True) for one in senders]
        begun = time.monotonic()
        with _served(folder, port) as server:
            longest = LONGEST * (time.monotonic() - begun)
            for thread in threads:
                thread.start()
            for at in range(kills):
                time.sleep(drawn.uniform(0.0, longest))
                figures[server.kill(worker=at % 2 == 0)] += 1
                _check(folder, senders)
            stop.set()
            for thread in threads:
                thread.join()
            _let_finish(folder)
        for one in senders:
            one.recorded |= one.acknowledged
        figures["rows"] = _check(folder, senders)
    answers = sum((one.answers for one in senders), Counter[str]())
    acknowledged = sum(len(one.acknowledged) for one in senders)
    if not acknowledged:
        raise AssertionError(f"nothing was acknowledged: {answers}")
    return {**figures, "acknowledged": acknowledged, "answers": dict(answers)}


@dataclass
class _Server:
    """A site and its worker in processes of their own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def kill(self, *, worker: bool) -> str:
        """Kill one of the two with SIGKILL; what was killed."""
        if worker:
            children = _children(self.process.pid)
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return "worker killed" if children else "no worker to kill"
        self.process.kill()
        self.process.wait()
        self.process = _begun(self.folder, self.port)
        return "site killed"


@contextmanager
def _served(folder: Path, port: int) -> Iterator[_Server]:
    server = _Server(folder, port, _begun(folder, port))
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def _begun(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Begin to serve; returns once the site answers."""
    serve = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(serve, env=environment_of(folder), stdout=log, stderr=log)
    end = time.monotonic() + READY
    while time.monotonic() < end:
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"http://127.0.0.1:{port}/healthz").is_success:
                return process
        time.sleep(0.1)
    process.kill()
    said = (folder / LOG).read_text(errors="replace")[-2000:]
    raise TimeoutError(f"the site does not answer; it said: {said}")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def _check(folder: Path, senders: list[Sender]) -> int:
    recorded = {name for one in senders for name in one.recorded}
    with open_registry(folder) as database:
        settings = Settings(ledger=folder / "ledger", files=folder / "files")
        found = rows_found(settings, database)
    sent = {name: rows for one in senders for name, rows in dict(one.sent).items()}
    return check(found, sent, recorded)


def _let_finish(folder: Path) -> None:
    """Wait until no job waits or runs any more."""
    end = time.monotonic() + READY
    with open_registry(folder) as database:
        while time.monotonic() < end:
            with database.reading() as session:
                query = select(JobRow.id).where(col(JobRow.state).in_(OPEN))
                if session.exec(query).first() is None:
                    return
            time.sleep(AGAIN)
    raise TimeoutError("jobs are still waiting")
