"""Whether a guardrail can be shown to be kept, against counting and against the mean's power."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from experiments.errors import Undefined
from experiments.plan.baseline import Baseline, Clusters
from experiments.plan.guardrail_power import Tolerance, guardrail_customers, guardrail_power
from experiments.plan.looking import Looking
from experiments.plan.power import power
from experiments.plan.trial import Groups, Trial
from experiments.stats.estimate import Interval
from experiments.stats.rates import Share
from experiments.stats.score import miettinen_nurminen, miettinen_nurminen_ratio
from experiments.terms import DesignKind, Direction, Look, MetricKind
from tests.evidence import metric, plan_of

GROUPS = Groups(control=0.4, treatments=(0.6,))
UNIT = Baseline(mean=2.0, sd=1.0)


def trial(base: Baseline, kind: MetricKind = MetricKind.MEAN, **more: Any) -> Trial:
    return Trial(**{"kind": kind, "baseline": base, "groups": GROUPS, **more})


def counted(rate: float, effect: float, tolerance: Tolerance, treated: int, controls: int) -> float:
    """Every possible pair of counts: the probability that the interval excludes the worst."""
    kept = np.zeros((treated + 1, controls + 1))
    for x in range(treated + 1):
        for y in range(controls + 1):
            one, other = Share(x, treated), Share(y, controls)
            if tolerance.relative:
                found = miettinen_nurminen_ratio(treatment=one, control=other)
                worst = tolerance.worst_ratio
            else:
                found = miettinen_nurminen(treatment=one, control=other)
                worst = -tolerance.side * tolerance.accepted
            up = tolerance.direction is Direction.UP
            kept[x, y] = isinstance(found, Interval) and (
                found.low > worst if up else found.high < worst
            )
    chances = (
        binom.pmf(np.arange(treated + 1), treated, rate + effect),
        binom.pmf(np.arange(controls + 1), controls, rate),
    )
    return float(chances[0] @ kept @ chances[1])


@pytest.mark.parametrize(
    ("rate", "effect", "tolerance"),
    [
        (0.6, 0.0, Tolerance(accepted=0.25)),
        (0.3, -0.05, Tolerance(accepted=0.2, direction=Direction.DOWN)),
        (0.7, 0.0, Tolerance(accepted=0.3, relative=True)),
        (0.4, 0.0, Tolerance(accepted=0.8, relative=True, direction=Direction.DOWN)),
    ],
)
def test_the_power_of_a_rate_is_close_to_that_of_exact_counting(
    rate: float, effect: float, tolerance: Tolerance
) -> None:
    planned = trial(Baseline.of_rate(rate), MetricKind.RATE)
    found = guardrail_power(planned, customers=100, tolerance=tolerance, effect=effect)
    assert found == pytest.approx(counted(rate, effect, tolerance, 60, 40), abs=0.035)


def test_the_power_of_a_rate_is_that_of_farrington_and_manning() -> None:
    """N = (z_0.95 s0 + z_0.7 s1)^2 / 0.1^2 for rates of 0.1, a margin of 0.1, 5 % one-sided.

    s0 holds the rates of largest likelihood, found here by search; s1^2 = 2 x 0.1 x 0.9.
    """
    groups = Groups(control=0.5, treatments=(0.5,), alpha=0.1)
    planned = trial(Baseline.of_rate(0.1), MetricKind.RATE, groups=groups)
    low = _constrained(0.1, margin=0.1)
    s0 = (low * (1 - low) + (low + 0.1) * (0.9 - low)) ** 0.5
    n = (1.644853627 * s0 + 0.524400513 * 0.18**0.5) ** 2 / 0.1**2
    tolerance = Tolerance(accepted=0.1, direction=Direction.DOWN)
    found = guardrail_power(planned, customers=2 * round(n), tolerance=tolerance)
    assert found == pytest.approx(0.7, abs=0.005)


def _constrained(rate: float, *, margin: float) -> float:
    """The control rate of largest expected likelihood, where treatment is `margin` above it."""
    grid = np.linspace(1e-6, 1 - margin - 1e-6, 2_000_001)
    likelihood = rate * np.log(grid * (grid + margin)) + (1 - rate) * np.log(
        (1 - grid) * (1 - grid - margin)
    )
    return float(grid[np.argmax(likelihood)])


def test_a_mean_is_kept_as_surely_as_an_effect_of_its_tolerance_is_found() -> None:
    found = guardrail_power(trial(UNIT), customers=300, tolerance=Tolerance(accepted=0.3))
    assert found == power(trial(UNIT), customers=300, effect=0.3)


def test_a_relative_tolerance_weighs_the_control_mean() -> None:
    """0.1 x 2 is 1.803 of sqrt(1 / 180 + 0.9^2 / 120); Phi(1.803 - 1.968) = 0.435, by hand."""
    tolerance = Tolerance(accepted=0.1, relative=True)
    found = guardrail_power(trial(UNIT), customers=300, tolerance=tolerance)
    assert found == pytest.approx(0.435, abs=0.002)


def test_which_way_is_better_is_a_matter_of_sign() -> None:
    down = Tolerance(accepted=0.2, direction=Direction.DOWN)
    up = Tolerance(accepted=0.2)
    one = guardrail_power(trial(UNIT), customers=300, tolerance=down, effect=-0.1)
    assert one == guardrail_power(trial(UNIT), customers=300, tolerance=up, effect=0.1)


def test_at_the_tolerance_it_is_seldom_shown_to_be_kept() -> None:
    for base, kind in ((UNIT, MetricKind.MEAN), (Baseline.of_rate(0.4), MetricKind.RATE)):
        found = guardrail_power(
            trial(base, kind), customers=9_000, tolerance=Tolerance(accepted=0.1), effect=-0.1
        )
        assert found == pytest.approx(0.025, abs=1e-3)


@pytest.mark.parametrize("kind", [MetricKind.MEAN, MetricKind.RATE])
def test_as_many_show_it_and_one_fewer_do_not(kind: MetricKind) -> None:
    planned = trial(Baseline.of_rate(0.2), kind)
    tolerance = Tolerance(accepted=0.03)
    needed = guardrail_customers(planned, tolerance=tolerance)
    assert isinstance(needed, int)
    for customers, enough in ((needed, True), (needed - 1, False)):
        found = guardrail_power(planned, customers=customers, tolerance=tolerance)
        assert isinstance(found, float)
        assert (found >= 0.8) is enough


def test_clusters_and_looks_take_more_customers() -> None:
    tolerance = Tolerance(accepted=0.1)
    plain = guardrail_customers(trial(UNIT), tolerance=tolerance)
    base = replace(UNIT, clusters=Clusters(size=10, icc=0.1))
    for one in (
        trial(base, design=DesignKind.CLUSTERED),
        trial(UNIT, looking=Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.5, 1.0))),
        trial(UNIT, looking=Looking(look=Look.ALWAYS_VALID)),
        trial(
            Baseline.of_rate(0.5),
            MetricKind.RATE,
            looking=Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.5, 1.0)),
        ),
    ):
        found = guardrail_customers(one, tolerance=tolerance)
        assert isinstance(found, int)
        assert isinstance(plain, int)
        if not one.is_share:
            assert found > plain


def test_the_tolerance_is_the_plans() -> None:
    relative = plan_of(
        metrics=[
            metric("spend", role="primary"),
            metric("visit", role="guardrail", tolerance_relative="0.02", direction="down"),
        ]
    ).metrics[1]
    assert Tolerance.of(relative) == Tolerance(
        accepted=0.02, relative=True, direction=Direction.DOWN
    )


@pytest.mark.parametrize(
    ("planned", "tolerance", "reason"),
    [
        (trial(Baseline.of_rate(0.1), MetricKind.RATE), Tolerance(accepted=0.2), "every rate"),
        (trial(Baseline(mean=0, sd=1)), Tolerance(accepted=0.2, relative=True), "a share of a"),
        (trial(Baseline(mean=1, sd=0)), Tolerance(accepted=0.2), "no spread"),
        (trial(UNIT), Tolerance(accepted=-1.0), "0 or more"),
    ],
)
def test_what_cannot_be_shown_says_why(planned: Trial, tolerance: Tolerance, reason: str) -> None:
    for found in (
        guardrail_power(planned, customers=900, tolerance=tolerance),
        guardrail_customers(planned, tolerance=tolerance),
    ):
        assert isinstance(found, Undefined)
        assert reason in found.reason
    assert isinstance(guardrail_power(trial(UNIT), customers=2, tolerance=tolerance), Undefined)


def test_without_tolerance_no_number_of_customers_shows_it() -> None:
    found = guardrail_customers(trial(UNIT), tolerance=Tolerance(accepted=0.0))
    assert isinstance(found, Undefined)
