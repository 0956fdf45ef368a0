"""Check that the groups were alike before the pilot began.

One variable: the standardised difference, Rosenbaum and Rubin (1985), American Statistician
39:33-38. All variables at once: Hansen and Bowers (2008), Covariate balance in simple, stratified
and clustered comparative studies, Statistical Science 23:219-236.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from experiments.errors import Undefined
from experiments.stats.covariates import both_groups, independent, means_of, scatter_of
from experiments.stats.means import no_spread, spread
from experiments.stats.moments import Moments, Sample


@dataclass(frozen=True, slots=True)
class Balance:
    """Whether the groups differ over all variables by more than a random draw explains.

    Attributes:
        statistic: Chi-square.
        df: How many variables were compared.
        p_value: Of a random draw.
        dropped: Variables left out because they do not vary, or only with those before them.
    """

    statistic: float
    df: int
    p_value: float
    dropped: tuple[str, ...]


def standardised_difference(*, treatment: Sample, control: Sample) -> float | Undefined:
    """Difference of means in standard deviations, the two variances weighing the same.

    Example:
        >>> standardised_difference(
        ...     treatment=Sample.of([2.0, 4.0]), control=Sample.of([1.0, 3.0]))
        0.7071067811865475
    """
    missing = no_spread(treatment=treatment, control=control)
    if missing is not None:
        return missing
    found = (treatment.mean - control.mean) / math.sqrt((spread(treatment) + spread(control)) / 2)
    if not math.isfinite(found):
        return Undefined("the values are too large or too small to be computed with")
    return found


def omnibus_balance(
    *, treatment: Moments, control: Moments, names: Sequence[str]
) -> Balance | Undefined:
    """Compare the means of several variables at once.

    With d the differences of means and S the covariance over both groups together, the statistic
    is d' (S (1/n_t + 1/n_c))^-1 d: what a random draw of the treatment group makes of these very
    customers. It does not depend on which group is called treatment, nor on any unit.

    Args:
        treatment: Moments of the variables in the treatment group.
        control: The same in the control group.
        names: The variables to compare.

    Example:
        >>> found = omnibus_balance(treatment=Moments.of(visits=[2.0, 4.0]),
        ...     control=Moments.of(visits=[1.0, 3.0]), names=["visits"])
        >>> round(found.statistic, 4), found.df
        (0.6, 1)
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n < 1:
            return Undefined(f"the {side} group has no customer")
    together = both_groups(treatment=treatment, control=control, names=names)
    kept = independent([together], names)
    if not kept:
        return Undefined("none of the variables varies among the customers")
    if together.n - 1 <= len(kept):
        return Undefined(
            f"{together.n} customers are too few to compare {len(kept)} variables at once"
        )
    gap = means_of(treatment, kept) - means_of(control, kept)
    scatter = scatter_of(together, kept)
    scale = np.sqrt(np.diag(scatter))
    standard = gap / scale
    distance = float(standard @ np.linalg.solve(scatter / scale / scale[:, None], standard))
    weight = treatment.n * control.n / together.n
    statistic = max(0.0, distance * weight * (together.n - 1))
    return Balance(
        statistic=statistic,
        df=len(kept),
        p_value=float(chdtrc(len(kept), statistic)),
        dropped=tuple(name for name in names if name not in kept),
    )
