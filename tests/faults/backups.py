"""R1 to R5: backups under writes, damaged ones, the same figures afterwards, schemas, times.

Each function makes an installation of its own in a folder, and returns figures; what must be 0 or
equal is named so.
"""

import hashlib
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlmodel import col, select

from app.analyse.conclusion import result_of
from app.analyse.kept import newest
from app.analyse.service import analyse_pilot
from app.batches import excluded, ledger_through
from app.confirming import confirm
from app.database import Database, open_database, undo_migrations
from app.demo.installation import built
from app.jobs.service import wait
from app.record.service import receipts_for
from app.refusals import NotNow
from app.settings import Settings
from app.stored import to_text
from app.tables import JobRow, PilotRow
from app.upkeep.backup import back_up
from app.upkeep.backup_set import Manifest, Place, write_whole
from app.upkeep.registry_dump import dump_registry, schema_of, snapshot
from app.upkeep.restore import restore
from app.web.jobs import OPEN
from app.workspace import open_workspace
from experiments.errors import BadInput
from experiments.ledger.ledger import Ledger
from experiments.report.plain import as_json
from tests.app.results import analysed_site
from tests.faults.large import large_installation
from tests.site import Site, open_site

Figures = dict[str, Any]
SCHEMAS: Final = ("0001", "0002", "0003", "0004")


def now() -> datetime:
    """The clock of these tests; nothing hangs on it."""
    return datetime.now(tz=UTC)


def r1(*, backups: int = 20, writers: int = 4) -> Figures:
    """Back up while posts come in, restore each backup elsewhere, and look for every answer.

    A post counts from its 2xx on. One that was answered 202 waits as a job; the worker of the
    restored site does it.
    """
    figures: Counter[str] = Counter()
    with _folder() as folder, open_site(folder / "site") as site:
        answered: list[str] = []
        stop = threading.Event()
        threads = [
            threading.Thread(target=_write, args=(site, f"w{at}", answered, stop))
            for at in range(writers)
        ]
        for thread in threads:
            thread.start()
        try:
            for at in range(backups):
                _wait_for_more(answered)
                before = tuple(answered)
                place = folder / f"backups-{at % 2}"  # every other one beside an earlier one
                made = back_up(
                    site.database,
                    Ledger(site.settings.ledger),
                    files=site.settings.files,
                    place=place,
                    clock=now,
                )
                new = folder / "restored"
                _restored(place, new)
                there = _events(new)
                figures["backups"] += 1
                figures["answers before"] += len(before)
                figures["missing"] += len({*before} - there.keys())
                figures["doubled"] += sum(times > 1 for times in there.values())
                figures["files"] += made.files
                shutil.rmtree(new)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        figures["answers"] = len(answered)
    return {"missing": 0, "doubled": 0, **figures}


def r2() -> Figures:
    """Damage ten backups, each in another way: refused, the file named, nothing written."""
    refused = named = written = 0
    with _folder() as folder, analysed_site(folder / "site") as site:
        _back_up(site, folder / "backups")
        for at, damage in enumerate(DAMAGES):
            place = folder / f"damaged-{at}"
            shutil.copytree(folder / "backups", place)
            expected = damage(Place(place))
            try:
                _restored(place, folder / "new")
            except (BadInput, NotNow) as error:
                refused += 1
                named += expected in str(error)
            new = folder / "new"
            written += sum(
                path.is_file() for name in ("ledger", "files") for path in (new / name).rglob("*")
            )
            shutil.rmtree(new)
    return {"sets": len(DAMAGES), "refused": refused, "file named": named, "written": written}


def r3() -> Figures:
    """Compute every pilot of the demo company again after a restore: the same figures."""
    identical = as_kept = pilots = 0
    with _folder() as folder, built(at=lambda _: None) as (settings, _):
        database = open_database(settings.database_url)
        own = Ledger(settings.ledger)
        back_up(database, own, files=settings.files, place=folder / "backups", clock=now)
        _restored(folder / "backups", folder / "new")
        before = dict(_computed(database, own.root, settings.files))
        database.close()
        again_in = open_database(folder / "new/registry.db")
        for slug, (computed, kept) in _computed(again_in, folder / "new/ledger", settings.files):
            pilots += 1
            identical += before[slug] == (computed, kept)
            as_kept += computed == kept
        again_in.close()
    return {"pilots": pilots, "identical": identical, "as published": as_kept}


