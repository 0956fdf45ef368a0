"""Bring a backup back into an empty installation: all of it, or nothing.

Every file is read and every table counted before anything is written. Then files are laid beside
where they belong, the registry is filled in one transaction, and the files are moved into place at
its end. An older schema is brought to the newest one afterwards.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow.fs as arrow_fs
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlmodel import Session, col, select

from app.confirming import confirm
from app.database import Database, migrate, migrations, undo_migrations
from app.tables import CustomerListRow, JobRow, JobState, UpkeepKind
from app.upkeep.backup_proof import problems_of
from app.upkeep.backup_set import (
    FILES,
    LEDGER,
    REFUSED,
    REGISTRY,
    KeptFile,
    Manifest,
    Place,
    lay_out,
    part,
    sync,
)
from app.upkeep.erase import erase_again
from app.upkeep.registry_dump import load_registry, schema_of, tables_of
from app.upkeep.retention import upload_named
from app.upkeep.rounds import noted
from app.web.inbox import inbox_of
from app.web.jobs import OPEN
from experiments.errors import BadInput, Problem
from experiments.ledger.ledger import Ledger
from experiments.ledger.location import Location

ASIDE: Final = ".restoring"  # where files wait inside their folder, on its file system
NOT_EMPTY: Final = "A backup is restored into an empty installation only; nothing was changed:"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back.

    Attributes:
        name: Of the backup.
        made_at: When it was made.
        schema: Of its registry, before it was brought to the newest.
        ledger_through: Highest batch that counts.
        files: How many files.
        size: Their bytes.
        rows: Rows of the ledger, all tables together.
        erased: Customers who were erased since, and were erased again.
    """

    name: str
    made_at: datetime
    schema: str
    ledger_through: int
    files: int
    size: int
    rows: int
    erased: int


def restore(
    database: Database,
    ledger: Ledger,
    *,
    files: Path,
    place: Path,
    name: str | None = None,
    clock: Callable[[], datetime],
) -> Restored:
    """Bring a backup back, prove it first, and erase again whom others erased since.

    Args:
        database: An empty registry.
        ledger: An empty one.
        files: The installation's folder of files, empty.
        place: Folder of backups.
        name: Which backup; the newest where None.
        clock: Says what time it is.

    Raises:
        BadInput: The installation is not empty, or the backup is damaged; names each file.
    """
    there = Place(place.absolute())
    chosen, manifest = there.read(name)
    _refuse_unknown_schema(database, manifest)
    _refuse_full(database, ledger.location, files)
    problems = problems_of(there, manifest)
    if problems:
        raise BadInput(REFUSED, problems)
    with (
        _laid_aside(there, manifest.files, files, within=FILES) as move_files,
        _ledger_aside(there, manifest.files, ledger.location) as move_ledger,
    ):
        _to_schema(database, manifest.schema)
        with tempfile.TemporaryDirectory(prefix="pilotbook-") as folder:
            lay_out(there, manifest.files, Path(folder), within=REGISTRY)
            with database.writes.begin() as connection:
                loaded = load_registry(connection, Path(folder))
                if any(loaded.get(table.name) != table.rows for table in manifest.registry):
                    raise RuntimeError("the registry did not take every row; it was left empty")
                move_ledger()
                move_files()
    migrate(database)
    with noted(database, UpkeepKind.RESTORE, clock=clock, by=None) as done:
        with database.writing() as session:
            _take_up_again(session, files)
            confirm(session, ledger, now=clock())
            session.commit()
        again = erase_again(database, ledger, files=files, place=there, clock=clock)
        done.result = restored = Restored(
            name=chosen,
            made_at=manifest.made_at,
            schema=manifest.schema,
            ledger_through=manifest.ledger_through,
            files=len(manifest.files),
            size=manifest.size,
            rows=sum(table.rows for table in manifest.ledger),
            erased=again,
        )
    return restored


