"""Customers needed, by hand and against the power that they give."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.sample_size import customers_needed


def test_a_textbook_case() -> None:
    """Cohen (1988): d = 0.5, 80 per cent power, normal approximation 2 x (2.8016 / 0.5)^2 = 63."""
    assert customers_needed(n=1, se=math.sqrt(2), effect=0.5) == 63


@pytest.mark.parametrize(
    ("n", "se", "effect", "reason"),
    [
        (0, 1.0, 1.0, "no customer"),
        (9, 0.0, 1.0, "no standard error"),
        (9, math.nan, 1.0, "no standard error"),
        (9, 1.0, 0.0, "effect of zero"),
        (9, 1.0, math.nan, "effect of zero"),
        (9, 1e300, 1e-9, "so close to zero"),
    ],
)
def test_what_no_number_detects_says_why(n: int, se: float, effect: float, reason: str) -> None:
    found = customers_needed(n=n, se=se, effect=effect)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(
    n=st.integers(2, 10_000),
    se=st.floats(0.01, 100),
    effect=st.floats(0.05, 5).map(lambda share: -share),
    power=st.floats(0.55, 0.99),
)
def test_as_many_give_the_power_and_one_fewer_does_not(
    n: int, se: float, effect: float, power: float
) -> None:
    needed = customers_needed(n=n, se=se, effect=effect * se, power=power)
    assert isinstance(needed, int)

    def reached(customers: int) -> float:
        return upper_tail(quantile(0.975) - abs(effect) / math.sqrt(n / customers))

    assert reached(needed) >= power - 1e-6
    if needed > 2:
        assert reached(needed - 1) < power + 1e-6
