"""What the environment decides; every other module takes it as an argument."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from experiments.engines.address import read_address
from experiments.errors import BadInput, Problem
from experiments.terms import Currency

SHORTEST_KEY: Final = 32
IN_STORE: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[\w.-]+(/[\w.-]+)*", re.ASCII)


class Settings(BaseSettings):
    """Settings of an installation, each `PILOTBOOK_` and its name in capitals.

    Attributes:
        database_url: The registry, SQLite or PostgreSQL.
        ledger: Folder of the ledger, or its address in an object store: s3://bucket/prefix.
        files: Folder of uploads and of what analyses leave behind.
        engine: What runs the queries of analyses: duckdb, or spark://host:port.
        secret_key: Signs what browsers carry; at least 32 characters.
        currency: Filled into new plans.
        timezone: The company's time zone, in which a day begins and ends.
        watch: Folder whose files are recorded as they come to lie there.
    """

    model_config = SettingsConfigDict(
        env_prefix="PILOTBOOK_", frozen=True, hide_input_in_errors=True
    )

    database_url: str = "sqlite:///pilotbook-data/registry.db"
    ledger: Path | str = Path("pilotbook-data/ledger")
    files: Path = Path("pilotbook-data/files")
    engine: str = "duckdb"
    secret_key: SecretStr | None = None
    currency: Currency = "EUR"
    timezone: str = "UTC"
    watch: Path | None = None

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

    @property
    def object_store(self) -> dict[str, str]:
        """How an object store is reached, by AWS_* of the environment; keys are found there.

        Two writers never both succeed where a put fails if its object exists.
        """
        names = ("AWS_ENDPOINT_URL", "AWS_REGION")
        said = {name.lower(): os.environ[name] for name in names if os.environ.get(name)}
        plain = said.get("aws_endpoint_url", "").startswith("http://")
        return {**said, "aws_conditional_put": "etag", "aws_allow_http": str(plain).lower()}

    @field_validator("ledger", mode="before")
    @classmethod
    def _is_a_place(cls, place: object) -> object:
        if not isinstance(place, str) or "://" not in place:
            return Path(place) if isinstance(place, str) else place
        if not IN_STORE.fullmatch(place):
            raise ValueError("should be a folder, or an address such as s3://bucket/prefix")
        return place

    @field_validator("engine")
    @classmethod
    def _is_an_engine(cls, engine: str) -> str:
        try:
            read_address(engine)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return engine

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
