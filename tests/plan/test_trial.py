"""Kinds and designs: what each does to the number of customers."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments.design import Design
from experiments.errors import BadInput, Undefined
from experiments.plan.baseline import USUAL_ICC, Baseline, Clusters, Denominator
from experiments.plan.looking import Looking, always_valid_reach
from experiments.plan.power import customers_needed, detectable_effect, power
from experiments.plan.trial import Groups, Trial
from experiments.stats.confidence_sequence import asymptotic_sequence
from experiments.terms import DesignKind, Look, MetricKind

HALVES = Groups(control=0.5, treatments=(0.5,))
THIRDS = Groups(control=1 / 3, treatments=(1 / 3, 1 / 3))
UNIT = Baseline(mean=0.0, sd=1.0)


def trial(base: Baseline = UNIT, *, kind: MetricKind = MetricKind.MEAN, **more: Any) -> Trial:
    return Trial(**{"kind": kind, "baseline": base, "groups": HALVES, **more})


def needed(planned: Trial, *, effect: float = 0.05, target: float = 0.8) -> int:
    found = customers_needed(planned, effect=effect, target=target)
    assert isinstance(found, int), found
    return found


@pytest.mark.parametrize("kind", [MetricKind.COUNT, MetricKind.BREADTH, MetricKind.LATEST])
def test_what_has_a_spread_is_planned_like_an_amount(kind: MetricKind) -> None:
    assert needed(trial(kind=kind)) == needed(trial())


def test_retention_is_planned_like_a_rate() -> None:
    base = Baseline.of_rate(0.6)
    kinds = (MetricKind.RETENTION, MetricKind.RATE)
    assert len({needed(trial(base, kind=kind)) for kind in kinds}) == 1


def test_a_ratio_varies_as_its_numerator_less_the_ratio_of_denominators() -> None:
    """Revenue over orders, drawn: the variance of (revenue - ratio x orders) / mean orders."""
    rng = np.random.default_rng(5)
    orders = rng.poisson(3.0, 40_000) + 1.0
    revenue = 20 * orders + rng.normal(scale=9, size=orders.size)
    ratio = float(revenue.sum() / orders.sum())
    base = Baseline(
        mean=ratio,
        sd=float(revenue.std()),
        denominator=Denominator(
            mean=float(orders.mean()),
            sd=float(orders.std()),
            correlation=float(np.corrcoef(revenue, orders)[0, 1]),
        ),
    )
    linear = (revenue - ratio * orders) / orders.mean()
    assert base.spread(MetricKind.RATIO) == pytest.approx(linear.std())
    as_mean = Baseline(mean=ratio, sd=float(linear.std()))
    found = needed(trial(base, kind=MetricKind.RATIO), effect=0.1)
    assert found == pytest.approx(needed(trial(as_mean), effect=0.1), abs=2)


def test_a_denominator_of_which_only_the_mean_is_known_divides_the_spread() -> None:
    base = Baseline(mean=20.0, sd=8.0, denominator=Denominator(mean=4.0))
    assert base.spread(MetricKind.RATIO) == 2.0


def test_only_those_who_answer_count_for_a_last_score() -> None:
    quarter = needed(trial(replace(UNIT, response_rate=0.25), kind=MetricKind.LATEST))
    assert quarter == pytest.approx(4 * needed(trial(kind=MetricKind.LATEST)), rel=1e-3)


def test_strata_leave_less_to_explain() -> None:
    assert needed(trial(replace(UNIT, explained=0.36))) == pytest.approx(
        0.64 * needed(trial()), rel=1e-3
    )


def test_clusters_take_as_many_times_the_customers_as_the_design_effect() -> None:
    """1 + (20 - 1) x 0.05 = 1.95; Donner and Klar (2000), chapter 5."""
    clusters = Clusters(size=20, icc=0.05)
    assert clusters.design_effect == pytest.approx(1.95)
    base = replace(UNIT, clusters=clusters)
    found = needed(trial(base, design=DesignKind.CLUSTERED))
    assert found == pytest.approx(1.95 * needed(trial()), rel=1e-2)
    assert needed(trial(base)) == needed(trial())


def test_a_share_in_clusters_is_read_by_students_t() -> None:
    base = replace(Baseline.of_rate(0.3), clusters=Clusters(size=10, icc=0.0))
    found = needed(trial(base, kind=MetricKind.RATE, design=DesignKind.CLUSTERED))
    plain = needed(trial(Baseline.of_rate(0.3), kind=MetricKind.RATE))
    assert found == pytest.approx(plain, rel=0.02)


def test_few_clusters_have_few_degrees_of_freedom() -> None:
    """12 clusters of 50 alike inside: t with 10 degrees of freedom at the same distance."""
    base = replace(UNIT, clusters=Clusters(size=50, icc=0.0))
    found = power(trial(base, design=DesignKind.CLUSTERED), customers=600, effect=0.25)
    simple = power(trial(), customers=600, effect=0.25)
    assert isinstance(found, float)
    assert isinstance(simple, float)
    assert found < simple - 0.02


def test_under_five_clusters_in_a_group_nothing_is_proved() -> None:
    base = replace(UNIT, clusters=Clusters(size=50))
    assert base.clusters is not None
    assert base.clusters.design_effect == 1 + 49 * USUAL_ICC
    found = power(trial(base, design=DesignKind.CLUSTERED), customers=499, effect=1.0)
    assert isinstance(found, Undefined)
    assert "5 clusters; it takes 500" in found.reason


def test_weighted_lists_are_as_large_as_what_is_left_of_them() -> None:
    """1 / n + 1 / (0.5 n) in place of 2 / n: half as many again."""
    base = replace(UNIT, effective_share=0.5)
    found = needed(trial(base, design=DesignKind.SUPPLIED))
    assert found == pytest.approx(1.5 * needed(trial()), rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "design", "reason"),
    [
        (MetricKind.RATIO, DesignKind.RANDOMIZED, "mean of its denominator"),
        (MetricKind.MEAN, DesignKind.CLUSTERED, "how many customers a cluster has"),
        (MetricKind.MEAN, DesignKind.SUPPLIED, "what share"),
    ],
)
def test_what_a_design_or_kind_needs_is_asked_for(
    kind: MetricKind, design: DesignKind, reason: str
) -> None:
    for found in (
        power(trial(kind=kind, design=design), customers=900, effect=0.1),
        customers_needed(trial(kind=kind, design=design), effect=0.1),
        detectable_effect(trial(kind=kind, design=design), customers=900),
    ):
        assert isinstance(found, Undefined)
        assert reason in found.reason


def test_planned_looks_take_the_published_inflation() -> None:
    """Five looks at 90 %: 1.026 for O'Brien-Fleming, 1.207 for Pocock.

    Jennison and Turnbull (2000), chapter 2, for the classical shapes; those of the spending
    functions of the same name differ a little.
    """
    for spending, times in (("obrien-fleming", 1.026), ("pocock", 1.207)):
        design = Design.model_validate(
            {
                "control": "c",
                "treatments": ["t"],
                "look": "group_sequential",
                "looks": [f"2026-03-0{day}" for day in range(1, 6)],
                "spending": spending,
            }
        )
        looking = Looking.of(design)
        assert len(looking.fractions) == 5
        found = needed(trial(looking=looking), target=0.9) / needed(trial(), target=0.9)
        assert found == pytest.approx(times, abs=0.02)
        said = looking.inflation(alpha=0.05, power=0.9, customers=900)
        assert said == pytest.approx(found, rel=1e-3)


def test_planned_looks_at_a_rate_take_the_same_inflation() -> None:
    looking = Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.5, 1.0))
    base = Baseline.of_rate(0.2)
    times = [
        needed(trial(one, kind=kind, looking=looking)) / needed(trial(one, kind=kind))
        for one, kind in ((base, MetricKind.RATE), (UNIT, MetricKind.MEAN))
    ]
    assert times[0] == pytest.approx(times[1], abs=0.005)


def test_without_an_effect_looks_prove_as_seldom_as_one() -> None:
    looking = Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.3, 0.6, 1.0))
    found = power(trial(looking=looking), customers=900, effect=0.0)
    assert found == pytest.approx(0.025, abs=1e-6)


def test_an_always_valid_interval_is_as_wide_as_the_analysis_own() -> None:
    reach = always_valid_reach(np.array([42_613.0]), tuning_n=5000, alpha=0.05)
    found = asymptotic_sequence(value=0.0, se=1.0, customers=42_613)
    assert not isinstance(found, Undefined)
    assert reach[0] == pytest.approx(found.high)
    looking = Looking(look=Look.ALWAYS_VALID)
    times = needed(trial(looking=looking)) / needed(trial())
    said = looking.inflation(alpha=0.05, power=0.8, customers=needed(trial(looking=looking)))
    assert times == pytest.approx(said, rel=2e-3)


def test_several_treatments_share_the_error_rate_of_several_looks() -> None:
    looking = Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.5, 1.0))
    found = power(trial(groups=THIRDS, looking=looking), customers=900, effect=0.0)
    assert found == pytest.approx(0.0125, abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Denominator(mean=0.0),
        lambda: Denominator(mean=1.0, sd=-1.0),
        lambda: Denominator(mean=1.0, correlation=1.1),
        lambda: Clusters(size=0.5),
        lambda: Clusters(size=5, icc=1.5),
        lambda: Clusters(size=5, variation=math.nan),
        lambda: replace(UNIT, explained=1.0),
        lambda: replace(UNIT, response_rate=0.0),
        lambda: replace(UNIT, effective_share=1.1),
    ],
)
def test_what_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(BadInput):
        make()
