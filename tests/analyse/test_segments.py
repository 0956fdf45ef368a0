"""Effects by level: the interaction first, then partial pooling."""

from typing import Any

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Method
from experiments.analyse.segments import SegmentEffects, level_estimates, segment_effects
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.stats.segments import partial_pooling
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of, veiled_analysis


def pilot(
    effects: dict[str, float], *, n: int = 120, covariates: tuple[str, ...] = ()
) -> tuple[Plan, Analysis]:
    """A level per effect, and a secondary metric."""
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visits")])
    rng = np.random.default_rng(5)
    arms: dict[str, Any] = {}
    levels: dict[str, list[str]] = {}
    for arm in (TREATMENT, CONTROL):
        shift = np.repeat([effect * (arm == TREATMENT) for effect in effects.values()], n)
        before = rng.normal(10, 2, n * len(effects)).round(2)
        arms[arm] = {
            "spend": (before + shift + rng.normal(0, 4, len(shift))).round(2),
            "visits": rng.normal(5, 1, len(shift)).round(2),
            "before": before,
        }
        levels[arm] = [level for level in effects for _ in range(n)]
    found = analysed(plan, arms, covariates=covariates, segments={"tier": levels, "zip": levels})
    return plan, found


def only(found: tuple[SegmentEffects, ...]) -> SegmentEffects:
    (one,) = [each for each in found if each.attribute == "tier"]
    return one


def test_levels_that_differ_are_found_and_hardly_shrunk() -> None:
    plan, analysis = pilot({"best": 12.0, "marginal": 0.0, "next": 4.0})
    found = segment_effects(plan, analysis)
    assert [(one.attribute, one.metric, one.treatment, one.tried) for one in found] == [
        ("tier", "spend", TREATMENT, 2),
        ("zip", "spend", TREATMENT, 2),
    ]
    tier = only(found)
    assert not isinstance(tier.interaction, Undefined)
    assert tier.interaction.p_value < 1e-6
    assert not isinstance(tier.between_sd, Undefined)
    assert tier.between_sd == pytest.approx(6, abs=2)


def test_the_numbers_are_those_of_partial_pooling_on_the_unadjusted_estimates() -> None:
    plan, analysis = pilot({"a": 1.0, "b": 2.0, "c": 1.5, "d": 0.0})
    tier = only(segment_effects(plan, analysis))
    raw = [level.estimate.difference for level in tier.levels]
    known = [one for one in raw if isinstance(one, Difference)]
    wanted = partial_pooling(
        [one.value for one in known], [one.se for one in known], dfs=[one.df for one in known]
    )
    assert not isinstance(wanted, Undefined)
    assert tier.interaction == wanted.interaction
    assert [level.level for level in tier.levels] == ["a", "b", "c", "d"]
    for level, effect, interval in zip(tier.levels, wanted.effects, wanted.intervals, strict=True):
        assert not isinstance(level.pooled, Undefined)
        pooled = (level.pooled.value, level.pooled.low, level.pooled.high)
        assert pooled == (effect, interval.low, interval.high)


def test_levels_alike_are_drawn_together() -> None:
    plan, analysis = pilot({"a": 2.0, "b": 2.0, "c": 2.0}, n=30)
    tier = only(segment_effects(plan, analysis))
    raw = [level.estimate.difference for level in tier.levels]
    pooled = [level.pooled for level in tier.levels if not isinstance(level.pooled, Undefined)]
    spread = np.ptp([one.value for one in raw if isinstance(one, Difference)])
    assert len(pooled) == 3
    assert np.ptp([one.value for one in pooled]) < spread


def test_a_level_in_one_arm_only_stays_undefined_and_leaves_the_others_alone() -> None:
    plan = plan_of()
    rng = np.random.default_rng(1)
    arms: dict[str, Any] = {
        arm: {"spend": rng.normal(9, 2, 60).round(2)} for arm in plan.design.arms
    }
    levels = {CONTROL: ["a", "b"] * 30, TREATMENT: ["a", "b"] * 29 + ["new", "new"]}
    tier = only(segment_effects(plan, analysed(plan, arms, segments={"tier": levels})))
    assert [isinstance(level.pooled, Undefined) for level in tier.levels] == [False, False, True]
    assert tier.levels[2].pooled == Undefined(
        "the control group has no customer, and a variance needs at least 2"
    )
    assert not isinstance(tier.interaction, Undefined)
    assert tier.interaction.df == 1


def test_one_level_cannot_be_compared() -> None:
    plan, analysis = pilot({"all": 1.0})
    tier = only(segment_effects(plan, analysis))
    few = Undefined("there are fewer than 2 levels to compare")
    assert (tier.interaction, tier.between_sd, tier.levels[0].pooled) == (few, few, few)


def test_a_level_is_read_adjusted_where_it_has_customers_enough() -> None:
    _, analysis = pilot({"a": 1.0, "b": 1.0}, covariates=("before",))
    assert {one.method for one in level_estimates(analysis.estimates)} == {Method.LIN}
    _, analysis = pilot({"a": 1.0, "b": 1.0}, n=19, covariates=("before",))
    assert {one.method for one in level_estimates(analysis.estimates)} == {Method.WELCH}


def test_a_level_without_events_does_not_outweigh_the_others() -> None:
    """Its Wald standard error is near zero; Newcombe's interval is not."""
    plan = plan_of(
        metrics=[metric("spend", role="primary", kind="rate")],
        value={"margin_rate": None, "value_per_unit": 10},
    )
    arms: dict[str, Any] = {
        TREATMENT: {"spend": [1.0] * 30 + [0.0] * 70 + [1.0] + [0.0] * 99},
        CONTROL: {"spend": [1.0] * 20 + [0.0] * 80 + [0.0] * 100},
    }
    levels = {arm: ["large"] * 100 + ["rare"] * 100 for arm in arms}
    tier = only(segment_effects(plan, analysed(plan, arms, segments={"tier": levels})))
    assert not isinstance(tier.interaction, Undefined)
    assert tier.interaction.p_value > 0.1
    rare = tier.levels[1].pooled
    assert not isinstance(rare, Undefined)
    assert rare.high > 0.04


def test_swapped_arms_turn_the_pooled_effects_around() -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visits")])
    turned = plan_of(
        metrics=[metric("spend", role="primary"), metric("visits")],
        design={"control": TREATMENT, "treatments": [CONTROL]},
    )
    rng = np.random.default_rng(2)
    arms: dict[str, Any] = {
        arm: {"spend": rng.normal(9, 2, 90).round(2), "visits": rng.normal(9, 2, 90).round(2)}
        for arm in (TREATMENT, CONTROL)
    }
    levels = {arm: ["a", "b", "c"] * 30 for arm in arms}
    one = only(segment_effects(plan, analysed(plan, arms, segments={"tier": levels})))
    other = only(segment_effects(turned, analysed(turned, arms, segments={"tier": levels})))
    for here, there in zip(one.levels, other.levels, strict=True):
        assert not isinstance(here.pooled, Undefined)
        assert not isinstance(there.pooled, Undefined)
        assert (here.pooled.value, here.pooled.low) == pytest.approx(
            (-there.pooled.value, -there.pooled.high)
        )


def test_nothing_is_said_while_veiled_or_without_segments() -> None:
    plan = plan_of()
    assert segment_effects(plan, veiled_analysis(plan)) == ()
    arms: dict[str, Any] = {arm: {"spend": [1.0, 2.0, 4.0]} for arm in plan.design.arms}
    assert segment_effects(plan, analysed(plan, arms)) == ()
