"""The cost of one treated customer, worked by hand from VALUE.md."""

from datetime import date

import pytest

from experiments.pilot import Plan
from experiments.terms import Basis
from experiments.value.cost import unit_cost
from tests.evidence import metric, plan_of


def known(plan: Plan, basis: Basis = Basis.PILOT, *, treated: int = 200) -> float:
    return unit_cost(plan, basis=basis, treated_customers=treated).known


def test_fixed_and_monthly_cost_are_shared_by_everybody_treated() -> None:
    """0.1 + (500 + 40 x 1 month) / 200; March has one month."""
    plan = plan_of(value={"cost_fixed": 500, "cost_per_month": 40})
    assert known(plan) == pytest.approx(0.1 + 540 / 200)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "months"),
    [
        (date(2026, 3, 1), date(2026, 3, 31), 1),
        (date(2026, 2, 1), date(2026, 2, 28), 1),
        (date(2026, 1, 15), date(2026, 4, 14), 3),
        (date(2026, 4, 1), date(2026, 4, 15), 0.5),
        (date(2026, 4, 1), date(2026, 4, 1), 1 / 30),
        (date(2024, 2, 1), date(2025, 1, 31), 12),
    ],
)
def test_months_are_those_of_the_calendar(starts_on: date, ends_on: date, months: float) -> None:
    plan = plan_of(
        pilot={"starts_on": starts_on, "ends_on": ends_on},
        value={"cost_per_treated": 0, "cost_per_month": 200},
    )
    assert known(plan) == pytest.approx(months)


def test_the_unit_cost_of_roll_out_is_the_formula_of_value_md() -> None:
    """0.05 + (60 000 x 1 / 12 + 300 x 1) / 1 000 000."""
    plan = plan_of(
        value={
            "horizon_months": 12,
            "rollout": {
                "customers": 1_000_000,
                "cost_fixed": 60_000,
                "cost_per_month": 300,
                "cost_per_treated": "0.05",
                "cost_per_contact": "0.02",
            },
        }
    )
    found = unit_cost(plan, basis=Basis.ROLLOUT, treated_customers=200)
    assert found.known == pytest.approx(0.05 + (60_000 / 12 + 300) / 1_000_000)
    assert found.per_contact == 0.02
    assert not found.counts_control


def test_the_window_of_the_money_metric_is_what_roll_out_pays_for() -> None:
    """A window of 14 days from 1 April is 14/30 of a month."""
    plan = plan_of(
        pilot={"starts_on": date(2026, 4, 1), "ends_on": date(2026, 6, 30)},
        metrics=[metric("spend", role="primary", window={"days": [0, 14]})],
        value={"cost_per_treated": 0, "rollout": {"customers": 10, "cost_per_month": 30}},
    )
    assert known(plan, Basis.ROLLOUT) == pytest.approx(14 / 30 * 30 / 10)


def test_a_cost_that_roll_out_does_not_name_is_the_pilots() -> None:
    plan = plan_of(value={"cost_fixed": 2400, "rollout": {"customers": 100}})
    assert known(plan, Basis.ROLLOUT) == pytest.approx(0.1 + 2400 / 24 / 100)


def test_contacts_of_control_customers_were_paid_in_the_pilot_alone() -> None:
    plan = plan_of(value={"cost_per_contact": "0.5", "rollout": {"customers": 100}})
    assert unit_cost(plan, basis=Basis.PILOT, treated_customers=1).counts_control
    assert not unit_cost(plan, basis=Basis.ROLLOUT, treated_customers=1).counts_control


def test_nobody_treated_shares_no_cost() -> None:
    assert known(plan_of(value={"cost_fixed": 500}), treated=0) == 0.1
