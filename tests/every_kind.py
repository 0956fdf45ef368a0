"""A pilot with every kind of metric, small enough for a cluster of two cores and for a minute."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

STARTS_ON: Final = date(2026, 3, 2)
DAYS: Final = 28
BEFORE: Final = 3 * DAYS

PLAN: Final = """\
[pilot]
name = "Every kind"
slug = "every-kind"
goal = "sales"
hypothesis = "The program makes customers buy more."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = 2026-03-02
ends_on = 2026-04-12

[design]
{design}
control = "Without"
treatments = ["With"]

[customers]
file = "customers.csv"
customer_id = "customer_id"
arm = "arm"
attributes = ["age", "town", "channel"]
tier = "tier"
enrolled_at = "joined"

[[behavior]]
file = "behavior.csv"
customer_id = "customer_id"
occurred_at = "occurred_at"
measure = "measure"
value = "value"
item = "item"

[[metrics]]
name = "revenue"
kind = "mean"
measure = "revenue"
unit = "EUR"
role = "primary"
covariates = ["age", "channel"]
window = {{ days = [0, 28] }}
bootstrap = {bootstrap}

[[metrics]]
name = "orders"
kind = "count"
measure = "order"
role = "secondary"
window = {{ days = [0, 28] }}

[[metrics]]
name = "complaints"
kind = "rate"
measure = "complaint"
role = "guardrail"
direction = "down"
tolerance = 0.2

[[metrics]]
name = "basket"
kind = "ratio"
measure = "revenue"
denominator = "order"
role = "secondary"

[[metrics]]
name = "staying"
kind = "retention"
measure = "visit"
active_days = 14
role = "secondary"

[[metrics]]
name = "variety"
kind = "breadth"
measure = "revenue"
role = "secondary"

[[metrics]]
name = "revenue up to 90"
kind = "mean"
measure = "revenue"
role = "secondary"
cap = {{ value = 90 }}

[[metrics]]
name = "revenue up to its 97.5th percentile"
kind = "mean"
measure = "revenue"
role = "secondary"
window = {{ days = [0, 28] }}
cap = {{ percentile = 97.5 }}

[[metrics]]
name = "score"
kind = "latest"
measure = "nps"
role = "secondary"

[[segments]]
attribute = "channel"

[value]
currency = "EUR"
metric = "revenue"
margin_rate = 0.4
cost_per_contact = 0.5
"""
CLUSTERED: Final = 'kind = "clustered"\ncluster = "town"'
RANDOMIZED: Final = 'kind = "randomized"\nstrata = ["channel"]'
SUPPLIED: Final = 'kind = "supplied"'


def write_pilot(folder: Path, design: str, *, customers: int = 400) -> Path:
    """Write plan, customers and behavior; the pilot file.

    Args:
        folder: Where to.
        design: Lines of `[design]`.
        customers: How many.
    """
    rng = np.random.default_rng(sum(design.encode()))
    path = folder / "pilot.toml"
    bootstrap = "true" if "randomized" in design else "false"
    path.write_text(PLAN.format(design=design, bootstrap=bootstrap), encoding="utf-8")
    people: list[tuple[object, ...]] = []
    events: list[tuple[str, date, str, str, str]] = []
    for at in range(customers):
        who, town = f"C{at:05d}", f"Town {at % 40}"
        arm = "With" if (at % 40) % 2 else "Without"
        joined = STARTS_ON + timedelta(days=int(rng.integers(0, 10)))
        age = "" if rng.random() < 0.05 else f"{rng.integers(18, 80)}.5"
        people.append(
            (who, arm, age, town, "shop" if at % 3 else "Łódź",
             "gold" if at % 5 == 0 else "", joined)
        )  # fmt: skip
        if arm == "With":
            events.append((who, joined + timedelta(days=1), "contact", "1", "every-kind"))
        events += _behavior(rng, who, more=0.3 * (arm == "With"))
    heads = ["customer_id", "arm", "age", "town", "channel", "tier", "joined"]
    _write(folder / "customers.csv", heads, people)
    heads = ["customer_id", "occurred_at", "measure", "value", "item"]
    _write(folder / "behavior.csv", heads, events)
    return path


def _behavior(
    rng: np.random.Generator, who: str, *, more: float
) -> list[tuple[str, date, str, str, str]]:
    """What one customer did: days at random, several scores on one day among them."""
    found = []
    for _ in range(int(rng.poisson(10))):
        on = STARTS_ON + timedelta(days=int(rng.integers(-BEFORE, 42)))
        item = str(rng.choice(["coffee", "tea", "cake", "Brot", "book"]))
        amount = f"{rng.lognormal(3 + more * (on >= STARTS_ON), 0.8):.4f}"
        found += [(who, on, "revenue", amount, item), (who, on, "order", "1", "")]
        found.append((who, on, "visit", str(rng.integers(0, 2)), ""))
        if rng.random() < 0.3:
            found += [(who, on, "nps", str(rng.integers(0, 11)), "") for _ in range(3)]
        if rng.random() < 0.05:
            found.append((who, on, "complaint", "1", ""))
    return found


def _write(path: Path, heads: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heads, *rows])
