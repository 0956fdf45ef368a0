"""Simultaneous comparisons against published tables and SciPy's multivariate distributions."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.errors import Undefined
from experiments.stats.dunnett import Dunnett, dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import limits, p_value, quantile

# Dunnett (1964), Biometrics 20:482-491, two-sided 5 per cent points for equal groups, for 1 to 9
# treatments.
PUBLISHED = {
    5: [2.57, 3.03, 3.29, 3.48, 3.62, 3.73, 3.82, 3.90, 3.97],
    10: [2.23, 2.57, 2.76, 2.89, 2.99, 3.07, 3.14, 3.19, 3.24],
    20: [2.09, 2.38, 2.54, 2.65, 2.73, 2.80, 2.86, 2.90, 2.95],
    60: [2.00, 2.27, 2.41, 2.51, 2.58, 2.64, 2.69, 2.73, 2.77],
    math.inf: [1.96, 2.21, 2.35, 2.44, 2.51, 2.57, 2.61, 2.65, 2.69],
}


def compared(statistic: float, *, df: float, loading: float, se: float = 1.0) -> Difference:
    """A comparison of which the control group makes up loading^2 of the squared error."""
    interval = limits(value=statistic * se, se=se, df=df)
    return Difference(
        value=statistic * se,
        se=se,
        df=df,
        statistic=statistic,
        p_value=p_value(statistic, df=df),
        low=interval.low,
        high=interval.high,
        control_variance=(loading * se) ** 2,
    )


def known(differences: Sequence[Difference], confidence: float = 0.95) -> Dunnett:
    """The comparisons, which must exist."""
    found = dunnett(differences, confidence=confidence)
    assert isinstance(found, Dunnett)
    return found


@pytest.mark.parametrize("df", PUBLISHED)
@pytest.mark.parametrize("treatments", range(1, 10))
def test_equal_groups_reproduce_the_published_table(df: float, treatments: int) -> None:
    found = known([compared(0, df=df, loading=math.sqrt(0.5))] * treatments)
    assert found.critical == pytest.approx(PUBLISHED[df][treatments - 1], abs=0.0051)


@pytest.mark.parametrize("loadings", [[0.9, 0.3, 0.6], [0.2, 0.95]])
def test_unequal_groups_agree_with_the_multivariate_normal(loadings: list[float]) -> None:
    """Second implementation: scipy.stats.multivariate_normal, quasi-random to about 1e-5."""
    found = known([compared(0, df=math.inf, loading=loading) for loading in loadings])
    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1)
    bounds = np.full(len(loadings), found.critical)
    inside = stats.multivariate_normal(cov=correlation, abseps=1e-8, releps=1e-8).cdf(
        bounds, lower_limit=-bounds, rng=np.random.default_rng(1)
    )
    assert inside == pytest.approx(0.95, abs=2e-5)


@pytest.mark.parametrize("df", [3, 12, 80])
def test_unequal_groups_agree_with_the_multivariate_t(df: int) -> None:
    """Second implementation: scipy.stats.multivariate_t, quasi-random to about 1e-4."""
    loadings = [0.8, 0.5, 0.7]
    found = known([compared(1.5, df=df, loading=loading) for loading in loadings])
    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1)
    frozen = stats.multivariate_t(shape=correlation, df=df, seed=np.random.default_rng(1))
    for bound, expected in ((found.critical, 0.95), (1.5, 1 - found.comparisons[0].p_value)):
        bounds = np.full(3, bound)
        inside = frozen.cdf(bounds, lower_limit=-bounds, maxpts=200_000)
        assert inside == pytest.approx(expected, abs=3e-4)


def test_independent_comparisons_have_the_sidak_value() -> None:
    """Sidak (1967): without a shared part, each at 0.95^(1/3)."""
    found = known([compared(2, df=math.inf, loading=0)] * 3)
    assert found.critical == pytest.approx(quantile((1 + 0.95 ** (1 / 3)) / 2), abs=1e-8)
    single = p_value(2)
    assert found.comparisons[0].p_value == pytest.approx(1 - (1 - single) ** 3, abs=1e-9)


def test_comparisons_that_share_all_their_error_are_one_comparison() -> None:
    found = known([compared(2, df=math.inf, loading=1)] * 3)
    assert found.critical == pytest.approx(quantile(0.975), abs=1e-6)


@pytest.mark.parametrize("df", [7.3, math.inf])
def test_a_single_comparison_keeps_its_t_interval(df: float) -> None:
    one = compared(1.7, df=df, loading=0.7, se=3.0)
    (found,) = known([one]).comparisons
    assert (found.low, found.high, found.p_value) == pytest.approx((one.low, one.high, one.p_value))


def test_the_smallest_degrees_of_freedom_hold_for_all() -> None:
    mixed = known([compared(1, df=5, loading=0.7), compared(1, df=50, loading=0.7)])
    assert mixed.df == 5
    assert mixed.critical == known([compared(1, df=5, loading=0.7)] * 2).critical


def test_nothing_to_compare_says_so() -> None:
    assert dunnett([]) == Undefined("there is no comparison")


@settings(max_examples=30, deadline=None)
@given(
    statistics=st.lists(st.floats(-6, 6), min_size=2, max_size=5),
    loadings=st.lists(st.floats(0, 0.99), min_size=5, max_size=5),
    df=st.sampled_from([2.0, 9.5, 200.0, math.inf]),
)
def test_together_is_between_alone_and_bonferroni(
    statistics: list[float], loadings: list[float], df: float
) -> None:
    comparisons = [
        compared(statistic, df=df, loading=loading)
        for statistic, loading in zip(statistics, loadings, strict=False)
    ]
    found = known(comparisons)
    count = len(comparisons)
    assert quantile(0.975, df=df) <= found.critical <= quantile(1 - 0.025 / count, df=df)
    for one, joint in zip(comparisons, found.comparisons, strict=True):
        assert one.p_value - 1e-12 <= joint.p_value <= min(1, count * one.p_value) + 1e-12
        assert joint.low <= one.low
        assert joint.high >= one.high
        # The interval and the p-value tell the same story.
        if abs(abs(one.statistic) - found.critical) > 1e-6:
            assert (joint.p_value < 0.05) == (joint.low > 0 or joint.high < 0)
    mirrored = known(
        [compared(-x.statistic, df=df, loading=math.sqrt(x.control_variance)) for x in comparisons]
    )
    for joint, other in zip(found.comparisons, mirrored.comparisons, strict=True):
        assert joint.p_value == pytest.approx(other.p_value)
        assert joint.low == pytest.approx(-other.high)
