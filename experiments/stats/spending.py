"""How much of the error rate may be used up by a look at this share of the information?

Lan and DeMets (1983), Biometrika 70:659-663, with their O'Brien-Fleming and Pocock type functions;
Kim and DeMets (1987), Biometrika 74:149-154; Hwang, Shih and DeCani (1990), Statistics in Medicine
9:1439-1445. The information fraction is the one actually reached: past 1 nothing is left, and the
last look takes all that is left, whatever its fraction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from scipy.special import ndtr, ndtri

from experiments.errors import BadInput

Sided = Literal[1, 2]


class SpendingFamily(StrEnum):
    """The published families of spending functions."""

    OBRIEN_FLEMING = "obrien_fleming"
    POCOCK = "pocock"
    KIM_DEMETS = "kim_demets"
    HWANG_SHIH_DECANI = "hwang_shih_decani"


WITH_PARAMETER = (SpendingFamily.KIM_DEMETS, SpendingFamily.HWANG_SHIH_DECANI)


@dataclass(frozen=True, slots=True)
class Spending:
    """A spending function.

    Attributes:
        family: Which function of the information fraction.
        parameter: The power of Kim and DeMets, above 0; the gamma of Hwang, Shih and DeCani
            (-4 is close to O'Brien-Fleming, 1 to Pocock); the other families have none.
    """

    family: SpendingFamily = SpendingFamily.OBRIEN_FLEMING
    parameter: float | None = None

    def __post_init__(self) -> None:
        if (self.parameter is not None) != (self.family in WITH_PARAMETER):
            needs = "needs a" if self.parameter is None else "has no"
            raise BadInput(f"The spending family {self.family} {needs} parameter.")
        if self.parameter is None:
            return
        if not math.isfinite(self.parameter):
            raise BadInput("The parameter of a spending family is a finite number.")
        if self.family is SpendingFamily.KIM_DEMETS and self.parameter <= 0:
            raise BadInput("The power of the Kim-DeMets family is above 0.")

    def spent(self, fraction: float, *, alpha: float) -> float:
        """Error rate of one tail that may be spent up to this share of the information.

        Args:
            fraction: Information reached over information planned; not below 0.
            alpha: Error rate of the tail, all in all; above 0 and below 1.

        Example:
            >>> Spending(SpendingFamily.KIM_DEMETS, 2.0).spent(0.5, alpha=0.025)
            0.00625
            >>> round(Spending().spent(1 / 3, alpha=0.025), 6)
            0.000104
        """
        if fraction >= 1:
            return alpha
        if fraction <= 0:
            return 0.0
        if self.family is SpendingFamily.OBRIEN_FLEMING:
            return 2 * float(ndtr(ndtri(alpha / 2) / math.sqrt(fraction)))
        if self.family is SpendingFamily.POCOCK:
            return alpha * math.log1p(math.expm1(1) * fraction)
        parameter = 0.0 if self.parameter is None else self.parameter
        if self.family is SpendingFamily.KIM_DEMETS:
            return float(alpha * fraction**parameter)
        return alpha * _exponential_share(fraction, parameter)


def cumulative_spending(
    spending: Spending,
    *,
    fractions: Sequence[float],
    alpha: float,
    sided: Sided = 2,
    final: bool = False,
) -> tuple[float, ...]:
    """Error rate of both tails together that is spent up to and including each look.

    Each tail of a two-sided design spends alpha / 2 by the function of one tail.

    Args:
        spending: The function.
        fractions: Information reached over information planned, one a look.
        alpha: Error rate, both tails together where there are two.
        sided: How many tails the design has.
        final: Whether the last of these looks is the last of all, which takes all that is left.

    Example:
        >>> linear = Spending(SpendingFamily.KIM_DEMETS, 1.0)
        >>> cumulative_spending(linear, fractions=[0.5, 0.75], alpha=0.04, final=True)
        (0.02, 0.04)
    """
    spent = [sided * spending.spent(fraction, alpha=alpha / sided) for fraction in fractions]
    return (*spent[:-1], alpha) if final and spent else tuple(spent)


def _exponential_share(fraction: float, gamma: float) -> float:
    """(1 - exp(-gamma t)) / (1 - exp(-gamma)), without overflow for either sign."""
    if gamma == 0:
        return fraction
    share = math.expm1(-abs(gamma) * fraction) / math.expm1(-abs(gamma))
    return share if gamma > 0 else math.exp(gamma * (1 - fraction)) * share
