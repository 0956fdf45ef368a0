"""E-values of the paper, both directions, and what has none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.evalue import EValue, evalue_of_difference, evalue_of_ratio


def known(found: EValue | Undefined) -> EValue:
    """The E-value, which must exist."""
    assert isinstance(found, EValue)
    return found


@pytest.mark.parametrize(
    ("ratio", "low", "high", "estimate", "limit"),
    [(3.9, 1.8, 8.7, 7.26, 3.0), (0.80, 0.71, 0.91, 1.81, 1.43)],
)
def test_the_examples_of_the_paper(
    ratio: float, low: float, high: float, estimate: float, limit: float
) -> None:
    """VanderWeele and Ding (2017): infant deaths without breastfeeding, and leukaemia with it."""
    found = known(evalue_of_ratio(ratio=ratio, low=low, high=high))
    assert (found.estimate, found.limit) == pytest.approx((estimate, limit), abs=0.005)


def test_an_interval_that_holds_break_even_needs_no_confounding() -> None:
    assert known(evalue_of_ratio(ratio=1.2, low=0.9, high=1.6)).limit == 1
    assert known(evalue_of_ratio(ratio=3.9, low=1.8, high=8.7, break_even=1.8)).limit == 1
    assert known(evalue_of_ratio(ratio=1.5, low=-0.1, high=3.0)).limit == 1
    found = known(evalue_of_difference(value=1, low=-1, high=3, deviation=4, break_even=1))
    assert (found.estimate, found.limit, found.ratio) == (1, 1, 1)


def test_break_even_above_no_effect_is_reached_sooner() -> None:
    """By hand: 3.9 / 1.5 = 2.6, 2.6 + sqrt(2.6 x 1.6) = 4.640; 1.8 / 1.5 = 1.2 gives 1.690."""
    found = known(evalue_of_ratio(ratio=3.9, low=1.8, high=8.7, break_even=1.5))
    assert (found.ratio, found.estimate, found.limit) == pytest.approx(
        (2.6, 4.640, 1.690), abs=5e-4
    )


def test_an_estimate_below_break_even_uses_its_upper_limit() -> None:
    """By hand: exp(0.91 x -0.5) = 0.6344, 1.5762 + sqrt(1.5762 x 0.5762) = 2.529."""
    found = known(evalue_of_difference(value=1, low=0.2, high=1.8, deviation=2, break_even=2))
    upper = 1 / math.exp(0.91 * -0.1)
    assert found.estimate == pytest.approx(2.529, abs=5e-4)
    assert found.limit == pytest.approx(upper + math.sqrt(upper * (upper - 1)))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"ratio": 2.0, "low": math.nan, "high": 3.0}, "not finite"),
        ({"ratio": 0.0, "low": 0.0, "high": 0.5}, "rate of zero"),
        ({"ratio": 2.0, "low": 1.0, "high": 3.0, "break_even": 0.0}, "rate of zero"),
        ({"ratio": math.nan, "low": 1.0, "high": 2.0}, "rate of zero"),
        ({"ratio": math.inf, "low": 1.0, "high": math.inf}, "not finite"),
    ],
)
def test_a_ratio_that_has_no_e_value_says_why(numbers: dict[str, float], reason: str) -> None:
    found = evalue_of_ratio(**numbers)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("value", "deviation", "reason"),
    [
        (1.0, 0.0, "does not vary"),
        (1.0, math.nan, "does not vary"),
        (1e9, 1e-3, "too many standard"),
        (math.nan, 1.0, "too many standard"),
    ],
)
def test_a_difference_that_has_no_e_value_says_why(
    value: float, deviation: float, reason: str
) -> None:
    found = evalue_of_difference(value=value, low=value - 1, high=value + 1, deviation=deviation)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(
    value=st.floats(min_value=-5, max_value=5),
    reach=st.floats(min_value=0.01, max_value=2),
    break_even=st.floats(min_value=-2, max_value=2),
    rate=st.floats(min_value=0.01, max_value=100),
)
def test_neither_the_currency_nor_the_name_of_a_group_matters(
    value: float, reach: float, break_even: float, rate: float
) -> None:
    one = known(
        evalue_of_difference(
            value=value, low=value - reach, high=value + reach, deviation=3.0, break_even=break_even
        )
    )
    other = known(
        evalue_of_difference(
            value=-rate * value,
            low=-rate * (value + reach),
            high=-rate * (value - reach),
            deviation=rate * 3.0,
            break_even=-rate * break_even,
        )
    )
    assert other.estimate == pytest.approx(one.estimate, rel=1e-6, abs=1e-6)
    assert 1 <= one.limit <= one.estimate or one.limit == 1
