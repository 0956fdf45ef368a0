"""The normal posterior against published values, by hand, and at its edges."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.posterior import (
    NormalPrior,
    Posterior,
    credible_interval,
    expected_gain,
    expected_loss,
    posterior,
    probability_above,
    probability_below,
)


def test_the_posterior_agrees_with_published_values() -> None:
    """GrowthBook's unit tests, lift 0.05 with an informative prior N(0.1, variance 0.1).

    The standard error is that of the delta method for n = 10, means 10.5 and 10, variances 1 and
    0.25: sqrt(0.1 / 100 + 1.05^2 x 0.025 / 100).
    """
    se = math.sqrt(0.1 / 100 + 1.05**2 * 0.025 / 100)
    prior = NormalPrior(mean=0.1, sd=math.sqrt(0.1))
    found = posterior(value=0.05, se=se, prior=prior)
    assert isinstance(found, Posterior)
    assert (found.mean, found.sd) == pytest.approx((0.0506297788831, 0.0354902488896), rel=1e-9)
    assert probability_below(value=0.05, se=se, prior=prior) == pytest.approx(
        1 - 0.923149908577, rel=1e-9
    )
    assert expected_loss(value=0.05, se=se, prior=prior) == pytest.approx(
        0.00122702754631, rel=1e-9
    )
    assert expected_gain(value=0.05, se=se, prior=prior) == pytest.approx(0.0518568064294, rel=1e-9)
    interval = credible_interval(value=0.05, se=se, prior=prior)
    assert isinstance(interval, Interval)
    assert (interval.low, interval.high) == pytest.approx(
        (-0.0189298307428, 0.120189388509), rel=1e-9
    )


def test_the_probability_above_keeps_its_digits_where_it_is_small() -> None:
    """The normal tail beyond 20 is 2.7536e-89; Abramowitz and Stegun (1964), table 26.2."""
    assert probability_above(value=-20.0, se=1.0) == pytest.approx(2.7536e-89, rel=1e-4)
    prior = NormalPrior.of_variance(mean=1.0, variance=4.0)
    assert prior == NormalPrior(mean=1.0, sd=2.0)
    below = probability_below(value=3.0, se=1.0, threshold=2.0, prior=prior)
    above = probability_above(value=3.0, se=1.0, threshold=2.0, prior=prior)
    assert isinstance(below, float)
    assert above == pytest.approx(1 - below)


def test_without_a_prior_the_estimate_stands() -> None:
    assert posterior(value=2.0, se=0.5) == Posterior(2.0, 0.5)
    assert probability_below(value=2.0, se=0.5, threshold=2.0) == 0.5


def test_the_far_tail_of_a_loss_keeps_its_digits() -> None:
    """Asymptotic series of the normal loss at 20: density x (1/20^2 - 3/20^4 + 15/20^6 - ...)."""
    series = 1 / 20**2 - 3 / 20**4 + 15 / 20**6 - 105 / 20**8
    expected = math.exp(-200) / math.sqrt(2 * math.pi) * series
    assert expected_loss(value=20.0, se=1.0) == pytest.approx(expected, rel=1e-4)
    assert expected_loss(value=-50.0, se=1.0) == pytest.approx(50)


@pytest.mark.parametrize("se", [0.0, -1.0, math.nan, math.inf])
def test_without_a_standard_error_nothing_is_probable(se: float) -> None:
    assert isinstance(posterior(value=1.0, se=se), Undefined)
    assert isinstance(probability_below(value=1.0, se=se), Undefined)
    assert isinstance(expected_loss(value=1.0, se=se), Undefined)
    assert isinstance(expected_gain(value=1.0, se=se), Undefined)
    assert isinstance(probability_above(value=1.0, se=se), Undefined)
    assert isinstance(credible_interval(value=1.0, se=se), Undefined)


def test_a_prior_without_spread_says_so() -> None:
    found = posterior(value=1.0, se=1.0, prior=NormalPrior(mean=0.0, sd=0.0))
    assert found == Undefined("the prior has no standard deviation")


@given(value=st.floats(-50, 50), se=st.floats(0.1, 10), rate=st.floats(0.01, 100))
def test_swapping_mirrors_and_the_currency_does_not_matter(
    value: float, se: float, rate: float
) -> None:
    below = probability_below(value=value, se=se)
    above = probability_below(value=-value, se=se)
    assert isinstance(below, float)
    assert isinstance(above, float)
    assert below + above == pytest.approx(1)
    assert probability_below(value=rate * value, se=rate * se) == pytest.approx(below, rel=1e-6)
    loss, gain = expected_loss(value=value, se=se), expected_loss(value=-value, se=se)
    assert isinstance(loss, float)
    assert isinstance(gain, float)
    # What may be lost and what may be gained differ by what is expected.
    assert gain - loss == pytest.approx(value, abs=1e-9)
