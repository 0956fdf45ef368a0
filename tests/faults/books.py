"""An installation that is harmed on purpose, and what must be in its ledger afterwards.

Every post has a name, and each of its rows a customer of its own, so that a row which is missing,
doubled or half of a post shows.
"""

import csv
import hashlib
import io
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import func
from sqlmodel import select

from app.batches import excluded
from app.confirming import mend
from app.database import Database, open_database
from app.jobs.service import LEDGER_WRITERS, recover
from app.people.caller import Caller
from app.record.forms import Entry
from app.record.posts import Posted, submit_posts
from app.record.request import ask_to_record_file
from app.settings import Settings
from app.tables import BatchRow, JobRow, JobState, Role
from app.web.inbox import inbox_of
from app.web.uploads import Upload
from app.work import as_answer, open_worker
from app.workspace import open_ledger
from experiments.engines.engine import open_engine
from experiments.plan.pilot_file import BehaviorFile
from tests.site import open_site

SEED: Final = 20261122
DAY: Final = date(2026, 3, 1)
COLUMNS: Final = BehaviorFile.model_validate(
    {
        "file": "rows.csv",
        "customer_id": "customer",
        "occurred_at": "day",
        "measure": "measure",
        "value": "value",
    }
)


def clock() -> datetime:
    """The present time."""
    return datetime.now(tz=UTC)


def customers_of(name: str, rows: int) -> list[str]:
    """Whose rows a post brings."""
    return [f"{name}-{at}" for at in range(rows)]


def file_of(name: str, rows: int) -> bytes:
    """A post as a CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["customer", "day", "measure", "value"])
    writer.writerows([one, DAY, "orders", 1] for one in customers_of(name, rows))
    return out.getvalue().encode()


def rows_of(name: str, rows: int) -> list[dict[str, object]]:
    """A post as rows of JSON."""
    return [
        {"customer_id": one, "measure": "orders", "value": 1, "occurred_at": str(DAY)}
        for one in customers_of(name, rows)
    ]


@dataclass(frozen=True, slots=True)
class Book:
    """An installation without processes: what is posted waits until somebody works.

    Attributes:
        folder: Holds all of it.
        settings: Of the installation.
        database: Its registry.
        by: Who posts.
        sent: Rows of each post, by its name.
    """

    folder: Path
    settings: Settings
    database: Database
    by: int
    sent: dict[str, int] = field(default_factory=dict)

    def send_file(self, name: str, rows: int = 20, *, content: bytes | None = None) -> str:
        """Post a file as a call does; the id of its job."""
        self.sent[name] = rows
        text = file_of(name, rows) if content is None else content
        path = inbox_of(self.settings.files) / uuid.uuid4().hex / "upload.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(text)
        upload = Upload(path, "rows.csv", hashlib.sha256(text).hexdigest(), len(text))
        by = Caller(self.by, "manager@example.com", Role.MANAGER)
        return ask_to_record_file(
            self.database, upload, COLUMNS, by=by, now=clock(), today=clock().date(), once=None
        )

    def send_rows(self, name: str, rows: int = 5) -> str:
        """Post a few rows of JSON as a call does; the id of their job."""
        self.sent[name] = rows
        entries = [Entry.model_validate(row) for row in rows_of(name, rows)]
        with self.database.writing() as session:
            post = Posted(entries, strict=False, complete=None, by=self.by, now=clock())
            [job_id] = submit_posts(session, [post])
            session.commit()
        return job_id

    def state(self, job_id: str) -> tuple[JobState, int | None]:
        """How a job stands, and with which status it was answered."""
        with self.database.reading() as session:
            job = session.get_one(JobRow, job_id)
            return JobState(job.state), job.answer_status

    def check(self, acknowledged: set[str]) -> int:
        """How many rows are there; see `check`."""
        return check(rows_found(self.settings, self.database), self.sent, acknowledged)


@contextmanager
def open_book(folder: Path | None = None) -> Iterator[Book]:
    """A new installation, in a temporary folder unless one is named."""
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        place = folder or Path(name)
        with open_site(place, working=False) as site:
            yield Book(place, site.settings, site.database, site.users["manager"])


@contextmanager
def open_history() -> Iterator[Book]:
    """An installation with a past: tables that exist, customers who are known."""
    with open_book() as book:
        for at in range(3):
            book.send_file(f"before{at}")
            book.send_rows(f"early{at}")
            work_through(book.settings, book.database)
        yield book


@contextmanager
def copied_book(book: Book) -> Iterator[Book]:
    """The same installation in another folder, to be harmed."""
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        place = Path(name) / "copy"
        shutil.copytree(book.folder, place)
        settings = book.settings.model_copy(
            update={"ledger": place / "ledger", "files": place / "files"}
        )
        with open_registry(place) as database:
            yield Book(place, settings, database, book.by, dict(book.sent))


@contextmanager
def open_registry(folder: Path) -> Iterator[Database]:
    """The registry of an installation."""
    database = open_database(folder / "registry.db")
    yield database
    database.close()


def work_through(settings: Settings, database: Database) -> None:
    """Begin as a worker begins, and do all jobs that wait."""
    with database.writing() as session:
        recover(session, now=clock(), problem_of=as_answer)
        session.commit()
        mend(session, open_ledger(settings), now=clock())
    worker = open_worker(settings, database, name="faults", clock=clock, kinds=LEDGER_WRITERS)
    while worker.run_one():
        pass


def rows_found(settings: Settings, database: Database) -> Counter[str]:
    """How many rows each customer has, among those that count."""
    with database.reading() as session:
        # What comes after this look may be given up again.
        through = session.exec(select(func.max(BatchRow.batch_no))).one() or 0
        without = excluded(session, through=through)
    ledger = open_ledger(settings)
    with open_engine(threads=1) as engine:
        rows = ledger.behavior(engine, through=through, without=without)
        named = rows.inner_join(ledger.directory(engine).drop("batch_no"), "customer")
        return Counter(engine.fetch(named.select("customer_id"))["customer_id"].to_pylist())


def check(found: Counter[str], sent: dict[str, int], acknowledged: set[str]) -> int:
    """Every acknowledged post is there once, every other one wholly or not at all.

    Returns:
        How many rows there are.

    Raises:
        AssertionError: Says what is missing, doubled, or half there.
    """
    known = {name: customers_of(name, rows) for name, rows in sent.items()}
    there = {name: sum(one in found for one in ids) for name, ids in known.items()}
    wrong = {
        "missing": [name for name in acknowledged if there[name] < sent[name]],
        "doubled": [one for one, times in found.items() if times > 1],
        "half there": [name for name, rows in there.items() if rows not in (0, sent[name])],
        "never sent": [*found.keys() - {one for ids in known.values() for one in ids}],
    }
    seen = {what: some[:5] for what, some in wrong.items() if some}
    if seen:
        raise AssertionError(f"the ledger is wrong: {seen}")
    return found.total()


def environment_of(folder: Path) -> dict[str, str]:
    """The environment of a process that works on the installation in a folder."""
    return {
        **os.environ,
        "PILOTBOOK_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}",
        "PILOTBOOK_LEDGER": str(folder / "ledger"),
        "PILOTBOOK_FILES": str(folder / "files"),
        "PILOTBOOK_SECRET_KEY": "a secret key for faults, 32 characters or more",
    }
