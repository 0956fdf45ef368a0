"""The break-even of the horizon, by hand and against that of the window."""

from datetime import date
from decimal import Decimal

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs
from experiments.plan.break_even import BreakEven, Costing, break_even_of
from experiments.plan.horizon import (
    HorizonBreakEven,
    horizon_break_even,
    horizon_break_even_of,
    present_value,
)
from tests.evidence import plan_of

MARCH = {"starts_on": date(2026, 3, 1), "ends_on": date(2026, 3, 31)}
COSTS = Costs(
    cost_per_treated=Decimal("0.1"),
    cost_fixed=Decimal(500),
    cost_per_month=Decimal(40),
    cost_per_contact=Decimal("0.05"),
)
OBSERVED = BreakEven(Costing.in_pilot(COSTS, **MARCH), money_per_unit=0.5, contacts=2)


def effect(found: BreakEven | HorizonBreakEven | Undefined, treated: int = 200) -> float:
    assert not isinstance(found, Undefined), found
    return found.effect(treated_customers=treated)


def test_a_month_is_worth_less_the_later_it_ends() -> None:
    """1 / 1.21^(1/12) + 1 / 1.21^(2/12) + 0.5 / 1.21^(2.5/12)."""
    expected = 1.21 ** (-1 / 12) + 1.21 ** (-2 / 12) + 0.5 * 1.21 ** (-2.5 / 12)
    assert present_value(2.5, discount_rate=0.21) == pytest.approx(expected)
    assert present_value(0, discount_rate=0.1) == 0.0


def test_without_discount_and_persistence_it_is_that_of_the_window() -> None:
    found = horizon_break_even(OBSERVED, window_months=1.0, discount_rate=0.0)
    assert effect(found) == pytest.approx(effect(OBSERVED))


def test_what_lasts_pays_from_less() -> None:
    """Two months more of the same are three times the margin."""
    found = horizon_break_even(OBSERVED, window_months=1.0, persistence_months=2, discount_rate=0.0)
    assert effect(found) == pytest.approx(effect(OBSERVED) / 3)


def test_after_the_horizon_nothing_counts() -> None:
    long, cut = (
        horizon_break_even(
            OBSERVED, window_months=1.0, persistence_months=p, horizon_months=12, discount_rate=0
        )
        for p in (11, 99)
    )
    assert effect(long) == effect(cut)


def test_money_of_the_future_is_discounted_and_costs_at_the_start_are_not() -> None:
    """(0.1 + 500 / 200 + 0.05 x 2 + 40 / 200 v) / (0.5 (v + v^2)), v = 1.1^(-1/12)."""
    found = horizon_break_even(OBSERVED, window_months=1.0, persistence_months=1, discount_rate=0.1)
    v = 1.1 ** (-1 / 12)
    assert effect(found) == pytest.approx((0.1 + 2.5 + 0.1 + 0.2 * v) / (0.5 * (v + v**2)))


def test_the_hurdle_is_not_the_horizons() -> None:
    plain, asked = (
        BreakEven(OBSERVED.costing, money_per_unit=0.5, hurdle_rate=hurdle) for hurdle in (0, 1)
    )
    assert effect(asked) == 2 * effect(plain)
    assert len({effect(horizon_break_even(o, window_months=1.0)) for o in (plain, asked)}) == 1


def test_a_plan_states_persistence_horizon_and_discount() -> None:
    plan = plan_of(value={"persistence_months": 3, "horizon_months": 6, "discount_rate": "0.2"})
    found = horizon_break_even_of(plan)
    assert isinstance(found, HorizonBreakEven)
    assert (found.persistence_months, found.horizon_months, found.discount_rate) == (3, 6, 0.2)
    assert found.observed == break_even_of(plan)
    assert horizon_break_even_of(plan_of()) != found


def test_what_has_no_break_even_has_none_over_the_horizon() -> None:
    missing = Undefined("nobody said")
    assert horizon_break_even(missing, window_months=1.0) == missing
    assert isinstance(horizon_break_even(OBSERVED, window_months=0.0), Undefined)
