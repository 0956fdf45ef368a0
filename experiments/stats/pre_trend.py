"""Did the groups already move apart before the program began?

The differences between the groups in each period before, relative to the last one, are tested
jointly: under equal movement all are zero. Joint test of leads, Angrist and Pischke (2009), Mostly
Harmless Econometrics, section 5.2; here Hotelling's T-squared with a covariance of its own for each
group, its F approximation by Krishnamoorthy and Yu (2004), Statistics and Probability Letters
66:161-169. A large p is no proof of equal movement: Roth (2022), AER: Insights 4:305-322.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from experiments.errors import Undefined
from experiments.stats.covariates import independent, means_of, scatter_of
from experiments.stats.moments import Moments

PERIODS = 3


@dataclass(frozen=True, slots=True)
class PreTrend:
    """Whether the groups moved apart before.

    Attributes:
        gaps: Treatment minus control in each period minus the same in the last one, shape
            (periods - 1,).
        ses: Their standard errors, shape (periods - 1,).
        statistic: T-squared of all gaps at once.
        df: How many gaps were tested.
        df_residual: Denominator degrees of freedom of the F distribution.
        p_value: Of groups that moved alike.
    """

    gaps: tuple[float, ...]
    ses: tuple[float, ...]
    statistic: float
    df: int
    df_residual: float
    p_value: float


def pre_trend_test(
    *, treatment: Moments, control: Moments, periods: Sequence[str]
) -> PreTrend | Undefined:
    """Test that the difference between two groups was the same in every period before.

    Args:
        treatment: Moments of each period's value per unit in the treatment group.
        control: The same in the control group.
        periods: Names of the values, oldest first, at least 3.

    Example:
        >>> treatment = Moments.of(a=[1.0, 2.0, 4.0, 3.0], b=[2.0, 2.0, 5.0, 5.0],
        ...     c=[4.0, 3.0, 4.0, 8.0])
        >>> control = Moments.of(a=[1.0, 3.0, 2.0, 2.0], b=[1.0, 4.0, 2.0, 3.0],
        ...     c=[2.0, 3.0, 4.0, 2.0])
        >>> found = pre_trend_test(treatment=treatment, control=control, periods=["a", "b", "c"])
        >>> found.gaps, found.df
        ((-1.5, -1.0), 2)
    """
    if len(periods) < PERIODS:
        return Undefined(f"{len(periods)} periods before are too few; the test needs {PERIODS}")
    *earlier, last = periods
    moves = {period: {period: 1.0, last: -1.0} for period in earlier}
    groups = [treatment.combine(moves), control.combine(moves)]
    for side, group in zip(("treatment", "control"), groups, strict=True):
        if group.n < 2:
            return Undefined(f"the {side} group has fewer than 2 customers")
    every = [scatter_of(group, earlier) / (group.n - 1) / group.n for group in groups]
    gaps = means_of(groups[0], earlier) - means_of(groups[1], earlier)
    pooled = Moments(
        names=tuple(earlier),
        n=treatment.n + control.n,
        means=groups[0].means,
        scatter=tuple(tuple(float(cell) for cell in line) for line in every[0] + every[1]),
        cubes=(None,) * len(earlier),
    )
    kept = independent([pooled], earlier)
    if not kept:
        return Undefined("within each group all customers moved alike")
    k = len(kept)
    rows = [earlier.index(period) for period in kept]
    chosen = np.ix_(rows, rows)
    total = every[0][chosen] + every[1][chosen]
    scale = np.sqrt(np.diag(total))
    standard = total / scale / scale[:, None]
    statistic = float(gaps[rows] / scale @ np.linalg.solve(standard, gaps[rows] / scale))
    spent = 0.0
    for group, part in zip(groups, every, strict=True):
        share = np.linalg.solve(standard, part[chosen] / scale / scale[:, None])
        spent += (np.trace(share @ share) + np.trace(share) ** 2) / (group.n - 1)
    nu = (k + k**2) / float(spent)
    df_residual = nu - k + 1
    if df_residual < 1:
        return Undefined(f"the groups are too small to test {k} periods at once")
    return PreTrend(
        gaps=tuple(float(gap) for gap in gaps),
        ses=tuple(float(se) for se in np.sqrt(np.diag(every[0] + every[1]))),
        statistic=statistic,
        df=k,
        df_residual=df_residual,
        p_value=float(fdtrc(k, df_residual, statistic * df_residual / (nu * k))),
    )
