"""Crossing probabilities against simulated paths and SciPy's multivariate normal."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.stats.crossing import Going, crossings

FRACTIONS = [0.2, 0.45, 0.5, 1.1]
LOWER = [-1.0, -0.5, -math.inf, 0.2]
UPPER = [3.0, 2.5, 2.6, 1.9]


@pytest.mark.parametrize("drift", [0.0, 2.5, -1.5])
def test_crossings_agree_with_simulated_paths(drift: float) -> None:
    """Second implementation: 200,000 Brownian paths; five standard errors."""
    steps = np.diff([0.0, *FRACTIONS])
    rng = np.random.default_rng(3)
    sums = np.cumsum(drift * steps + rng.normal(size=(200_000, 4)) * np.sqrt(steps), axis=1)
    z = sums / np.sqrt(FRACTIONS)
    found = crossings(fractions=FRACTIONS, lower=LOWER, upper=UPPER, drift=drift)
    going = np.ones(len(z), dtype=bool)
    for look in range(4):
        above, below = z[:, look] > UPPER[look], z[:, look] < LOWER[look]
        for exits, probability in ((above, found.above[look]), (below, found.below[look])):
            error = math.sqrt(max(probability, 1e-5) / len(z))
            assert np.mean(going & exits) == pytest.approx(probability, abs=5 * error)
        going &= ~(above | below)


def test_crossings_agree_with_the_multivariate_normal() -> None:
    """Second implementation: scipy.stats.multivariate_normal, quasi-random to about 1e-6."""
    bounds = np.array([2.5, 2.2, 2.1])
    fractions = np.array([0.3, 0.6, 1.0])
    matrix = np.sqrt(
        np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions)
    )
    inside = stats.multivariate_normal(
        mean=1.3 * np.sqrt(fractions), cov=matrix, abseps=1e-8, releps=1e-8
    ).cdf(bounds, lower_limit=-bounds, rng=np.random.default_rng(1))
    found = crossings(
        fractions=fractions.tolist(), lower=(-bounds).tolist(), upper=bounds.tolist(), drift=1.3
    )
    assert 1 - sum(found.above) - sum(found.below) == pytest.approx(inside, abs=2e-6)


def test_reversing_all_signs_exchanges_the_boundaries() -> None:
    one = crossings(fractions=FRACTIONS, lower=LOWER, upper=UPPER, drift=0.7)
    other = crossings(
        fractions=FRACTIONS,
        lower=[-bound for bound in UPPER],
        upper=[-bound for bound in LOWER],
        drift=-0.7,
    )
    assert other.above == pytest.approx(one.below, rel=1e-11)
    assert other.below == pytest.approx(one.above, rel=1e-11)


def test_a_drift_that_carries_all_trials_away_leaves_none() -> None:
    found = crossings(fractions=[0.5, 1.0], lower=[-2.0, -2.0], upper=[2.0, 2.0], drift=100.0)
    assert found.above == pytest.approx((1.0, 0.0), abs=0)
    assert found.below[1] == 0.0


def test_information_counts_only_by_its_shares() -> None:
    """Ten times the information and a drift over its root are the same trials."""
    one = crossings(fractions=FRACTIONS, lower=LOWER, upper=UPPER, drift=2.0)
    tenfold = [10 * fraction for fraction in FRACTIONS]
    same = crossings(fractions=tenfold, lower=LOWER, upper=UPPER, drift=2.0 / math.sqrt(10))
    assert same.above == pytest.approx(one.above, rel=1e-11)


def test_no_bound_is_exceeded_by_more_trials_than_there_are() -> None:
    going = Going.start().onward(0.5, low=-1.0, high=1.0, following=1.0)
    assert going.upper_bound(1.0, 0.9) == -math.inf
    assert going.upper_bound(1.0, 0.0) == math.inf
    bound = going.upper_bound(1.0, 0.3)
    assert going.above(1.0, bound) == pytest.approx(0.3, rel=1e-10)
