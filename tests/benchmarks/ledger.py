"""How long does an analysis take beside a scan of what it reads, and beside another library?

    python -m tests.benchmarks.ledger [--rows 50000000] [--data FOLDER] [--growth 5000000]

A pilot with two arms, five metrics, four tiers and pre-periods, on a company's ledger that came
week by week (`ledger_data.py` makes it once; TMPDIR or --data says where). The limit is DuckDB
reading every value of the columns that the analysis reads, two threads, the same files. Every
figure comes from a process of its own, so that its memory is its own; the better of two runs
counts. Processor seconds stand beside, because other work on the machine does not lengthen them.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any, Final

import duckdb
from sqlmodel import select

from app.analyse.conclusion import conclude
from app.analyse.service import analyse_pilot, inputs_of, same_analysis
from app.tables import PilotRow
from app.workspace import Workspace
from experiments.ledger.ledger import Ledger
from tests.benchmarks.ledger_data import METRICS, SLUG, THREADS, TODAY, opened, prepare

ROOT: Final = Path(__file__).resolve().parents[2]
PEER: Final = ROOT / ".venv/peers/tea-tasting/bin/python"
RUNS: Final = 2
MEGABYTE: Final = 1024  # ru_maxrss counts kilobytes
SCAN: Final = """
select sum(customer), max(length(measure)), max(occurred_at), sum(value), max(length(item)),
  max(batch_no), max(epoch_us(recorded_at))
from read_parquet(?, hive_partitioning=false)
"""
CUSTOMERS: Final = """
copy (
  select arm, tier, {columns}
  from read_parquet(?, hive_partitioning=false)
  left join (
    select customer, {sums}
    from read_parquet(?, hive_partitioning=false)
    join (select customer, enrolled_at from read_parquet(?, hive_partitioning=false))
      using (customer)
    group by customer
  ) using (customer)
) to '{path}' (format parquet)
"""
LENGTH: Final = 56


@dataclass(frozen=True, slots=True)
class Run:
    """What a process took: seconds, those of its processors, and its memory at most, in MB."""

    seconds: float
    cpu: float
    memory: float
    more: dict[str, Any]


def main() -> None:
    """Print a table, or run one measurement."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=50_000_000)
    options.add_argument("--growth", type=int, default=5_000_000)
    scratch = Path(tempfile.gettempdir()) / "pilotbook-bench"
    options.add_argument("--data", type=Path, default=scratch)
    options.add_argument("--one", choices=sorted(MEASURED))
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(MEASURED[chosen.one](chosen.folder)))
        return
    for rows in dict.fromkeys((chosen.growth, chosen.rows)):
        folder = chosen.data / str(rows)
        begun = time.perf_counter()
        prepare(folder, rows=rows)
        print(f"\n{rows:,} rows (made or found in {time.perf_counter() - begun:.0f} s)")
        show(folder)


def show(folder: Path) -> None:
    """Measure a ledger, line by line."""
    limit = best("limit", folder / "compacted")
    print(f"  {'':34}{'seconds':>9}{'x limit':>9}{'cpu s':>8}{'x limit':>9}{'memory':>10}")

    def line(name: str, run: Run) -> None:
        print(
            f"  {name:34}{run.seconds:9.2f}{run.seconds / limit.seconds:9.1f}{run.cpu:8.2f}"
            f"{run.cpu / limit.cpu:9.1f}{run.memory:7.0f} MB",
            flush=True,
        )

    line("limit: scan of the columns", limit)
    cold = best("analysis", folder / "compacted")
    line("analysis, compacted", cold)
    line("analysis, as rows arrived", best("analysis", folder / "arrived"))
    line("analysis, after 1 % appended", best("analysis", folder / "appended"))
    again = cold.more["again"]
    print(f"  {'the same analysis again':34}{again:9.4f}{again / limit.seconds:9.3f}")
    if not PEER.exists():
        print("  tea-tasting is not installed; `make bench` prepares it")
        return
    rows = best("materialise", folder / "compacted")
    line("peer: a row per customer", rows)
    peer = of_peer(folder / "compacted")
    whole = rows.seconds + peer["whole"]
    alone = peer["seconds"]
    print(f"  {'peer: statistics alone':34}{alone:9.2f}{alone / limit.seconds:9.1f}")
    print(f"  {'peer, end to end':34}{whole:9.2f}{whole / limit.seconds:9.1f}")
    print(f"  {'peer over analysis':34}{whole / cold.seconds:9.1f}")
    more = cold.more
    for ours, width, theirs in zip(more["effects"], more["widths"], peer["effects"], strict=True):
        if abs(ours - theirs) > width / 10:  # the peer adjusts with one slope for both arms
            sys.exit(f"the peer found {theirs}, and not {ours}")


