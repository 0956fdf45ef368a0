"""Differences of means against R, published tests and by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.means import student, welch
from experiments.stats.moments import Sample
from tests.stats.samples import samples, varied

# Student (1908), extra hours of sleep with two drugs; the data of R's documentation of t.test.
SLEEP_1 = Sample.of([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2.0])
SLEEP_2 = Sample.of([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def known(found: Difference | Undefined) -> Difference:
    """The difference, which must exist."""
    assert isinstance(found, Difference)
    return found


def test_welch_agrees_with_r_on_the_sleep_data() -> None:
    """R's documentation of t.test: t = -1.8608, df = 17.776, p = 0.07939."""
    found = known(welch(treatment=SLEEP_1, control=SLEEP_2))
    assert found.statistic == pytest.approx(-1.8608, abs=5e-5)
    assert found.df == pytest.approx(17.776, abs=5e-4)
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_student_agrees_with_r_on_the_sleep_data() -> None:
    """R, t.test(extra ~ group, var.equal = TRUE): t = -1.8608, df = 18, p = 0.07919."""
    found = known(student(treatment=SLEEP_1, control=SLEEP_2))
    assert found.df == 18
    assert found.statistic == pytest.approx(-1.8608, abs=5e-5)
    assert found.p_value == pytest.approx(0.07919, abs=5e-6)


def test_a_one_sided_test_agrees_with_a_published_one() -> None:
    """GrowthBook's unit tests of a one-sided test from sums: p 0.03554, lower limit 0.02079."""
    found = known(
        welch(
            treatment=Sample.from_sums(n=3461, total=2422.7, squares=134698.29),
            control=Sample.from_sums(n=3000, total=1396.87, squares=52377.9767),
            alternative=Alternative.GREATER,
        )
    )
    assert found.p_value == pytest.approx(0.0355427248987, rel=1e-9)
    assert found.low == pytest.approx(0.0207914800633, rel=1e-9)
    assert math.isinf(found.high)


def test_the_control_variance_is_the_control_groups_part_of_the_squared_error() -> None:
    found = known(welch(treatment=SLEEP_1, control=SLEEP_2))
    assert found.control_variance == pytest.approx(SLEEP_2.variance / 10)
    assert found.se**2 - found.control_variance == pytest.approx(SLEEP_1.variance / 10)


@pytest.mark.parametrize("method", [welch, student])
@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        ([], [1, 2], "treatment group has no customer"),
        ([1, 2], [1], "control group has one customer"),
        ([0.1] * 7, [0.3] * 9, "same value"),
    ],
)
def test_what_cannot_be_compared_says_why(
    method: object, treatment: list[float], control: list[float], reason: str
) -> None:
    assert callable(method)
    found = method(treatment=Sample.of(treatment), control=Sample.of(control))
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_values_beyond_a_double_say_so() -> None:
    found = welch(treatment=Sample(n=5, mean=1e200, variance=math.inf), control=SLEEP_1)
    assert isinstance(found, Undefined)
    assert "too large" in found.reason


def test_one_group_without_spread_is_compared_with_the_other() -> None:
    """By hand: a constant 5 against 1, 3 differs by 3 -/+ t(1) x 1."""
    found = known(welch(treatment=Sample.of([5, 5, 5]), control=Sample.of([1, 3])))
    assert (found.value, found.se, found.df) == (3, 1, 1)


@given(treatment=samples, control=samples, method=st.sampled_from([welch, student]))
def test_swapping_the_groups_flips_the_sign(
    treatment: Sample, control: Sample, method: object
) -> None:
    assert callable(method)
    one, other = (
        method(treatment=treatment, control=control),
        method(treatment=control, control=treatment),
    )
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert one.p_value == pytest.approx(other.p_value)


@given(treatment=varied, control=varied, rate=st.floats(min_value=0.001, max_value=1000))
def test_changing_the_currency_keeps_the_p_value(
    treatment: list[float], control: list[float], rate: float
) -> None:
    euros = known(welch(treatment=Sample.of(treatment), control=Sample.of(control)))
    other = known(
        welch(
            treatment=Sample.of([rate * value for value in treatment]),
            control=Sample.of([rate * value for value in control]),
        )
    )
    assert other.p_value == pytest.approx(euros.p_value, rel=1e-6)
    assert other.low == pytest.approx(rate * euros.low, rel=1e-6, abs=1e-6 * rate * euros.se)


@given(treatment=varied, control=varied, order=st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(
    treatment: list[float], control: list[float], order: object
) -> None:
    before = known(welch(treatment=Sample.of(treatment), control=Sample.of(control)))
    order.shuffle(treatment)  # type: ignore[attr-defined]
    after = known(welch(treatment=Sample.of(treatment), control=Sample.of(control)))
    assert after.value == pytest.approx(before.value, abs=1e-9)
    assert after.se == pytest.approx(before.se, rel=1e-9)
