"""What all tests share."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
_skipped: list[str] = []


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data; skips where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the reference data are not beside the checkout (../shared/data)")
    return SHARED / "data"


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
