"""Asymptotic confidence sequences and the mixture test against their own definitions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import norm

from experiments.errors import Undefined
from experiments.stats.confidence_sequence import (
    AlwaysValid,
    MixtureTest,
    asymptotic_sequence,
    mixture_test,
    sequence_of_means,
    sequence_of_rates,
    tuning,
)
from experiments.stats.estimate import Alternative
from experiments.stats.limits import limits
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share
from tests.stats.samples import samples, shares


def known(found: AlwaysValid | Undefined) -> AlwaysValid:
    """A sequence, which must exist."""
    assert isinstance(found, AlwaysValid)
    return found


def test_a_lift_of_rates_reproduces_growthbook() -> None:
    """GrowthBook's gbstats, unit test of the sequential test on proportions."""
    found = known(
        sequence_of_rates(treatment=Share(2422, 3461), control=Share(1396, 3000), relative=True)
    )
    assert (found.value, found.se, found.low, found.high) == pytest.approx(
        (0.50386, 0.03386, 0.40098, 0.60675), abs=6e-6
    )


def test_the_reach_is_the_published_formula() -> None:
    """Waudby-Smith et al., arXiv:2103.06476, equation 9, with the variance of one customer."""
    n, se, alpha = 12_345, 0.07, 0.03
    found = known(asymptotic_sequence(value=1.0, se=se, customers=n, alpha=alpha))
    rho, variance = tuning(alpha), se**2 * n
    plus = n * rho**2 + 1
    reach = math.sqrt(variance * 2 * plus / (n * rho) ** 2 * math.log(math.sqrt(plus) / alpha))
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach), rel=1e-12)


def test_the_sequence_is_about_tightest_where_it_was_tuned() -> None:
    """Width over the standard error: no other tuning is 0.1 per cent tighter at 5,000."""

    def reach(tuned: float) -> float:
        return known(
            asymptotic_sequence(value=0.0, se=1.0, customers=5000, tuning_customers=tuned)
        ).high

    others = [reach(5000 * factor) for factor in (0.1, 0.3, 0.7, 0.9, 1.1, 1.5, 3, 10)]
    assert reach(5000) <= min(others) * 1.001


@pytest.mark.parametrize("alternative", list(Alternative))
@pytest.mark.parametrize("z", [0.0, 0.5, 2.0, 4.5, -3.0])
def test_the_p_value_is_where_the_sequence_touches_zero(z: float, alternative: Alternative) -> None:
    """With the tuning kept, as a plan keeps it."""
    n, rho = 8000, 0.05
    ratio = n * rho**2
    alpha = 0.05
    tuned = tuning(alpha if alternative is Alternative.TWO_SIDED else 2 * alpha) ** 2 * 5000
    found = known(
        asymptotic_sequence(
            value=z, se=1.0, customers=n, tuning_customers=tuned / rho**2, alternative=alternative
        )
    )
    assert found.rho == pytest.approx(rho)
    if found.p_value == 1.0:
        return
    if alternative is Alternative.TWO_SIDED:
        threshold = math.log(math.sqrt(ratio + 1) / found.p_value)
    else:
        threshold = math.log1p(math.sqrt(ratio + 1) / (2 * found.p_value))
    assert math.sqrt(2 * (ratio + 1) / ratio * threshold) == pytest.approx(abs(z))
    assert (found.p_value < alpha) == (found.low > 0 or found.high < 0)


def test_one_sided_sequences_are_closer_on_their_side_and_open_on_the_other() -> None:
    both, up, down = (
        known(asymptotic_sequence(value=0.3, se=0.1, customers=5000, alternative=alternative))
        for alternative in (Alternative.TWO_SIDED, Alternative.GREATER, Alternative.LESS)
    )
    assert both.low < up.low
    assert up.high == math.inf
    assert down.high < both.high
    assert down.low == -math.inf
    assert down.p_value == 1.0
    assert up.p_value < both.p_value


def test_means_are_compared_by_welch_and_all_customers_count() -> None:
    treatment, control = Sample(3000, 5.5, 8.0), Sample(1000, 5.0, 9.0)
    effect = welch(treatment=treatment, control=control)
    assert not isinstance(effect, Undefined)
    found = sequence_of_means(treatment=treatment, control=control, alpha=0.1)
    assert found == asymptotic_sequence(value=effect.value, se=effect.se, customers=4000, alpha=0.1)