def r4(addresses: Sequence[Callable[[], Any]] = ()) -> Figures:
    """Restore each of the last schemas with data, bring it to the newest and back: the same rows.

    Args:
        addresses: Make further empty databases, as context managers; SQLite is always tried.
    """
    figures: Figures = {"schemas": 0, "databases": 1 + len(addresses), "tables that differ": 0}
    for schema in SCHEMAS:
        with _folder() as folder, analysed_site(folder / "site") as site:
            undo_migrations(site.database, to=schema)
            expected = _rows_of(site.database)
            _back_up(site, folder / "backups")
            for at, fresh in enumerate([None, *addresses]):
                new = folder / f"new-{at}"
                with _address(fresh, new) as address:
                    database = open_database(address)
                    _restored(folder / "backups", new, database=database)
                    undo_migrations(database, to=schema)
                    differ = _differ(expected, _rows_of(database))
                    figures["tables that differ"] += len(differ)
                    database.close()
            figures["schemas"] += 1
            figures["rows"] = sum(rows for rows, _ in expected.values())
    return figures


def r5(*, rows: int = 10_000_000, pilots: int = 1_000) -> Figures:
    """Time a backup, a second one, and a restore with its proof."""
    with _folder() as folder:
        database, ledger, files = large_installation(folder / "site", rows=rows, pilots=pilots)
        seconds: dict[str, float] = {}
        for name in ("backup", "second backup"):
            began = time.perf_counter()
            made = back_up(database, ledger, files=files, place=folder / "backups", clock=now)
            seconds[name] = time.perf_counter() - began
        database.close()
        began = time.perf_counter()
        _restored(folder / "backups", folder / "new")
        seconds["restore and proof"] = time.perf_counter() - began
    return {
        "rows": rows,
        "pilots": pilots,
        "files": made.files,
        "bytes": made.size,
        **{f"{name}, s": round(taken, 1) for name, taken in seconds.items()},
    }


def _remove(kept: str) -> Callable[[Place], str]:
    """Lose a file: as if data had been copied before the log that names them."""

    def damage(place: Place) -> str:
        file = next(file for file in place.read()[1].files if kept in file.path)
        place.object(file.sha256).unlink()
        return file.path

    return damage


def _cut(kept: str, *, to: float) -> Callable[[Place], str]:
    def damage(place: Place) -> str:
        file = next(file for file in place.read()[1].files if kept in file.path)
        path = place.object(file.sha256)
        path.write_bytes(path.read_bytes()[: int(file.size * to)])
        return file.path

    return damage


