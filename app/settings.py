"""What the environment decides; every other module takes it as an argument."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from experiments.errors import BadInput, Problem
from experiments.terms import Currency

SHORTEST_KEY: Final = 32


class Settings(BaseSettings):
    """Settings of an installation, each `PILOTBOOK_` and its name in capitals.

    Attributes:
        database_url: The registry, SQLite or PostgreSQL.
        ledger: Folder of the ledger.
        files: Folder of uploads and of what analyses leave behind.
        engine: What runs the queries.
        secret_key: Signs what browsers carry; at least 32 characters.
        currency: Filled into new plans.
        timezone: The company's time zone, in which a day begins and ends.
    """

    model_config = SettingsConfigDict(
        env_prefix="PILOTBOOK_", frozen=True, hide_input_in_errors=True
    )

    database_url: str = "sqlite:///pilotbook-data/registry.db"
    ledger: Path = Path("pilotbook-data/ledger")
    files: Path = Path("pilotbook-data/files")
    engine: str = "duckdb"
    secret_key: SecretStr | None = None
    currency: Currency = "EUR"
    timezone: str = "UTC"

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings.

        Raises:
            BadInput: Names each setting that cannot be used.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = [
                Problem(
                    f"PILOTBOOK_{'_'.join(str(part) for part in details['loc']).upper()}",
                    details["msg"].removeprefix("Value error, "),
                )
                for details in error.errors(include_url=False)
            ]
            raise BadInput("The environment cannot be used:", problems) from None

    def as_environment(self) -> dict[str, str]:
        """The environment that says the same, for a process beside this one."""
        said = {
            **{name: getattr(self, name) for name in type(self).model_fields},
            "secret_key": self.secret_key and self.secret_key.get_secret_value(),
        }
        return {
            f"PILOTBOOK_{name.upper()}": str(value)
            for name, value in said.items()
            if value is not None
        }

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"is shorter than {SHORTEST_KEY} characters; make a longer one")
        return key

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, such as Europe
            raise ValueError(
                f"{timezone!r} is no time zone; use a name like Europe/Warsaw"
            ) from None
        return timezone

    @field_validator("database_url")
    @classmethod
    def _is_a_database_that_works(cls, address: str) -> str:
        if not address.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise ValueError("should begin with sqlite:/// or postgresql://")
        return address


def utc_now() -> datetime:
    """The time of the installation's clock."""
    return datetime.now(tz=UTC)
