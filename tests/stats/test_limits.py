"""Quantiles, tails and degrees of freedom against tables and SciPy's own distributions."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.stats.estimate import Alternative
from experiments.stats.limits import (
    limits,
    p_value,
    quantile,
    satterthwaite,
    satterthwaites,
    upper_tail,
)


@pytest.mark.parametrize("df", [1.0, 2.5, 17.7764735162, 300.0, 40_000.5, 1e6])
@pytest.mark.parametrize("probability", [0.005, 0.6, 0.975, 0.9999])
def test_quantiles_agree_with_the_t_distribution(df: float, probability: float) -> None:
    """Second implementation: scipy.stats.t."""
    assert quantile(probability, df=df) == pytest.approx(stats.t.ppf(probability, df), rel=1e-9)


def test_infinite_degrees_of_freedom_are_the_normal_distribution() -> None:
    """Normal table: 2.5758 leaves half a per cent on each side."""
    assert quantile(0.995) == pytest.approx(2.5758293, abs=5e-8)
    assert upper_tail(2.5758293) == pytest.approx(0.005, abs=1e-9)


def test_a_far_tail_keeps_its_digits() -> None:
    """Second implementation: scipy.stats.t."""
    assert upper_tail(22.6, df=40_598.0) == pytest.approx(stats.t.sf(22.6, 40_598.0), rel=1e-8)


def test_the_two_sided_p_value_is_twice_the_smaller_side() -> None:
    greater = p_value(1.3, df=7, alternative=Alternative.GREATER)
    less = p_value(1.3, df=7, alternative=Alternative.LESS)
    assert greater + less == pytest.approx(1)
    assert p_value(1.3, df=7) == pytest.approx(2 * greater)
    assert p_value(0.0, df=7) == 1


def test_a_one_sided_interval_is_open_on_the_other_side() -> None:
    greater = limits(value=1.0, se=1.0, alternative=Alternative.GREATER)
    less = limits(value=1.0, se=1.0, alternative=Alternative.LESS)
    assert greater.low == pytest.approx(1 - 1.6448536)
    assert math.isinf(greater.high)
    assert math.isinf(less.low)
    assert less.high == pytest.approx(1 + 1.6448536)


def test_equal_variances_add_their_degrees_of_freedom_and_one_alone_keeps_its_own() -> None:
    assert satterthwaite([(3.0, 5.0), (3.0, 5.0)]) == pytest.approx(10)
    assert satterthwaite([(3.0, 5.0), (0.0, 50.0)]) == pytest.approx(5)


def test_one_number_is_rounded_as_an_array_of_them() -> None:
    drawn = np.random.default_rng(7).uniform(0.1, 9, (2, 20_000))
    together = satterthwaites([(drawn[0], np.asarray(9.0)), (drawn[1], np.asarray(14.0))])
    alone = [satterthwaite([(one, 9.0), (other, 14.0)]) for one, other in drawn.T.tolist()]
    assert together.tolist() == alone
