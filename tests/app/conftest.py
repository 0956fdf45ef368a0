"""What all tests of the service share."""

import pytest

from tests.app.running import wait_long


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for their answers, however busy the machine is."""
    wait_long(monkeypatch)
