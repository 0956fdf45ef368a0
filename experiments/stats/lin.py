"""Compare two means adjusted for covariates, with coefficients of its own for each group.

Lin (2013), Agnostic notes on regression adjustments to experimental data, Annals of Applied
Statistics 7:295-318: covariates are centred at their means over both groups, so that the
difference of intercepts is the average effect whether or not the regression is true. The variance
counts the residuals of each group and, after Negi and Wooldridge (2021), Econometric Reviews
40:504-534, that the centre itself is an estimate:

    V = rss_t / ((n_t - k - 1) n_t) + rss_c / ((n_c - k - 1) n_c)
        + (b_t - b_c)' S_x (b_t - b_c) / (n_t + n_c)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import both_groups, independent, means_of, scatter_of
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, satterthwaite
from experiments.stats.means import welch
from experiments.stats.moments import Floats, Moments

CUSTOMERS_PER_COVARIATE = 20
# A perfect fit comes back from floating-point elimination with a residue of this share.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class LinEstimate:
    """A difference of means adjusted for covariates.

    Attributes:
        difference: Of the adjusted means; its control_variance is the residual variance of the
            control group over its customers.
        treatment_mean: Adjusted mean of the treatment group.
        control_mean: Adjusted mean of the control group.
        covariates: The covariates used, k of them.
        dropped: The covariates left out because they do not vary, or only with those before them.
        treatment_coefficients: Outcome units per covariate unit in the treatment group, shape (k,).
        control_coefficients: The same in the control group, shape (k,).
        treatment_variance: Squared standard error of treatment_mean.
        control_variance: Squared standard error of control_mean.
        covariance: Of the two adjusted means, which share the estimated covariate means.
        centre_variance: The part of se squared that comes from estimating the covariate means.
        variance_reduction: 1 - (se / se of Welch's unadjusted difference)^2; negative where the
            covariates cost more than they explain.
    """

    difference: Difference
    treatment_mean: float
    control_mean: float
    covariates: tuple[str, ...]
    dropped: tuple[str, ...]
    treatment_coefficients: tuple[float, ...]
    control_coefficients: tuple[float, ...]
    treatment_variance: float
    control_variance: float
    covariance: float
    centre_variance: float
    variance_reduction: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """One group's regression: coefficients, adjusted mean, squared standard error and its df."""

    coefficients: Floats
    mean: float
    variance: float
    df: int


def lin(
    *,
    treatment: Moments,
    control: Moments,
    outcome: str,
    covariates: Sequence[str],
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> LinEstimate | Undefined:
    """Compare an outcome between groups, adjusted for covariates.

    Degrees of freedom are those of Welch and Satterthwaite for the two residual variances, with
    n - k - 1 in each group. The centring term adds to the variance but not to the degrees of
    freedom: it is small, rests on all customers, and leaving it out errs to the wide side.

    Args:
        treatment: Moments of outcome and covariates in the treatment group.
        control: The same in the control group.
        outcome: Name of the outcome.
        covariates: Names of what was known before the pilot; of two that say the same, the
            first is kept.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Returns:
        Undefined where no covariate is left or a group has too few customers for them.

    Example:
        >>> found = lin(
        ...     treatment=Moments.of(spend=[4.0, 6.0, 9.0, 9.0], before=[1.0, 2.0, 3.0, 4.0]),
        ...     control=Moments.of(spend=[2.0, 4.0, 5.0, 7.0], before=[1.0, 2.0, 3.0, 4.0]),
        ...     outcome="spend", covariates=["before"])
        >>> round(found.difference.value, 4), round(found.difference.df, 2)
        (2.5, 2.44)
    """
    names = independent([treatment, control], covariates)
    if not names:
        return Undefined("no covariate varies among the customers of both groups")
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n < len(names) + 2:
            return Undefined(
                f"the {side} group has {group.n} customers, too few for {len(names)} covariates"
            )
    together = both_groups(treatment=treatment, control=control, names=names)
    centre = means_of(together, names)
    treated = _fit(treatment, outcome, names, centre)
    controls = _fit(control, outcome, names, centre)
    if treated.variance + controls.variance == 0:
        return Undefined("the covariates explain the outcome entirely, so that nothing varies")
    gap = treated.coefficients - controls.coefficients
    spread = scatter_of(together, names) / (together.n - 1)
    centre_variance = max(0.0, float(gap @ spread @ gap)) / together.n
    variance = treated.variance + controls.variance + centre_variance
    of_treatment, of_control = treated.coefficients, controls.coefficients
    found = difference(
        value=treated.mean - controls.mean,
        se=math.sqrt(variance),
        df=satterthwaite([(treated.variance, treated.df), (controls.variance, controls.df)]),
        control_variance=controls.variance,
        confidence=confidence,
        alternative=alternative,
    )
    unadjusted = welch(treatment=treatment.sample(outcome), control=control.sample(outcome))
    if isinstance(found, Undefined):
        return found
    if isinstance(unadjusted, Undefined):
        return unadjusted
    return LinEstimate(
        difference=found,
        treatment_mean=treated.mean,
        control_mean=controls.mean,
        covariates=names,
        dropped=tuple(name for name in covariates if name not in names),
        treatment_coefficients=tuple(float(slope) for slope in treated.coefficients),
        control_coefficients=tuple(float(slope) for slope in controls.coefficients),
        treatment_variance=treated.variance
        + float(of_treatment @ spread @ of_treatment) / together.n,
        control_variance=controls.variance + float(of_control @ spread @ of_control) / together.n,
        covariance=float(of_treatment @ spread @ of_control) / together.n,
        centre_variance=centre_variance,
        variance_reduction=1 - variance / unadjusted.se**2,
    )


def enough_customers(*, treatment: int, control: int, covariates: int) -> bool:
    """Whether each group has 20 customers per covariate; otherwise the unadjusted is the headline.

    Example:
        >>> enough_customers(treatment=100, control=40, covariates=2)
        True
        >>> enough_customers(treatment=100, control=39, covariates=2)
        False
    """
    return min(treatment, control) >= CUSTOMERS_PER_COVARIATE * covariates


def _fit(group: Moments, outcome: str, names: Sequence[str], centre: Floats) -> _Fit:
    scatter = scatter_of(group, [outcome, *names])
    # Standardised, so that covariates of very different size do not lose each other's digits.
    scale = np.sqrt(np.diag(scatter)[1:])
    cross = scatter[1:, 0] / scale
    standard_slopes = np.linalg.solve(scatter[1:, 1:] / scale / scale[:, None], cross)
    residual = float(scatter[0, 0] - cross @ standard_slopes)
    mean = group.mean(outcome)
    floor = ROUNDING * float(scatter[0, 0]) + group.n * (ROUNDING * mean) ** 2
    slopes = standard_slopes / scale
    df = group.n - len(names) - 1
    return _Fit(
        coefficients=slopes,
        mean=mean - float(slopes @ (means_of(group, names) - centre)),
        variance=residual / df / group.n if residual > floor else 0.0,
        df=df,
    )
