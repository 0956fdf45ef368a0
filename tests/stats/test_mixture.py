"""Time-uniform boundaries against the authors' own values, by hand and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import beta, binom

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.mixture import (
    beta_binomial_boundary,
    beta_binomial_log_mixture,
    mixture_tuning,
    normal_boundary,
    normal_log_mixture,
    prior_weight,
    rate_sequence,
    stitched_boundary,
    stitched_interval,
)
from experiments.stats.spending import Sided

# Published: unit tests of confseq (Howard et al. 2021), values of the authors' R implementation.
NORMAL: dict[Sided, tuple[float, float]] = {2: (-0.6510052, 30.35209), 1: (-0.06502391, 27.66071)}
BETA_BINOMIAL: dict[Sided, tuple[float, float]] = {
    2: (-0.6941012, 31.4308),
    1: (-0.07134019, 28.41238),
}


@pytest.mark.parametrize("sided", [1, 2])
def test_normal_mixtures_reproduce_the_authors(sided: Sided) -> None:
    rho = mixture_tuning(time=100, alpha=0.05, sided=sided)
    found = (
        normal_log_mixture(10, time=100, rho=rho, sided=sided),
        normal_boundary(time=100, rho=rho, alpha=0.05, sided=sided),
    )
    assert found == pytest.approx(NORMAL[sided], abs=1e-5)


@pytest.mark.parametrize("sided", [1, 2])
def test_beta_binomial_mixtures_reproduce_the_authors(sided: Sided) -> None:
    weight = prior_weight(time=100, alpha=0.05, below=0.2, above=0.8, sided=sided)
    now = {"time": 100, "weight": weight, "below": 0.2, "above": 0.8}
    found = (
        beta_binomial_log_mixture(10, sided=sided, **now),
        beta_binomial_boundary(alpha=0.05, sided=sided, **now),
    )
    assert found == pytest.approx(BETA_BINOMIAL[sided], abs=1e-5)


def test_after_two_observations_no_sum_is_ruled_out() -> None:
    """Published by the same authors: the largest possible sum, 1.6."""
    weight = prior_weight(time=100, alpha=0.05, below=0.2, above=0.8, sided=1)
    found = beta_binomial_boundary(
        time=2 * 0.16, weight=weight, alpha=0.05, below=0.2, above=0.8, sided=1
    )
    assert found == pytest.approx(1.6)


@pytest.mark.parametrize(("scale", "published"), [(3.0, 64.48755), (-1.0, 28.99389)])
def test_stitched_boundaries_reproduce_the_authors(scale: float, published: float) -> None:
    found = stitched_boundary(time=100, alpha=0.05, first_time=10, scale=scale)
    assert found == pytest.approx(published, abs=1e-5)


@pytest.mark.parametrize(
    ("successes", "n", "tuned_n", "low", "high"),
    [
        (700, 1000, 100, 0.651629, 0.745949),
        (15, 50, 50, 0.129556, 0.511896),
        (5, 50, 50, 0.013021, 0.269264),
        (1, 50, 50, 0.0, 0.13489),
        (1, 2, 50, 0.0, 1.0),
        (100, 200, 1, 0.328923, 0.671076),
        (0, 1, 50, 0.0, 1.0),
        (1, 1, 50, 0.0, 1.0),
    ],
)
def test_rates_reproduce_the_authors(
    successes: int, n: int, tuned_n: float, low: float, high: float
) -> None:
    found = rate_sequence(successes=successes, n=n, tuned_n=tuned_n)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize("sided", [1, 2])
def test_the_beta_mixture_is_the_average_over_rates(sided: Sided) -> None:
    """By quadrature, 12 of 20 against a rate of 0.4 from Beta(2, 3)."""
    start = 0.4 if sided == 1 else 0.0
    average, _ = integrate.quad(
        lambda rate: binom.pmf(12, 20, rate) / binom.pmf(12, 20, 0.4) * beta.pdf(rate, 2, 3),
        start,
        1,
        epsabs=1e-12,
    )
    average /= beta.sf(start, 2, 3)
    found = beta_binomial_log_mixture(
        12 - 20 * 0.4, time=20 * 0.24, weight=5, below=0.4, above=0.6, sided=sided
    )
    assert found == pytest.approx(math.log(average), rel=1e-9)


def test_sums_seldom_leave_the_boundaries_at_any_time() -> None:
    """1,000 random walks of 2,000 fair steps; four standard errors."""
    rng = np.random.default_rng(9)
    sums = np.cumsum(rng.choice([-1.0, 1.0], size=(1000, 2000)), axis=1)
    rho = mixture_tuning(time=500, alpha=0.05)
    times = range(1, 2001)
    mixture = [normal_boundary(time=time, rho=rho, alpha=0.05) for time in times]
    stitched = [stitched_boundary(time=time, alpha=0.025, first_time=50) for time in times]
    for bounds in (mixture, stitched):
        left = np.mean((np.abs(sums) >= np.array(bounds)).any(axis=1))
        assert left <= 0.05 + 4 * math.sqrt(0.05 / 1000)


@given(n=st.integers(1, 500), share=st.floats(0, 1), alpha=st.sampled_from([0.2, 0.05, 1e-4]))
def test_a_rate_sequence_holds_the_rate_and_mirrors_with_it(
    n: int, share: float, alpha: float
) -> None:
    successes = round(n * share)
    one = rate_sequence(successes=successes, n=n, tuned_n=100, alpha=alpha)
    other = rate_sequence(successes=n - successes, n=n, tuned_n=100, alpha=alpha)
    assert isinstance(one, Interval)
    assert isinstance(other, Interval)
    assert one.low <= successes / n <= one.high
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@given(mean=st.floats(0, 1), n=st.integers(1, 10**6), scale=st.floats(0.1, 100))
def test_a_stitched_interval_scales_with_the_currency(mean: float, n: int, scale: float) -> None:
    one = stitched_interval(mean=mean, n=n, low=0, high=1)
    scaled = stitched_interval(mean=min(mean * scale, scale), n=n, low=0, high=scale)
    assert isinstance(one, Interval)
    assert isinstance(scaled, Interval)
    assert (scaled.low, scaled.high) == pytest.approx((one.low * scale, one.high * scale))
    assert 0 <= one.low <= mean <= one.high <= 1


def test_what_is_out_of_range_says_why() -> None:
    nothing = [
        normal_boundary(time=-1, rho=1, alpha=0.05),
        normal_boundary(time=1, rho=1, alpha=0.6, sided=1),
        stitched_boundary(time=1, alpha=0.05, first_time=0),
        stitched_boundary(time=math.inf, alpha=0.05, first_time=1),
        stitched_boundary(time=1, alpha=0.05, first_time=1, growth=1.0),
        stitched_interval(mean=2.0, n=10, low=0, high=1),
        stitched_interval(mean=0.5, n=0, low=0, high=1),
        stitched_interval(mean=0.5, n=10, low=0, high=1, alpha=0),
        beta_binomial_boundary(time=0, weight=1, alpha=0.05, below=0.5, above=0.5),
        rate_sequence(successes=0, n=0, tuned_n=10),
        rate_sequence(successes=3, n=2, tuned_n=10),
        rate_sequence(successes=1, n=2, tuned_n=0),
        rate_sequence(successes=1, n=2, tuned_n=10, alpha=1.0),
    ]
    assert [isinstance(found, Undefined) for found in nothing] == [True] * len(nothing)
