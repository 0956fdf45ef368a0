"""What the program costs per treated customer: cash spent in the pilot, or at roll-out scale."""

from dataclasses import dataclass

from experiments.pilot import Plan
from experiments.plan.break_even import Costing
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
    costing = Costing.of(plan, basis=basis)
    return UnitCost(
        known=costing.known(treated_customers=treated_customers),
        per_contact=float(costing.costs.cost_per_contact),
        counts_control=basis is Basis.PILOT,
    )
