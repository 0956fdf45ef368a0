"""Several metrics and treatments read together."""

from typing import Any

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate
from experiments.analyse.multiplicity import GoalMoved, between_treatments, goal_moved
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.multiplicity import Correction
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of, veiled_analysis


def primary(name: str, **keys: Any) -> dict[str, Any]:
    return metric(name, role="primary", **keys)


def drawn(*, arm: int, **shifts: float) -> dict[str, Any]:
    """Normal columns with a spread of 5, moved by so much."""
    rng = np.random.default_rng([arm, len(shifts)])
    return {name: (rng.normal(20, 5, 200) + shift).round(2) for name, shift in shifts.items()}


def adjusted_by_metric(analysis: Analysis, treatment: str = TREATMENT) -> dict[str, Estimate]:
    return {
        one.metric: one
        for one in analysis.estimates
        if one.adjusted_p_value is not None and one.treatment == treatment
    }


def test_primaries_are_adjusted_by_holm_and_secondaries_by_benjamini_and_hochberg() -> None:
    """By hand: the smallest of two is doubled under either; the larger stays as it is."""
    plan = plan_of(metrics=[primary("spend"), primary("orders"), metric("visits"), metric("calls")])
    arms: dict[str, Any] = {
        TREATMENT: drawn(arm=1, spend=3, orders=0.4, visits=2, calls=0.1),
        CONTROL: drawn(arm=2, spend=0, orders=0, visits=0, calls=0),
    }
    found = adjusted_by_metric(analysed(plan, arms))
    assert set(found) == {"spend", "orders", "visits", "calls"}
    for family, correction in (
        (("spend", "orders"), Correction.HOLM),
        (("visits", "calls"), Correction.BENJAMINI_HOCHBERG),
    ):
        raw = [found[name].p_value for name in family]
        assert isinstance(raw[0], float)
        assert isinstance(raw[1], float)
        assert raw[0] < raw[1]
        given = [found[name].adjusted_p_value for name in family]
        assert [one.value for one in given if one] == pytest.approx([2 * raw[0], raw[1]])
        assert [(one.correction, one.family) for one in given if one] == [(correction, 2)] * 2


def test_segments_guardrails_and_estimates_that_do_not_decide_have_no_adjusted_p_value() -> None:
    plan = plan_of(
        metrics=[primary("spend"), metric("calls", role="guardrail", tolerance=1, direction="down")]
    )
    arms: dict[str, Any] = {
        TREATMENT: drawn(arm=1, spend=3, calls=0, before=0),
        CONTROL: drawn(arm=2, spend=0, calls=0, before=0),
    }
    levels = {arm: ["a", "b"] * 100 for arm in arms}
    analysis = analysed(plan, arms, covariates=["before"], segments={"tier": levels})
    adjusted = [one for one in analysis.estimates if one.adjusted_p_value is not None]
    assert [(one.metric, one.headline, one.segment) for one in adjusted] == [("spend", True, None)]
    assert all(one.exploratory == (one.segment is not None) for one in analysis.estimates)


def test_an_undefined_primary_still_counts_in_the_family() -> None:
    plan = plan_of(metrics=[primary("spend"), primary("orders")])
    arms: dict[str, Any] = {
        arm: {**columns, "orders": [0.0] * 200}
        for arm, columns in (
            (TREATMENT, drawn(arm=1, spend=3)),
            (CONTROL, drawn(arm=2, spend=0)),
        )
    }
    found = adjusted_by_metric(analysed(plan, arms))
    spend, orders = found["spend"].adjusted_p_value, found["orders"].adjusted_p_value
    assert spend is not None
    assert orders is not None
    assert isinstance(found["spend"].p_value, float)
    assert spend.value == pytest.approx(2 * found["spend"].p_value)
    assert isinstance(orders.value, Undefined)


