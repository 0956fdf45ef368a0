"""From which effect on does the program pay over the horizon, in money of today?

Net present value: margin of each month, discounted from its end, less the program's cost. It is 0
at the break-even of the horizon; at that of the window (`experiments.plan.break_even`) D is 0. The
two differ by what persists and by discounting; the hurdle is D's alone, because the discount rate
is the return that a present value asks for. Brealey, Myers and Allen (2011), Principles of
Corporate Finance, chapter 2.
"""

import math
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.finance.roi import break_even_effect
from experiments.pilot import Plan
from experiments.plan.break_even import BreakEven, break_even_of, window_months


@dataclass(frozen=True, slots=True)
class HorizonBreakEven:
    """The effect per treated customer over the window at which the net present value is 0.

    Attributes:
        observed: The break-even of the window, for its costs and the value of a unit.
        window_months: Months of the window.
        persistence_months: Months after the window in which the effect goes on as large.
        horizon_months: After which nothing counts.
        discount_rate: Per year; 0.1 is ten per cent.
    """

    observed: BreakEven
    window_months: float
    persistence_months: float
    horizon_months: float
    discount_rate: float

    def effect(self, *, treated_customers: float) -> float:
        """The effect, where the pilot treats so many customers.

        Costs are paid at the start, but for the monthly one.
        """
        costing = self.observed.costing
        at_start, monthly = costing.parts(treated_customers=treated_customers)
        contacts = float(costing.costs.cost_per_contact) * self.observed.contacts
        paid = present_value(costing.months, discount_rate=self.discount_rate) / costing.months
        lasts = min(self.window_months + self.persistence_months, self.horizon_months)
        earned = present_value(lasts, discount_rate=self.discount_rate) / self.window_months
        return break_even_effect(
            cost=at_start + contacts + monthly * paid,
            money_per_unit=self.observed.money_per_unit * earned,
        )


def present_value(months: float, *, discount_rate: float) -> float:
    """What 1 a month is worth today, paid at the end of each month, and of a last part of one.

    Args:
        months: How long it is paid; 0 or more.
        discount_rate: Per year; 0.1 is ten per cent.

    Example:
        >>> round(present_value(12, discount_rate=0.10), 4)
        11.4005
        >>> present_value(2.5, discount_rate=0.0)
        2.5
    """
    whole = math.floor(months)
    growth = math.log1p(discount_rate) / 12
    if growth == 0:
        return months
    full = -math.expm1(-growth * whole) / math.expm1(growth)
    return full + (months - whole) * math.exp(-growth * months)


def horizon_break_even(
    observed: BreakEven | Undefined,
    *,
    window_months: float,
    persistence_months: float = 0,
    horizon_months: float = 24,
    discount_rate: float = 0.10,
) -> HorizonBreakEven | Undefined:
    """When a program pays over the horizon.

    Args:
        observed: When it pays over the window.
        window_months: Months of the money metric's window.
        persistence_months: Months after the window in which the effect goes on as large.
        horizon_months: After which nothing counts.
        discount_rate: Per year.
    """
    if isinstance(observed, Undefined):
        return observed
    if window_months <= 0:
        return Undefined("the window of the metric holds no day")
    return HorizonBreakEven(
        observed, window_months, persistence_months, horizon_months, discount_rate
    )


def horizon_break_even_of(
    plan: Plan, *, contacts: float | None = None
) -> HorizonBreakEven | Undefined:
    """When the program of a plan pays over its horizon, with the persistence that it states.

    Args:
        plan: The plan.
        contacts: Expected contacts per treated customer; needed with a cost per contact.
    """
    return horizon_break_even(
        break_even_of(plan, contacts=contacts),
        window_months=window_months(
            plan.money_metric.window, starts_on=plan.pilot.starts_on, ends_on=plan.pilot.ends_on
        ),
        persistence_months=plan.value.persistence_months,
        horizon_months=plan.value.horizon_months,
        discount_rate=float(plan.value.discount_rate),
    )
