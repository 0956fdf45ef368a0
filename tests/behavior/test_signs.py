"""Weeks, first and last rows, and counts of rows, against the same counting in plain Python."""

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from experiments.behavior.accounts import accounts
from experiments.behavior.reading import read_behavior
from experiments.behavior.signs import Weeks
from experiments.engines.engine import open_engine
from experiments.ledger.ledger import Ledger
from tests.behavior.ledgers import Entry, append, enrolment, small_plan
from tests.behavior.test_accounts import METRICS, random_ledger

BEFORE = timedelta(days=1)


@pytest.mark.parametrize("weeks", [4, 40])  # 40 weeks of two measures need more than one word
def test_weeks_and_days_are_those_of_the_rows(tmp_path: Path, weeks: int) -> None:
    members, entries = random_ledger(weeks)
    entries = [_spread(entry, weeks) for entry in entries]
    starts = min(member.enrolled_on for member in members)
    plan = small_plan(*METRICS, starts_on=starts, ends_on=starts + timedelta(days=7 * weeks - 1))
    as_of = plan.pilot.ends_on + timedelta(days=60)
    enrolled = enrolment(members)
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine(threads=1) as engine:
        behavior = ledger.behavior(engine)
        reading = read_behavior(engine, plan, behavior=behavior, enrolment=enrolled, as_of=as_of)
        census = reading.census
        customers, _ = accounts(
            engine,
            plan,
            customers=reading.customers,
            behavior=behavior,
            enrolment=enrolled,
            known=census.recorded(plan),
            as_of=as_of,
        )
        bits = Weeks.of(plan, enrolled, as_of=as_of)
        flags = {
            f"{measure} {week}": bits.week(customers, measure, week)
            for measure in bits.measures
            for week in range(bits.many)
        }
        flags |= {f"{name} any": bits.any(customers, name) for name in bits.measures}
        flags |= {f"{name} late": bits.late(customers, name) for name in bits.measures}
        flags |= {"before": bits.seen_before(customers), "since": bits.seen_since(customers)}
        kept = customers.select("customer", **flags).order_by("customer")
        lines = engine.fetch(kept).to_pylist()
    last = bits.days.last
    for member, line in zip(sorted(members, key=lambda one: one.customer), lines, strict=True):
        own = [entry for entry in entries if entry.customer == member.customer]
        for measure in bits.measures:
            days = [
                entry.day
                for entry in own
                if entry.measure == measure and member.enrolled_on <= entry.day <= last
            ]
            expected = {(day - starts).days // 7 for day in days}
            assert {week for week in range(bits.many) if line[f"{measure} {week}"]} == expected
            assert bool(line[f"{measure} any"]) is bool(days)
            assert bool(line[f"{measure} late"]) is any(day > last - 7 * BEFORE for day in days)
        seen = [entry.day for entry in own if entry.measure != "contact" and entry.day <= last]
        assert line["before"] is any(day < member.enrolled_on for day in seen)
        assert line["since"] is any(day >= member.enrolled_on for day in seen)
    numbers = {member.customer for member in members}
    for measure in ("revenue", "visit"):
        assert census.rows_of(measure) == sum(
            entry.measure == measure and entry.customer in numbers for entry in entries
        )


def _spread(entry: Entry, weeks: int) -> Entry:
    """The same entry on some day from five weeks before the pilot until two after it."""
    rng = random.Random(repr(entry))  # noqa: S311 - repeatable draws, no secrets
    first = date(2026, 3, 1) - timedelta(weeks=5)
    day = first + timedelta(days=rng.randrange(7 * (weeks + 7)))
    return Entry(
        entry.customer, entry.measure, day, entry.value, entry.item, batch_no=entry.batch_no
    )
