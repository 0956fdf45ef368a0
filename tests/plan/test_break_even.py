"""Break-even by hand from VALUE.md, and against what the verdict weighs."""

from datetime import date
from decimal import Decimal

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs, Window
from experiments.plan.break_even import BreakEven, Costing, break_even, break_even_of
from experiments.terms import Basis
from experiments.value.contrast import Value, values
from tests.evidence import CONTROL, TREATMENT, analysed, plan_of

MARCH = {"starts_on": date(2026, 3, 1), "ends_on": date(2026, 3, 31)}
COSTS = Costs(
    cost_per_treated=Decimal("0.1"),
    cost_fixed=Decimal(500),
    cost_per_month=Decimal(40),
    cost_per_contact=Decimal("0.05"),
)


def effect(found: BreakEven | Undefined, *, treated: float) -> float:
    assert isinstance(found, BreakEven), found
    return found.effect(treated_customers=treated)


def test_in_the_pilot_the_treated_customers_share_what_was_spent() -> None:
    """1.2 x (0.1 + (500 + 40 x 1) / 200 + 0.05 x 2) / 0.5."""
    found = break_even(
        Costing.in_pilot(COSTS, **MARCH), money_per_unit=0.5, hurdle_rate=0.2, contacts=2
    )
    assert effect(found, treated=200) == pytest.approx(1.2 * (0.1 + 540 / 200 + 0.1) / 0.5)


def test_at_roll_out_all_its_customers_share_the_windows_part() -> None:
    """0.1 + (500 x m / 12 + 40 x m) / 10 000, m = 14 / 31 of March."""
    costing = Costing.at_rollout(
        COSTS, **MARCH, window=Window(days=(0, 14)), horizon_months=12, customers=10_000
    )
    months = 14 / 31
    expected = 0.1 + (500 * months / 12 + 40 * months) / 10_000
    found = break_even(costing, money_per_unit=1, contacts=0)
    assert effect(found, treated=200) == effect(found, treated=2) == pytest.approx(expected)


@pytest.mark.parametrize("basis", Basis)
def test_the_plans_break_even_is_the_verdicts(basis: Basis) -> None:
    plan = plan_of(
        value={
            "cost_fixed": 7,
            "cost_per_month": 3,
            "hurdle_rate": "0.25",
            "basis": basis,
            "rollout": {"customers": 900, "cost_per_treated": "0.3"},
        }
    )
    arms = {TREATMENT: {"spend": [1.0, 2.0, 4.0]}, CONTROL: {"spend": [1.0, 2.0, 3.0]}}
    worth = values(plan, analysed(plan, arms), basis=basis)[TREATMENT]
    assert isinstance(worth, Value)
    assert effect(break_even_of(plan), treated=3) == worth.break_even


@pytest.mark.parametrize(
    ("costing", "money_per_unit", "contacts", "reason"),
    [
        (Costing.in_pilot(COSTS, **MARCH), 0.5, None, "how many contacts"),
        (Costing.in_pilot(COSTS, **MARCH), 0.0, 1.0, "worth nothing"),
        (
            Costing.in_pilot(COSTS, starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 1)),
            0.5,
            1.0,
            "before the first",
        ),
    ],
)
def test_what_has_no_break_even_says_why(
    costing: Costing, money_per_unit: float, contacts: float | None, reason: str
) -> None:
    found = break_even(costing, money_per_unit=money_per_unit, contacts=contacts)
    assert isinstance(found, Undefined)
    assert reason in found.reason
