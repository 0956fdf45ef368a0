"""Check that customers were split between the groups as planned.

Pearson (1900), Philosophical Magazine 50:157-175; for what a sample ratio mismatch means, Fabijan
et al. (2019), Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtrc

from experiments.errors import BadInput, Undefined

ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square test."""

    statistic: float
    df: int
    p_value: float


def split_check(*, observed: Sequence[int], shares: Sequence[float]) -> ChiSquare | Undefined:
    """Compare the sizes of the groups with their planned shares.

    Args:
        observed: Units assigned to each group.
        shares: Planned share of each group, all above 0, adding up to 1.

    Raises:
        BadInput: The shares are not shares, or their number is not that of the groups.

    Example:
        >>> split_check(observed=[60, 40], shares=[0.5, 0.5]).statistic
        4.0
    """
    if len(observed) != len(shares):
        raise BadInput(f"There are {len(observed)} groups but {len(shares)} planned shares.")
    if any(share <= 0 for share in shares) or not abs(math.fsum(shares) - 1) <= ROUNDING:
        listed = ", ".join(f"{share:g}" for share in shares)
        raise BadInput(f"Planned shares are above 0 and add up to 1; these do not: {listed}.")
    if any(units < 0 for units in observed):
        raise BadInput("A group cannot hold fewer than 0 units.")
    if len(observed) < 2:
        return Undefined("there is one group, so that nothing was split")
    units = sum(observed)
    if units == 0:
        return Undefined("nothing was assigned to any group")
    total = math.fsum(shares)
    expected = [units * share / total for share in shares]
    statistic = math.fsum(
        (seen - planned) ** 2 / planned for seen, planned in zip(observed, expected, strict=True)
    )
    df = len(observed) - 1
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))
