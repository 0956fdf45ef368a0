"""Beta posteriors against exact sums, by hand, against a plain grid, and at their edges."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln
from scipy.stats import beta

from experiments.errors import BadInput, Undefined
from experiments.stats.bayes_rates import (
    BayesRates,
    BetaPrior,
    bayes_rates,
    best_rate,
    rate_interval,
)
from experiments.stats.estimate import Interval
from experiments.stats.rates import Share
from tests.stats.samples import shares

JEFFREYS = BetaPrior(0.5, 0.5)


def known(found: BayesRates | Undefined) -> BayesRates:
    """The reading, which must exist."""
    assert isinstance(found, BayesRates)
    return found


def better(one: Sequence[int], other: Sequence[int]) -> float:
    """P(one > other) of two beta rates with whole parameters, as a finite sum of its terms.

    Miller (2015), Formulas for Bayesian A/B testing, equation 6.
    """
    (a, b), (c, d) = one, other
    return math.fsum(
        math.exp(betaln(c + i, d + b) - math.log(b + i) - betaln(1 + i, b) - betaln(c, d))
        for i in range(a)
    )


def test_the_probabilities_are_those_of_the_exact_sum() -> None:
    """Uniform prior, so that the parameters are counts plus 1; loss by its moment identity."""
    treatment, control = Share(30, 120), Share(19, 100)
    found = known(bayes_rates(treatment=treatment, control=control))
    one, other = (31, 91), (20, 82)
    assert found.treatment.probability_best == pytest.approx(better(one, other), rel=1e-12)
    assert found.control.probability_best == pytest.approx(better(other, one), rel=1e-11)
    loss = 20 / 102 * better((21, 82), one) - 31 / 122 * better(other, (32, 91))
    assert found.treatment.expected_loss == pytest.approx(loss, rel=1e-10)


def test_two_groups_alike_worked_by_hand() -> None:
    """Beta(1, 2) twice: the mean of the larger is 7/15, of each 1/3, so that 2/15 is lost."""
    found = known(bayes_rates(treatment=Share(0, 1), control=Share(0, 1)))
    assert found.treatment.probability_best == pytest.approx(0.5, rel=1e-14)
    assert found.treatment.expected_loss == pytest.approx(2 / 15, rel=1e-14)
    # Three of them: the mean of the largest is the integral of 1 - (1 - (1 - x)^2)^3, 19/35.
    best = best_rate([Share(0, 1)] * 3)
    assert best
    assert best[2].probability_best == pytest.approx(1 / 3)
    assert best[2].expected_loss == pytest.approx(19 / 35 - 1 / 3)


def test_jeffreys_prior_agrees_with_another_implementation() -> None:
    """Three of 12 against one of 10: R, integrate; its upper limit is good to nine digits."""
    found = known(bayes_rates(treatment=Share(3, 12), control=Share(1, 10), prior=JEFFREYS))
    assert found.treatment.probability_best == pytest.approx(0.814967692497, rel=1e-11)
    assert found.treatment.expected_loss == pytest.approx(0.0167853222194, rel=1e-11)
    assert found.control.expected_loss == pytest.approx(0.149652455087, rel=1e-11)
    assert found.mean == pytest.approx(0.132867132867, rel=1e-11)
    assert (found.low, found.high) == pytest.approx((-0.179136756996, 0.436990637064), rel=1e-8)


@pytest.mark.parametrize(
    ("treatment", "control"),
    [
        (Share(0, 10), Share(0, 10)),
        (Share(10, 10), Share(0, 3)),
        (Share(2, 7), Share(5_000, 10_000)),
        (Share(5, 100_000), Share(50, 100_000)),
    ],
)
def test_the_interval_leaves_half_the_rest_on_each_side(treatment: Share, control: Share) -> None:
    """Each tail by the midpoint rule over 200,000 quantiles of the treatment rate."""
    found = known(bayes_rates(treatment=treatment, control=control, prior=JEFFREYS))
    quantiles = (np.arange(200_000) + 0.5) / 200_000
    treated = beta.ppf(quantiles, treatment.events + 0.5, treatment.n - treatment.events + 0.5)
    of_control = beta(control.events + 0.5, control.n - control.events + 0.5)
    assert float(np.mean(of_control.sf(treated - found.low))) == pytest.approx(0.025, abs=1e-5)
    assert float(np.mean(of_control.cdf(treated - found.high))) == pytest.approx(0.025, abs=1e-5)


def test_one_rate_agrees_with_its_quantiles_worked_by_hand() -> None:
    """Nobody of 9, uniform prior: Beta(1, 10), whose quantile q is 1 - (1 - q)^(1/10)."""
    found = rate_interval(Share(0, 9))
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((1 - 0.975**0.1, 1 - 0.025**0.1))


def test_without_customers_nothing_was_learnt() -> None:
    empty, some = Share(0, 0), Share(1, 2)
    assert isinstance(bayes_rates(treatment=some, control=empty), Undefined)
    assert isinstance(best_rate([some, empty]), Undefined)
    assert isinstance(best_rate([some]), Undefined)
    assert isinstance(rate_interval(empty), Undefined)


def test_a_prior_that_weighs_nothing_beside_no_event_is_no_prior() -> None:
    nearly = BetaPrior(0.001, 0.001)
    none, some = Share(0, 50), Share(5, 50)
    assert isinstance(bayes_rates(treatment=some, control=none, prior=nearly), Undefined)
    assert isinstance(best_rate([none, some], prior=nearly), Undefined)
    assert isinstance(rate_interval(none, prior=nearly), Undefined)
    assert isinstance(bayes_rates(treatment=some, control=some, prior=nearly), BayesRates)
    with pytest.raises(BadInput, match="above zero"):
        BetaPrior(0.0, 1.0)


def test_each_group_may_have_a_prior_of_its_own() -> None:
    found = known(
        bayes_rates(
            treatment=Share(1, 2),
            control=Share(1, 2),
            prior=BetaPrior(2.0, 1.0),
            control_prior=BetaPrior(1.0, 3.0),
        )
    )
    assert found.mean == pytest.approx(3 / 5 - 2 / 6)


@settings(max_examples=10, deadline=None)
@given(treatment=shares, control=shares, weight=st.sampled_from([0.1, 0.5, 1.0, 3.0]))
def test_swapping_mirrors_and_the_losses_differ_by_the_mean(
    treatment: Share, control: Share, weight: float
) -> None:
    prior = BetaPrior(weight, weight)
    one = known(bayes_rates(treatment=treatment, control=control, prior=prior))
    other = known(bayes_rates(treatment=control, control=treatment, prior=prior))
    assert one.treatment == other.control
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    total = one.treatment.probability_best + one.control.probability_best
    assert total == pytest.approx(1, rel=1e-10)
    gained = one.control.expected_loss - one.treatment.expected_loss
    assert gained == pytest.approx(one.mean, abs=1e-12)
    assert one.low < one.mean < one.high
