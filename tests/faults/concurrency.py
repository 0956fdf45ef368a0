"""C1 to C4: writers, compaction, readers and vacuum at once."""

import hashlib
import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from deltalake.exceptions import CommitFailedError
from sqlmodel import col, select

from app.refusals import NotNow
from app.tables import LeaseRow
from app.upkeep.compaction import tidy, vacuum
from app.upkeep.leases import WORKER, announce, leased
from app.workspace import open_ledger
from experiments.engines.engine import open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import BEHAVIOR, Ledger
from tests.faults.books import (
    DAY,
    Book,
    check,
    clock,
    open_book,
    open_history,
    rows_found,
    rows_of,
    work_through,
)
from tests.site import open_site
from tests.travel import finished

WEEK: Final = timedelta(days=8)
ROWS: Final = 3


def c1(*, writers: int = 4, posts: int = 500) -> dict[str, Any]:
    """Post from several threads beside a round of care each second, and read all the while."""
    sent: dict[str, int] = {}
    acknowledged: set[str] = set()
    stop = threading.Event()
    counts = {"rounds": 0, "reads": 0}
    with TemporaryDirectory(prefix="pilotbook-faults-") as name, open_site(Path(name)) as site:
        apis = [site.script("manager") for _ in range(writers)]

        def write(number: int) -> None:
            for at in range(posts):
                post = f"w{number}n{at}"
                sent[post] = ROWS
                finished(apis[number], apis[number].post("/behavior", json=rows_of(post, ROWS)))
                acknowledged.add(post)

        def care() -> None:
            while not stop.wait(1):
                tidy(site.database, open_ledger(site.settings), clock=clock, whole=True)
                counts["rounds"] += 1

        def read() -> None:
            while not stop.is_set():
                known = set(acknowledged)
                found = rows_found(site.settings, site.database)
                check(found, dict(sent), known)
                counts["reads"] += 1

        begun = time.monotonic()
        others = _begun(care, read)
        _together(*(lambda number=number: write(number) for number in range(writers)))
        lasted = time.monotonic() - begun
        stop.set()
        _joined(others)
        rows = check(rows_found(site.settings, site.database), sent, acknowledged)
    return {"posts": len(sent), "rows": rows, "posts per s": round(len(sent) / lasted, 1), **counts}


def c2(*, batches: int = 1_000) -> dict[str, Any]:
    """Two processes append the same batches at the same moments: each batch is there once."""
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(2)
        Ledger(Path(name)).append_behavior(_rows(0), batch_no=1)
        workers = [
            context.Process(target=append_all, args=(name, batches, barrier)) for _ in range(2)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        ledger = Ledger(Path(name))
        with open_engine(threads=1) as engine:
            rows = engine.fetch(ledger.behavior(engine).select("batch_no"))
        found = sorted(rows["batch_no"].to_pylist())
    expected = list(range(1, batches + 2))
    if found != expected:
        raise AssertionError(f"{len(found)} rows of {len(set(found))} batches for {len(expected)}")
    return {"batches": batches, "commits": len(found) - 1}


def append_all(folder: str, batches: int, barrier: Barrier) -> None:
    """Append each batch at the moment when another process does; who comes second gives way."""
    ledger = Ledger(Path(folder))
    for at in range(2, batches + 2):
        barrier.wait()
        with suppress(CommitFailedError):
            ledger.append_behavior(_rows(at), batch_no=at)


def c3(*, runs: int = 200) -> dict[str, Any]:
    """Read under a lease while files are compacted and deleted: the same rows, byte for byte."""
    deleted = 0
    with open_history() as book:
        for at in range(runs):
            ledger = open_ledger(book.settings)
            with leased(book.database, ledger, holder=f"reader {at}", clock=clock) as pinned:
                before = _digest(pinned)
                book.send_file(f"beside{at}", 3)
                work_through(book.settings, book.database)
                deleted += _care_of_old(book)
                if _digest(pinned) != before:
                    raise AssertionError("a reader with a lease read something else")
            deleted += _care_of_old(book)
        _reader_dies(book)
        book.check({*book.sent})
    if not deleted:
        raise AssertionError("nothing was deleted, so that no lease was needed")
    return {"runs": runs, "files deleted": deleted}


def c4() -> dict[str, Any]:
    """No vacuum below a week, and none of uncommitted files while a worker is there."""
    refused = 0
    with open_book() as book, book.database.writing() as session:
        ledger = open_ledger(book.settings)
        announce(session, "a worker", now=clock())
        session.commit()
        for kept, full in [*((timedelta(hours=one), False) for one in range(168)), (WEEK, True)]:
            try:
                vacuum(session, ledger, now=clock(), kept=kept, full=full)
            except (BadInput, NotNow):
                refused += 1
            else:
                raise AssertionError(f"a vacuum was allowed: {kept}, full={full}")
    return {"refused": refused}


def _care_of_old(book: Book) -> int:
    """A round of care as if a week ago, so that what it replaces may go at once."""
    long_ago = datetime.now(tz=UTC) - WEEK
    ledger = open_ledger(book.settings)
    return tidy(book.database, ledger, clock=lambda: long_ago, whole=True).vacuumed


def _reader_dies(book: Book) -> None:
    """A lease of somebody who died ends by itself."""
    ledger = open_ledger(book.settings)
    with suppress(KeyboardInterrupt), leased(book.database, ledger, holder="gone", clock=clock):
        raise KeyboardInterrupt
    with book.database.writing() as session:
        session.add(
            LeaseRow(
                id="died", table_name="behavior", version=0, holder="died", until=clock() - WEEK
            )
        )
        session.commit()
        vacuum(session, ledger, now=clock())
        left = session.exec(select(LeaseRow.holder).where(col(LeaseRow.table_name) != WORKER)).all()
    if left:
        raise AssertionError(f"leases are left of {left}")


def _digest(ledger: Ledger) -> str:
    with open_engine(threads=1) as engine:
        rows = ledger.behavior(engine)
        table = engine.fetch(rows.order_by(rows.columns))
    return hashlib.sha256(repr(table.to_pylist()).encode()).hexdigest()


def _rows(at: int) -> pa.RecordBatchReader:
    row = {
        "customer": at,
        "measure": "orders",
        "occurred_at": DAY,
        "value": 1,
        "batch_no": max(at, 1),
        "recorded_at": clock(),
    }
    return pa.Table.from_pylist([row], schema=BEHAVIOR).to_reader()


def _begun(*works: Callable[[], None]) -> list["_Work"]:
    found = [_Work(work) for work in works]
    for one in found:
        one.start()
    return found


def _together(*works: Callable[[], None]) -> None:
    _joined(_begun(*works))


def _joined(works: list["_Work"]) -> None:
    for one in works:
        one.join()
    for one in works:
        if one.fault is not None:
            raise one.fault


class _Work(threading.Thread):
    """A thread whose fault is not lost."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.fault: BaseException | None = None

    def run(self) -> None:
        """Do the work, and keep what it raised."""
        try:
            self._work()
        except BaseException as fault:
            self.fault = fault
