"""Compare two means adjusted for covariates with one slope for both groups.

Analysis of covariance, Fisher (1932), Statistical Methods for Research Workers, section 49.1: least
squares of the outcome on the group and the covariates. `ancova` needs only summaries and assumes
equal residual variances; on rows, `ancova_fit` takes any covariance of `regression.py` or
`cluster_robust.py`, and `lin_fit` gives each group slopes of its own (Lin 2013, Annals of Applied
Statistics 7:295-318), whose HC2 standard error is the exact one of `lin.py`'s estimate.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import independent, means_of, scatter_of
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference
from experiments.stats.moments import Floats, Moments
from experiments.stats.regression import LeastSquares, indicators, least_squares

TREATMENT = "treatment"
# A perfect fit comes back from floating-point elimination with a residue of this share.
ROUNDING = 1e-13


def ancova(
    *,
    treatment: Moments,
    control: Moments,
    outcome: str,
    covariates: Sequence[str],
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Difference of means at equal covariates; classical standard error.

    Args:
        treatment: Moments of outcome and covariates in the treatment group.
        control: The same in the control group.
        outcome: Name of the outcome.
        covariates: Names of what was known before the pilot; of two that say the same within
            the groups, the first is kept.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = ancova(
        ...     treatment=Moments.of(spend=[4.0, 6.0, 9.0, 9.0], before=[1.0, 2.0, 3.0, 4.0]),
        ...     control=Moments.of(spend=[2.0, 4.0, 5.0, 7.0], before=[1.0, 2.0, 3.0, 4.0]),
        ...     outcome="spend", covariates=["before"])
        >>> round(found.value, 4), round(found.se, 4), found.df
        (2.5, 0.4583, 5.0)
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n == 0:
            return Undefined(f"the {side} group has no customer")
    names = (outcome, *covariates)
    # Scatter within the groups; the means only say how large rounding may be.
    within = Moments(
        names=names,
        n=treatment.n + control.n,
        means=tuple(math.hypot(treatment.mean(name), control.mean(name)) for name in names),
        scatter=tuple(
            tuple(float(cell) for cell in line)
            for line in scatter_of(treatment, names) + scatter_of(control, names)
        ),
        cubes=(None,) * len(names),
    )
    kept = independent([within], covariates)
    df = within.n - len(kept) - 2
    if df < 1:
        return Undefined(f"{within.n} customers are too few for {len(kept)} covariates")
    scatter, gap = scatter_of(within, [outcome, *kept]), _gap(treatment, control, kept)
    scale = np.sqrt(np.diag(scatter)[1:])
    standard = scatter[1:, 1:] / scale / scale[:, None]
    slopes = np.linalg.solve(standard, scatter[1:, 0] / scale) / scale
    residual = float(scatter[0, 0] - scatter[0, 1:] @ slopes)
    floor = ROUNDING * float(scatter[0, 0]) + within.n * (ROUNDING * within.mean(outcome)) ** 2
    if not residual > floor:
        return Undefined("the covariates explain the outcome entirely, so that nothing varies")
    distance = float(gap / scale @ np.linalg.solve(standard, gap / scale))
    variance = residual / df
    return difference(
        value=treatment.mean(outcome) - control.mean(outcome) - float(slopes @ gap),
        se=math.sqrt(variance * (1 / treatment.n + 1 / control.n + distance)),
        df=float(df),
        control_variance=variance / control.n,
        confidence=confidence,
        alternative=alternative,
    )


def ancova_fit(
    *,
    outcome: Sequence[float] | Floats,
    treated: Sequence[bool] | Sequence[float],
    covariates: Mapping[str, Sequence[float] | Sequence[str]],
) -> LeastSquares | Undefined:
    """Regression on the group and the covariates; the effect is the coefficient `treatment`.

    Args:
        outcome: Shape (n,).
        treated: Whether each row is of the treatment group, shape (n,).
        covariates: Each of shape (n,); text becomes indicators of its levels.
    """
    group = np.asarray(treated, dtype=float)
    return least_squares(outcome=outcome, columns={TREATMENT: group, **indicators(covariates)})


def lin_fit(
    *,
    outcome: Sequence[float] | Floats,
    treated: Sequence[bool] | Sequence[float],
    covariates: Mapping[str, Sequence[float] | Sequence[str]],
) -> LeastSquares | Undefined:
    """Regression with slopes of its own for each group; the effect is the coefficient `treatment`.

    Covariates are centred at their means over all rows, so that the coefficient is the average
    effect. Arguments as in `ancova_fit`.
    """
    group = np.asarray(treated, dtype=float)
    centred = {name: values - values.mean() for name, values in indicators(covariates).items()}
    apart = {f"{TREATMENT}:{name}": group * values for name, values in centred.items()}
    return least_squares(outcome=outcome, columns={TREATMENT: group, **centred, **apart})


def _gap(treatment: Moments, control: Moments, names: Sequence[str]) -> Floats:
    return means_of(treatment, names) - means_of(control, names)