def test_with_several_treatments_the_simultaneous_p_values_are_adjusted() -> None:
    plan = plan_of(
        metrics=[primary("spend"), primary("orders")],
        design={"control": CONTROL, "treatments": [TREATMENT, "called"]},
    )
    arms: dict[str, Any] = {
        TREATMENT: drawn(arm=1, spend=1.2, orders=0.2),
        "called": drawn(arm=3, spend=0.1, orders=0.3),
        CONTROL: drawn(arm=2, spend=0, orders=0),
    }
    analysis = analysed(plan, arms)
    for treatment in (TREATMENT, "called"):
        found = adjusted_by_metric(analysis, treatment)
        raw = sorted(
            (one.simultaneous.p_value, name) for name, one in found.items() if one.simultaneous
        )
        smallest = found[raw[0][1]].adjusted_p_value
        assert smallest is not None
        assert smallest.value == pytest.approx(min(1.0, 2 * raw[0][0]))


MOVES: list[tuple[dict[str, float], GoalMoved]] = [
    ({"orders": 3, "calls": -3}, GoalMoved.YES),
    ({"orders": 3, "calls": 3}, GoalMoved.NO),
    ({"orders": 0, "calls": 3}, GoalMoved.NO),
    ({"orders": 3, "calls": 0}, GoalMoved.UNCLEAR),
]


def moving_plan() -> Plan:
    return plan_of(
        metrics=[primary("spend"), primary("orders"), primary("calls", direction="down")]
    )


@pytest.mark.parametrize(("shifts", "moved"), MOVES)
def test_the_goal_moved_where_every_other_primary_is_better(
    shifts: dict[str, float], moved: GoalMoved
) -> None:
    plan = moving_plan()
    arms: dict[str, Any] = {
        TREATMENT: drawn(arm=1, **{"spend": 0, **shifts}),
        CONTROL: drawn(arm=2, spend=0, orders=0, calls=0),
    }
    estimates = analysed(plan, arms).estimates
    assert goal_moved(plan, estimates, treatment=TREATMENT, alpha=0.05) is moved


def test_swapped_arms_turn_yes_into_no() -> None:
    plan = moving_plan()
    arms: dict[str, Any] = {
        CONTROL: drawn(arm=1, spend=0, orders=3, calls=-3),
        TREATMENT: drawn(arm=2, spend=0, orders=0, calls=0),
    }
    estimates = analysed(plan, arms).estimates
    assert goal_moved(plan, estimates, treatment=TREATMENT, alpha=0.05) is GoalMoved.NO


def test_without_another_primary_or_while_veiled_no_goal_moved() -> None:
    plan = plan_of()
    arms: dict[str, Any] = {TREATMENT: drawn(arm=1, spend=9), CONTROL: drawn(arm=2, spend=0)}
    estimates = analysed(plan, arms).estimates
    assert goal_moved(plan, estimates, treatment=TREATMENT, alpha=0.05) is None
    veiled = veiled_analysis(moving_plan()).estimates
    assert goal_moved(moving_plan(), veiled, treatment=TREATMENT, alpha=0.05) is None


def test_treatments_among_each_other_are_the_difference_of_their_effects() -> None:
    plan = plan_of(design={"control": CONTROL, "treatments": [TREATMENT, "called", "visited"]})
    arms: dict[str, Any] = {arm: drawn(arm=at, spend=at) for at, arm in enumerate(plan.design.arms)}
    analysis = analysed(plan, arms)
    assert analysis.evidence is not None
    found = between_treatments(plan, analysis.evidence, confidence=0.95)
    assert [(one.treatment, one.control) for one in found] == [
        ("called", TREATMENT),
        ("visited", TREATMENT),
        ("visited", "called"),
    ]
    effects = {one.treatment: one.difference for one in analysis.estimates}
    for one in found:
        later, earlier = effects[one.treatment], effects[one.control]
        assert not isinstance(one.difference, Undefined)
        assert not isinstance(later, Undefined)
        assert not isinstance(earlier, Undefined)
        assert one.difference.value == pytest.approx(later.value - earlier.value)


def test_one_treatment_has_none_to_be_compared_with() -> None:
    plan = plan_of()
    arms: dict[str, Any] = {TREATMENT: drawn(arm=1, spend=9), CONTROL: drawn(arm=2, spend=0)}
    analysis = analysed(plan, arms)
    assert analysis.evidence is not None
    assert between_treatments(plan, analysis.evidence, confidence=0.95) == ()
