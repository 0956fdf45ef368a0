"""How many customers it takes to see an effect, judged from the standard error at hand.

A standard error shrinks with the square root of the number of customers, whatever the method that
produced it. Normal approximation: Cohen (1988), Statistical Power Analysis for the Behavioral
Sciences, chapter 12.
"""

import math

from experiments.errors import Undefined
from experiments.stats.limits import quantile

# A product that is whole but for rounding is not one customer more.
ROUNDING = 1e-9


def customers_needed(
    *, n: int, se: float, effect: float, alpha: float = 0.05, power: float = 0.8
) -> int | Undefined:
    """Customers of a group that an equal split of shares needs to detect an effect.

    Args:
        n: Customers of the group now; all groups grow by the same factor.
        se: Standard error of the effect now.
        effect: The effect to detect, in the unit of the standard error.
        alpha: Two-sided error rate.
        power: Probability of detecting the effect, above one half.

    Example:
        >>> customers_needed(n=100, se=1.0, effect=2.8)
        101
        >>> customers_needed(n=100, se=1.0, effect=1.4)
        401
    """
    if n < 1:
        return Undefined("there is no customer to judge from")
    if not (se > 0 and math.isfinite(se)):
        return Undefined("there is no standard error to judge from")
    if effect == 0 or not math.isfinite(effect):
        return Undefined("no number of customers detects an effect of zero")
    reach = quantile(1 - alpha / 2) + quantile(power)
    needed = n * (reach * se / effect) ** 2
    if not math.isfinite(needed):
        return Undefined("no number of customers detects an effect so close to zero")
    return max(2, math.ceil(needed * (1 - ROUNDING)))
