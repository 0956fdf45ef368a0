"""Write a company and its pilots as the files that `pilotbook run` reads.

behavior.parquet            everything every customer did, shared by all pilots
loyalty-letter/pilot.toml   the plan
loyalty-letter/customers.csv
...                         and so on for each pilot
"""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.demo.company import (
    ENDS_ON,
    ITEMS,
    MEASURES,
    Behavior,
    Company,
    Ints,
    build_company,
    together,
)
from app.demo.pilots import Pilot, draw_arms, enrolled_ids, program_effects, three_pilots

# One of the many seeds at which each pilot ends as its truth says is likeliest.
SEED: Final = 2027
ATTRIBUTES: Final = ("tier", "region", "channel", "newsletter", "age_band")

# By place in MEASURES: the first letter of an event's id, and the system that knew of it. With the
# letter an id is unique in the whole file, also where two rows tell of one order.
_LETTERS: Final = ("O", "R", "M", "V", "B", "K")
_SOURCES: Final = ("shop", "shop", "books", "web", "service", "mailing")

Assign = Callable[[Pilot, list[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class WrittenPilot:
    """A pilot on disk, with the arms (by customer id) that its effects were drawn from."""

    pilot: Pilot
    plan_file: Path
    customers_file: Path
    assignment: Mapping[str, str]


def write_demo(
    folder: Path,
    *,
    seed: int = SEED,
    ends_on: date = ENDS_ON,
    customers: int = 20_000,
    assign: Assign | None = None,
) -> tuple[WrittenPilot, ...]:
    """Write the demonstration company and its three pilots.

    Args:
        folder: Where to; made if missing.
        seed: The same seed writes the same bytes.
        ends_on: Last day of the company's behavior.
        customers: How many customers.
        assign: Given a pilot and the ids of its customers, names each one's arm. It is asked for
            the pilots whose arms Pilotbook draws, after their plan and customers are written. Left
            out, those arms are drawn here and written into the customers file as well.

    Returns:
        The three pilots, in the order of their starts.
    """
    company_rng, *pilot_rngs = np.random.default_rng(seed).spawn(7)
    company = build_company(rng=company_rng, customers=customers, ends_on=ends_on)
    folder.mkdir(parents=True, exist_ok=True)
    written, behavior = [], [company.behavior]
    for pilot, arms_rng, effects_rng in zip(
        three_pilots(company), pilot_rngs[0::2], pilot_rngs[1::2], strict=True
    ):
        place = folder / pilot.program.slug
        arms: Mapping[str, str]
        if assign is not None and not pilot.program.arms_in_file:
            write_pilot(place, company, pilot, assignment=None)
            arms = assign(pilot, enrolled_ids(pilot, company))
        else:
            arms = draw_arms(pilot, company, rng=arms_rng)
            write_pilot(place, company, pilot, assignment=arms)
        behavior.append(program_effects(pilot, company, arms, rng=effects_rng))
        written.append(WrittenPilot(pilot, place / "pilot.toml", place / "customers.csv", arms))
    write_behavior(folder / "behavior.parquet", company, together(behavior))
    return tuple(written)


def write_pilot(
    folder: Path,
    company: Company,
    pilot: Pilot,
    *,
    assignment: Mapping[str, str] | None,
    behavior_file: str = "../behavior.parquet",
) -> None:
    """Write `pilot.toml` and `customers.csv` into the folder, made if missing.

    Args:
        folder: Where to.
        company: Whose customers are enrolled.
        pilot: The pilot.
        assignment: The arm's name by customer id; None leaves the arms to Pilotbook.
        behavior_file: Where the plan says that the behavior is, relative to the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = pilot_toml(pilot, behavior_file=behavior_file, with_arms=assignment is not None)
    (folder / "pilot.toml").write_text(plan, encoding="utf-8", newline="\n")
    write_customers(folder / "customers.csv", company, pilot, assignment=assignment)


def write_customers(
    path: Path, company: Company, pilot: Pilot, *, assignment: Mapping[str, str] | None
) -> None:
    """Write the enrolled customers as CSV: what was known of them before, and their arm if given.

    Raises:
        KeyError: The assignment leaves an enrolled customer out.
    """
    people, rows = company.customers, pilot.enrolled
    ids = enrolled_ids(pilot, company)
    columns: dict[str, list[str]] = {"customer_id": ids}
    if assignment is not None:
        columns["arm"] = [assignment[customer] for customer in ids]
    columns |= {
        "tier": people.tier[rows].tolist(),
        "region": people.region[rows].tolist(),
        "channel": people.channel[rows].tolist(),
        "joined": people.joined[rows].astype(str).tolist(),
        "newsletter": np.where(people.newsletter[rows], "yes", "no").tolist(),
        "age_band": people.age_band[rows].tolist(),
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_behavior(path: Path, company: Company, behavior: Behavior) -> None:
    """Write behavior as Parquet, in the columns of `behavior_table`."""
    pq.write_table(
        behavior_table(company, behavior),
        path,
        compression="zstd",
        use_dictionary=["customer_id", "measure", "occurred_at", "value", "item", "source"],
    )


def behavior_table(company: Company, behavior: Behavior) -> pa.Table:
    """Lay behavior out in long form.

    Returns:
        A row per event and measure: `customer_id`, `measure`, `occurred_at` (date32), `value`
        (decimal(18, 4), exact), `item` (none for complaints), `event_id` (unique), `source`.
    """
    measure = pa.array(behavior.measure)
    number = pc.utf8_lpad(pa.array(behavior.event).cast(pa.string()), 8, "0")
    return pa.table(
        {
            "customer_id": pa.array(company.customers.ids.tolist()).take(
                pa.array(behavior.customer)
            ),
            "measure": pa.array(MEASURES).take(measure),
            "occurred_at": pa.array(behavior.day.astype("datetime64[D]")),
            "value": _decimals(behavior.hundredths),
            "item": pa.array(ITEMS).take(pa.array(behavior.item)),
            "event_id": pc.binary_join_element_wise(pa.array(_LETTERS).take(measure), number, ""),
            "source": pa.array(_SOURCES).take(measure),
        }
    )


def pilot_toml(pilot: Pilot, *, behavior_file: str, with_arms: bool) -> str:
    """Write the plan of a pilot as a pilot file.

    Args:
        pilot: The pilot.
        behavior_file: Where the behavior is, relative to the pilot file.
        with_arms: Whether `customers.csv` has a column `arm`; else Pilotbook assigns.
    """
    program = pilot.program
    # A JSON text or list of texts is also a TOML one.
    text = {
        name: json.dumps(getattr(program, name), ensure_ascii=False)
        for name in ("name", "slug", "goal", "hypothesis", "owner", "sponsor", "control")
    }
    treatments = json.dumps([program.treatment], ensure_ascii=False)
    arms = 'arm = "arm"\n' if with_arms else ""
    seed = "" if with_arms else f"seed = {program.seed}\n"
    # With everybody in one tier there is nothing to compare between tiers.
    segment = "tier" if len(program.response.orders) > 1 else "channel"
    return f"""\
[pilot]
name = {text["name"]}
slug = {text["slug"]}
goal = {text["goal"]}
hypothesis = {text["hypothesis"]}
owner = {text["owner"]}
sponsor = {text["sponsor"]}
starts_on = {pilot.starts_on.isoformat()}
ends_on = {pilot.ends_on.isoformat()}

[design]
kind = "randomized"
control = {text["control"]}
treatments = {treatments}
alpha = 0.05
look = "fixed"
{seed}
[customers]
file = "customers.csv"
customer_id = "customer_id"
{arms}attributes = {json.dumps(list(ATTRIBUTES))}
tier = "tier"

[[behavior]]
file = {json.dumps(behavior_file, ensure_ascii=False)}
customer_id = "customer_id"
occurred_at = "occurred_at"
measure = "measure"
value = "value"
item = "item"
event_id = "event_id"
source = "source"

[[metrics]]
name = "margin"
kind = "mean"
measure = "margin"
unit = "EUR"
role = "primary"
direction = "up"

[[metrics]]
name = "orders"
kind = "count"
measure = "order"
role = "secondary"
direction = "up"

[[metrics]]
name = "visitors"
kind = "rate"
measure = "visit"
role = "secondary"
direction = "up"

[[metrics]]
name = "complaints"
kind = "rate"
measure = "complaint"
role = "guardrail"
direction = "down"
tolerance = {program.complaint_tolerance!r}

[[segments]]
attribute = "{segment}"

[value]
currency = "EUR"
metric = "margin"
margin_rate = 1.0
cost_per_treated = {program.cost_per_treated_eur!r}
"""


def _decimals(hundredths: Ints) -> pa.Array:
    """Turn hundredths into decimal(18, 4) without passing through floats."""
    # Arrow keeps a decimal as a 128-bit integer, low half first; the high half repeats the sign.
    halves = np.empty((len(hundredths), 2), dtype="<i8")
    halves[:, 0] = 100 * hundredths
    halves[:, 1] = np.where(hundredths < 0, -1, 0)
    return pa.Array.from_buffers(
        pa.decimal128(18, 4), len(hundredths), [None, pa.py_buffer(halves)]
    )
