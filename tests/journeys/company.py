"""The demo company, served for journeys: built once for all of them, then copied and served."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from pydantic import SecretStr

from app.administration import new_token
from app.demo.installation import built
from app.settings import Settings
from app.tables import TokenScope
from tests.benchmarks.site import free_port, wait_for

RUN = [sys.executable, "-m", "app.cli"]


@dataclass(frozen=True, slots=True)
class Served:
    """A company whose site runs in a process of its own, with a worker.

    Attributes:
        settings: Of its installation.
        origin: Where it is.
        pid: Of the process that serves it.
    """

    settings: Settings
    origin: str
    pid: int

    def script(self, secret: str) -> httpx2.Client:
        """Somebody's script, with the token that they made for it."""
        return httpx2.Client(
            base_url=f"{self.origin}/api/v1",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=60,
        )

    def token(self, email: str) -> str:
        """A token that may do what its user may."""
        return new_token(self.settings, email=email, scope=TokenScope.MANAGE, name="journey")

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The worker is held up, so that whatever is asked of it takes long."""
        workers = _children(self.pid)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)


def build_once(shared: Path) -> Path:
    """Build the company, unless another process of this run has; the folder that holds it."""
    company = shared / "demo-company"
    with (shared / "demo-company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not company.exists():
            with built(at=lambda _: None) as (settings, _):
                shutil.copytree(settings.files.parent, shared / "demo-company.part")
            (shared / "demo-company.part").rename(company)
    return company


@contextmanager
def served(company: Path, folder: Path) -> Iterator[Served]:
    """Serve a copy of the company on a free port."""
    shutil.copytree(company, folder, dirs_exist_ok=True)
    settings = Settings(
        database_url=f"sqlite:///{folder / 'registry.db'}",
        ledger=folder / "ledger",
        files=folder / "files",
        secret_key=SecretStr("a secret key for journeys, long enough"),
    )
    port, log = free_port(), folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*RUN, "serve", "--port", str(port)],
            env={**os.environ, **settings.as_environment()},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(port)
        yield Served(settings, f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        server.wait()
    # Nothing that went wrong unseen; the first line says where the site is.
    assert log.read_text().splitlines()[1:] == []


def _children(pid: int) -> list[int]:
    """Processes that a process started."""
    found = subprocess.run(["pgrep", "-P", str(pid)], check=True, capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]
