"""Worked pilot files with generated data: one wide, one long, one clustered.

wide       one row per customer, arms and outcomes in columns; no history but what a column says
long       one row per event, with history before the start, tiers, and arms drawn by Pilotbook
clustered  branches drawn by Pilotbook, each with all of its customers (`clustered.py`)

`python -m app.demo.worked FOLDER` writes them; the ones shipped in `worked/` were written so.
"""

import csv
import gzip
import io
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app.demo.clustered import write_clustered
from app.demo.company import MEASURES, Behavior, Company, Floats, build_company, together
from app.demo.files import behavior_table, pilot_toml, write_customers
from app.demo.pilots import Pilot, draw_arms, enrolled_ids, program_effects, three_pilots
from experiments.engines.engine import open_engine

SEED: Final = 31
WIDE_CUSTOMERS, LONG_CUSTOMERS = 8_000, 10_000
HISTORY = timedelta(days=90)
SHIPPED: Final = Path(__file__).parent / "worked"

WIDE_PLAN: Final = """\
# A wide file: one row per customer, with the arm and every outcome in a column of its own.
[pilot]
name = "Win-back voucher"
slug = "win-back-wide"
goal = "retention"
hypothesis = "A 2 EUR voucher brings lapsed customers back and earns more than it costs."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = {starts_on}
ends_on = {ends_on}

[design]
kind = "randomized"
control = "{control}"
treatments = ["{treatment}"]

[customers]
file = "customers.csv"
customer_id = "customer_id"
arm = "arm"
attributes = ["margin_before", "region", "channel"]

[[behavior]]
file = "customers.csv"
customer_id = "customer_id"
occurred_at = {ends_on}      # one day for all rows: only the totals are known
measures = ["margin", "orders", "ordered", "complained"]

[[metrics]]
name = "margin"
kind = "mean"
measure = "margin"
unit = "EUR"
role = "primary"
covariates = ["margin_before"]

[[metrics]]
name = "orders"
kind = "count"
measure = "orders"
role = "secondary"

[[metrics]]
name = "customers who ordered"
kind = "rate"
measure = "ordered"
role = "secondary"

[[metrics]]
name = "customers who complained"
kind = "rate"
measure = "complained"
role = "guardrail"
direction = "down"
tolerance = 0.02             # up to 2 points more are accepted

[[segments]]
attribute = "channel"

[value]
currency = "EUR"
metric = "margin"
margin_rate = 1.0
cost_per_treated = {cost}
"""


def write_worked(folder: Path, *, seed: int = SEED) -> None:
    """Write the worked pilots, each in a folder of its own."""
    wide_rng, long_rng, clustered_rng = np.random.default_rng(seed).spawn(3)
    write_wide(folder / "wide", rng=wide_rng)
    write_long(folder / "long", rng=long_rng)
    write_clustered(folder / "clustered", rng=clustered_rng)


def write_wide(folder: Path, *, rng: np.random.Generator) -> None:
    """Write a voucher that does not pay, as one row per customer."""
    company = build_company(rng=rng, customers=WIDE_CUSTOMERS)
    _, pilot, _ = three_pilots(company)
    arms = draw_arms(pilot, company, rng=rng)
    behavior = together([company.behavior, program_effects(pilot, company, arms, rng=rng)])
    folder.mkdir(parents=True, exist_ok=True)
    plan = WIDE_PLAN.format(
        starts_on=pilot.starts_on,
        ends_on=pilot.ends_on,
        control=pilot.program.control,
        treatment=pilot.program.treatment,
        cost=pilot.program.cost_per_treated_eur,
    )
    (folder / "pilot.toml").write_text(plan, encoding="utf-8", newline="\n")
    _write_wide_rows(folder / "customers.csv", company, pilot, behavior, arms)


def _write_wide_rows(
    path: Path, company: Company, pilot: Pilot, behavior: Behavior, arms: Mapping[str, str]
) -> None:
    people, rows = company.customers, pilot.enrolled
    orders = _total(company, pilot, behavior, "order", before=False)
    complaints = _total(company, pilot, behavior, "complaint", before=False)
    columns = {
        "customer_id": (ids := enrolled_ids(pilot, company)),
        "arm": [arms[customer] for customer in ids],
        "region": people.region[rows].tolist(),
        "channel": people.channel[rows].tolist(),
        "margin_before": _cents(_total(company, pilot, behavior, "margin", before=True)),
        "margin": _cents(_total(company, pilot, behavior, "margin", before=False)),
        "orders": [f"{count:.0f}" for count in orders / 100],
        "ordered": [f"{count > 0:d}" for count in orders],
        "complained": [f"{count > 0:d}" for count in complaints],
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _total(
    company: Company, pilot: Pilot, behavior: Behavior, measure: str, *, before: bool
) -> Floats:
    """Hundredths of a measure per enrolled customer, in the pilot or as long before it."""
    length = pilot.ends_on - pilot.starts_on + timedelta(days=1)
    first = pilot.starts_on - length if before else pilot.starts_on
    inside = (
        (behavior.measure == MEASURES.index(measure))
        & (behavior.day >= np.datetime64(first, "D"))
        & (behavior.day < np.datetime64(first + length, "D"))
    )
    totals: Floats = np.bincount(
        behavior.customer[inside],
        weights=behavior.hundredths[inside],
        minlength=len(company.customers),
    ).astype(np.float64)
    return totals[pilot.enrolled]


def _cents(hundredths: Floats) -> list[str]:
    return [f"{amount / 100:.2f}" for amount in hundredths]


def write_long(folder: Path, *, rng: np.random.Generator) -> None:
    """Write a letter that pays, as one row per event; the arms are drawn by Pilotbook."""
    # Imported here: the module that draws also runs the demonstration.
    from app.demo.tour import drawn_arms  # noqa: PLC0415

    company = build_company(rng=rng, customers=LONG_CUSTOMERS)
    pilot, _, _ = three_pilots(company)
    with open_engine() as engine:
        arms = drawn_arms(engine, pilot, enrolled_ids(pilot, company))
    behavior = together([company.behavior, program_effects(pilot, company, arms, rng=rng)])
    kept = _of_pilot(pilot, behavior)
    folder.mkdir(parents=True, exist_ok=True)
    plan = pilot_toml(pilot, behavior_file="behavior.csv.gz", with_arms=False)
    heading = "# A long file: one row per event, with history, tiers, arms drawn by Pilotbook.\n"
    (folder / "pilot.toml").write_text(heading + plan, encoding="utf-8", newline="\n")
    write_customers(folder / "customers.csv", company, pilot, assignment=None)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    table = behavior_table(company, kept)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([*row.values()])
    packed = gzip.compress(text.getvalue().encode(), mtime=0)
    (folder / "behavior.csv.gz").write_bytes(packed)


def _of_pilot(pilot: Pilot, behavior: Behavior) -> Behavior:
    """What the pilot needs: its customers, from 90 days before the start to the end."""
    measures = [MEASURES.index(name) for name in ("margin", "order", "visit", "complaint")]
    kept = (
        np.isin(behavior.customer, pilot.enrolled)
        & np.isin(behavior.measure, measures)
        & (behavior.day >= np.datetime64(pilot.starts_on - HISTORY, "D"))
        & (behavior.day <= np.datetime64(pilot.ends_on, "D"))
    )
    return Behavior(
        behavior.customer[kept],
        behavior.measure[kept],
        behavior.day[kept],
        behavior.hundredths[kept],
        behavior.item[kept],
        behavior.event[kept],
    )


if __name__ == "__main__":
    write_worked(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
