"""How numbers are said."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.report.wording import (
    PERCENT,
    Unit,
    amount,
    counted,
    days,
    decimals_for,
    level,
    number,
    reading,
    span,
)
from experiments.terms import MetricKind

EUR = Unit.of_money("EUR")
POINTS = Unit.of(MetricKind.RATE, None, name="visit")


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.7698, 0.4871, 1.0526, "0.77 EUR (0.49 to 1.05)"),
        (5231.4, 2504.1, 7958.7, "5,200 EUR (2,500 to 8,000)"),
        (-0.3, -0.5, -0.1, "−0.30 EUR (−0.50 to −0.10)"),
        (12.34, 1.2, 23.5, "12 EUR (1 to 24)"),
        (0.00123, 0.00101, 0.00145, "0.00123 EUR (0.00101 to 0.00145)"),
        (3.0, 3.0, 3.0, "3.00 EUR (3.00 to 3.00)"),
        (-0.001, -1.0, 1.0, "0.0 EUR (−1.0 to 1.0)"),
    ],
)
def test_digits_follow_the_interval(value: float, low: float, high: float, said: str) -> None:
    """INTERFACE: two significant digits of the half-width."""
    assert reading(value, low, high, EUR) == said


@given(half=st.floats(1e-8, 1e8))
def test_the_half_width_keeps_two_significant_digits(half: float) -> None:
    places = decimals_for(-half, half)
    assert half * 10.0**places * (1 + 1e-9) >= 10
    assert half * 10.0**places < 100 * (1 + 1e-9)


def test_an_interval_without_width_or_bound_has_two_decimals() -> None:
    assert decimals_for(1.0, 1.0) == 2
    assert decimals_for(0.0, math.inf) == 2
    assert span(0.0, math.inf, EUR) == "0.00 to inf"


def test_differences_of_rates_are_points_and_levels_and_relative_changes_per_cent() -> None:
    assert reading(0.0766, 0.07, 0.0832, POINTS, sign=True) == "+7.66 points (+7.00 to +8.32)"
    assert level(0.1067, POINTS, decimals=2) == "10.67 %"
    assert reading(0.721, 0.641, 0.807, PERCENT, sign=True) == "+72.1 % (+64.1 to +80.7)"


def test_a_metric_has_its_unit_or_else_its_name() -> None:
    assert Unit.of(MetricKind.MEAN, "USD", name="spend").suffix == " USD"
    assert Unit.of(MetricKind.COUNT, None, name="orders").suffix == " orders"


def test_a_level_that_is_not_there_is_a_dash() -> None:
    assert level(Undefined("there is no customer"), EUR, decimals=2) == "–"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.1, "0.10 EUR"), (0.0, "0.00 EUR"), (0.0123, "0.012 EUR"), (-1234.5, "−1,234.50 EUR")],
)
def test_a_known_amount_goes_to_the_hundredth(value: float, said: str) -> None:
    assert amount(value, EUR) == said


def test_signs() -> None:
    assert number(0.0, 1, sign=True) == "0.0"
    assert number(-0.04, 1, sign=True) == "0.0"
    assert number(2.0, 1, sign=True) == "+2.0"
    assert number(-2.0, 1) == "−2.0"


def test_stretches_of_days_and_counts() -> None:
    assert days(date(2025, 12, 21), date(2026, 1, 3)) == "21 December 2025 to 3 January 2026"
    assert counted(0, "customer", "customers") == "0 customers"
