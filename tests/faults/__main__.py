"""Faults on purpose, at the sizes that were promised.

    python -m tests.faults [--quick] [--only D1,C2]

A line for each as it ends, a table at the end, and out/faults/results.jsonl. Exit status 1 where
one failed. Whatever is drawn is drawn from one seed. What needs root, strace or PostgreSQL is
skipped where these are missing.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from tests.faults import (
    backups,
    bad_input,
    concurrency,
    crashes,
    full_disk,
    kills,
    registry,
    repeats,
    torn,
)
from tests.faults.books import SEED

Figures = dict[str, Any]
RESULTS: Final = Path("out/faults/results.jsonl")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to an installation: at full size, and so that it takes a minute."""

    title: str
    full: Callable[[], Figures]
    quick: Callable[[], Figures]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; `state` is passed, failed or skipped."""

    name: str
    title: str
    state: str
    seconds: float
    figures: Figures = field(default_factory=dict)
    reason: str = ""


FAULTS: Final[dict[str, Fault]] = {
    "D1": Fault("site and worker killed at random", kills.d1, partial(kills.d1, kills=20)),
    "D2": Fault("stopped at each system call", crashes.d2, partial(crashes.d2, repeats=1, most=12)),
    "D3": Fault("order of syncs", crashes.d3, partial(crashes.d3, ingests=10)),
    "D4": Fault("torn files", torn.d4, partial(torn.d4, tries=2)),
    "D5": Fault("full disk", full_disk.d5, partial(full_disk.d5, levels=12)),
    "D6": Fault("errors of the disk", crashes.d6, partial(crashes.d6, tries=3)),
    "D7": Fault("flipped bits", torn.d7, torn.d7),
    "D8": Fault("the same upload again", repeats.d8, partial(repeats.d8, again=100)),
    "D9": Fault("long stories", repeats.d9, partial(repeats.d9, stories=10, steps=20)),
    "B1": Fault("malformed files", bad_input.b1, bad_input.b1),
    "B2": Fault(
        "every record accounted for",
        bad_input.b2,
        partial(bad_input.b2, rows=100_000, faults=100, long=(33,)),
    ),
    "B3": Fault("bombs", bad_input.b3, partial(bad_input.b3, times=1)),
    "B4": Fault("values", bad_input.b4, partial(bad_input.b4, examples=200)),
    "B5": Fault("headers", bad_input.b5, partial(bad_input.b5, permutations=50)),
    "B6": Fault("formulas in exports", bad_input.b6, bad_input.b6),
    "B7": Fault("false statistics", bad_input.b7, partial(bad_input.b7, files=10)),
    "C1": Fault("writers, care and readers", concurrency.c1, partial(concurrency.c1, posts=25)),
    "C2": Fault("two workers, one id", concurrency.c2, partial(concurrency.c2, batches=50)),
    "C3": Fault("readers with a lease", concurrency.c3, partial(concurrency.c3, runs=5)),
    "C4": Fault("vacuum is refused", concurrency.c4, concurrency.c4),
    "C5": Fault(
        "the registry under threads", registry.c5, partial(registry.c5, changes=100, slowest=None)
    ),
    "C6": Fault("two editors", registry.c6, partial(registry.c6, edits=20)),
    "R1": Fault("backups under writes", backups.r1, partial(backups.r1, backups=3, writers=2)),
    "R2": Fault("damaged backups", backups.r2, backups.r2),
    "R3": Fault("the same figures after a restore", backups.r3, backups.r3),
    "R4": Fault("older schemas", backups.r4, backups.r4),
}
# Figures of backups that must be nothing, or as many as others.
NOTHING: Final = ("missing", "doubled", "written", "tables that differ")
ALIKE: Final = (("sets", "refused"), ("sets", "file named"), ("pilots", "identical"))


def main() -> None:
    """Run what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="small loads")
    options.add_argument("--only", default="", help="names, with commas between them")
    chosen = options.parse_args()
    wanted = [name for name in chosen.only.upper().split(",") if name] or list(FAULTS)
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown:
        options.error(f"there is no {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    # What the product logs of faults that are meant would bury the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"seed {SEED}", flush=True)
    outcomes = []
    for name in wanted:
        outcomes.append(_outcome(name, quick=chosen.quick))
        _show(outcomes[-1])
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"seed": SEED, **asdict(one)}, default=str) for one in outcomes]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\n{len(outcomes)} faults, seed {SEED}, {RESULTS}")
    for one in outcomes:
        print(f"{one.name:4}{one.title:36}{one.state:9}{one.seconds:8.0f} s")
    failed = any(one.state == "failed" for one in outcomes)
    sys.stdout.flush()
    # Not by the usual way out: libraries that were stopped in the middle may abort there.
    os._exit(1 if failed else 0)


def _outcome(name: str, *, quick: bool) -> Outcome:
    fault = FAULTS[name]
    begun = time.monotonic()

    def ended(state: str, figures: Figures, reason: str = "") -> Outcome:
        return Outcome(name, fault.title, state, time.monotonic() - begun, figures, reason)

    if name in ("D2", "D3", "D6") and shutil.which("strace") is None:
        return ended("skipped", {}, "strace is not installed")
    try:
        figures = fault.quick() if quick else fault.full()
        refuse_differing(figures)
    except PermissionError as error:
        return ended("skipped", {}, str(error))
    except Exception as error:
        traceback.print_exc()
        return ended("failed", {}, f"{type(error).__name__}: {error}")
    return ended("passed", figures)


def refuse_differing(figures: Figures) -> None:
    """Stop where a figure that must be nothing is something, or two that must be equal differ."""
    wrong = [name for name in NOTHING if figures.get(name)]
    wrong += [f"{one} and {other}" for one, other in ALIKE
              if {one, other} <= figures.keys() and figures[one] != figures[other]]  # fmt: skip
    if wrong:
        raise AssertionError(f"{', '.join(wrong)}: {figures}")


def _show(one: Outcome) -> None:
    said = one.reason or ", ".join(f"{name} {value}" for name, value in one.figures.items())
    print(f"{one.name:4}{one.state:9}{one.seconds:7.0f} s  {one.title}: {said}", flush=True)


if __name__ == "__main__":
    main()
