"""Compare two means adjusted for covariates, with coefficients of its own for each group.

Lin (2013), Agnostic notes on regression adjustments to experimental data, Annals of Applied
Statistics 7:295-318: covariates are centred at their means over both groups, so that the
difference of intercepts is the average effect whether or not the regression is true. The variance
counts the residuals of each group and, after Negi and Wooldridge (2021), Econometric Reviews
40:504-534, that the centre itself is an estimate:

    V = rss_t / ((n_t - k - 1) n_t) + rss_c / ((n_c - k - 1) n_c)
        + (b_t - b_c)' S_x (b_t - b_c) / (n_t + n_c)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import both_groups_many, independent_many, only
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import differences, satterthwaites
from experiments.stats.many import Bools, Differences, ManyMoments, Reasons
from experiments.stats.means import welch_many
from experiments.stats.moments import Floats, Moments

CUSTOMERS_PER_COVARIATE = 20
SIDES = ("treatment", "control")
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


@dataclass(frozen=True, slots=True, eq=False)
class LinEstimates:
    """Many differences of means adjusted for covariates; an index gives the single one.

    Attributes:
        difference: Of the adjusted means, shape (comparisons,), with the reasons where none is.
        treatment_mean: Shape (comparisons,), as what follows unless it says otherwise.
        control_mean: Adjusted means of the control groups.
        names: The covariates asked for, k of them.
        kept: Which of them are used, shape (comparisons, k).
        treatment_coefficients: Shape (comparisons, k); 0 where a covariate is dropped.
        control_coefficients: Shape (comparisons, k).
        treatment_variance: Squared standard errors of treatment_mean.
        control_variance: Squared standard errors of control_mean.
        covariance: Of the two adjusted means.
        centre_variance: The part of se squared that comes from the covariate means.
        variance_reduction: As that of `LinEstimate`.
    """

    difference: Differences
    treatment_mean: Floats
    control_mean: Floats
    names: tuple[str, ...]
    kept: Bools
    treatment_coefficients: Floats
    control_coefficients: Floats
    treatment_variance: Floats
    control_variance: Floats
    covariance: Floats
    centre_variance: Floats
    variance_reduction: Floats

    def __len__(self) -> int:
        return len(self.difference)

    def __getitem__(self, at: int) -> LinEstimate | Undefined:
        found = self.difference[at]
        if isinstance(found, Undefined):
            return found
        kept = self.kept[at]
        return LinEstimate(
            difference=found,
            treatment_mean=float(self.treatment_mean[at]),
            control_mean=float(self.control_mean[at]),
            covariates=tuple(name for name, keep in zip(self.names, kept, strict=True) if keep),
            dropped=tuple(name for name, keep in zip(self.names, kept, strict=True) if not keep),
            treatment_coefficients=tuple(self.treatment_coefficients[at][kept].tolist()),
            control_coefficients=tuple(self.control_coefficients[at][kept].tolist()),
            treatment_variance=float(self.treatment_variance[at]),
            control_variance=float(self.control_variance[at]),
            covariance=float(self.covariance[at]),
            centre_variance=float(self.centre_variance[at]),
            variance_reduction=float(self.variance_reduction[at]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Fits:
    """Each group's regression: coefficients, adjusted mean, squared standard error and its df."""

    coefficients: Floats
    mean: Floats
    variance: Floats
    df: Floats


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
    variables = [outcome, *covariates]
    return lin_many(
        treatment=ManyMoments.of([treatment], variables),
        control=ManyMoments.of([control], variables),
        confidence=confidence,
        alternative=alternative,
    )[0]


