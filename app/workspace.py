"""A registry, a ledger and an engine that belong together, for as long as a piece of work lasts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from app.database import migrate, open_database
from app.settings import Settings
from experiments.engines.engine import Engine, open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import Ledger, refuse_unusable_folder


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
def open_workspace(settings: Settings, session: Session) -> Iterator[Workspace]:
    """The installation's ledger and an engine beside a session of its registry."""
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as name,
        open_engine(settings.engine, scratch=Path(name)) as engine,
    ):
        yield Workspace(session, Ledger(settings.ledger), engine, Path(name), settings.timezone)


@contextmanager
def throwaway_workspace(*, engine: str, timezone: str) -> Iterator[Workspace]:
    """A workspace in a temporary folder, gone afterwards.

    Raises:
        BadInput: There is no folder for temporary files that can hold a workspace.
    """
    with _temporary_folder() as name:
        folder = Path(name)
        refuse_unusable_folder(folder)
        database = open_database(folder / "registry.db")
        migrate(database)
        with open_engine(engine, scratch=folder) as opened, database.writing() as session:
            yield Workspace(session, Ledger(folder / "ledger"), opened, folder, timezone)
        database.close()


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="pilotbook-")
    except OSError as error:
        raise BadInput(
            f"There is no folder for temporary files ({error.strerror}); name one that can be "
            f"written to in TMPDIR."
        ) from None
