"""From which effect on does the program pay? What a treated customer costs, and what must cover it.

The cost is the one that the verdict weighs: `experiments.value.cost` calls the same functions.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from experiments.behavior.windows import MetricWindow
from experiments.errors import Undefined
from experiments.finance.calendar import months_between
from experiments.finance.roi import break_even_effect
from experiments.pilot import Costs, Plan, Window
from experiments.terms import Basis


@dataclass(frozen=True, slots=True)
class Costing:
    """How the program's costs come to a cost per treated customer.

    Attributes:
        costs: What the program costs.
        months: For how many months the monthly cost is paid.
        spread_over: Months over which the fixed cost is spread; None where it is paid at once.
        shared_by: Customers who share fixed and monthly cost; None for those whom the pilot treats.
    """

    costs: Costs
    months: float
    spread_over: int | None = None
    shared_by: int | None = None

    @classmethod
    def in_pilot(cls, costs: Costs, *, starts_on: date, ends_on: date) -> "Costing":
        """Cash: all costs of the pilot's days, shared by the customers of all treatments."""
        return cls(costs, months_between(starts_on, ends_on + timedelta(days=1)))

    @classmethod
    def at_rollout(
        cls,
        costs: Costs,
        *,
        starts_on: date,
        ends_on: date,
        window: Window | None,
        horizon_months: int,
        customers: int | None,
    ) -> "Costing":
        """Roll-out scale: the window's part of the costs, shared by the planned customers.

        Args:
            costs: At roll-out.
            starts_on: First day of the pilot.
            ends_on: Its last day.
            window: Of the money metric; None where it runs to the last day.
            horizon_months: Over which the fixed cost is spread.
            customers: Of the roll-out.
        """
        months = window_months(window, starts_on=starts_on, ends_on=ends_on)
        return cls(costs, months, horizon_months, customers)

    @classmethod
    def of(cls, plan: Plan, *, basis: Basis) -> "Costing":
        """The costing of a plan, on one basis."""
        stretch = {"starts_on": plan.pilot.starts_on, "ends_on": plan.pilot.ends_on}
        if basis is Basis.PILOT:
            return cls.in_pilot(plan.value.pilot, **stretch)
        return cls.at_rollout(
            plan.value.rollout_costs(),
            **stretch,
            window=plan.money_metric.window,
            horizon_months=plan.value.horizon_months,
            customers=plan.value.rollout.customers if plan.value.rollout else None,
        )

    def known(self, *, treated_customers: float) -> float:
        """Cost of one treated customer, contacts not included.

        Args:
            treated_customers: Of all treatments of the pilot together.
        """
        return sum(self.parts(treated_customers=treated_customers))

    def parts(self, *, treated_customers: float) -> tuple[float, float]:
        """Cost of one treated customer: what is paid at the start, and what month by month.

        Args:
            treated_customers: Of all treatments of the pilot together.
        """
        fixed = float(self.costs.cost_fixed)
        if self.spread_over is not None:
            fixed = fixed * self.months / self.spread_over
        monthly = float(self.costs.cost_per_month) * self.months
        shared_by = treated_customers if self.shared_by is None else self.shared_by
        per_treated = float(self.costs.cost_per_treated)
        if not shared_by:
            return per_treated, 0.0
        return per_treated + fixed / shared_by, monthly / shared_by


def window_months(window: Window | None, *, starts_on: date, ends_on: date) -> float:
    """Months of a metric's window for a customer who is enrolled on the first day.

    Args:
        window: Of the metric; None where it runs to the last day.
        starts_on: First day of the pilot.
        ends_on: Its last day.
    """
    first_day, end_day = window.days if window else (0, None)
    days = MetricWindow(first_day, end_day, ends_on, None).days(starts_on)
    first = starts_on + timedelta(days=first_day)
    return months_between(first, first + timedelta(days=days))


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The effect per treated customer at which D is 0, in the metric's own unit.

    Attributes:
        costing: What a treated customer costs.
        money_per_unit: Margin that one unit of the metric is worth.
        hurdle_rate: Return that the cost must earn.
        contacts: Contacts per treated customer that are charged.
    """

    costing: Costing
    money_per_unit: float
    hurdle_rate: float = 0.0
    contacts: float = 0.0

    def effect(self, *, treated_customers: float) -> float:
        """The effect, where the pilot treats so many customers."""
        per_contact = float(self.costing.costs.cost_per_contact)
        return break_even_effect(
            cost=self.costing.known(treated_customers=treated_customers)
            + per_contact * self.contacts,
            money_per_unit=self.money_per_unit,
            hurdle_rate=self.hurdle_rate,
        )


def break_even(
    costing: Costing,
    *,
    money_per_unit: float,
    hurdle_rate: float = 0.0,
    contacts: float | None = None,
) -> BreakEven | Undefined:
    """When a program with these costs pays.

    Args:
        costing: What a treated customer costs.
        money_per_unit: Margin rate of money, or value of one unit of a rate or count.
        hurdle_rate: Return that the cost must earn; 0.1 is ten per cent.
        contacts: Expected contacts per treated customer, in the pilot less those of a control
            customer; None where nobody said.

    Example:
        >>> costing = Costing(Costs(cost_per_treated="0.10", cost_fixed="500"), months=1.0)
        >>> round(break_even(costing, money_per_unit=0.5).effect(treated_customers=10_000), 2)
        0.3
    """
    if not (money_per_unit > 0 and math.isfinite(money_per_unit)):
        return Undefined("a unit of the metric is worth nothing; give a margin rate or a value")
    if costing.months <= 0:
        return Undefined("the last day is before the first, so that no month can be paid")
    if contacts is None and costing.costs.cost_per_contact > 0:
        return Undefined(
            "the plan has a cost per contact; say how many contacts a treated customer will have"
        )
    return BreakEven(costing, money_per_unit, hurdle_rate, contacts or 0.0)


def break_even_of(plan: Plan, *, contacts: float | None = None) -> BreakEven | Undefined:
    """When the program of a plan pays, on the basis that decides."""
    return break_even(
        Costing.of(plan, basis=plan.value.basis),
        money_per_unit=float(plan.value.money_per_unit),
        hurdle_rate=float(plan.value.hurdle_rate),
        contacts=contacts,
    )
