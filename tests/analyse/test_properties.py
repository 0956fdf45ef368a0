"""What must not change a result, and what must change it in a known way (METHODS.md, Proof)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate
from experiments.behavior.sums import Sums, add_up
from experiments.decide.verdict import decide
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, Columns, analysed, metric, plan_of, sums_of

START = date(2026, 3, 1)
amounts = st.lists(
    st.decimals(min_value=-50, max_value=500, places=2).map(float), min_size=3, max_size=25
)
METRICS = [
    metric("spend", unit="EUR", role="primary"),
    metric("orders", kind="count"),
    metric("bought", kind="rate"),
]


def columns(values: Sequence[float]) -> Columns:
    return {
        "spend": values,
        "orders": [float(int(abs(value)) % 4) for value in values],
        "bought": [float(value > 20) for value in values],
        "age": [float(at * at % 11) for at, _ in enumerate(values)],
    }


def compared(
    treated: Sequence[float], controls: Sequence[float], plan: Plan | None = None, **given_: Any
) -> tuple[Estimate, ...]:
    arms = {TREATMENT: columns(treated), CONTROL: columns(controls)}
    return analysed(plan or plan_of(metrics=METRICS), arms, covariates=["age"], **given_).estimates


@given(amounts, amounts)
def test_swapping_the_arms_turns_every_sign(one: list[float], other: list[float]) -> None:
    for there, back in zip(compared(one, other), compared(other, one), strict=True):
        if isinstance(there.difference, Difference):
            assert isinstance(back.difference, Difference)
            for name, opposite in (("value", "value"), ("low", "high"), ("high", "low")):
                expected = -getattr(there.difference, opposite)
                assert getattr(back.difference, name) == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert back.difference.p_value == pytest.approx(there.difference.p_value, abs=1e-9)


@given(amounts, amounts, st.sampled_from([0.01, 100.0, 1_000.0]))
def test_another_currency_keeps_p_and_scales_the_rest(
    one: list[float], other: list[float], rate: float
) -> None:
    """Yen for euros: the same p, amounts times the rate, and the same relative lift."""

    def money(treated: Sequence[float], controls: Sequence[float]) -> Estimate:
        return compared(treated, controls)[0]

    plain = money(one, other)
    exchanged = money([value * rate for value in one], [value * rate for value in other])
    if isinstance(plain.difference, Difference) and isinstance(exchanged.difference, Difference):
        assert exchanged.difference.value == pytest.approx(
            plain.difference.value * rate, rel=1e-6, abs=1e-3 * rate
        )
        if rate >= 1:  # a hundredth loses digits beyond the ledger's four decimals
            assert exchanged.difference.p_value == pytest.approx(
                plain.difference.p_value, rel=1e-6, abs=1e-9
            )


@given(amounts, amounts, st.permutations(["north", "south", "west"]))
def test_renaming_the_levels_of_a_segment_renames_them_and_nothing_else(
    one: list[float], other: list[float], names: list[str]
) -> None:
    plan = plan_of(metrics=METRICS, segments=[{"attribute": "region"}])
    old = ["north", "south", "west"]
    renamed = dict(zip(old, names, strict=True))

    def by_level(called: dict[str, str]) -> dict[tuple[str, str | None, str], object]:
        levels = {
            arm: [called[old[at % 3]] for at, _ in enumerate(values)]
            for arm, values in ((TREATMENT, one), (CONTROL, other))
        }
        found = compared(one, other, plan, segments={"region": levels})
        return {
            (each.metric, each.level, each.method): each.difference for each in found if each.level
        }

    plain, other_names = by_level({name: name for name in old}), by_level(renamed)
    assert {
        (metric_name, renamed[level or ""], method): difference
        for (metric_name, level, method), difference in plain.items()
    } == other_names


@given(st.lists(amounts, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_summaries_merge_in_any_order(groups: list[list[float]], chance: Random) -> None:
    """Exact sums: any grouping and order gives the same digits as all rows at once."""
    parts: list[Sums] = [sums_of({"spend": group}) for group in groups]
    together = sums_of({"spend": [value for group in groups for value in group]})
    shuffled = chance.sample(parts, k=len(parts))
    assert add_up(shuffled) == together
    assert reduce(lambda one, more: more.plus(one), shuffled) == together


def company(values: Sequence[float], start: date) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    for at, value in enumerate(values):
        rows.append((at, "spend", start - timedelta(days=3 + at % 5), float(at % 9)))
        rows.append((at, "spend", start + timedelta(days=at % 20), value))
        rows.append((at, "orders", start + timedelta(days=at % 20), 1.0))
        rows.append((at, "bought", start + timedelta(days=at % 31), float(value > 20)))
    return rows, [TREATMENT if at % 2 else CONTROL for at, _ in enumerate(values)]


def through_the_engine(
    engine: Engine, rows: list[Row], arms: list[str], start: date, *, batches: int = 1
) -> Analysis:
    plan = plan_of(
        pilot={"starts_on": start, "ends_on": start + timedelta(days=30)}, metrics=METRICS
    )
    behavior = behavior_of(rows)
    behavior = behavior.mutate(batch_no=behavior.customer % batches + 1)
    return analysis_by_engine(
        engine, plan, behavior=behavior, enrolment=enrolment_of(arms, enrolled_on=start)
    )


slow_engine = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
many = st.lists(
    st.decimals(min_value=-50, max_value=500, places=2).map(float), min_size=12, max_size=40
)


@slow_engine
@given(values=many, days=st.integers(-700, 700), chance=st.randoms(use_true_random=False))
def test_time_order_and_batches_do_not_matter(
    engine: Engine, values: list[float], days: int, chance: Random
) -> None:
    """The same pilot on other days, its rows shuffled and taken in batch by batch."""
    rows, arms = company(values, START)
    plain = through_the_engine(engine, rows, arms, START)
    start = START + timedelta(days=days)
    moved = [(who, what, day + timedelta(days=days), value) for who, what, day, value in rows]
    chance.shuffle(moved)
    other = through_the_engine(engine, moved, arms, start, batches=chance.randint(1, 5))
    assert other.estimates == plain.estimates
    assert [replace(check, sentence="") for check in other.checks] == [
        replace(check, sentence="") for check in plain.checks
    ]
    assert plain.evidence is not None
    assert other.evidence is not None
    assert other.evidence.everybody == plain.evidence.everybody


@given(amounts, amounts)
def test_swapping_the_arms_turns_the_verdict_where_nothing_costs(
    one: list[float], other: list[float]
) -> None:
    plan = plan_of(metrics=METRICS, value={"cost_per_treated": 0})
    arms = {TREATMENT: columns(one), CONTROL: columns(other)}
    there = decide(plan, analysed(plan, arms)).deciding.value
    back = decide(
        plan, analysed(plan, {TREATMENT: arms[CONTROL], CONTROL: arms[TREATMENT]})
    ).deciding.value
    assert bool(there) == bool(back)
    if there and back:
        assert there.contrast.low == pytest.approx(-back.contrast.high, rel=1e-9, abs=1e-9)
