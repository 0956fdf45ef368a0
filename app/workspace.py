"""A registry, a ledger and an engine that belong together, for as long as a piece of work lasts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from app.database import migrate, open_database
from experiments.behavior.engine import Engine, open_engine
from experiments.behavior.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the services work.

    Attributes:
        session: The registry.
        ledger: Behavior, directory and enrolments.
        engine: Runs the queries.
        scratch: Folder for what need not last.
        timezone: The company's time zone.
    """

    session: Session
    ledger: Ledger
    engine: Engine
    scratch: Path
    timezone: str


@contextmanager
def throwaway_workspace(*, engine: str, timezone: str) -> Iterator[Workspace]:
    """A workspace in a temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pilotbook-") as name:
        folder = Path(name)
        database = open_database(folder / "registry.db")
        migrate(database)
        with open_engine(engine, scratch=folder) as opened, Session(database) as session:
            yield Workspace(session, Ledger(folder / "ledger"), opened, folder, timezone)
        database.dispose()
