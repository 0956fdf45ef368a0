"""What the environment decides; every other module takes it as an argument."""

import os
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from experiments.errors import BadInput


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of an installation.

    Attributes:
        timezone: `PILOTBOOK_TIMEZONE`, the company's time zone, in which a day begins and ends.
    """

    timezone: str = "UTC"

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings, and refuse a time zone that does not exist."""
        timezone = os.environ.get("PILOTBOOK_TIMEZONE", "UTC")
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, such as Europe
            raise BadInput(
                f"PILOTBOOK_TIMEZONE={timezone!r} is no time zone; use a name like Europe/Warsaw."
            ) from None
        return cls(timezone)
