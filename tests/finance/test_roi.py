"""Return on cost by hand, at its edges, and how its two forms meet."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.finance.roi import (
    KnownCostRoi,
    known_cost_roi,
    random_cost_roi,
    variable_cost_roi,
)
from experiments.stats.estimate import Interval
from experiments.stats.fieller import Ratio
from experiments.stats.moments import Moments


def known(
    *, effect: float = 2.0, cost: float = 0.5, margin_rate: float = 0.5, low: float = 1.0
) -> KnownCostRoi:
    """A return on a known cost, which must exist."""
    found = known_cost_roi(
        effect=effect,
        low=low,
        high=3.0,
        cost_per_customer=cost,
        customers=100,
        margin_rate=margin_rate,
    )
    assert isinstance(found, KnownCostRoi)
    return found


def test_a_known_cost_maps_the_effect_and_its_interval() -> None:
    """By hand: 2 EUR x 0.5 margin on 0.5 EUR cost returns 1; from 1 EUR it returns 0."""
    found = known()
    assert (found.roi, found.interval) == (1.0, Interval(0.0, 2.0))
    assert (found.net_per_customer, found.net_interval) == (0.5, Interval(0.0, 1.0))
    assert found.break_even_effect == 1.0
    assert (found.effect_total, found.cost_total, found.net_total) == (200.0, 50.0, 50.0)


def test_an_open_interval_stays_open() -> None:
    assert math.isinf(known(low=-math.inf).interval.low)


@pytest.mark.parametrize(
    ("cost", "margin_rate", "reason"),
    [(0.0, 0.5, "costs nothing"), (-1.0, 0.5, "costs nothing"), (0.5, 0.0, "margin rate")],
)
def test_without_cost_or_margin_there_is_no_return(
    cost: float, margin_rate: float, reason: str
) -> None:
    found = known_cost_roi(
        effect=2.0,
        low=1.0,
        high=3.0,
        cost_per_customer=cost,
        customers=100,
        margin_rate=margin_rate,
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_cost_that_hardly_varies_returns_what_a_known_one_does() -> None:
    """By hand: margin 1 with standard error 0.25 on cost 0.5 returns 1 -/+ 1.959964 x 0.5."""
    found = random_cost_roi(margin=1.0, cost=0.5, variance_margin=0.0625, variance_cost=1e-14)
    assert isinstance(found, Ratio)
    assert isinstance(found.interval, Interval)
    assert found.value == pytest.approx(1)
    assert found.interval.low == pytest.approx(1 - 1.959964 * 0.5, abs=1e-6)
    assert found.interval.high == pytest.approx(1 + 1.959964 * 0.5, abs=1e-6)


def test_margin_and_cost_of_the_same_customers_are_correlated() -> None:
    """By hand: spend 4, 6, 8 and visits 1, 2, 3: covariance 2, so of the means 2 / 3 x 0.5."""
    treatment = Moments.of(spend=[4.0, 6.0, 8.0], visits=[1.0, 2.0, 3.0])
    control = Moments.of(spend=[1.0, 2.0, 3.0])
    found = variable_cost_roi(
        treatment=treatment,
        control=control,
        outcome="spend",
        unit_costs={"visits": 0.5},
        cost_per_customer=1.0,
    )
    expected = random_cost_roi(
        margin=4.0,
        cost=2.0,
        variance_margin=4 / 3 + 1 / 3,
        variance_cost=0.25 / 3,
        covariance=1 / 3,
    )
    assert isinstance(found, Ratio)
    assert isinstance(expected, Ratio)
    assert (found.value, found.se, found.g) == pytest.approx(
        (expected.value, expected.se, expected.g)
    )


def test_a_cost_that_may_be_zero_has_no_finite_interval() -> None:
    found = random_cost_roi(margin=1.0, cost=0.5, variance_margin=0.1, variance_cost=0.1)
    assert isinstance(found, Ratio)
    assert not found.bounded
    assert isinstance(found.interval, Undefined)


def test_a_random_cost_of_nothing_has_no_return() -> None:
    found = random_cost_roi(margin=1.0, cost=0.0, variance_margin=0.1, variance_cost=0.1)
    assert isinstance(found, Undefined)
    small = variable_cost_roi(
        treatment=Moments.of(spend=[1.0]),
        control=Moments.of(spend=[1.0, 2.0]),
        outcome="spend",
        unit_costs={},
        cost_per_customer=1.0,
    )
    assert isinstance(small, Undefined)


@given(
    effect=st.floats(-10, 10),
    cost=st.floats(0.1, 10),
    rate=st.floats(min_value=0.01, max_value=100),
)
def test_a_return_has_no_currency(effect: float, cost: float, rate: float) -> None:
    euros = known(effect=effect, cost=cost)
    dollars = known(effect=rate * effect, cost=rate * cost)
    assert dollars.roi == pytest.approx(euros.roi, abs=1e-9)
    assert dollars.net_total == pytest.approx(rate * euros.net_total, abs=1e-6)
    # The effect that pays for the cost returns exactly nothing.
    assert known(effect=euros.break_even_effect, cost=cost).roi == pytest.approx(0, abs=1e-9)
