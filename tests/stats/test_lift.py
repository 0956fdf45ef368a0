"""Relative lift by hand, at its edges, and the three methods beside each other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.fieller import Ratio
from experiments.stats.lift import Lift, delta_lift, fieller_lift, log_delta_lift
from experiments.stats.moments import Sample
from tests.stats.samples import positive

TREATMENT = Sample(n=100, mean=12.0, variance=36.0)
CONTROL = Sample(n=100, mean=10.0, variance=25.0)
METHODS = [delta_lift, log_delta_lift, fieller_lift]


def known(found: Lift | Undefined) -> Lift:
    """The lift, which must exist."""
    assert isinstance(found, Lift)
    return found


def test_the_linear_delta_method_agrees_with_its_formula_worked_by_hand() -> None:
    """se^2 = 0.36 / 10^2 + 1.2^2 x 0.25 / 10^2 = 0.0072; Welch's df 0.61^2 x 99 / 0.1921."""
    found = known(delta_lift(treatment=TREATMENT, control=CONTROL))
    assert found.value == pytest.approx(0.2)
    assert found.se == pytest.approx(math.sqrt(0.0072))
    assert found.df == pytest.approx(0.61**2 * 99 / (0.36**2 + 0.25**2))


def test_the_log_method_agrees_with_its_formula_worked_by_hand() -> None:
    """se^2 = 0.36 / 144 + 0.25 / 100 = 0.005 in equal parts, so that df = 2 x 99."""
    found = known(log_delta_lift(treatment=TREATMENT, control=CONTROL))
    assert (found.value, found.se) == pytest.approx((0.2, math.sqrt(0.005)))
    assert found.df == pytest.approx(198)
    # t quantile with 198 degrees of freedom: 1.972017 (R, qt).
    reach = 1.972017 * math.sqrt(0.005)
    assert found.low == pytest.approx(1.2 * math.exp(-reach) - 1, abs=1e-6)
    assert found.high == pytest.approx(1.2 * math.exp(reach) - 1, abs=1e-6)


def test_fieller_and_delta_agree_where_the_control_mean_is_certain() -> None:
    treatment = Sample(n=10_000, mean=12.0, variance=36.0)
    control = Sample(n=1_000_000, mean=10.0, variance=1e-4)
    exact = fieller_lift(treatment=treatment, control=control)
    linear = known(delta_lift(treatment=treatment, control=control))
    assert isinstance(exact, Ratio)
    assert isinstance(exact.interval, Interval)
    assert exact.interval.low == pytest.approx(linear.low, abs=1e-5)
    assert exact.interval.high == pytest.approx(linear.high, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("control", "reason"),
    [
        (Sample(n=9, mean=0.0, variance=1.0), "mean is zero"),
        (Sample(n=9, mean=-1.0, variance=1.0), "mean is negative"),
        (Sample(n=1, mean=1.0, variance=0.0), "one customer"),
    ],
)
def test_what_has_no_share_of_it_says_why(method: object, control: Sample, reason: str) -> None:
    assert callable(method)
    found = method(treatment=TREATMENT, control=control)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_treatment_group_of_zeros_has_a_loss_of_everything_only_by_fieller() -> None:
    nothing = Sample(n=100, mean=0.0, variance=0.0)
    assert isinstance(delta_lift(treatment=nothing, control=CONTROL), Undefined)
    assert isinstance(log_delta_lift(treatment=nothing, control=CONTROL), Undefined)
    found = fieller_lift(treatment=nothing, control=CONTROL)
    assert isinstance(found, Ratio)
    assert found.value == -1


@pytest.mark.parametrize("method", [delta_lift, log_delta_lift])
def test_a_one_sided_lift_is_open_on_the_other_side(method: object) -> None:
    assert callable(method)
    greater = method(treatment=TREATMENT, control=CONTROL, alternative=Alternative.GREATER)
    less = method(treatment=TREATMENT, control=CONTROL, alternative=Alternative.LESS)
    assert math.isinf(greater.high)
    assert greater.p_value + less.p_value == pytest.approx(1)
    # A logarithm without a lower limit is a lift without one: everything lost.
    assert less.low == (-1 if method is log_delta_lift else -math.inf)


@given(treatment=positive, control=positive, rate=st.floats(min_value=0.001, max_value=1000))
def test_a_lift_has_no_currency(treatment: list[float], control: list[float], rate: float) -> None:
    for method in (delta_lift, log_delta_lift):
        euros = known(method(treatment=Sample.of(treatment), control=Sample.of(control)))
        dollars = known(
            method(
                treatment=Sample.of([rate * value for value in treatment]),
                control=Sample.of([rate * value for value in control]),
            )
        )
        assert dollars.p_value == pytest.approx(euros.p_value, rel=1e-6)
        assert dollars.high == pytest.approx(euros.high, rel=1e-6)


@given(treatment=positive, control=positive)
def test_swapping_the_groups_inverts_the_log_interval(
    treatment: list[float], control: list[float]
) -> None:
    one = known(log_delta_lift(treatment=Sample.of(treatment), control=Sample.of(control)))
    other = known(log_delta_lift(treatment=Sample.of(control), control=Sample.of(treatment)))
    assert (1 + one.high) * (1 + other.low) == pytest.approx(1)
    assert one.statistic == pytest.approx(-other.statistic)
