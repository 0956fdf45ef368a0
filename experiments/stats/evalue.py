"""How strong an unmeasured difference between customers would have to be to explain an effect.

VanderWeele and Ding (2017), Sensitivity analysis in observational research: introducing the
E-value, Annals of Internal Medicine 167:268-274: the smallest risk ratio that something unmeasured
needs, with both the treatment and the outcome and beyond what was balanced, to move an estimate (or
a limit) to a given value. Means go through RR = exp(0.91 d), d in standard deviations: Chinn
(2000), Statistics in Medicine 19:3127-3131, and the square root of the odds ratio.
"""

import math
from dataclasses import dataclass

from experiments.errors import Undefined

LOG_RATIO_PER_DEVIATION = 0.91
LARGEST_EXPONENT = 300


@dataclass(frozen=True, slots=True)
class EValue:
    """Strength of confounding, as a risk ratio of at least 1.

    Attributes:
        estimate: That moves the estimate to the break-even value.
        limit: That moves the limit nearer to break-even there; 1 where the interval holds it.
        ratio: The estimate as a risk ratio over that of the break-even value.
    """

    estimate: float
    limit: float
    ratio: float


def evalue_of_ratio(
    *, ratio: float, low: float, high: float, break_even: float = 1.0
) -> EValue | Undefined:
    """The E-value of a risk ratio and its interval.

    Args:
        ratio: Treatment rate over control rate, above zero.
        low: Lower limit.
        high: Upper limit.
        break_even: The risk ratio to be explained down (or up) to; 1 is no effect.

    Example:
        >>> found = evalue_of_ratio(ratio=3.9, low=1.8, high=8.7)
        >>> round(found.estimate, 2), round(found.limit, 2)
        (7.26, 3.0)
    """
    if not (ratio > 0 and break_even > 0 and high > 0):
        return Undefined("a rate of zero has no risk ratio to explain")
    if math.isinf(ratio) or math.isinf(break_even) or math.isnan(low):
        return Undefined("the risk ratio is not finite")
    if low <= break_even <= high:
        limit = 1.0
    else:
        nearer = low if low > break_even else high
        limit = _strength(nearer / break_even)
    return EValue(estimate=_strength(ratio / break_even), limit=limit, ratio=ratio / break_even)


def evalue_of_difference(
    *, value: float, low: float, high: float, deviation: float, break_even: float = 0.0
) -> EValue | Undefined:
    """The E-value of a difference of means and its interval.

    Args:
        value: Treatment mean minus control mean.
        low: Lower limit.
        high: Upper limit.
        deviation: Standard deviation of the outcome among customers (pooled over the groups).
        break_even: The difference to be explained down (or up) to; 0 is no effect.

    Example:
        >>> found = evalue_of_difference(value=0.5, low=0.01, high=0.99, deviation=1.0)
        >>> round(found.estimate, 3), round(found.limit, 3)
        (2.529, 1.105)
    """
    if not deviation > 0:
        return Undefined("the outcome does not vary, so that it has no standard deviations")
    exponents = [
        LOG_RATIO_PER_DEVIATION * (number - break_even) / deviation for number in (value, low, high)
    ]
    if not all(abs(exponent) <= LARGEST_EXPONENT for exponent in exponents):
        return Undefined("the interval is not finite, or too many standard deviations away")
    estimate, lower, upper = (math.exp(exponent) for exponent in exponents)
    return evalue_of_ratio(ratio=estimate, low=lower, high=upper)


def _strength(ratio: float) -> float:
    """The E-value of one risk ratio, in either direction."""
    above = max(ratio, 1 / ratio)
    return above + math.sqrt(above * (above - 1))
