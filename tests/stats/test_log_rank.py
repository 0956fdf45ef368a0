"""The log-rank family against published values, other implementations, and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.log_rank import (
    FlemingHarrington,
    LogRank,
    Weight,
    log_rank,
    stratified_log_rank,
)
from experiments.stats.survival import DayCounts
from tests.stats.test_survival import PLACEBO, TREATED, rows

# The treated without those who left within 9 weeks.
LATER = DayCounts(TREATED.times[3:], TREATED.lapsed[3:], TREATED.censored[3:])


def comparison(*groups: DayCounts, weight: Weight | FlemingHarrington = Weight.LOG_RANK) -> LogRank:
    """A test, which must exist."""
    found = log_rank(*groups, weight=weight)
    assert isinstance(found, LogRank)
    return found


@pytest.mark.parametrize(
    ("weight", "chi_square"),
    [
        (Weight.LOG_RANK, 16.793),
        (Weight.GEHAN, 13.458),
        (Weight.TARONE_WARE, 15.124),
        (Weight.PRENTICE, 14.084),
    ],
)
def test_weights_agree_with_the_textbook(weight: Weight, chi_square: float) -> None:
    """Kleinbaum and Klein (2012), Survival Analysis, chapter 2, remission data.

    Their Peto test has Prentice's weight. The last digits are those of lifelines 0.30.3.
    """
    assert comparison(TREATED, PLACEBO, weight=weight).statistic == pytest.approx(
        chi_square, abs=6e-4
    )


@pytest.mark.parametrize(
    ("rho", "gamma", "chi_square"),
    [(1, 0, 14.457150818717), (3, 1, 9.422550906768), (1, 3, 10.910003384284)],
)
def test_fleming_and_harrington_agree_with_another_implementation(
    rho: float, gamma: float, chi_square: float
) -> None:
    """Lifelines 0.30.3, logrank_test."""
    found = comparison(TREATED, PLACEBO, weight=FlemingHarrington(rho=rho, gamma=gamma))
    assert found.statistic == pytest.approx(chi_square, rel=1e-10)


def test_expected_lapses_agree_with_the_textbook() -> None:
    """Kleinbaum and Klein (2012): 9 and 21 observed, 19.25 and 10.75 expected."""
    found = comparison(TREATED, PLACEBO)
    assert found.observed == (9.0, 21.0)
    assert found.expected == pytest.approx((19.25, 10.75), abs=5e-3)
    assert found.df == 1
    assert found.p_value == pytest.approx(4.16880910933e-05, rel=1e-9)


def test_three_groups_and_strata_agree_with_another_implementation() -> None:
    """Statsmodels 0.15.0, survdiff, without and with strata."""
    three = comparison(TREATED, PLACEBO, LATER)
    assert three.df == 2
    assert three.statistic == pytest.approx(32.08083315964831, rel=1e-10)
    strata = stratified_log_rank([[TREATED, PLACEBO], [PLACEBO, LATER]])
    assert isinstance(strata, LogRank)
    assert strata.statistic == pytest.approx(0.04097377662927, rel=1e-8)


def test_peto_and_peto_weigh_by_the_survival_just_before() -> None:
    assert comparison(TREATED, PLACEBO, weight=Weight.PETO_PETO) == comparison(
        TREATED, PLACEBO, weight=FlemingHarrington(rho=1)
    )


def test_a_group_nobody_of_which_is_followed_is_not_counted() -> None:
    with_empty = comparison(TREATED, PLACEBO, DayCounts.of([], []))
    assert with_empty.df == 1
    assert with_empty.statistic == pytest.approx(comparison(TREATED, PLACEBO).statistic)


def test_one_customer_beside_millions_is_told_apart() -> None:
    """By hand for two groups: (1 - p)^2 / (p (1 - p)) at the only time both are followed."""
    many = DayCounts((1.0,), (1_000_000,), (9_000_000,))
    found = comparison(many, DayCounts((1.0,), (1,), (0,)), many)
    assert found.df == 2
    assert found.statistic == pytest.approx(9.0, rel=1e-4)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([TREATED], "fewer than two"),
        ([DayCounts.of([], [])] * 2, "nobody lapsed"),
        ([DayCounts.of([3, 4], [False, False])] * 2, "nobody lapsed"),
        ([DayCounts.of([4], [True])] * 2, "nobody lapsed while"),
        ([TREATED, DayCounts.of([1], [False])], "nobody lapsed while"),
    ],
)
def test_what_cannot_be_compared_says_why(groups: list[DayCounts], reason: str) -> None:
    found = log_rank(*groups)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(rows, rows, st.sampled_from(Weight))
def test_the_order_of_groups_and_the_unit_of_time_do_not_matter(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], weight: Weight
) -> None:
    first, second = DayCounts.from_rows(one), DayCounts.from_rows(other)
    found = log_rank(first, second, weight=weight)
    if isinstance(found, Undefined):
        assert isinstance(log_rank(second, first, weight=weight), Undefined)
        return
    assert comparison(second, first, weight=weight).statistic == pytest.approx(found.statistic)
    hours = DayCounts(tuple(24 * time for time in first.times), first.lapsed, first.censored)
    later = DayCounts(tuple(24 * time for time in second.times), second.lapsed, second.censored)
    assert comparison(hours, later, weight=weight) == found
    assert sum(found.observed) == pytest.approx(sum(found.expected))
