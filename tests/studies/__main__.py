"""Run the study: `python -m tests.studies` (`--quick`, `--only welch`, `--table`)."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.studies import (
    adjusted,
    any_day,
    chosen,
    clustered,
    looking,
    means,
    product,
    rates,
    several,
    times,
)
from tests.studies.cells import Cell, Side, Tally
from tests.studies.results import Finished, append, fingerprint, read, table, unexplained

MODULES = (
    product, rates, clustered, looking, any_day, several, times, chosen, adjusted, means
)  # fmt: skip
RESULTS = Path("out/simulate/cells.jsonl")
TABLE = Path(__file__).parent / "RESULTS.md"
QUICKER = 50  # a quick run has this many times fewer replicates


def all_cells() -> dict[str, tuple[Cell, str]]:
    """Every cell by its name, with the module that holds it."""
    found: dict[str, tuple[Cell, str]] = {}
    for module in MODULES:
        for cell in module.cells():
            if cell.name in found:
                raise ValueError(f"two cells are called {cell.name}")
            found[cell.name] = (cell, module.__name__)
    return found


def run_one(name: str, quick: bool) -> tuple[Tally, float]:
    """Run a cell in this process; its tally and the seconds that it took."""
    cell, _ = all_cells()[name]
    replicates = max(20, cell.replicates // QUICKER) if quick else cell.replicates
    started = time.perf_counter()
    return cell.run(cell.rng(), replicates), time.perf_counter() - started


def run_all(
    names: Sequence[str], *, quick: bool, processes: int
) -> Iterator[tuple[str, Tally, float]]:
    """Run cells, one after the other or side by side, as they finish."""
    if processes == 1:
        for name in names:
            yield name, *run_one(name, quick)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(run_one, name, quick): name for name in names}
        for future in as_completed(waiting):
            yield waiting[future], *future.result()


def main(arguments: Sequence[str]) -> int:
    """Run what is not finished, write the table; 1 where a cell is off without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few replicates, nothing kept")
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    parser.add_argument("--table", action="store_true", help="only write the table anew")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    cells = {name: found for name, found in all_cells().items() if asked.only in name}
    prints = {module.__name__: fingerprint(module.__name__) for module in MODULES}
    kept = {} if asked.quick else read(asked.results)
    done = {
        name: Finished(cell, kept[name][1])
        for name, (cell, module) in cells.items()
        if name in kept and (asked.table or kept[name][0] == prints[module])
    }
    ahead = [] if asked.table else [name for name in cells if name not in done]
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("cells", total=len(cells), completed=len(done))
        for name, tally, seconds in run_all(ahead, quick=asked.quick, processes=asked.processes):
            cell, module = cells[name]
            done[name] = Finished(cell, tally)
            if not asked.quick:
                append(asked.results, done[name], stands_on=prints[module], seconds=seconds)
            if done[name].side is not Side.ON:
                share = [f"{100 * n / tally.replicates:.2f} %" for n in (tally.low, tally.high)]
                progress.console.print(f"{done[name].side}: {name}: {' and '.join(share)}")
            progress.advance(bar)
    finished = [done[name] for name in cells if name in done]
    if not asked.quick and not asked.only:
        missing = [name for name in cells if name not in done]
        TABLE.write_text(table(finished, missing=missing), encoding="utf-8")
    open_ones = unexplained(finished)
    for one in open_ones:
        console.print(f"not explained: {one.cell.name} is {one.side}")
    return 0 if asked.quick or not open_ones else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
