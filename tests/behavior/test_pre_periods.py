"""Periods before enrolment against a count by hand."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from experiments.behavior.pre_periods import pre_periods, reached
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine, open_engine
from tests.behavior.ledgers import Member, enrolment, small_plan
from tests.company import behavior_of
from tests.evidence import metric

START = date(2026, 3, 1)
WINDOW = {"days": [0, 10]}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(threads=1) as opened:
        yield opened


@pytest.mark.parametrize(
    ("days_before", "periods"), [(0, 0), (1, 1), (10, 1), (11, 2), (60, 6), (900, 6)]
)
def test_a_period_counts_from_its_last_day_on(days_before: int, periods: int) -> None:
    window = MetricWindow(0, 10, date(2026, 3, 31), None)
    first_on = START - timedelta(days=days_before)
    assert reached(window, first_on=first_on, first_enrolled_on=START) == periods


def test_without_a_row_there_is_no_period() -> None:
    window = MetricWindow(0, None, date(2026, 3, 31), None)
    assert reached(window, first_on=None, first_enrolled_on=START) == 0


def test_every_kind_is_counted_period_by_period(engine: Engine) -> None:
    """Days -1, -10 | -11, -20 | -21, by hand; the second customer was enrolled a day later."""
    plan = small_plan(
        metric("spent", measure="revenue", window=WINDOW, cap={"value": "6"}),
        metric("bought", kind="rate", measure="revenue", at_least=4, window=WINDOW),
        metric("stayed", kind="retention", measure="revenue", active_days=3, window=WINDOW),
        metric("by two", measure="revenue", window=WINDOW, pre_days=5),
        metric("ratio", kind="ratio", measure="revenue", denominator="visit", window=WINDOW),
    )
    members = [
        Member(1, "mail"),
        Member(2, "control", START + timedelta(days=1)),
        Member(3, "mail"),
    ]
    days = [(-1, 1.0), (-10, 2.0), (-11, 4.0), (-20, 8.0), (-21, 0.5)]
    rows = [(1, "revenue", START + timedelta(days=day), value) for day, value in days]
    rows += [(2, "revenue", START, 3.0), (2, "revenue", START - timedelta(days=10), 5.0)]
    found = pre_periods(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment(members).rows,
        first_on={one.name: START - timedelta(days=21) for one in plan.metrics},
        as_of=date(2026, 4, 10),
    )
    table = {row["customer"]: row for row in engine.fetch(found.rows).to_pylist()}

    def read(name: str, customer: int) -> list[Decimal]:
        return [table[customer][column] for column in found.columns[name]]

    assert read("spent", 1) == [Decimal("0.5"), 6, 3]
    assert read("spent", 2) == [0, 5, 3]
    assert read("spent", 3) == [0, 0, 0]
    assert read("bought", 1) == [0, 1, 0]
    assert read("stayed", 1) == [1, 1, 1]
    assert read("stayed", 2) == [0, 1, 1]
    assert read("by two", 1) == [Decimal("0.5"), 8, 4, 2, 1]
    assert found.columns["ratio"] == ()


def test_a_cap_keeps_its_fourth_decimal(engine: Engine) -> None:
    plan = small_plan(
        metric("spent", measure="revenue", window=WINDOW, cap={"value": "191.1007"}),
    )
    found = pre_periods(
        engine,
        plan,
        behavior=behavior_of([(1, "revenue", START - timedelta(days=1), 200.0)]),
        enrolment=enrolment([Member(1, "mail")]).rows,
        first_on=dict.fromkeys(("money", "spent"), START - timedelta(days=2)),
        as_of=date(2026, 4, 10),
    )
    (row,) = engine.fetch(found.rows).to_pylist()
    assert row[found.columns["spent"][-1]] == Decimal("191.1007")


def test_a_percentile_cap_is_taken_per_period_over_all_arms(engine: Engine) -> None:
    plan = small_plan(
        metric("spent", measure="revenue", window=WINDOW, cap={"percentile": "50"}),
    )
    members = [Member(at, "mail" if at % 2 else "control") for at in range(4)]
    rows = [
        (at, "revenue", START - timedelta(days=day), float(at * day))
        for at in range(4)
        for day in (5, 15)
    ]
    found = pre_periods(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment(members).rows,
        first_on=dict.fromkeys(("money", "spent"), START - timedelta(days=15)),
        as_of=date(2026, 4, 10),
    )
    table = sorted(engine.fetch(found.rows).to_pylist(), key=lambda row: row["customer"])
    columns = found.columns["spent"]
    assert [[row[name] for row in table] for name in columns] == [[0, 15, 15, 15], [0, 5, 5, 5]]