@np.errstate(all="ignore")
def lin_many(
    *,
    treatment: ManyMoments,
    control: ManyMoments,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> LinEstimates:
    """`lin` for many pairs of groups; the first variable is the outcome, the others adjust it.

    Example:
        >>> one = Moments.of(spend=[4.0, 6.0, 9.0, 9.0], before=[1.0, 2.0, 3.0, 4.0])
        >>> other = Moments.of(spend=[2.0, 4.0, 5.0, 7.0], before=[1.0, 2.0, 3.0, 4.0])
        >>> found = lin_many(treatment=ManyMoments.of([one, other], one.names),
        ...     control=ManyMoments.of([other, one], one.names))
        >>> found.difference.value.round(4)
        array([ 2.5, -2.5])
    """
    groups = [_covariates(treatment), _covariates(control)]
    kept = independent_many(groups)
    together = both_groups_many(treatment=groups[0], control=groups[1])
    treated = _fit(treatment, kept, together.means)
    controls = _fit(control, kept, together.means)
    spread = together.scatter / np.maximum(together.n - 1, 1)[:, None, None]

    def product(one: Floats, other: Floats) -> Floats:
        return np.asarray(np.vecdot(np.vecmat(one, spread), other) / together.n)

    of_treatment, of_control = treated.coefficients, controls.coefficients
    gap = of_treatment - of_control
    centre_variance = np.maximum(0.0, product(gap, gap))
    variance = treated.variance + controls.variance + centre_variance
    unadjusted = welch_many(treatment=treatment.samples(0), control=control.samples(0))
    found = differences(
        value=treated.mean - controls.mean,
        se=np.sqrt(variance),
        df=satterthwaites([(treated.variance, treated.df), (controls.variance, controls.df)]),
        control_variance=controls.variance,
        confidence=confidence,
        alternative=alternative,
        missing=[
            (kept.sum(axis=1) == 0, "no covariate varies among the customers of both groups"),
            *(_few(side, group, kept) for side, group in zip(SIDES, groups, strict=True)),
            (
                treated.variance + controls.variance == 0,
                "the covariates explain the outcome entirely, so that nothing varies",
            ),
            (unadjusted.reason.astype(bool), unadjusted.reason),
        ],
    )
    return LinEstimates(
        difference=found,
        treatment_mean=treated.mean,
        control_mean=controls.mean,
        names=together.names,
        kept=kept,
        treatment_coefficients=of_treatment,
        control_coefficients=of_control,
        treatment_variance=treated.variance + product(of_treatment, of_treatment),
        control_variance=controls.variance + product(of_control, of_control),
        covariance=product(of_treatment, of_control),
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


def _covariates(group: ManyMoments) -> ManyMoments:
    return ManyMoments(
        group.names[1:], group.n, group.means[:, 1:], np.ascontiguousarray(group.scatter[:, 1:, 1:])
    )


def _few(side: str, group: ManyMoments, kept: Bools) -> tuple[Bools, Reasons]:
    """Where a group has too few customers for its covariates, and how many both are."""
    used = kept.sum(axis=1)
    few = group.n < used + 2
    words = np.empty(few.shape, dtype=object)
    for at in np.flatnonzero(few):
        words[at] = (
            f"the {side} group has {group.n[at]:.0f} customers, too few for {used[at]} covariates"
        )
    return few, words


def _fit(group: ManyMoments, kept: Bools, centre: Floats) -> _Fits:
    scatter = group.scatter
    # Standardised, so that covariates of very different size do not lose each other's digits.
    squares = np.diagonal(scatter, axis1=1, axis2=2)[:, 1:]
    scale = np.sqrt(np.where(kept, squares, 1.0))
    cross = np.where(kept, scatter[:, 1:, 0] / scale, 0.0)
    standard = only(scatter[:, 1:, 1:] / scale[:, None, :] / scale[:, :, None], kept)
    standard_slopes = np.linalg.solve(standard, cross[:, :, None])[:, :, 0]
    total, mean = scatter[:, 0, 0], group.means[:, 0]
    residual = total - np.vecdot(cross, standard_slopes)
    floor = ROUNDING * total + group.n * (ROUNDING * mean) ** 2
    slopes = standard_slopes / scale
    df = group.n - kept.sum(axis=1) - 1
    return _Fits(
        coefficients=slopes,
        mean=mean - np.vecdot(slopes, group.means[:, 1:] - centre),
        variance=np.where(residual > floor, residual / df / group.n, 0.0),
        df=df,
    )
