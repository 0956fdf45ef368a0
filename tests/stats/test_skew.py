"""Hall's interval: its transformation, its edges, and what it does to the tails."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Difference, Interval
from experiments.stats.limits import quantile
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.skew import hall, needs_skewness_correction
from tests.stats.samples import varied


def known(found: Interval | Undefined) -> Interval:
    """The interval, which must exist."""
    assert isinstance(found, Interval)
    return found


def transformed(statistic: float, skewness: float) -> float:
    """Hall's cubic as it is printed."""
    k = skewness
    return statistic + k * statistic**2 / 3 + k**2 * statistic**3 / 27 + k / 6


@pytest.mark.parametrize("skewness", [-4.0, -0.3, 1e-9, 0.02, 2.5])
def test_the_limits_solve_the_cubic_of_the_paper(skewness: float) -> None:
    """The control group carries no skewness, so that the treatment group's k is the whole."""
    treatment = Sample(n=50, mean=3.0, variance=4.0, skewness=skewness)
    control = Sample(n=80, mean=2.0, variance=4.0, skewness=0.0)
    plain = welch(treatment=treatment, control=control)
    assert isinstance(plain, Difference)
    found = known(hall(treatment=treatment, control=control))
    k = skewness * 8 / 50**2 / plain.se**3
    reach = quantile(0.975, df=plain.df)
    assert transformed((1 - found.low) / plain.se, k) == pytest.approx(reach)
    assert transformed((1 - found.high) / plain.se, k) == pytest.approx(-reach)


def test_without_skewness_it_is_welch() -> None:
    treatment = Sample(n=50, mean=3.0, variance=4.0, skewness=0.0)
    control = Sample(n=80, mean=2.0, variance=9.0, skewness=0.0)
    plain = welch(treatment=treatment, control=control)
    assert isinstance(plain, Difference)
    assert known(hall(treatment=treatment, control=control)) == Interval(plain.low, plain.high)


def test_skewed_spending_moves_both_limits_up() -> None:
    treatment = Sample(n=500, mean=3.0, variance=40.0, skewness=9.0)
    control = Sample(n=5000, mean=2.0, variance=40.0, skewness=9.0)
    plain = welch(treatment=treatment, control=control)
    assert isinstance(plain, Difference)
    found = known(hall(treatment=treatment, control=control))
    assert found.low > plain.low
    assert found.high > plain.high


def test_it_evens_out_the_tails_of_skewed_groups() -> None:
    """Simulation: 60 log-normal against 600, 4,000 pilots; a 2.5 per cent tail was asked for."""
    rng = np.random.default_rng(7)
    above = {"welch": 0, "hall": 0}
    for _ in range(4000):
        treatment = Sample.of(rng.lognormal(0, 1, 60))
        control = Sample.of(rng.lognormal(0, 1, 600))
        plain = welch(treatment=treatment, control=control)
        assert isinstance(plain, Difference)
        above["welch"] += plain.high < 0
        above["hall"] += known(hall(treatment=treatment, control=control)).high < 0
    assert above["welch"] / 4000 > 0.04
    assert above["hall"] / 4000 < 0.75 * above["welch"] / 4000


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        (Sample(9, 1.0, 1.0), "treatment group has no skewness: the third moment was not kept"),
        (Sample(1, 1.0, 0.0), "one customer"),
    ],
)
def test_what_cannot_be_corrected_says_why(treatment: Sample, reason: str) -> None:
    found = hall(treatment=treatment, control=Sample.of([1.0, 2.0, 4.0]))
    assert isinstance(found, Undefined)
    assert reason in found.reason
    mirrored = hall(treatment=Sample.of([1.0, 2.0, 4.0]), control=treatment)
    assert isinstance(mirrored, Undefined)


def test_a_group_without_spread_needs_no_skewness() -> None:
    assert isinstance(
        hall(treatment=Sample.of([2.0, 2.0, 2.0]), control=Sample.of([1.0, 2.0, 4.0])), Interval
    )


def test_a_group_is_too_small_below_355_times_its_squared_skewness() -> None:
    """Boos and Hughes-Oliver (2000): skewness 2 asks for 1,420 customers."""
    assert needs_skewness_correction(Sample(1419, 1.0, 1.0, 2.0)) is True
    assert needs_skewness_correction(Sample(1420, 1.0, 1.0, -2.0)) is False
    assert isinstance(needs_skewness_correction(Sample(1420, 1.0, 1.0)), Undefined)


@given(treatment=varied, control=varied, rate=st.floats(min_value=0.001, max_value=1000))
def test_swapping_flips_the_interval_and_the_currency_scales_it(
    treatment: list[float], control: list[float], rate: float
) -> None:
    one = known(hall(treatment=Sample.of(treatment), control=Sample.of(control)))
    other = known(
        hall(
            treatment=Sample.of([rate * value for value in control]),
            control=Sample.of([rate * value for value in treatment]),
        )
    )
    assert math.isfinite(one.low)
    assert one.low <= one.high
    width = one.high - one.low
    assert other.low == pytest.approx(-rate * one.high, rel=1e-6, abs=1e-6 * rate * width)
    assert other.high == pytest.approx(-rate * one.low, rel=1e-6, abs=1e-6 * rate * width)
