"""C5 and C6: many who change the registry at once, and two who edit one form."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from fastapi.testclient import TestClient
from sqlmodel import col, select

from app.database import Database, migrate, open_database
from app.tables import MeasureKind, MeasureRow, Role, UserRow
from tests.app.plan.plans import plan_json
from tests.jobs.queueing import together
from tests.postgres import find_binaries, fresh_database, make_template, running_postgres
from tests.site import NOW, open_site

THREADS: Final = 8
NAME: Final = "counter"
PLAN: Final = "/pilots/spring-mail/plan"


def c5(*, changes: int = 2_000, slowest: float | None = 1.0) -> dict[str, Any]:
    """Read a number, add one, write it: eight threads, no error, no lost change.

    Args:
        changes: Of each thread.
        slowest: Seconds that 99 of 100 changes may take at most; None on a busy machine.
    """
    figures: dict[str, Any] = {}
    with TemporaryDirectory(prefix="pilotbook-faults-") as name:
        database = open_database(Path(name) / "registry.db")
        migrate(database)
        figures["SQLite p99 s"] = _counted(database, changes, slowest)
        database.close()
    with _postgres() as address:
        if address is None:
            return {**figures, "PostgreSQL": "not installed"}
        database = open_database(address)
        figures["PostgreSQL p99 s"] = _counted(database, changes, slowest)
        database.close()
    return {**figures, "changes": THREADS * changes}


def c6(*, edits: int = 200) -> dict[str, Any]:
    """Two editors save what they read of the same draft: one wins, the other is told (412)."""
    statuses: Counter[int] = Counter()
    with TemporaryDirectory(prefix="pilotbook-faults-") as name, open_site(Path(name)) as site:
        editors = [site.script("manager") for _ in range(2)]
        made = editors[0].post("/pilots", json=plan_json())
        if made.status_code != 201:
            raise AssertionError(made.text)
        for at in range(edits):
            tag = editors[0].get(PLAN).headers["etag"]
            found = _saved_at_once(editors, {"If-Match": tag}, label=f"Edit {at}")
            statuses.update(found)
            if sorted(found) != [200, 412]:
                raise AssertionError(f"edit {at} was answered with {found}")
    return {"edits": edits, "answers": dict(statuses)}


def _saved_at_once(
    editors: Sequence[TestClient], headers: dict[str, str], *, label: str
) -> list[int]:
    """Each saves another plan at the same moment; how they were answered."""
    barrier = threading.Barrier(len(editors))
    found: list[int] = []

    def save(number: int) -> None:
        body = plan_json(name=f"{label} by {number}")
        barrier.wait()
        found.append(editors[number].put(PLAN, json=body, headers=headers).status_code)

    together(save, threads=len(editors))
    return found


def _counted(database: Database, changes: int, limit: float | None) -> float:
    """Count up from all threads; the slowest but one in a hundred, in seconds."""
    with database.writing() as session:
        user = UserRow(email="a@b.example", role=Role.ADMIN, password_hash="", created_at=NOW)
        session.add(user)
        session.flush()
        session.add(
            MeasureRow(
                name=NAME, unit="0", kind=MeasureKind.MONEY, user_id=user.id or 0, created_at=NOW
            )
        )
        session.commit()
    took: list[float] = []

    def count(_: int) -> None:
        for _ in range(changes):
            begun = time.perf_counter()
            with database.writing() as session:
                query = select(MeasureRow).where(col(MeasureRow.name) == NAME).with_for_update()
                row = session.exec(query).one()
                row.unit = str(int(row.unit) + 1)
                session.add(row)
                session.commit()
            took.append(time.perf_counter() - begun)

    together(count, threads=THREADS)
    with database.reading() as session:
        counted = int(session.exec(select(MeasureRow.unit)).one())
    slowest = quantiles(took, n=100)[-1]
    if counted != THREADS * changes or (limit is not None and slowest > limit):
        raise AssertionError(f"{counted} of {THREADS * changes} changes, p99 {slowest:.2f} s")
    return round(slowest, 3)


@contextmanager
def _postgres() -> Iterator[str | None]:
    """The address of an empty registry in PostgreSQL; None where that is not installed."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    with running_postgres(binaries) as server:
        make_template(server)
        with fresh_database(server) as address:
            yield address
