"""What is written down of a fault."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from app.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_fault_is_one_line_without_the_values_of_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs()
    customer_id = "-".join(["K", "100017"])  # the trace quotes this line, not what it makes
    try:
        raise KeyError(len(customer_id))
    except KeyError as error:
        structlog.get_logger().error("fault", number="9f", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["number"], said["level"]) == ("fault", "9f", "error")
    assert "KeyError: 8" in said["exception"]
    assert customer_id not in line


def test_a_line_says_which_job_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    with structlog.contextvars.bound_contextvars(job="9f", kind="rows"):
        structlog.get_logger().error("fault")
    said = json.loads(capsys.readouterr().err)
    assert (said["job"], said["kind"]) == ("9f", "rows")


def test_where_no_line_can_be_written_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that says what went wrong on a full disk must not end by saying it."""
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        io.TextIOWrapper(full, write_through=True) as lines,
    ):
        monkeypatch.setattr(sys, "stderr", lines)
        configure_logs()
        structlog.get_logger().warning("the ledger was not cared for", error="no room")
