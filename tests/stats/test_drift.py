"""The slope of monthly effects as a comparison of customers' own slopes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.drift import Drift, effect_drift
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.moments import Floats, Moments

MONTHS = ["m1", "m2", "m3", "m4"]


def known(found: Drift | Undefined) -> Drift:
    """The drift, which must exist."""
    assert isinstance(found, Drift)
    return found


def spending(seed: int, n: int, effects: list[float]) -> Floats:
    """Months of customers with a level of their own, ever more noisy, shape (n, 4)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, [1.0, 1.5, 2.0, 3.0], (n, 4))
    return np.asarray(rng.normal(20, 2, n)[:, None] + noise + np.array(effects))


def moments(rows: Floats) -> Moments:
    return Moments.of(**dict(zip(MONTHS, rows.T, strict=False)))


def drifted(treatment: Floats, control: Floats) -> Drift:
    return known(
        effect_drift(treatment=moments(treatment), control=moments(control), months=MONTHS)
    )


def test_the_slope_is_weighted_least_squares_of_the_effects() -> None:
    """Second implementation: numpy.polyfit, weights 1 / se; Welch on customers' own slopes."""
    treatment, control = spending(1, 80, [3, 2, 1, 0]), spending(2, 120, [0, 0, 0, 0])
    found = drifted(treatment, control)
    effects = treatment.mean(axis=0) - control.mean(axis=0)
    variances = np.var(treatment, axis=0, ddof=1) / 80 + np.var(control, axis=0, ddof=1) / 120
    slope, level = np.polyfit(np.arange(4), effects, 1, w=1 / np.sqrt(variances))
    assert found.effects == pytest.approx(effects)
    assert found.slope.value == pytest.approx(slope)
    assert (found.first, found.last) == pytest.approx((level, level + 3 * slope))
    assert found.average == pytest.approx(np.average(effects, weights=1 / variances))
    line = [np.polyfit(np.arange(4), unit, 1, w=1 / np.sqrt(variances))[0] for unit in np.eye(4)]
    combination = {"slope": dict(zip(MONTHS, line, strict=True))}
    own = welch(
        treatment=moments(treatment).combine(combination).sample("slope"),
        control=moments(control).combine(combination).sample("slope"),
    )
    assert isinstance(own, Difference)
    assert (found.slope.se, found.slope.df) == pytest.approx((own.se, own.df))
    assert found.slope.p_value == pytest.approx(own.p_value)


def test_an_effect_that_goes_fades_and_one_that_comes_does_not() -> None:
    control = spending(2, 300, [0, 0, 0, 0])
    assert drifted(spending(1, 300, [3, 2, 1, 0.5]), control).fades
    assert drifted(spending(1, 300, [-3, -2, -1, -0.5]), control).fades
    assert not drifted(spending(1, 300, [0.5, 1, 2, 3]), control).fades
    assert not drifted(spending(1, 300, [2, 2, 2, 2]), control).fades


@pytest.mark.parametrize(
    ("treatment", "control", "months", "reason"),
    [
        (spending(1, 9, [0] * 4), spending(2, 9, [0] * 4), MONTHS[:2], "2 months are fewer"),
        (spending(1, 1, [0] * 4), spending(2, 9, [0] * 4), MONTHS, "treatment group has fewer"),
        (spending(1, 9, [0] * 4), spending(2, 0, [0] * 4), MONTHS, "control group has fewer"),
        (np.zeros((9, 4)), np.zeros((9, 4)), MONTHS, "in 'm1', within each group"),
        (np.full((9, 4), 0.1), np.full((9, 4), 0.3), MONTHS, "in 'm1', within each group"),
        (np.outer([1.0, 2.0], np.ones(4)), np.outer([3.0, 5.0], np.ones(4)), MONTHS, "alike"),
    ],
)
def test_what_has_no_trend_says_why(
    treatment: Floats, control: Floats, months: list[str], reason: str
) -> None:
    found = effect_drift(treatment=moments(treatment), control=moments(control), months=months)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_swapping_flips_the_slope_and_the_currency_scales_it(seed: int, rate: float) -> None:
    treatment, control = spending(seed, 20, [1] * 4), spending(seed + 100, 30, [0] * 4)
    one, other = drifted(treatment, control), drifted(rate * control, rate * treatment)
    assert other.slope.value == pytest.approx(-rate * one.slope.value, rel=1e-6, abs=1e-9)
    assert other.slope.p_value == pytest.approx(one.slope.p_value, rel=1e-6)
