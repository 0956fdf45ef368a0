"""How many rows a second are taken in, beside DuckDB's own copy of a CSV file to Parquet?

    python -m tests.benchmarks.intake [--rows 2000000] [--big]

Per kind of file: staging alone (read, check and cast every row), and the whole intake (also number,
sort, write and confirm in the ledger). DuckDB's copy runs before and after. Every piece runs in a
process of its own; processor seconds count what the machine did for others as nothing. With --big
a CSV file of 2 GB is staged, and the most memory that it took is told.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Final

import duckdb

from app.record.service import record_file
from experiments.intake.limited import let_go, process_id
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.staging import stage_behavior
from tests.benchmarks.customers import Took, opened

NOW: Final = datetime(2026, 8, 1, 9, tzinfo=UTC)
KINDS: Final = ("csv", "parquet", "ndjson")
BIG_ROWS: Final = 62_000_000  # about 2 GB of CSV


Work = Callable[[Path], None]


def main() -> None:
    """Print a line per piece of work, with rows per second and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--big", action="store_true", help="stage a CSV file of 2 GB instead")
    options.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.part:
        print(json.dumps(asdict(measured(chosen.part, chosen.file))))
        return
    rows = BIG_ROWS if chosen.big else chosen.rows
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name:
        folder = Path(name)
        files = {kind: folder / f"rows.{kind}" for kind in (("csv",) if chosen.big else KINDS)}
        for kind, file in files.items():
            write_rows(file, kind=kind, rows=rows)
        size = files["csv"].stat().st_size
        print(f"{rows:,} rows, {size / 1e6:,.0f} MB as CSV")
        print(f"{'':16}{'s':>8}{'processor s':>14}{'peak MB':>10}{'rows/s':>12}")
        copies = [_in_process("copy", files["csv"], rows)]
        parts = ("stage",) if chosen.big else ("stage", "record")
        ours = {
            (part, kind): _in_process(part, file, rows)
            for kind, file in files.items()
            for part in parts
        }
        copies.append(_in_process("copy", files["csv"], rows))
    seconds = mean(copy.seconds for copy in copies)
    processor = mean(copy.processor for copy in copies)
    for (part, kind), took in ours.items():
        print(
            f"{part} {kind}: {seconds / took.seconds:.2f} of the copy's rows per second, "
            f"{processor / took.processor:.2f} per processor second"
        )


def _in_process(part: str, file: Path, rows: int) -> Took:
    run = [sys.executable, "-m", "tests.benchmarks.intake", "--part", part, "--file", str(file)]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    took = Took(**json.loads(done.stdout))
    print(
        f"{part + ' ' + file.suffix[1:]:16}{took.seconds:8.1f}{took.processor:14.1f}"
        f"{took.memory / 1e6:10.0f}{rows / took.seconds:12,.0f}",
        flush=True,
    )
    return took


def measured(part: str, file: Path) -> Took:
    """Do a piece of work; the child that reads the file counts, too.

    A service is up before a file comes: so is all that it would have loaded by then.
    """
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name, ExitStack() as stack:
        small = Path(name) / f"small{file.suffix}"
        write_rows(small, kind=file.suffix[1:], rows=20)
        work = PARTS[part](Path(name), stack)
        work(small)
        spent = _processor() + _of_reader()
        begun = time.perf_counter()
        work(file)
        seconds = time.perf_counter() - begun
        let_go()
        spent = _processor() - spent
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    memory = sum(resource.getrusage(one).ru_maxrss * 1024 for one in who)
    return Took(seconds, spent, memory)


def _processor() -> float:
    used = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _of_reader() -> float:
    """Processor seconds of the process that waits for files, which count once it has ended."""
    pid = process_id()
    if pid is None:
        return 0.0
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


def copying(folder: Path, stack: ExitStack) -> Work:
    """Read the CSV file, as DuckDB guesses its types, and write it as Parquet."""
    connection = stack.enter_context(duckdb.connect())

    def copy(file: Path) -> None:
        source, out = f"SELECT * FROM read_csv('{file}')", folder / "copy.parquet"  # noqa: S608
        connection.execute(f"COPY ({source}) TO '{out}'").fetchall()

    return copy


def staging(folder: Path, _: ExitStack) -> Work:
    """Read, check and cast every row."""

    def stage(file: Path) -> None:
        stage_behavior(file, _columns(file), zone="Europe/Berlin", into=folder / "staged")

    return stage


def recording(folder: Path, stack: ExitStack) -> Work:
    """From the file to the receipt, in a ledger of its own."""
    workspace = stack.enter_context(opened(folder))

    def record(file: Path) -> None:
        record_file(workspace, file, _columns(file), complete_through=None, now=NOW)

    return record


def write_rows(path: Path, *, kind: str, rows: int) -> None:
    """Rows of three measures in no order, ten of each customer."""
    table = f"""
        SELECT 'C' || lpad((hash(range) % {max(rows // 10, 1)})::VARCHAR, 7, '0') AS customer_id,
               ['revenue', 'order', 'visit'][1 + (hash(range + 1) % 3)::INT] AS measure,
               DATE '2026-01-01' + (hash(range + 2) % 180)::INT AS occurred_at,
               ((hash(range + 3) % 20000) / 100)::DECIMAL(9, 2) AS value
        FROM range({rows})"""  # noqa: S608
    form = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet", "ndjson": "FORMAT json"}
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({table}) TO '{path}' ({form[kind]})").fetchall()


def _columns(file: Path) -> BehaviorFile:
    return BehaviorFile(
        file=file.name,
        customer_id="customer_id",
        measure="measure",
        occurred_at="occurred_at",
        value="value",
    )


PARTS: Final[dict[str, Callable[[Path, ExitStack], Work]]] = {
    "copy": copying,
    "stage": staging,
    "record": recording,
}


if __name__ == "__main__":
    main()
