"""Fieller's interval by hand, at its edges and against the test that it inverts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.fieller import Ratio, fieller, ratio_of_means
from experiments.stats.moments import Sample
from tests.stats.samples import positive
from tests.stats.test_means import SLEEP_1, SLEEP_2


def test_the_interval_agrees_with_the_quadratic_worked_by_hand() -> None:
    """3 / 2, variances 0.04 and 0.01, critical 2: 3.96 r^2 - 12 r + 8.84 = 0."""
    found = fieller(
        numerator=3.0,
        denominator=2.0,
        variance_numerator=0.04,
        variance_denominator=0.01,
        critical=2.0,
    )
    assert isinstance(found, Ratio)
    assert isinstance(found.interval, Interval)
    root = math.sqrt(12**2 - 4 * 3.96 * 8.84)
    expected = ((12 - root) / 7.92, (12 + root) / 7.92)
    assert (found.interval.low, found.interval.high) == pytest.approx(expected)
    assert found.g == pytest.approx(0.01)
    assert found.se == pytest.approx(math.sqrt(0.01 + 1.5**2 * 0.0025))
    assert found.delta_interval.high == pytest.approx(1.5 + 2 * found.se)


def test_a_denominator_that_may_be_zero_has_no_finite_interval() -> None:
    """Sleep data: ratio 2.33 / 0.75 with g = 2.1857 (closed form and from its t statistic)."""
    found = ratio_of_means(numerator=SLEEP_2, denominator=SLEEP_1)
    assert isinstance(found, Ratio)
    assert found.value == pytest.approx(3.106666666667)
    assert found.g == pytest.approx(2.18574264356)
    assert not found.bounded
    assert isinstance(found.interval, Undefined)
    assert "not clearly different from zero" in found.interval.reason
    shifted = found.shifted(-1)
    assert shifted.value == pytest.approx(2.106666666667)
    assert isinstance(shifted.interval, Undefined)


def test_a_known_denominator_leaves_the_delta_interval() -> None:
    found = fieller(
        numerator=3.0,
        denominator=-2.0,
        variance_numerator=0.04,
        variance_denominator=0.0,
        critical=1.96,
    )
    assert isinstance(found, Ratio)
    assert isinstance(found.interval, Interval)
    assert found.g == 0
    assert found.interval.low == pytest.approx(found.delta_interval.low)
    assert found.interval.high == pytest.approx(found.delta_interval.high)


@pytest.mark.parametrize(
    ("denominator", "variance", "reason"),
    [(0.0, 1.0, "is zero"), (2.0, 0.0, "neither"), (1e-320, 1.0, "too close to zero")],
)
def test_what_cannot_be_divided_says_why(denominator: float, variance: float, reason: str) -> None:
    found = fieller(
        numerator=3.0,
        denominator=denominator,
        variance_numerator=variance,
        variance_denominator=variance,
        critical=1.96,
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(
    numerator=st.floats(min_value=-5, max_value=5),
    denominator=st.floats(min_value=2, max_value=5),
    deviations=st.tuples(st.floats(0.1, 1.0), st.floats(0.1, 1.0)),
    correlation=st.floats(min_value=-0.95, max_value=0.95),
)
def test_at_its_limits_the_ratio_is_just_not_rejected(
    numerator: float, denominator: float, deviations: tuple[float, float], correlation: float
) -> None:
    top, bottom = deviations[0] ** 2, deviations[1] ** 2
    joint = correlation * deviations[0] * deviations[1]
    found = fieller(
        numerator=numerator,
        denominator=denominator,
        variance_numerator=top,
        variance_denominator=bottom,
        covariance=joint,
        critical=1.96,
    )
    assert isinstance(found, Ratio)
    assert isinstance(found.interval, Interval)
    for limit in (found.interval.low, found.interval.high):
        gap = numerator - limit * denominator
        variance = top - 2 * limit * joint + limit**2 * bottom
        assert abs(gap) / math.sqrt(variance) == pytest.approx(1.96, rel=1e-6)


@given(one=positive, other=positive, rate=st.floats(min_value=0.001, max_value=1000))
def test_a_ratio_has_no_currency(one: list[float], other: list[float], rate: float) -> None:
    euros = ratio_of_means(numerator=Sample.of(one), denominator=Sample.of(other))
    dollars = ratio_of_means(
        numerator=Sample.of([rate * value for value in one]),
        denominator=Sample.of([rate * value for value in other]),
    )
    assert isinstance(euros, Ratio)
    assert isinstance(dollars, Ratio)
    assert (euros.value, euros.g, euros.se) == pytest.approx(
        (dollars.value, dollars.g, dollars.se), rel=1e-6
    )
