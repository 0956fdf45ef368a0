"""When outcomes may be looked at, and what that costs in power.

`fixed` reads the plan's interval once. `group_sequential` proves at any of its looks: the chance is
that of crossing a boundary at one of them (`experiments.stats.boundaries`). `always_valid` is read
on the last day, so that its chance is a lower bound of that of looking every day: its interval is
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52:2613-2640.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from experiments.design import Design
from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries, equally_spaced, spending_boundaries
from experiments.stats.confidence_sequence import tuning
from experiments.stats.limits import quantile
from experiments.stats.moments import Floats
from experiments.stats.sequential_power import drift_for_power, sequential_power
from experiments.stats.spending import Spending as SpendingFunction
from experiments.stats.spending import SpendingFamily
from experiments.terms import Look, Spending

FARTHEST_DRIFT: Final = 30.0  # beyond it every boundary is crossed at once, or none is
TUNING_N: Final = 5000  # customers at which an always-valid interval is narrowest
FAMILIES: Final = {
    Spending.OBRIEN_FLEMING: SpendingFamily.OBRIEN_FLEMING,
    Spending.POCOCK: SpendingFamily.POCOCK,
    Spending.KIM_DEMETS: SpendingFamily.KIM_DEMETS,
    Spending.HWANG_SHIH_DECANI: SpendingFamily.HWANG_SHIH_DECANI,
}
# Close to O'Brien and Fleming's: little is spent on early looks.
USUAL_PARAMETER: Final = {Spending.KIM_DEMETS: 3.0, Spending.HWANG_SHIH_DECANI: -4.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """When outcomes may be looked at.

    Attributes:
        look: Once, at planned looks, or on any day.
        fractions: Share of the customers whose window is complete at each planned look.
        spending: How planned looks spend the error rate.
        parameter: Of the spending function; the usual one where nobody said.
        tuning_n: Customers, of both groups, at which an always-valid interval is narrowest.
    """

    look: Look = Look.FIXED
    fractions: tuple[float, ...] = (1.0,)
    spending: Spending = Spending.OBRIEN_FLEMING
    parameter: float | None = None
    tuning_n: int = TUNING_N

    @classmethod
    def of(cls, design: Design) -> "Looking":
        """The looks of a plan; planned looks are taken as equally spaced in information."""
        said = design.spending_parameter
        return cls(
            look=design.look,
            fractions=equally_spaced(max(1, len(design.looks))),
            spending=design.spending or Spending.OBRIEN_FLEMING,
            parameter=None if said is None else float(said),
            tuning_n=design.tuning_n or TUNING_N,
        )

    @property
    def is_sequential(self) -> bool:
        """Whether the answer may come at one of several planned looks."""
        return self.look is Look.GROUP_SEQUENTIAL

    def chance(self, drift: Floats, *, alpha: float) -> Floats:
        """The probability that a boundary is crossed upward at one of the planned looks.

        Args:
            drift: Effect less threshold, in standard errors of the last look, shape (sizes,).
            alpha: Two-sided error rate.
        """
        found = _boundaries(self.fractions, self.spending, self.parameter, alpha)
        if isinstance(found, Undefined):
            return np.full_like(drift, math.nan)
        return np.array([_crossed(found, float(one)) for one in np.ravel(drift)])

    def inflation(self, *, alpha: float, power: float, customers: int) -> float | Undefined:
        """How many times the customers of one look at the end have the same power.

        Args:
            alpha: Two-sided error rate.
            power: The power asked for.
            customers: Of both groups together, on whom an always-valid interval depends.
        """
        if self.look is Look.GROUP_SEQUENTIAL:
            design = _boundaries(self.fractions, self.spending, self.parameter, alpha)
            if isinstance(design, Undefined):
                return design
            found = drift_for_power(design, power=power)
            return found if isinstance(found, Undefined) else found.inflation
        if self.look is Look.FIXED:
            return 1.0
        beyond = quantile(power)
        reach = always_valid_reach(np.array([customers]), tuning_n=self.tuning_n, alpha=alpha)
        return float((reach[0] + beyond) / (quantile(1 - alpha / 2) + beyond)) ** 2


FIXED: Final = Looking()


def always_valid_reach(customers: Floats, *, tuning_n: int, alpha: float) -> Floats:
    """How many standard errors an always-valid interval reaches to each side.

    Args:
        customers: Of both groups together, shape (sizes,).
        tuning_n: Customers at which it is narrowest, relative to a fixed interval.
        alpha: Two-sided error rate.

    Example:
        >>> found = always_valid_reach(np.array([5000]), tuning_n=5000, alpha=0.05)
        >>> round(float(found[0]), 4)
        3.0352
    """
    information = customers * tuning(alpha, tuning_customers=tuning_n) ** 2
    grown = information + 1
    return np.asarray(np.sqrt(2 * grown / information * (np.log(grown) / 2 - math.log(alpha))))


@lru_cache(maxsize=64)
def _boundaries(
    fractions: tuple[float, ...], spending: Spending, parameter: float | None, alpha: float
) -> Boundaries | Undefined:
    chosen = USUAL_PARAMETER.get(spending) if parameter is None else parameter
    function = SpendingFunction(FAMILIES[spending], chosen)
    return spending_boundaries(fractions, spending=function, alpha=alpha, final=True)


@lru_cache(maxsize=4096)
def _crossed(boundaries: Boundaries, drift: float) -> float:
    shift = min(max(drift, -FARTHEST_DRIFT), FARTHEST_DRIFT)
    return min(1.0, sequential_power(boundaries, drift=shift).cumulative_above[-1])
