"""What is written down of a fault."""

import json
from collections.abc import Iterator

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
