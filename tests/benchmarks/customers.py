"""How long does it take to draw, enrol and list ten million customers, beside a copy of the file?

    python -m tests.benchmarks.customers [--customers 10000000]

Pilotbook reads and checks the file, draws arms within 36 strata, numbers, fingerprints and keeps
the customers, as its worker does; then it writes the list to send, as its site does. DuckDB reads
the same file and writes it again, once before and once after. Each runs in a process of its own,
which says how long it took and how much memory it held at most. On a machine that others use,
processor seconds compare better than those of the clock.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Final

import duckdb
from sqlmodel import select

from app.database import migrate, open_database
from app.enrol.lists import write_list
from app.enrol.service import enrol_file
from app.plan.service import register
from app.settings import Settings
from app.tables import PilotRow
from app.workspace import Workspace, open_workspace
from experiments.plan.pilot_file import CustomersFile
from tests.behavior.ledgers import small_plan

FILE: Final = "customers.csv"
ATTRIBUTES: Final = ("tier", "region", "channel")
NOW: Final = datetime(2026, 2, 20, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Took:
    """What a piece of work took: seconds by the clock and of the processors, bytes at most."""

    seconds: float
    processor: float
    memory: int


def main() -> None:
    """Print a line per piece of work, and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=10_000_000)
    options.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.part:
        print(json.dumps(asdict(measured(chosen.part, chosen.folder))))
        return
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name:
        folder = Path(name)
        write_customers(folder / FILE, customers=chosen.customers)
        print(f"{chosen.customers:,} customers, {(folder / FILE).stat().st_size / 1e6:.0f} MB")
        print(f"{'':10}{'s':>8}{'processor s':>14}{'peak MB':>10}")
        copies = [in_process("copy", folder)]
        ours = [in_process(part, folder) for part in ("enrol", "list")]
        copies.append(in_process("copy", folder))
    seconds = sum(part.seconds for part in ours) / mean(copy.seconds for copy in copies)
    processor = sum(part.processor for part in ours) / mean(copy.processor for copy in copies)
    memory = max(part.memory for part in ours)
    print(
        f"{seconds:.1f} times a copy by the clock, {processor:.1f} times in processor time; "
        f"{memory / 2**30:.1f} GiB at most"
    )


def in_process(part: str, folder: Path) -> Took:
    """Measure a piece of work in a process of its own."""
    run = [sys.executable, "-m", "tests.benchmarks.customers"]
    done = subprocess.run(
        [*run, "--part", part, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    took = Took(**json.loads(done.stdout))
    print(
        f"{part:10}{took.seconds:8.1f}{took.processor:14.1f}{took.memory / 1e6:10.0f}", flush=True
    )
    return took


def measured(part: str, folder: Path) -> Took:
    """Do a piece of work; processes that it starts count, too."""
    begun = time.perf_counter()
    spent = _processor()
    PARTS[part](folder)
    seconds = time.perf_counter() - begun
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    memory = sum(resource.getrusage(one).ru_maxrss * 1024 for one in who)
    return Took(seconds, _processor() - spent, memory)


def _processor() -> float:
    used = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def copied(folder: Path) -> None:
    """Read the file and write it again."""
    with duckdb.connect() as connection:
        out = folder / "copy.csv"
        connection.execute(f"COPY (FROM read_csv('{folder / FILE}')) TO '{out}'").fetchall()


def enrolled(folder: Path) -> None:
    """From the file to the receipt."""
    plan = small_plan()
    design = plan.design.model_copy(update={"seed": 2026, "strata": ATTRIBUTES})
    source = CustomersFile(file=FILE, customer_id="customer_id", attributes=ATTRIBUTES)
    with opened(folder) as workspace:
        row = register(workspace.session, plan.model_copy(update={"design": design}), now=NOW)
        enrol_file(workspace, row, folder / FILE, source, now=NOW)


def listed(folder: Path) -> None:
    """From the ledger to the list to send."""
    with opened(folder) as workspace:
        row = workspace.session.exec(select(PilotRow)).one()
        write_list(workspace, row, arm=None, path=folder / "list.csv")


@contextmanager
def opened(folder: Path) -> Iterator[Workspace]:
    """The workspace of an installation in a folder."""
    address = f"sqlite:///{folder / 'registry.db'}"
    settings = Settings(database_url=address, ledger=folder / "ledger", files=folder / "files")
    database = open_database(address)
    migrate(database)
    with database.writing() as session, open_workspace(settings, session) as workspace:
        yield workspace
    database.close()


def write_customers(path: Path, *, customers: int) -> None:
    """Ids of 18 characters in no order, and three attributes with 36 values together."""
    rows = f"""
        SELECT 'C' || lpad((hash(range) % 10000000000)::VARCHAR, 10, '0')
                   || lpad(range::VARCHAR, 7, '0') AS customer_id,
               ['gold', 'silver', 'bronze'][1 + (hash(range + 1) % 3)::INT] AS tier,
               'region-' || hash(range + 2) % 3 AS region,
               ['shop', 'web', 'phone', 'app'][1 + (hash(range + 3) % 4)::INT] AS channel
        FROM range({customers})"""  # noqa: S608
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{path}' (HEADER)").fetchall()


PARTS: Final[dict[str, Callable[[Path], None]]] = {
    "copy": copied,
    "enrol": enrolled,
    "list": listed,
}


if __name__ == "__main__":
    main()
