"""A registry, a ledger and an engine that belong together, for as long as a piece of work lasts."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Final

from sqlmodel import Session

from app.database import migrate, open_database
from app.settings import Settings
from experiments.engines.address import DUCKDB, read_address
from experiments.engines.embedded import Embedded, open_embedded
from experiments.engines.engine import Engine, open_engine
from experiments.errors import BadInput, NotSupported
from experiments.ledger.ledger import Ledger
from experiments.ledger.location import Location, refuse_unusable_folder
from experiments.ledger.opened import OpenedLedger

MOST_USES: Final = 500  # of an engine that stays open


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the services work.

    Attributes:
        session: The registry.
        ledger: Behavior, directory and enrolments.
        engine: Runs the queries of everything that writes, in this process.
        scratch: Folder for what need not last.
        timezone: The company's time zone.
        cluster: Runs analyses instead, where the settings name one.
    """

    session: Session
    ledger: Ledger
    engine: Embedded
    scratch: Path
    timezone: str
    cluster: Engine | None = None

    @property
    def analysis_engine(self) -> Engine:
        """Runs the queries of analyses."""
        return self.cluster or self.engine


@contextmanager
def open_workspace(settings: Settings, session: Session) -> Iterator[Workspace]:
    """The installation's ledger and an engine beside a session of its registry."""
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as name,
        _engines(settings.engine, scratch=Path(name)) as (engine, cluster),
    ):
        ledger = open_ledger(settings)
        read_objects(engine, ledger)
        yield Workspace(session, ledger, engine, Path(name), settings.timezone, cluster)


class KeptWorkspace:
    """A workspace whose engine stays open between small pieces of work of one thread.

    Opening an engine takes longer than recording a few rows. It is opened anew after a failure, and
    now and then, because it remembers every file that it ever read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: tuple[ExitStack, Workspace] | None = None
        self._uses = 0

    @contextmanager
    def used(self, session: Session) -> Iterator[Workspace]:
        """The workspace, beside a session of the registry."""
        if self._open is None or self._uses >= MOST_USES:
            self.close()
            self._open = self._opened(session)
        self._uses += 1
        try:
            yield replace(self._open[1], session=session)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the engine, and remove its scratch folder."""
        if self._open is not None:
            self._open[0].close()
        self._open, self._uses = None, 0

    def _opened(self, session: Session) -> tuple[ExitStack, Workspace]:
        stack = ExitStack()
        scratch = Path(tempfile.mkdtemp(prefix="pilotbook-"))
        # Whoever has it may forget to close it, and ends with its process.
        removed = weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        stack.callback(removed)
        # A small question needs no more threads, and the site needs the other cores.
        threads = max(1, (os.cpu_count() or 2) // 2)
        engine = stack.enter_context(open_embedded(threads=threads, scratch=scratch))
        ledger = OpenedLedger(open_ledger(self._settings).location)
        read_objects(engine, ledger)
        return stack, Workspace(session, ledger, engine, scratch, self._settings.timezone)


def open_ledger(settings: Settings) -> Ledger:
    """The installation's ledger."""
    return Ledger(Location.of(settings.ledger, settings.object_store))


@contextmanager
def open_reader(
    ledger: Ledger, *, scratch: Path | None = None, threads: int | None = None
) -> Iterator[Embedded]:
    """An engine of this process that reads a ledger, wherever it is; the others as `open_engine`.

    Raises:
        NotSupported: As `read_objects`.
    """
    with open_embedded(threads=threads, scratch=scratch) as engine:
        read_objects(engine, ledger)
        yield engine


def read_objects(engine: Embedded, ledger: Ledger) -> None:
    """Let an engine read a ledger that is in an object store.

    Raises:
        NotSupported: What it takes is not installed.
    """
    if ledger.location.is_local:
        return
    try:
        s3fs = import_module("s3fs")  # an extra, and slow to load
    except ImportError:
        raise NotSupported(
            f"The ledger is in {ledger.location.root}, and what reads an object store is not "
            f"installed; install it with: pip install pilotbook[s3]"
        ) from None
    said = ledger.location.options
    region = {"region_name": said["aws_region"]} if "aws_region" in said else {}
    engine.read_objects_through(
        s3fs.S3FileSystem(endpoint_url=said.get("aws_endpoint_url"), client_kwargs=region)
    )


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
        with (
            _engines(engine, scratch=folder) as (embedded, cluster),
            database.writing() as session,
        ):
            yield Workspace(session, Ledger(folder / "ledger"), embedded, folder, timezone, cluster)
        database.close()


@contextmanager
def _engines(address: str, *, scratch: Path) -> Iterator[tuple[Embedded, Engine | None]]:
    """The engine inside this process, and the cluster that an address names, if it names one."""
    with ExitStack() as opened:
        embedded = opened.enter_context(open_embedded(scratch=scratch))
        cluster = None
        if read_address(address).name != DUCKDB:
            cluster = opened.enter_context(open_engine(address, scratch=scratch))
        yield embedded, cluster


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="pilotbook-")
    except OSError as error:
        raise BadInput(
            f"There is no folder for temporary files ({error.strerror}); name one that can be "
            f"written to in TMPDIR."
        ) from None
