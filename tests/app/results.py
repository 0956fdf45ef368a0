"""A site on which a small pilot is enrolled and recorded, ready to be analysed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from sqlmodel import col, update

from app.enrol.service import enrol_file
from app.plan.service import register
from app.record.service import record_file
from app.tables import PilotRow
from app.workspace import Workspace, open_workspace
from experiments.plan.pilot_file import read_pilot_file
from tests.app.pilots import Wide
from tests.site import PASSWORD, Site, open_site

PLANNED: Final = datetime(2026, 2, 20, 9, tzinfo=UTC)
SLUG: Final = "spring-mail"
API: Final = f"/pilots/{SLUG}"
PAGE: Final = f"/pilots/{SLUG}"


class Written(Protocol):
    """A pilot that writes its file and its data."""

    def write(self, folder: Path) -> Path:
        """The pilot file's path."""


@contextmanager
def workspace(site: Site) -> Iterator[Workspace]:
    """The site's own registry and ledger, for what a worker would do."""
    with site.database.writing() as session, open_workspace(site.settings, session) as opened:
        yield opened


def prepare(site: Site, folder: Path, pilot: Written | None = None) -> PilotRow:
    """Plan the pilot before it began, and record it after it ended; the manager owns it."""
    path = (pilot or Wide()).write(folder)
    read = read_pilot_file(path)
    with workspace(site) as opened:
        row = register(opened.session, read.plan(), now=PLANNED)
        owned = update(PilotRow).where(col(PilotRow.id) == row.id)
        opened.session.exec(owned.values(owner_id=site.users["manager"]))
        opened.session.commit()
        source = path.parent / read.customers.file
        enrol_file(opened, row, source, read.customers, now=PLANNED)
        for columns in read.behavior:
            record_file(
                opened,
                path.parent / columns.file,
                columns,
                complete_through=columns.complete_through(ends_on=read.pilot.ends_on),
                now=site.now,
            )
    return row


@cache
def _analysed() -> TemporaryDirectory[str]:
    """A folder with a site whose pilot is analysed, kept while the process lives.

    Analysing it for each test is slow.
    """
    folder = TemporaryDirectory(prefix="pilotbook-tests-")
    with open_site(Path(folder.name) / "site") as site:
        prepare(site, Path(folder.name))
        analyse(site)
    return folder


@contextmanager
def analysed_site(folder: Path) -> Iterator[Site]:
    """A site of its own, in a folder, whose pilot is enrolled, recorded and analysed."""
    shutil.copytree(Path(_analysed().name) / "site", folder)
    with open_site(folder) as site:
        yield site


def record_more(site: Site, folder: Path) -> None:
    """Record a customer of no pilot, so that the ledger reaches further."""
    read = read_pilot_file(Wide().write(folder / "more"))
    path = folder / "more" / "other.csv"
    path.write_text("who,group,age,spend,visit\nother,hold,30,1.00,0\n", encoding="utf-8")
    with workspace(site) as opened:
        record_file(opened, path, read.behavior[0], complete_through=None, now=site.now)


def analyse(site: Site, **asked: Any) -> dict[str, Any]:
    """Run an analysis as the analyst does, and wait for it."""
    answer = site.script("analyst").post(f"{API}/analyses", json=asked)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


def signing(site: Site, *, choice: str = "roll_out", **other: Any) -> dict[str, Any]:
    """A decision on the newest analysis, as an executive would send it."""
    question = site.script("executive").get(f"{API}/decision").json()
    return {
        "choice": choice,
        "reason": "",
        "password": PASSWORD,
        "fingerprint": question["fingerprint"],
        **other,
    }