@given(treatment=samples, control=samples)
def test_swapping_the_groups_changes_the_signs(treatment: Sample, control: Sample) -> None:
    one = sequence_of_means(treatment=treatment, control=control)
    other = sequence_of_means(treatment=control, control=treatment)
    assume(isinstance(one, AlwaysValid) and isinstance(other, AlwaysValid))
    assert (known(one).low, known(one).p_value) == pytest.approx(
        (-known(other).high, known(other).p_value)
    )
    fixed = limits(value=known(one).value, se=known(one).se)
    assert known(one).low < fixed.low
    assert known(one).high > fixed.high


@given(treatment=shares, control=shares)
def test_any_rates_have_a_sequence_or_a_reason(treatment: Share, control: Share) -> None:
    for relative in (False, True):
        found = sequence_of_rates(treatment=treatment, control=control, relative=relative)
        if isinstance(found, AlwaysValid):
            assert 0 <= found.p_value <= 1
            assert found.low < found.value < found.high


def test_the_mixture_ratio_is_the_average_over_effects() -> None:
    """By quadrature: the likelihood ratio averaged over a normal distribution of effects."""
    value, se, spread = 0.9, 0.4, 0.7
    average, _ = integrate.quad(
        lambda effect: (
            norm.pdf(value, effect, se) / norm.pdf(value, 0, se) * norm.pdf(effect, 0, spread)
        ),
        -10,
        10,
        epsabs=1e-12,
    )
    found = mixture_test(value=value, se=se, spread=spread)
    assert isinstance(found, MixtureTest)
    assert found.log_ratio == pytest.approx(math.log(average), rel=1e-9)
    assert found.p_value == pytest.approx(min(1.0, 1 / average))


@given(
    value=st.floats(-10, 10),
    se=st.floats(0.1, 5),
    spread=st.floats(0.1, 5),
    scale=st.floats(0.01, 100),
)
def test_the_mixture_test_rejects_what_its_interval_leaves_out(
    value: float, se: float, spread: float, scale: float
) -> None:
    found = mixture_test(value=value, se=se, spread=spread)
    scaled = mixture_test(value=value * scale, se=se * scale, spread=spread * scale)
    assert isinstance(found, MixtureTest)
    assert isinstance(scaled, MixtureTest)
    assert scaled.p_value == pytest.approx(found.p_value, rel=1e-9)
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_what_has_no_sequence_says_why() -> None:
    nothing = [
        asymptotic_sequence(value=1.0, se=0.0, customers=100),
        asymptotic_sequence(value=math.nan, se=1.0, customers=100),
        asymptotic_sequence(value=1.0, se=1.0, customers=0),
        asymptotic_sequence(value=1.0, se=1.0, customers=100, alpha=0.0),
        asymptotic_sequence(value=1.0, se=1.0, customers=100, alpha=1.0),
        asymptotic_sequence(
            value=1.0, se=1.0, customers=100, alpha=0.5, alternative=Alternative.LESS
        ),
        asymptotic_sequence(value=1.0, se=1.0, customers=100, tuning_customers=0),
        sequence_of_means(treatment=Sample.of([1.0, 2.0]), control=Sample.of([])),
        sequence_of_means(treatment=Sample.of([1.0, 1.0]), control=Sample.of([1.0, 1.0])),
        sequence_of_rates(treatment=Share(0, 0), control=Share(1, 2)),
        sequence_of_rates(treatment=Share(0, 9), control=Share(0, 9)),
        sequence_of_rates(treatment=Share(3, 9), control=Share(0, 9), relative=True),
        mixture_test(value=1.0, se=0.0, spread=1.0),
        mixture_test(value=1.0, se=1.0, spread=0.0),
        mixture_test(value=1.0, se=1.0, spread=1.0, alpha=1.0),
    ]
    assert [isinstance(found, Undefined) for found in nothing] == [True] * len(nothing)


def test_an_overwhelming_effect_has_a_p_value_that_does_not_overflow() -> None:
    for alternative in (Alternative.TWO_SIDED, Alternative.GREATER):
        found = known(
            asymptotic_sequence(value=1e3, se=1.0, customers=10**9, alternative=alternative)
        )
        assert 0 <= found.p_value < 1e-300
    assert np.isfinite(found.low)
