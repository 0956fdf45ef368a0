"""Rates of several treatments against one small control group: no proof out of thin air.

A control group without events has a Wald standard error of zero; an interval taken from it would
prove programs that a single comparison does not.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.analyse.estimate import Estimate, Method
from experiments.decide.verdict import Reason, Status, decide
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.value.contrast import Value
from tests.evidence import CONTROL, analysed, metric, plan_of

TREATMENTS = ("A", "B")


def plan_of_rates(treatments: tuple[str, ...] = TREATMENTS) -> Plan:
    """A rate that is worth 10 an event, at a cost of 0.01 a customer."""
    return plan_of(
        design={"treatments": list(treatments)},
        metrics=[metric("buys", kind="rate", role="primary")],
        value={
            "metric": "buys",
            "margin_rate": None,
            "value_per_unit": 10,
            "cost_per_treated": "0.01",
        },
    )


def arms_of(counts: dict[str, tuple[int, int]]) -> dict[str, dict[str, list[float]]]:
    return {arm: {"buys": [1.0] * x + [0.0] * (n - x)} for arm, (x, n) in counts.items()}


def estimates_of(counts: dict[str, tuple[int, int]]) -> list[Estimate]:
    return list(analysed(plan_of_rates(), arms_of(counts)).estimates)


def test_a_control_group_without_events_proves_nothing() -> None:
    """0 of 200 against 20 and 18 of 2,000: Newcombe's interval for A is -0.009 to 0.015."""
    plan = plan_of_rates()
    counts = {CONTROL: (0, 200), "A": (20, 2000), "B": (18, 2000)}
    verdicts = decide(plan, analysed(plan, arms_of(counts))).verdicts
    assert [(v.status, v.reason) for v in verdicts] == [(Status.NOT_PROVED, Reason.INTERVAL)] * 2


def test_the_interval_and_the_chance_of_a_loss_tell_the_same() -> None:
    plan = plan_of_rates(("A",))
    analysis = analysed(plan, arms_of({CONTROL: (0, 200), "A": (20, 2000)}))
    verdict = decide(plan, analysis).deciding
    assert isinstance(verdict.value, Value)
    assert verdict.value.contrast.low < 0
    assert isinstance(verdict.value.probability_of_loss, float)
    assert verdict.value.probability_of_loss > 0.025
    assert verdict.careful_interval is None  # Newcombe's interval is skewed by itself
    assert verdict.reason is Reason.INTERVAL


counts_of_an_arm = st.integers(20, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=40, deadline=None)
@given(counts_of_an_arm, counts_of_an_arm, counts_of_an_arm)
def test_read_together_is_never_narrower_and_never_surer(
    control: tuple[int, int], a: tuple[int, int], b: tuple[int, int]
) -> None:
    for estimate in estimates_of({CONTROL: control, "A": a, "B": b}):
        if isinstance(estimate.difference, Undefined) or estimate.simultaneous is None:
            continue
        assert estimate.method is Method.NEWCOMBE
        single, joint = estimate.difference, estimate.simultaneous
        assert joint.low <= single.low + 1e-12
        assert joint.high >= single.high - 1e-12
        assert joint.p_value >= single.p_value - 1e-9


def test_means_read_together_are_never_narrower_either() -> None:
    rng = np.random.default_rng(5)
    plan = plan_of(design={"treatments": list(TREATMENTS)})
    arms = {arm: {"spend": rng.normal(5, 2, n)} for arm, n in ((CONTROL, 8), ("A", 30), ("B", 200))}
    for estimate in analysed(plan, arms).estimates:
        assert isinstance(estimate.difference, Difference)
        assert estimate.simultaneous is not None
        assert estimate.simultaneous.low < estimate.difference.low
        assert estimate.simultaneous.p_value > estimate.difference.p_value


@pytest.mark.slow
def test_the_family_of_rates_is_falsely_proved_as_often_as_planned() -> None:
    """Groups of 2,000, 2,000 and 200, all at 1 %: a lower limit above 0 in at most 2.5 %."""
    rng, runs, wrong = np.random.default_rng(99), 1500, 0
    for _ in range(runs):
        counts = {
            arm: (int(rng.binomial(n, 0.01)), n)
            for arm, n in ((CONTROL, 200), ("A", 2000), ("B", 2000))
        }
        readings = [e.simultaneous for e in estimates_of(counts) if e.simultaneous]
        wrong += any(reading.low > 0 for reading in readings)
    print(f"\nfalse proofs of the family: {wrong} of {runs}")
    assert wrong / runs <= 0.025 + 3.3 * math.sqrt(0.025 * 0.975 / runs)
