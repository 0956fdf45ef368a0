"""How long do 10,000 comparisons take, beside two other libraries, and how long a whole pilot?

    python -m tests.benchmarks.comparisons [--comparisons 10000] [--hillstrom ../shared/data/...]

Welch's difference with interval and p-value, on the same summaries: one call on arrays here, the
loop over comparisons that tea-tasting and gbstats ask for there, each in an environment and a
process of its own (`make bench-stats` prepares them). Then `pilotbook run --no-report` on
Hillstrom's e-mail test, and how much of that is the import of libraries.
"""

import argparse
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from app.cli import EXIT_STATUS
from experiments.stats.many import Differences, Samples
from experiments.stats.means import welch_many
from experiments.stats.moments import Floats
from tests.plan.example import PILOT_FILE

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = ROOT / ".venv/peers"
PEER_NAMES: Final = ("tea-tasting", "gbstats")
REPEATS: Final = 20
RUNS: Final = 5
AT_LEAST: Final = 100
DIGITS: Final = 8
# The imports of `pilotbook run`, as app/cli.py does them.
IMPORTS: Final = (
    "import time; begun = time.perf_counter(); import app.cli, app.road.display, app.road.run, "
    "app.workspace, experiments.plan.pilot_file; print(time.perf_counter() - begun)"
)


def main() -> None:
    """Print two tables; fail where the libraries disagree or the ratio is too small."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--comparisons", type=int, default=10_000)
    options.add_argument(
        "--hillstrom", type=Path, default=ROOT.parent / "shared/data/hillstrom.csv.gz"
    )
    chosen = options.parse_args()
    treatment, control = summaries(chosen.comparisons, np.random.default_rng(1))
    found, ours = our_own(treatment, control)
    print(f"{chosen.comparisons:,} comparisons of means, interval and p-value (best of several)")
    print(f"  {'pilotbook, one call':24}{ours * 1000:10.1f} ms")
    too_slow = []
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name:
        for peer in PEER_NAMES:
            theirs, seconds = of_peer(peer, treatment, control, folder=Path(name))
            agreed = digits(found, theirs)
            print(
                f"  {peer + ', a loop':24}{seconds * 1000:10.1f} ms  {seconds / ours:8,.0f} times"
                f"  agrees to {agreed} digits"
            )
            if agreed < DIGITS or seconds < AT_LEAST * ours:
                too_slow.append(peer)
        if chosen.hillstrom.exists():
            show_pilot(chosen.hillstrom, Path(name))
        else:
            print(f"{chosen.hillstrom.name} is not there, so that no pilot was run")
    if too_slow:
        sys.exit(f"not {AT_LEAST} times faster, or not the same: {', '.join(too_slow)}")


def summaries(comparisons: int, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Groups of 200 to 20,000 customers whose means differ a little."""

    def side(shift: float) -> Samples:
        n = rng.integers(200, 20_000, comparisons).astype(float)
        return Samples(
            n=n,
            mean=10 + shift + rng.normal(0, 0.2, comparisons),
            variance=rng.gamma(4.0, 25.0, comparisons),
        )

    return side(0.1), side(0.0)


def our_own(treatment: Samples, control: Samples) -> tuple[Differences, float]:
    """All comparisons, and the seconds of the quickest call."""
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        found = welch_many(treatment=treatment, control=control)
        took.append(time.perf_counter() - begun)
    return found, min(took)


def of_peer(
    peer: str, treatment: Samples, control: Samples, *, folder: Path
) -> tuple[Floats, float]:
    """Value, low, high and p per comparison, shape (comparisons, 4), and the loop's seconds."""
    given, out = folder / "summaries.npz", folder / f"{peer}.npz"
    sides: Mapping[str, Samples] = {"treatment": treatment, "control": control}
    columns = {
        side: np.column_stack([groups.n, groups.mean, groups.variance])
        for side, groups in sides.items()
    }
    np.savez(given, treatment=columns["treatment"], control=columns["control"])
    script = Path(__file__).with_name("peers.py")
    subprocess.run([PEERS / peer / "bin/python", script, peer, given, out], check=True)
    with np.load(out) as kept:
        return kept["found"], float(kept["seconds"])


def digits(found: Differences, theirs: Floats) -> int:
    """How many digits agree: of values and limits beside the interval's width, of p beside 1."""
    ours = np.column_stack([found.value, found.low, found.high, found.p_value])
    width = found.high - found.low
    scale = np.column_stack([width, width, width, np.ones_like(width)])
    return math.floor(-math.log10(max(float(np.max(np.abs(ours - theirs) / scale)), 1e-16)))


def show_pilot(data: Path, folder: Path) -> None:
    """Run Hillstrom's pilot a few times, and print what it takes."""
    shutil.copy(data, folder / "hillstrom.csv.gz")
    (folder / "pilot.toml").write_text(PILOT_FILE, encoding="utf-8")
    pilotbook = Path(sys.executable).with_name("pilotbook")
    command: list[str | Path] = [
        pilotbook,
        "run",
        folder / "pilot.toml",
        "--no-report",
        "--out",
        folder / "out",
    ]
    took, computed = [], []
    for _ in range(RUNS):
        begun, used = time.perf_counter(), children_computed()
        done = subprocess.run(command, capture_output=True, check=False)
        took.append(time.perf_counter() - begun)
        computed.append(children_computed() - used)
        if done.returncode not in EXIT_STATUS.values():
            sys.exit(done.stderr.decode())
    imports = [float(subprocess.check_output([sys.executable, "-c", IMPORTS])) for _ in range(RUNS)]
    print(f"Hillstrom's pilot, 64,000 customers, without report (median of {RUNS})")
    whole, imported = statistics.median(took), statistics.median(imports)
    print(f"  {'pilotbook run':24}{whole:10.2f} s   from {min(took):.2f} to {max(took):.2f}")
    # Seconds of a core do not grow with what else the machine does.
    print(f"  {'in seconds of a core':24}{statistics.median(computed):10.2f} s")
    print(f"  {'of which imports':24}{imported:10.2f} s   {imported / whole:.0%}")


def children_computed() -> float:
    """Seconds that the processes started here have spent on a core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
