"""Differences of rates against published tables and by hand."""

import math

import pytest
from hypothesis import given

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Difference, Interval
from experiments.stats.rates import (
    Share,
    ZTest,
    newcombe,
    pooled_z,
    pooled_z_test,
    rate_difference,
    wilson,
)
from tests.stats.samples import shares

# Newcombe (1998), Statistics in Medicine 17:873-890, table II, rows a to h, method 10.
NEWCOMBE = [
    (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
    (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
    (Share(6, 7), Share(2, 7), 0.0582, 0.8062),
    (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
    (Share(0, 10), Share(0, 20), -0.1611, 0.2775),
    (Share(0, 10), Share(0, 10), -0.2775, 0.2775),
    (Share(10, 10), Share(0, 20), 0.6791, 1.0),
    (Share(10, 10), Share(0, 10), 0.6075, 1.0),
]


@pytest.mark.parametrize(("treatment", "control", "low", "high"), NEWCOMBE)
def test_newcombe_reproduces_the_published_table(
    treatment: Share, control: Share, low: float, high: float
) -> None:
    found = newcombe(treatment=treatment, control=control)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_the_z_test_agrees_with_its_formula_worked_by_hand() -> None:
    """30/100 against 20/100: pooled 0.25, so z = 0.1 / sqrt(0.1875 x 0.02) = 1.63299.

    Wald: 0.1 -/+ 1.959964 x sqrt(0.0021 + 0.0016), that is -0.01922 to 0.21922.
    """
    found = pooled_z(treatment=Share(30, 100), control=Share(20, 100))
    assert isinstance(found, Difference)
    assert found.statistic == pytest.approx(1.632993, abs=5e-7)
    assert found.p_value == pytest.approx(0.102470, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((-0.019220, 0.219220), abs=5e-7)
    assert found.control_variance == pytest.approx(0.0016)
    assert math.isinf(found.df)


def test_a_one_sided_z_test_halves_the_p_value_and_opens_the_interval() -> None:
    found = pooled_z(
        treatment=Share(30, 100), control=Share(20, 100), alternative=Alternative.GREATER
    )
    assert isinstance(found, Difference)
    assert found.p_value == pytest.approx(0.102470 / 2, abs=5e-7)
    assert math.isinf(found.high)


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        (Share(0, 0), Share(1, 2), "treatment group has no customer"),
        (Share(1, 2), Share(0, 0), "control group has no customer"),
        (Share(0, 50), Share(0, 60), "nobody"),
        (Share(50, 50), Share(60, 60), "everybody"),
        (Share(50, 50), Share(0, 60), "Wald interval would have no width"),
    ],
)
def test_a_z_test_without_variation_says_why(treatment: Share, control: Share, reason: str) -> None:
    found = pooled_z(treatment=treatment, control=control)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_all_against_none_is_tested_though_it_has_no_wald_interval() -> None:
    """By hand: 10/10 against 0/10, pooled 0.5, so z = 1 / sqrt(0.25 x 0.2) = sqrt(20)."""
    found = pooled_z_test(treatment=Share(10, 10), control=Share(0, 10))
    assert isinstance(found, ZTest)
    assert found.statistic == pytest.approx(math.sqrt(20))


def test_wilson_touches_zero_and_one_exactly_and_needs_a_customer() -> None:
    """Upper limit for 0 of 10: z^2 / (10 + z^2) = 0.27753."""
    none, every = wilson(Share(0, 10)), wilson(Share(10, 10))
    assert isinstance(none, Interval)
    assert isinstance(every, Interval)
    assert (none.low, every.high) == (0, 1)
    assert none.high == pytest.approx(0.27753, abs=5e-6)
    assert every.low == pytest.approx(1 - none.high)
    assert isinstance(wilson(Share(0, 0)), Undefined)
    assert isinstance(newcombe(treatment=Share(0, 0), control=Share(0, 1)), Undefined)


@pytest.mark.parametrize(("events", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_a_share_of_more_than_all_customers_is_refused(events: int, n: int) -> None:
    with pytest.raises(BadInput, match="not a share"):
        Share(events, n)


def test_equal_rates_differ_by_exactly_zero() -> None:
    assert rate_difference(treatment=Share(1, 3), control=Share(10, 30)) == 0
    assert isinstance(rate_difference(treatment=Share(0, 0), control=Share(1, 2)), Undefined)
    assert isinstance(Share(0, 0).rate, Undefined)


@given(treatment=shares, control=shares)
def test_swapping_the_groups_flips_both_intervals(treatment: Share, control: Share) -> None:
    one = newcombe(treatment=treatment, control=control)
    other = newcombe(treatment=control, control=treatment)
    assert isinstance(one, Interval)
    assert isinstance(other, Interval)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    tested = pooled_z(treatment=treatment, control=control)
    reversed_ = pooled_z(treatment=control, control=treatment)
    if isinstance(tested, Difference) and isinstance(reversed_, Difference):
        assert tested.statistic == pytest.approx(-reversed_.statistic)
        assert tested.p_value == pytest.approx(reversed_.p_value)
    else:
        assert isinstance(tested, Undefined)
        assert isinstance(reversed_, Undefined)


@given(treatment=shares, control=shares)
def test_newcombe_holds_the_difference_and_stays_possible(treatment: Share, control: Share) -> None:
    found = newcombe(treatment=treatment, control=control)
    assert isinstance(found, Interval)
    gap = treatment.events / treatment.n - control.events / control.n
    assert -1 <= found.low <= gap + 1e-12
    assert gap - 1e-12 <= found.high <= 1
    assert found.low < found.high