def best(name: str, folder: Path) -> Run:
    """The quickest of a few processes."""
    return min((once(name, folder) for _ in range(RUNS)), key=lambda run: run.cpu)


def once(name: str, folder: Path) -> Run:
    """One measurement in a process of its own."""
    script = "tests.benchmarks.ledger"
    command = [sys.executable, "-m", script, "--one", name, "--folder", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, text=True).stdout
    found = json.loads(said.splitlines()[-1])
    return Run(found.pop("seconds"), found.pop("cpu"), found.pop("memory"), found)


def of_peer(folder: Path) -> dict[str, Any]:
    """Seconds and effects of tea-tasting, from the rows that `materialise` left."""
    script = Path(__file__).with_name("ledger_peer.py")
    said = subprocess.run(
        [PEER, script, folder / "customers.parquet"], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def limit(folder: Path) -> dict[str, Any]:
    """Read every value of the columns that the analysis reads."""
    connection = duckdb.connect(config={"threads": THREADS})
    files = files_of(folder, "behavior")
    return timed(lambda: connection.execute(SCAN, [files]).fetchall())


def analysis(folder: Path) -> dict[str, Any]:
    """Analyse the pilot as the product does; then ask for the same analysis again."""
    with opened(folder) as workspace:
        pilot = workspace.session.exec(select(PilotRow).where(PilotRow.slug == SLUG)).one()
        finding: list[Any] = []
        found = timed(lambda: finding.append(analyse_pilot(workspace, pilot, today=TODAY)))
        estimates = finding[0].analysed.analysis.estimates
        chosen = [one for one in estimates if one.headline and one.segment is None]
        effects = [one.difference.value for one in chosen]
        widths = [one.difference.high - one.difference.low for one in chosen]
        now = datetime.combine(TODAY, clock(9), tzinfo=UTC)
        conclude(workspace, pilot, finding[0], now=now)
        again = timed(lambda: repeated(workspace, pilot))["seconds"]
    return {**found, "again": again, "effects": effects, "widths": widths}


def repeated(workspace: Workspace, pilot: PilotRow) -> None:
    """What the product does where the inputs are the same: it finds the result that it keeps."""
    engine = workspace.analysis_engine.name
    inputs = inputs_of(workspace.session, pilot, today=TODAY, engine=engine)
    if same_analysis(workspace.session, pilot, inputs) is None:
        sys.exit("the analysis was not kept")


def materialise(folder: Path) -> dict[str, Any]:
    """Make the row per customer that other libraries ask for, in the same DuckDB."""
    connection = duckdb.connect(config={"threads": THREADS})
    sums = [
        f"sum(value) filter (measure = '{measure}' and {span}) as {name}_{at}"
        for at, measure in enumerate(METRICS)
        for name, span in (
            ("outcome", f"occurred_at - enrolled_at between 0 and {LENGTH - 1}"),
            ("before", f"occurred_at - enrolled_at between -{LENGTH} and -1"),
        )
    ]
    kinds = enumerate(kind for kind, _ in METRICS.values())
    columns = [
        f"coalesce({name}_{at}, 0)::double as {name}_{at}"
        if kind != "rate"
        else f"(coalesce({name}_{at}, 0) >= 1)::double as {name}_{at}"
        for at, kind in kinds
        for name in ("outcome", "before")
    ]
    query = CUSTOMERS.format(
        columns=", ".join(columns), sums=", ".join(sums), path=folder / "customers.parquet"
    )
    enrolled, behavior = files_of(folder, f"enrolments/{SLUG}"), files_of(folder, "behavior")
    return timed(lambda: connection.execute(query, [enrolled, behavior, enrolled]))


def files_of(folder: Path, table: str) -> list[str]:
    """The files of a table of the ledger."""
    ledger = Ledger(folder / "ledger")
    return [str(folder / "ledger" / table / path) for path, _ in ledger.live_files(table)]


def timed(work: Callable[[], object]) -> dict[str, Any]:
    """Seconds of work, those of the processors, and the most memory that the process ever had."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    return {"seconds": seconds, "cpu": cpu, "memory": memory}


MEASURED: Final[dict[str, Callable[[Path], dict[str, Any]]]] = {
    "limit": limit,
    "analysis": analysis,
    "materialise": materialise,
}

if __name__ == "__main__":
    main()