def _refuse_unknown_schema(database: Database, manifest: Manifest) -> None:
    with database.writes.connect() as connection:
        scripts = ScriptDirectory.from_config(migrations(connection))
    try:
        scripts.get_revision(manifest.schema)
    except CommandError:
        raise BadInput(
            f"The backup was made by Pilotbook {manifest.pilotbook}, whose registry has the "
            f"schema {manifest.schema!r}, which this version does not know; restore it with that "
            f"version, or a newer one."
        ) from None


def _refuse_full(database: Database, location: Location, files: Path) -> None:
    problems = []
    with database.reads.connect() as connection:
        tables = tables_of(connection)
        counts = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in tables
        }
    held = ", ".join(f"{rows:,} {name}" for name, rows in counts.items() if rows)
    if held:
        problems.append(
            Problem("registry", f"holds {held}; name another database in PILOTBOOK_DATABASE_URL")
        )
    listed = location.files().get_file_info(arrow_fs.FileSelector("", allow_not_found=True))
    if any(info.base_name != ASIDE for info in listed):
        said = f"{location.root} is not empty; name another one in PILOTBOOK_LEDGER"
        problems.append(Problem("ledger", said))
    if files.is_dir() and any(one.name != ASIDE for one in files.iterdir()):
        said = f"{files} is not empty; name another folder in PILOTBOOK_FILES"
        problems.append(Problem("files", said))
    if problems:
        raise BadInput(NOT_EMPTY, problems)


def _to_schema(database: Database, schema: str) -> None:
    """Make empty tables of a schema; empty ones of another schema are replaced."""
    with database.writes.connect() as connection:
        current = schema_of(connection)
        connection.rollback()
    if current is None:
        migrate(database, to=schema)
    elif current != schema:
        migrate(database)
        undo_migrations(database, to=schema)


@contextmanager
def _ledger_aside(
    place: Place, kept: Sequence[KeptFile], location: Location
) -> Iterator[Callable[[], None]]:
    """Copy the ledger; the call moves it into place.

    An object store moves nothing: until the registry is filled, nobody asks for a table.
    """
    if location.is_local:
        with _laid_aside(place, kept, location.folder, within=LEDGER) as move:
            yield move
        return
    store = location.files()
    for file, path in part(kept, LEDGER):
        with place.object(file.sha256).open("rb") as source, store.open_output_stream(path) as to:
            shutil.copyfileobj(source, to)
    yield lambda: None


@contextmanager
def _laid_aside(
    place: Place, kept: Sequence[KeptFile], folder: Path, *, within: str
) -> Iterator[Callable[[], None]]:
    """Copy a part of a backup into a hidden folder, synced; the call moves it into place."""
    aside = folder / ASIDE
    shutil.rmtree(aside, ignore_errors=True)  # of a restore that was stopped
    aside.mkdir(parents=True)
    try:
        for file, path in part(kept, within):
            target = aside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with place.object(file.sha256).open("rb") as source, target.open("xb") as to:
                shutil.copyfileobj(source, to)
                to.flush()
                os.fsync(to.fileno())
        for name, _, _ in os.walk(aside):
            sync(Path(name))

        def move() -> None:
            for one in aside.iterdir():
                one.rename(folder / one.name)
            sync(folder)

        yield move
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _take_up_again(session: Session, files: Path) -> None:
    """Let lists and jobs that wait find their uploads where they are now; no worker has a job."""
    inbox = inbox_of(files)
    for waiting in session.exec(select(CustomerListRow)).all():
        waiting.upload = _moved(waiting.upload, inbox)
        session.add(waiting)
    for job in session.exec(select(JobRow).where(col(JobRow.state).in_(OPEN))).all():
        if job.state == JobState.RUNNING:
            job.state, job.worker, job.lease_until = JobState.WAITING, None, None
            job.attempts += 1  # what it had taken in is looked for, and not taken in again
        if upload_named(job.arguments_json):
            said = json.loads(job.arguments_json)
            said["upload"] = _moved(said["upload"], inbox)
            job.arguments_json = json.dumps(said, ensure_ascii=False)
        session.add(job)
    session.commit()


def _moved(upload: str, inbox: Path) -> str:
    path = Path(upload)
    return str(inbox / path.parent.name / path.name)
