"""What the environment decides."""

import pytest

from app.settings import Settings
from experiments.errors import BadInput


def test_the_time_zone_is_utc_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PILOTBOOK_TIMEZONE", raising=False)
    assert Settings.from_environment().timezone == "UTC"


def test_the_time_zone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOOK_TIMEZONE", "Europe/Warsaw")
    assert Settings.from_environment().timezone == "Europe/Warsaw"


@pytest.mark.parametrize("zone", ["Warsaw", "", "../etc/passwd", "/etc/localtime", "Europe"])
def test_what_is_no_time_zone_is_refused(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("PILOTBOOK_TIMEZONE", zone)
    with pytest.raises(BadInput, match="is no time zone"):
        Settings.from_environment()
