"""Survival against the leukaemia remissions of Freireich et al., at its edges, and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.survival import (
    DayCounts,
    IntervalScale,
    SurvivalCurve,
    SurvivalPoint,
    TimeReached,
    kaplan_meier,
)

# Weeks of remission, Freireich et al. (1963), Blood 21:699-716; 0 is still in remission.
TREATED = DayCounts.of(
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PLACEBO = DayCounts.of(
    [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21
)

rows = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12
)


def curve(counts: DayCounts, scale: IntervalScale = IntervalScale.LOG) -> SurvivalCurve:
    """A curve, which must exist."""
    found = kaplan_meier(counts, scale=scale)
    assert isinstance(found, SurvivalCurve)
    return found


def point(counts: DayCounts, time: float, scale: IntervalScale) -> SurvivalPoint:
    """A point of a curve, which must exist."""
    found = curve(counts, scale).at(time)
    assert isinstance(found, SurvivalPoint)
    return found


@pytest.mark.parametrize(
    ("time", "at_risk", "shares"),
    [
        (6, 21, (0.857, 0.0764, 0.720, 1.000)),
        (7, 17, (0.807, 0.0869, 0.653, 0.996)),
        (10, 15, (0.753, 0.0963, 0.586, 0.968)),
        (13, 12, (0.690, 0.1068, 0.510, 0.935)),
        (16, 11, (0.627, 0.1141, 0.439, 0.896)),
        (22, 7, (0.538, 0.1282, 0.337, 0.858)),
        (23, 6, (0.448, 0.1346, 0.249, 0.807)),
    ],
)
def test_the_curve_agrees_with_r(
    time: float, at_risk: int, shares: tuple[float, float, float, float]
) -> None:
    """What R's summary(survfit(Surv(time, status) ~ 1)) prints for the treated."""
    found = point(TREATED, time, IntervalScale.LOG)
    assert isinstance(found.interval, Interval)
    survival, se, low, high = shares
    assert found.at_risk == at_risk
    assert (found.survival, found.interval.low, found.interval.high) == pytest.approx(
        (survival, low, high), abs=5e-4
    )
    assert found.se == pytest.approx(se, abs=5e-5)


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [(IntervalScale.PLAIN, 0.707479, 1.0), (IntervalScale.LOG_LOG, 0.619718, 0.951552)],
)
def test_intervals_have_a_scale(scale: IntervalScale, low: float, high: float) -> None:
    """By hand: 18/21, Greenwood 3/(21 x 18); plain is cut at 1."""
    found = point(TREATED, 6, scale).interval
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_medians_agree_with_r() -> None:
    """R prints 23 [16, NA] for the treated and 8 [4, 12] for the placebo."""
    assert curve(TREATED).reached() == TimeReached(23.0, 16.0, float("inf"))
    assert curve(PLACEBO).reached() == TimeReached(8.0, 4.0, 12.0)


def test_between_times_the_curve_is_flat_and_fewer_are_at_risk() -> None:
    found = point(TREATED, 21, IntervalScale.LOG)
    assert found.survival == pytest.approx(0.627, abs=5e-4)
    assert found.at_risk == 7


def test_before_the_first_lapse_there_is_no_standard_error() -> None:
    found = point(TREATED, 5, IntervalScale.LOG)
    assert (found.survival, found.at_risk) == (1.0, 21)
    assert isinstance(found.se, Undefined)
    assert isinstance(found.interval, Undefined)


def test_after_everybody_lapsed_the_curve_stays_at_zero() -> None:
    found = point(PLACEBO, 30, IntervalScale.LOG)
    assert (found.survival, found.at_risk) == (0.0, 0)
    assert isinstance(found.interval, Undefined)


def test_what_nobody_was_followed_for_is_undefined() -> None:
    beyond = curve(TREATED).at(36)
    assert isinstance(beyond, Undefined)
    assert "longer than 35" in beyond.reason
    never = curve(TREATED).reached(0.9)
    assert isinstance(never, Undefined)
    assert "fewer than 90 %" in never.reason


def test_no_customer_has_no_curve() -> None:
    assert isinstance(kaplan_meier(DayCounts.of([], [])), Undefined)


def test_one_customer_has_a_curve_without_interval() -> None:
    found = curve(DayCounts.of([4], [True]))
    assert found.reached() == TimeReached(4.0, float("inf"), float("inf"))


def test_a_hazard_of_almost_nothing_keeps_its_interval() -> None:
    found = point(DayCounts((1.0, 2.0), (1, 0), (0, 10**12)), 2, IntervalScale.LOG_LOG).interval
    assert isinstance(found, Interval)
    assert 0 < found.low < found.high < 1


@given(rows)
def test_counts_are_those_of_the_rows(found: list[tuple[int, int, int]]) -> None:
    times = [time for time, lapsed, censored in found for _ in range(lapsed + censored)]
    events = [one for _, lapsed, censored in found for one in [1] * lapsed + [0] * censored]
    counts = DayCounts.of(times, events)
    from_rows = DayCounts.from_rows(found)
    assert counts.customers == from_rows.customers == len(times)
    if counts.customers:
        assert [(point.time, point.survival, point.interval) for point in curve(counts).points] == [
            (point.time, point.survival, point.interval)
            for point in curve(from_rows).points
            if point.time in counts.times
        ]


@given(rows, st.sampled_from(IntervalScale))
def test_a_curve_never_rises_and_lies_in_its_interval(
    found: list[tuple[int, int, int]], scale: IntervalScale
) -> None:
    counts = DayCounts.from_rows(found)
    if counts.customers == 0:
        return
    points = curve(counts, scale).points
    shares = [point.survival for point in points]
    assert shares == sorted(shares, reverse=True)
    for one in points:
        if isinstance(one.interval, Interval):
            assert 0 <= one.interval.low <= one.survival <= one.interval.high + 1e-12 <= 1 + 2e-12


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_without_censoring_survival_is_the_share_left(times: list[int]) -> None:
    found = curve(DayCounts.of(times, [True] * len(times)))
    for one in found.points:
        left = sum(time > one.time for time in times) / len(times)
        assert one.survival == pytest.approx(left, abs=1e-12)
