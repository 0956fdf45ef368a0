"""Small installations to back up, restore into and search."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.confirming import confirm
from app.database import Database, open_database
from app.upkeep.backup import BackedUp, back_up
from app.upkeep.restore import Restored, restore
from experiments.ledger.ledger import Ledger
from tests.site import Site

LATER = datetime(2026, 4, 2, 3, tzinfo=UTC)


def clock() -> datetime:
    """The time of a night round."""
    return LATER


@dataclass(frozen=True)
class Empty:
    """Where a backup is restored to."""

    database: Database
    ledger: Ledger
    files: Path


@contextmanager
def empty(folder: Path, address: str | None = None) -> Iterator[Empty]:
    """An installation that nobody has used yet."""
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(address or folder / "registry.db")
    yield Empty(database, Ledger(folder / "ledger"), folder / "files")
    database.close()


def backed_up(site: Site, place: Path) -> BackedUp:
    """Back a site up, whose ledger is confirmed first, as a worker does."""
    ledger = Ledger(site.settings.ledger)
    with site.database.writing() as session:
        confirm(session, ledger, now=site.now)
        session.commit()
    return back_up(site.database, ledger, files=site.settings.files, place=place, clock=clock)


def restored(to: Empty, place: Path, name: str | None = None) -> Restored:
    """Bring a backup back."""
    return restore(to.database, to.ledger, files=to.files, place=place, name=name, clock=clock)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
