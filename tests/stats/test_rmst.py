"""Restricted means by hand, at their edges, and by property."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Difference
from experiments.stats.rmst import (
    RestrictedMean,
    RestrictedMeans,
    TimeRatio,
    compare_restricted_means,
    restricted_mean,
)
from experiments.stats.survival import DayCounts
from tests.stats.test_survival import PLACEBO, TREATED, rows


def compared(treatment: DayCounts, control: DayCounts, horizon: float) -> RestrictedMeans:
    """A comparison, which must exist."""
    found = compare_restricted_means(treatment=treatment, control=control, horizon=horizon)
    assert isinstance(found, RestrictedMeans)
    return found


def test_area_and_variance_agree_with_both_worked_by_hand() -> None:
    """Lapses at 1 and 3, censored at 2 and 4: S = 3/4 from 1 and 3/8 from 3, horizon 4.

    Area 1 + 2 x 3/4 + 3/8 = 2.875; variance (1.875^2) / (4 x 3) + (0.375^2) / (2 x 1).
    """
    found = restricted_mean(DayCounts.of([1, 2, 3, 4], [1, 0, 1, 0]), horizon=4)
    assert isinstance(found, RestrictedMean)
    assert found.time == pytest.approx(2.875)
    assert found.variance == pytest.approx(1.875**2 / 12 + 0.375**2 / 2)


def test_without_censoring_it_is_the_mean_of_the_times_cut_at_the_horizon() -> None:
    """The mean of the placebo's weeks is 182 / 21, their variance with n in the denominator."""
    found = restricted_mean(PLACEBO, horizon=23)
    assert isinstance(found, RestrictedMean)
    times = [
        time
        for time, lapsed in zip(PLACEBO.times, PLACEBO.lapsed, strict=True)
        for _ in range(lapsed)
    ]
    mean = sum(times) / 21
    assert found.time == pytest.approx(mean)
    assert found.variance == pytest.approx(sum((time - mean) ** 2 for time in times) / 21**2)


def test_the_difference_is_tested_by_the_normal_distribution() -> None:
    found = compared(TREATED, PLACEBO, 23)
    assert isinstance(found.difference, Difference)
    assert isinstance(found.ratio, TimeRatio)
    assert found.difference.value == pytest.approx(found.treatment.time - found.control.time)
    assert found.difference.se == pytest.approx(
        math.sqrt(found.treatment.variance + found.control.variance)
    )
    assert math.isinf(found.difference.df)
    assert found.ratio.low < found.ratio.value < found.ratio.high
    # The limits are as far from the ratio on the logarithm.
    assert found.ratio.low * found.ratio.high == pytest.approx(found.ratio.value**2)


@pytest.mark.parametrize(
    ("counts", "horizon", "reason"),
    [
        (DayCounts.of([], []), 3.0, "no customer"),
        (TREATED, 0.0, "not above zero"),
        (TREATED, 36.0, "longer than 35"),
    ],
)
def test_what_has_no_restricted_mean_says_why(
    counts: DayCounts, horizon: float, reason: str
) -> None:
    found = restricted_mean(counts, horizon=horizon)
    assert isinstance(found, Undefined)
    assert reason in found.reason
    for treatment, control in ((counts, PLACEBO), (PLACEBO, counts)):
        both = compare_restricted_means(treatment=treatment, control=control, horizon=horizon)
        assert isinstance(both, Undefined)
        assert reason in both.reason


def test_after_everybody_lapsed_the_horizon_may_be_any() -> None:
    found, later = restricted_mean(PLACEBO, horizon=23), restricted_mean(PLACEBO, horizon=100)
    assert isinstance(found, RestrictedMean)
    assert isinstance(later, RestrictedMean)
    assert (later.time, later.variance) == pytest.approx((found.time, found.variance))


def test_customers_who_lapse_all_at_once_have_no_standard_error() -> None:
    one = DayCounts.of([4], [True])
    found = compared(one, one, 5)
    assert isinstance(found.treatment.se, Undefined)
    assert isinstance(found.difference, Undefined)
    assert isinstance(found.ratio, Undefined)
    at_once = compared(DayCounts.of([0, 0], [1, 1]), DayCounts.of([1, 2], [1, 1]), 2)
    assert isinstance(at_once.difference, Difference)
    assert isinstance(at_once.ratio, Undefined)


@given(rows, rows, st.integers(1, 12))
def test_swapped_groups_turn_the_sign_and_hours_keep_the_p_value(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], horizon: int
) -> None:
    first, second = DayCounts.from_rows(one), DayCounts.from_rows(other)
    found = compare_restricted_means(treatment=first, control=second, horizon=horizon)
    assume(isinstance(found, RestrictedMeans) and isinstance(found.difference, Difference))
    assert isinstance(found, RestrictedMeans)
    assert isinstance(found.difference, Difference)
    swapped = compared(second, first, horizon)
    assert isinstance(swapped.difference, Difference)
    assert swapped.difference.value == pytest.approx(-found.difference.value)
    assert swapped.difference.p_value == pytest.approx(found.difference.p_value)
    hours = [
        DayCounts(tuple(24 * time for time in group.times), group.lapsed, group.censored)
        for group in (first, second)
    ]
    scaled = compared(hours[0], hours[1], 24 * horizon)
    assert isinstance(scaled.difference, Difference)
    assert scaled.difference.value == pytest.approx(24 * found.difference.value)
    assert scaled.difference.p_value == pytest.approx(found.difference.p_value)