def _flip(kept: str) -> Callable[[Place], str]:
    def damage(place: Place) -> str:
        file = next(file for file in place.read()[1].files if kept in file.path)
        raw = bytearray(place.object(file.sha256).read_bytes())
        raw[len(raw) // 2] ^= 1
        place.object(file.sha256).write_bytes(raw)
        return file.path

    return damage


def _manifest_cut(place: Place) -> str:
    path = next((place.folder / "backups").iterdir())
    path.write_bytes(path.read_bytes()[:-100])
    return path.name


def _without(kept: str, said: str) -> Callable[[Place], str]:
    """A manifest that is whole, and was made too early: it does not know a file."""

    def damage(place: Place) -> str:
        name, manifest = place.read()
        files = [file for file in manifest.files if kept not in file.path]
        _rewrite(place, name, replace(manifest, files=tuple(files)))
        return said

    return damage


def _promises_more(place: Place) -> str:
    name, manifest = place.read()
    first, *others = manifest.ledger
    _rewrite(place, name, replace(manifest, ledger=(replace(first, rows=first.rows + 1), *others)))
    return first.name


def _rewrite(place: Place, name: str, manifest: Manifest) -> None:
    (place.folder / "backups" / f"{name}.json").unlink()
    raw = to_text(manifest).encode()
    digest = hashlib.sha256(raw).hexdigest()[:16]
    write_whole(place.folder / "backups" / f"{name[:-16]}{digest}.json", raw)


DAMAGES: Final[Sequence[Callable[[Place], str]]] = (
    _remove("behavior/year="),
    _remove("behavior/_delta_log"),
    _remove("registry/batches"),
    _cut("behavior/year=", to=0.5),
    _cut("files/accounts", to=0),
    _flip("registry/users"),
    _flip("enrolments/"),
    _manifest_cut,
    _without("behavior/year=", "ledger/behavior"),
    _promises_more,
)


def _write(site: Site, writer: str, answered: list[str], stop: threading.Event) -> None:
    """Post rows, and note each post that was answered 2xx."""
    client = site.script("manager")
    for at in count():
        if stop.is_set():
            return
        event = f"{writer}-{at}"
        row = {
            "customer_id": f"c{at % 50}",
            "measure": "visit",
            "occurred_at": "2026-03-01",
            "value": 1,
            "event_id": event,
        }
        answer = client.post("/behavior", json=[row])
        if answer.is_success:
            answered.append(event)
        else:
            raise RuntimeError(answer.text)


def _wait_for_more(answered: Sequence[str], *, more: int = 5, seconds: float = 60) -> None:
    enough, end = len(answered) + more, time.monotonic() + seconds
    while len(answered) < enough and time.monotonic() < end:
        time.sleep(0.02)


def _events(folder: Path) -> Counter[str]:
    """Every event in a restored installation, whose worker has done what waited."""
    with open_site(folder) as site:
        with site.database.reading() as session:
            waiting = session.exec(select(JobRow.id).where(col(JobRow.state).in_(OPEN))).all()
        for job in waiting:
            wait(site.database, job, seconds=60)
        with (
            site.database.writing() as session,
            open_workspace(site.settings, session) as workspace,
        ):
            through = ledger_through(session)
            without = excluded(session, through=through)
            session.commit()
            rows = workspace.ledger.behavior(workspace.engine, through=through, without=without)
            found = workspace.engine.fetch(rows.select("event_id"))
    return Counter(found["event_id"].to_pylist())


def _computed(
    database: Database, ledger: Path, files: Path
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Per pilot, the result of its newest analysis computed now, and as it was published."""
    settings = Settings(ledger=ledger, files=files)
    with database.writing() as session, open_workspace(settings, session) as workspace:
        for pilot in session.exec(select(PilotRow).order_by(PilotRow.slug)).all():
            row = newest(session, pilot)
            if row is None:
                continue
            finding = analyse_pilot(workspace, pilot, today=row.as_of)
            through = finding.analysed.analysis.inputs.ledger_through
            read = receipts_for(session, finding.plan, through=through)
            session.commit()
            yield pilot.slug, (as_json(result_of(finding, read)), row.result_json)


def _rows_of(database: Database) -> dict[str, tuple[int, str]]:
    """Of each table, its rows and the digest of all that they hold."""
    with tempfile.TemporaryDirectory() as name, snapshot(database) as connection:
        return {
            table.name: (
                table.rows,
                hashlib.sha256((Path(name) / f"{table.name}.jsonl.gz").read_bytes()).hexdigest(),
            )
            for table in dump_registry(connection, Path(name))
        }


def _differ(expected: dict[str, tuple[int, str]], found: dict[str, tuple[int, str]]) -> list[str]:
    """Tables that are not the same; a restore adds to the care of the ledger."""
    added = {"upkeep", "commits", "data_files"}
    return [name for name in expected if name not in added and expected[name] != found.get(name)]


def _back_up(site: Site, place: Path) -> None:
    ledger = Ledger(site.settings.ledger)
    with site.database.reads.connect() as connection:
        newest_schema = schema_of(connection) == SCHEMAS[-1]
    if newest_schema:
        with site.database.writing() as session:
            confirm(session, ledger, now=now())
            session.commit()
    back_up(site.database, ledger, files=site.settings.files, place=place, clock=now)


def _restored(place: Path, folder: Path, *, database: Database | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    opened = database or open_database(folder / "registry.db")
    try:
        restore(opened, Ledger(folder / "ledger"), files=folder / "files", place=place, clock=now)
    finally:
        if database is None:
            opened.close()


@contextmanager
def _address(fresh: Callable[[], Any] | None, folder: Path) -> Iterator[str]:
    if fresh is None:
        yield f"sqlite:///{folder}/registry.db"
    else:
        with fresh() as address:
            yield address


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of its own, and requests that wait for their answers however busy the machine is."""
    with (
        patch("app.web.jobs.SECONDS", 60.0),
        tempfile.TemporaryDirectory(prefix="pilotbook-faults-") as name,
    ):
        yield Path(name)
