"""The joint test of movements before the program."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.moments import Floats, Moments
from experiments.stats.pre_trend import PreTrend, pre_trend_test

NAMES = ("a", "b", "c", "d")


def known(found: PreTrend | Undefined) -> PreTrend:
    """The test, which must exist."""
    assert isinstance(found, PreTrend)
    return found


def _walks(rng: np.random.Generator, n: int, *, drift: float = 0.0, spread: float = 1.0) -> Floats:
    steps = rng.normal(drift, spread, (n, 4))
    return np.asarray(np.cumsum(steps, axis=1) + rng.normal(0, 5, (n, 1)))


def _test(treatment: Floats, control: Floats) -> PreTrend | Undefined:
    groups = [
        Moments.of(**dict(zip(NAMES, values.T, strict=True))) for values in (treatment, control)
    ]
    return pre_trend_test(treatment=groups[0], control=groups[1], periods=NAMES)


def test_it_is_hotellings_statistic_with_krishnamoorthy_and_yus_degrees_of_freedom() -> None:
    """Second implementation: the matrices of their section 2, written out."""
    rng = np.random.default_rng(1)
    one, other = _walks(rng, 15), _walks(rng, 25, spread=3.0)
    moves = [values[:, :3] - values[:, 3:] for values in (one, other)]
    parts = [np.cov(values.T) / len(values) for values in moves]
    inverse = np.linalg.inv(parts[0] + parts[1])
    gap = moves[0].mean(axis=0) - moves[1].mean(axis=0)
    nu = 12 / sum(
        (np.trace(part @ inverse @ part @ inverse) + np.trace(part @ inverse) ** 2) / df
        for part, df in zip(parts, (14, 24), strict=True)
    )
    found = known(_test(one, other))
    assert found.gaps == pytest.approx(gap)
    assert found.ses == pytest.approx(np.sqrt(np.diag(parts[0] + parts[1])))
    assert found.statistic == pytest.approx(float(gap @ inverse @ gap))
    assert found.df == 3
    assert found.df_residual == pytest.approx(nu - 2)


def test_equal_groups_give_hotellings_exact_degrees_of_freedom_at_most() -> None:
    """Anderson (2003), section 5.3: n_t + n_c - 2 for one covariance; here never more."""
    rng = np.random.default_rng(2)
    found = known(_test(_walks(rng, 20), _walks(rng, 20)))
    assert 19 - 2 <= found.df_residual <= 38 - 2


def test_groups_that_move_alike_are_rarely_told_apart() -> None:
    """1,500 draws of groups of 12 and 24 with unequal spread: 5 % nominal, 3.3 to 6.7 allowed."""
    rng = np.random.default_rng(3)
    found = [
        known(_test(_walks(rng, 12, spread=3.0), _walks(rng, 24))).p_value for _ in range(1_500)
    ]
    assert 0.033 < np.mean(np.array(found) < 0.05) < 0.067


def test_groups_that_moved_apart_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    assert known(_test(_walks(rng, 50, drift=1.0), _walks(rng, 50))).p_value < 0.001


def test_swapping_flips_the_gaps_and_no_unit_matters() -> None:
    rng = np.random.default_rng(5)
    one, other = _walks(rng, 10), _walks(rng, 20)
    found, swapped = known(_test(one, other)), known(_test(100 * other, 100 * one))
    assert swapped.gaps == pytest.approx([-100 * gap for gap in found.gaps])
    assert swapped.p_value == pytest.approx(found.p_value)


def test_the_last_period_is_only_a_reference() -> None:
    """The statistic is the same for the same periods in another order."""
    rng = np.random.default_rng(6)
    one, other = _walks(rng, 10), _walks(rng, 20)
    turned = _test(one[:, ::-1], other[:, ::-1])
    assert known(turned).p_value == pytest.approx(known(_test(one, other)).p_value)


def test_what_cannot_be_tested_says_why() -> None:
    two = Moments.of(a=[1.0, 2.0, 4.0], b=[1.0, 3.0, 2.0])
    few = pre_trend_test(treatment=two, control=two, periods=["a", "b"])
    assert few == Undefined("2 periods before are too few; the test needs 3")
    rng = np.random.default_rng(7)
    for treatment, reason in (
        (_walks(rng, 0), "fewer than 2"),
        (_walks(rng, 1), "fewer than 2"),
        (_walks(rng, 2), "too small"),
    ):
        found = _test(treatment, _walks(rng, 3))
        assert isinstance(found, Undefined)
        assert reason in found.reason
    still = np.ones((5, 4))
    assert _test(still, still) == Undefined("within each group all customers moved alike")


def test_periods_that_say_the_same_count_once() -> None:
    rng = np.random.default_rng(8)
    one, other = _walks(rng, 10), _walks(rng, 20)
    one[:, 1], other[:, 1] = one[:, 0], other[:, 0]
    found = known(_test(one, other))
    assert found.df == 2
    assert len(found.gaps) == 3
