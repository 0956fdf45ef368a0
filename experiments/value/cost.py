"""What the program costs per treated customer: cash spent in the pilot, or at roll-out scale."""

from dataclasses import dataclass
from datetime import timedelta

from experiments.behavior.windows import MetricWindow
from experiments.finance.calendar import months_between
from experiments.pilot import Plan
from experiments.terms import Basis


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Program cost of one treated customer, in the plan's currency.

    Attributes:
        known: Does not depend on what customers did.
        per_contact: For every contact; how many there are is counted.
        counts_control: Whether contacts of control customers are subtracted: they were paid in
            the pilot, but roll-out has no control group.
    """

    known: float
    per_contact: float
    counts_control: bool


def unit_cost(plan: Plan, *, basis: Basis, treated_customers: int) -> UnitCost:
    """The cost of one treated customer.

    Fixed and monthly costs are the whole program's; in the pilot they are shared by the customers
    of all treatments, at roll-out by the planned customers, and the fixed cost is spread over the
    horizon.

    Args:
        plan: Says the costs.
        basis: Cash of the pilot, or roll-out scale.
        treated_customers: Enrolled customers of all treatments together.
    """
    if basis is Basis.PILOT:
        costs, months = plan.value.pilot, _months_of_pilot(plan)
        whole_program = float(costs.cost_fixed) + float(costs.cost_per_month) * months
        shared_by = treated_customers
    else:
        costs, months = plan.value.rollout_costs(), _months_of_window(plan)
        of_fixed = float(costs.cost_fixed) * months / plan.value.horizon_months
        whole_program = of_fixed + float(costs.cost_per_month) * months
        shared_by = plan.value.rollout.customers if plan.value.rollout else treated_customers
    return UnitCost(
        known=float(costs.cost_per_treated) + (whole_program / shared_by if shared_by else 0.0),
        per_contact=float(costs.cost_per_contact),
        counts_control=basis is Basis.PILOT,
    )


def _months_of_pilot(plan: Plan) -> float:
    return months_between(plan.pilot.starts_on, plan.pilot.ends_on + timedelta(days=1))


def _months_of_window(plan: Plan) -> float:
    """Length of the money metric's window, for a customer enrolled on the first day."""
    window = MetricWindow.of(plan.money_metric, plan)
    first = plan.pilot.starts_on + timedelta(days=window.first_day)
    return months_between(first, first + timedelta(days=window.days(plan.pilot.starts_on)))
