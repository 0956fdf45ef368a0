"""Time to lapse: by hand, and against the same counting in plain Python."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from experiments.behavior.lapse import lapses
from experiments.engines.engine import Engine, open_engine
from experiments.stats.survival import DayCounts
from tests.company import Row, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

START = date(2026, 3, 1)
AFTER = date(2026, 5, 1)


def kept(gap: int, days: tuple[int, int] | None) -> dict[str, Any]:
    window = {} if days is None else {"window": {"days": list(days)}}
    return metric("visit", kind="retention", active_days=gap, **window)


def counts(
    engine: Engine,
    active: Mapping[int, Iterable[int]],
    *,
    gap: int,
    days: tuple[int, int] | None,
    arms: Sequence[str],
    enrolled: Sequence[date] | None = None,
    as_of: date = AFTER,
) -> dict[str, DayCounts]:
    """The engine's answer for customers who were active on some days since enrolment."""
    enrolled = enrolled or [START] * len(arms)
    rows: list[Row] = [
        (customer, "visit", enrolled[customer] + timedelta(days=day), 1.0)
        for customer, active_days in active.items()
        for day in active_days
    ]
    plan = plan_of(metrics=[metric("spend", role="primary"), kept(gap, days)])
    found = lapses(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment_of(arms, enrolled_on=enrolled),
        as_of=as_of,
    )
    return found["visit"]


def one(engine: Engine, active: Iterable[int], *, gap: int, days: tuple[int, int]) -> DayCounts:
    """A single customer."""
    return counts(engine, {0: active}, gap=gap, days=days, arms=[TREATMENT])[TREATMENT]


@pytest.fixture(scope="module")
def engine() -> Iterable[Engine]:
    with open_engine(threads=1) as opened:
        yield opened


@pytest.mark.parametrize(
    ("active", "day", "lapsed"),
    [
        ([], 0, True),  # never active
        ([0], 1, True),
        ([4], 5, True),  # four days of silence at first are too few
        ([5], 0, True),  # five are a lapse, whatever comes later
        ([0, 1, 2, 9], 3, True),
        ([2, 6, 9], 7, False),  # gaps of three; two days at the end are too few
        ([3, 6], 7, True),  # exactly five days at the end
        ([3, 7], 7, False),  # four days at the end: last seen five days before it
        ([-3, -1], 0, True),  # the days before enrolment do not count
        ([0, 12, 13], 1, True),  # nor do those after the window
    ],
)
def test_a_lapse_starts_the_first_gap_of_five_days(
    engine: Engine, active: list[int], day: int, lapsed: bool
) -> None:
    """By hand, in a window of twelve days."""
    found = one(engine, active, gap=5, days=(0, 12))
    assert found == DayCounts((float(day),), (int(lapsed),), (int(not lapsed),))


def test_a_row_of_zero_is_no_activity(engine: Engine) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), kept(5, (0, 12))])
    rows: list[Row] = [(0, "visit", START + timedelta(days=day), 0.0) for day in range(12)]
    found = lapses(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment_of([TREATMENT]),
        as_of=AFTER,
    )
    assert found["visit"][TREATMENT] == DayCounts((0.0,), (1,), (0,))


def test_an_open_window_is_as_long_as_the_customer_has_been_there(engine: Engine) -> None:
    """The pilot ends on 31 March: 31 days for one, 10 for the other, 3 are too few to lapse in."""
    enrolled = [START, date(2026, 3, 22), date(2026, 3, 29)]
    active = {0: range(31), 1: range(10), 2: range(3)}
    found = counts(engine, active, gap=5, days=None, arms=[TREATMENT] * 3, enrolled=enrolled)
    assert found[TREATMENT] == DayCounts((5.0, 26.0), (0, 0), (1, 1))


def test_customers_whose_window_is_open_are_not_counted(engine: Engine) -> None:
    arms = [TREATMENT, TREATMENT, CONTROL]
    enrolled = [START, START + timedelta(days=1), START + timedelta(days=1)]
    as_of = START + timedelta(days=12)
    found = counts(engine, {0: [0]}, gap=5, days=(0, 12), arms=arms, enrolled=enrolled, as_of=as_of)
    assert found[TREATMENT].customers == 1
    assert found[CONTROL] == DayCounts((), (), ())


def by_python(active: Iterable[int], *, first: int, end: int, gap: int) -> tuple[int, bool]:
    """A customer's day of lapse or last day seen, by walking through the days."""
    silent = 0
    for day in range(first, end):
        silent = 0 if day in set(active) else silent + 1
        if silent == gap:
            return day - gap + 1, True
    return end - gap, False


@pytest.mark.parametrize("days", [(0, 20), (3, 25), None])
@pytest.mark.parametrize("gap", [1, 4, 9])
def test_the_engine_counts_as_plain_python_does(
    engine: Engine, gap: int, days: tuple[int, int] | None
) -> None:
    chance = random.Random(5)  # noqa: S311 - no secret
    n = 60
    arms = [chance.choice([TREATMENT, CONTROL]) for _ in range(n)]
    enrolled = [START + timedelta(days=chance.randrange(10)) for _ in range(n)]
    active = {
        at: [day for day in range(-5, 40) if chance.random() < chance.choice([0.1, 0.6, 0.9])]
        for at in range(n)
    }
    found = counts(engine, active, gap=gap, days=days, arms=arms, enrolled=enrolled)
    end_of_pilot = date(2026, 3, 31)
    for arm in (TREATMENT, CONTROL):
        rows = Counter(
            by_python(
                active[at],
                first=days[0] if days else 0,
                end=days[1] if days else (end_of_pilot - enrolled[at]).days + 1,
                gap=gap,
            )
            for at in range(n)
            if arms[at] == arm
        )
        assert found[arm] == DayCounts.from_rows(
            (day, count * lapsed, count * (not lapsed)) for (day, lapsed), count in rows.items()
        )
