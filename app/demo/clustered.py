"""A worked pilot whose customers are assigned by branch: tasting evenings in half of the branches.

Customers of one branch are alike (its town, its staff), so that 96 branches tell less than 2,400
customers would: a branch's pace is drawn first, then those of its customers around it.
"""

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import ibis
import numpy as np
import pyarrow as pa

from experiments.engines.engine import open_engine
from experiments.enrol.clusters import assign_clusters
from experiments.plan.pilot_file import read_pilot_file

BRANCHES, SMALLEST, LARGEST = 96, 12, 40
STARTS_ON, DAYS = date(2026, 3, 2), 60
ORDERS_PER_MONTH = 0.9
LIKENESS, EVENNESS = 12.0, 2.5  # shapes of the gamma paces of branches, and of customers in one
BASKET_EUR, SPREAD, MARGIN_SHARE = 42.0, 0.5, 0.38
DEARER: Final = 0.22  # truth: so much more do customers of a treated branch spend at a time
TOWNS: Final = ("Łódź", "Kraków", "Gdańsk", "Köln", "Nürnberg", "Linz")

PLAN: Final = """\
# A clustered file: whole branches hold the evenings or do not; Pilotbook draws the branches.
[pilot]
name = "Tasting evenings"
slug = "tasting-evenings"
goal = "sales"
hypothesis = "An evening of tasting in the branch makes its customers buy finer coffee."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = {starts_on}
ends_on = {ends_on}

[design]
kind = "clustered"
cluster = "branch"
control = "No evening"
treatments = ["Evening"]
seed = 96

[customers]
file = "customers.csv"
customer_id = "customer_id"
attributes = ["newsletter"]  # branch joins by itself, because the design names it

[[behavior]]
file = "behavior.csv.gz"
customer_id = "customer_id"
occurred_at = "occurred_at"
measure = "measure"
value = "value"
event_id = "event_id"

[[metrics]]
name = "margin"
kind = "mean"
measure = "margin"
unit = "EUR"
role = "primary"

[[metrics]]
name = "orders"
kind = "count"
measure = "order"
role = "secondary"

[[metrics]]
name = "buyers"
kind = "rate"
measure = "order"
role = "secondary"

[value]
currency = "EUR"
metric = "margin"
margin_rate = 1.0
cost_per_treated = 1.5
"""


def write_clustered(folder: Path, *, rng: np.random.Generator) -> None:
    """Write plan, customers and behavior; the branches are drawn by Pilotbook."""
    folder.mkdir(parents=True, exist_ok=True)
    ends_on = STARTS_ON + timedelta(days=DAYS - 1)
    plan = folder / "pilot.toml"
    plan.write_text(
        PLAN.format(starts_on=STARTS_ON, ends_on=ends_on), encoding="utf-8", newline="\n"
    )
    branches = [f"{TOWNS[at % len(TOWNS)]} {1 + at // len(TOWNS)}" for at in range(BRANCHES)]
    branch = np.repeat(np.arange(BRANCHES), rng.integers(SMALLEST, LARGEST + 1, BRANCHES))
    ids = [f"T{1000 + at}" for at in range(len(branch))]
    newsletter = rng.random(len(branch)) < 0.4
    _write(
        folder / "customers.csv",
        ["customer_id", "branch", "newsletter"],
        [
            (one, branches[place], "yes" if reads else "no")
            for one, place, reads in zip(ids, branch, newsletter, strict=True)
        ],
    )
    treated = _treated_branches(plan, branches)
    paces = rng.gamma(LIKENESS, 1 / LIKENESS, BRANCHES)[branch]
    paces = paces * rng.gamma(EVENNESS, 1 / EVENNESS, len(branch)) * ORDERS_PER_MONTH * DAYS / 30.4
    dearer = 1 + DEARER * treated[branch]
    rows = []
    for first in (-2 * DAYS, -DAYS, 0):
        buyers = np.repeat(np.arange(len(branch)), rng.poisson(paces))
        days = rng.integers(first, first + DAYS, len(buyers))
        baskets = rng.lognormal(np.log(BASKET_EUR) - SPREAD**2 / 2, SPREAD, len(buyers))
        if first == 0:
            baskets *= dearer[buyers]
        rows += list(zip(days.tolist(), buyers.tolist(), baskets.tolist(), strict=True))
    events = []
    for number, (day, buyer, basket) in enumerate(sorted(rows)):
        on = (STARTS_ON + timedelta(days=day)).isoformat()
        events.append((ids[buyer], on, "order", "1", f"O{number}"))
        margin = f"{basket * MARGIN_SHARE:.2f}"
        events.append((ids[buyer], on, "margin", margin, f"M{number}"))
    heads = ["customer_id", "occurred_at", "measure", "value", "event_id"]
    _write(folder / "behavior.csv.gz", heads, events)


def _treated_branches(plan: Path, branches: list[str]) -> np.ndarray[tuple[int], np.dtype[np.bool]]:
    """Which branches Pilotbook will draw for the evenings."""
    design = read_pilot_file(plan).plan().design
    table = pa.table({"customer_id": branches, "cluster": branches, "stratum": [""] * BRANCHES})
    with open_engine() as engine:
        drawn = engine.fetch(
            assign_clusters(
                engine,
                ibis.memtable(table),
                name="branch",
                seed=design.seed or 0,
                shares=design.planned_shares(),
            )
        )
    arms = {row["customer_id"]: row["arm"] for row in drawn.to_pylist()}
    return np.array([arms[branch] != design.control for branch in branches])


def _write(path: Path, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    kept = text.getvalue().encode()
    path.write_bytes(gzip.compress(kept, mtime=0) if path.suffix == ".gz" else kept)
