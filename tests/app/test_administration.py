"""The commands that run an installation, as real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlmodel import select

from app.administration import opened, refuse_old_schema
from app.database import migrate
from app.people.credentials import digest
from app.settings import Settings
from app.tables import TokenRow, UserRow
from experiments.errors import BadInput
from tests.benchmarks.site import free_port, wait_for

pytestmark = pytest.mark.live

PASSWORD = "four words for a test"  # noqa: S105
KEY = "a secret key for tests, 32 characters or more"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a fresh installation, migrated."""
    found = {
        **os.environ,
        "PILOTBOOK_DATABASE_URL": f"sqlite:///{tmp_path / 'registry.db'}",
        "PILOTBOOK_LEDGER": str(tmp_path / "ledger"),
        "PILOTBOOK_FILES": str(tmp_path / "files"),
        "PILOTBOOK_SECRET_KEY": KEY,
    }
    with opened(settings_of(found)) as database:
        migrate(database)
    return found


def pilotbook(
    environment: dict[str, str], *arguments: str, typed: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=environment, input=typed, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == status, ran.stderr
    return ran


def settings_of(environment: dict[str, str]) -> Settings:
    return Settings(database_url=environment["PILOTBOOK_DATABASE_URL"])


@pytest.fixture
def served(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", str(port)], env=environment
    )
    try:
        wait_for(port)
        yield server, port
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait()


def workers_of(server: "subprocess.Popen[bytes]") -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(server.pid)], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in listed.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(said: Any, *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def test_a_user_is_added_and_the_password_is_not_kept(environment: dict[str, str]) -> None:
    pilotbook(environment, "user", "add", "Boss@Example.com", "--role", "executive",
              typed=f"{PASSWORD}\n")  # fmt: skip
    with opened(settings_of(environment)) as database, database.reading() as session:
        user = session.exec(select(UserRow)).one()
    assert (user.email, user.role) == ("boss@example.com", "executive")
    assert PASSWORD not in user.password_hash


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [
        ("boss", PASSWORD, "is no e-mail address"),
        ("boss@example.com", "short", "use at least 12"),
        ("boss@example.com", "boss@example.com", "is the e-mail address"),
    ],
)
def test_a_user_who_cannot_be_added_is_refused_in_words(
    environment: dict[str, str], email: str, password: str, said: str
) -> None:
    ran = pilotbook(
        environment, "user", "add", email, "--role", "manager", typed=f"{password}\n", status=2
    )
    assert said in ran.stderr


def test_a_token_is_printed_once_and_only_its_hash_is_kept(environment: dict[str, str]) -> None:
    pilotbook(environment, "user", "add", "a@example.com", "--role", "analyst",
              typed=f"{PASSWORD}\n")  # fmt: skip
    secret = pilotbook(environment, "token", "add", "a@example.com").stdout.strip()
    with opened(settings_of(environment)) as database, database.reading() as session:
        token = session.exec(select(TokenRow)).one()
    assert secret.startswith("pilotbook_")
    assert (token.scope, token.secret_hash) == ("read", digest(secret))
    registry = Path(environment["PILOTBOOK_DATABASE_URL"].removeprefix("sqlite:///"))
    assert secret.encode() not in registry.read_bytes()
    ran = pilotbook(environment, "token", "add", "b@example.com", status=2)
    assert "There is no user 'b@example.com'" in ran.stderr


def test_the_command_makes_the_tables(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'new.db'}"
    pilotbook({**os.environ, "PILOTBOOK_DATABASE_URL": address}, "migrate")
    with opened(Settings(database_url=address)) as database:
        refuse_old_schema(database)


def test_nothing_is_served_before_the_registry_is_migrated(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'new.db'}")
    with opened(settings) as database, pytest.raises(BadInput, match="pilotbook migrate"):
        refuse_old_schema(database)


def test_nothing_is_served_without_a_secret_key(environment: dict[str, str]) -> None:
    del environment["PILOTBOOK_SECRET_KEY"]
    assert "PILOTBOOK_SECRET_KEY is missing" in pilotbook(environment, "serve", status=2).stderr
    environment["PILOTBOOK_SECRET_KEY"] = "short"  # noqa: S105
    said = pilotbook(environment, "serve", status=2).stderr
    assert "PILOTBOOK_SECRET_KEY: is shorter than 32 characters" in said


def test_the_site_answers_and_its_worker_comes_back(
    served: tuple["subprocess.Popen[bytes]", int],
) -> None:
    server, port = served
    assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    wait_until(lambda: len(workers_of(server)) == 1)
    (worker,) = workers_of(server)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: workers_of(server) not in ([], [worker]))


def test_the_worker_ends_with_the_site_however_that_ends(
    served: tuple["subprocess.Popen[bytes]", int],
) -> None:
    server, _ = served
    wait_until(lambda: len(workers_of(server)) == 1)
    (worker,) = workers_of(server)
    server.kill()
    wait_until(lambda: not is_alive(worker))
