"""Express a difference of means as a share of the control mean; 0.1 is ten per cent more.

Headline: Fieller (1954), Journal of the Royal Statistical Society B 16:175-185. Beside it the
delta method on the ratio and on its logarithm, Cramer (1946), Mathematical Methods of Statistics,
chapter 28, with degrees of freedom after Satterthwaite (1946), Biometrics Bulletin 2:110-114.
"""

import math
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.fieller import Ratio, Ratios, fieller, ratio_of_means_many
from experiments.stats.limits import limits, p_value, quantile, satterthwaite
from experiments.stats.lin import LinEstimate
from experiments.stats.many import Bools, Samples, first_reason, undefined
from experiments.stats.means import no_spread, variance_of_mean
from experiments.stats.moments import Sample


@dataclass(frozen=True, slots=True)
class Lift:
    """Treatment mean over control mean, minus 1.

    Attributes:
        value: The point estimate.
        se: Standard error, of the lift or, for the log method, of the logarithm of the ratio.
        df: Degrees of freedom of the reference t distribution.
        statistic: Of the null hypothesis of no lift.
        p_value: Of the null hypothesis of no lift.
        low: Lower limit of the interval.
        high: Upper limit of the interval.
    """

    value: float
    se: float
    df: float
    statistic: float
    p_value: float
    low: float
    high: float


def fieller_lift(
    *, treatment: Sample, control: Sample, confidence: float = 0.95
) -> Ratio | Undefined:
    """Lift with Fieller's interval, from a normal critical value.

    Example:
        >>> found = fieller_lift(treatment=Sample.of([10, 11, 12]), control=Sample.of([9, 10, 11]))
        >>> round(found.value, 3), found.bounded
        (0.1, True)
    """
    return fieller_lift_many(
        treatment=Samples.one(treatment), control=Samples.one(control), confidence=confidence
    )[()]


def fieller_lift_many(*, treatment: Samples, control: Samples, confidence: float = 0.95) -> Ratios:
    """`fieller_lift` for many pairs of groups.

    Example:
        >>> found = fieller_lift_many(treatment=Samples([9, 9], [3.0, 2.0], [1.0, 1.0]),
        ...     control=Samples(n=9, mean=2.0, variance=1.0))
        >>> found.value, found.interval.low.round(3)
        (array([0.5, 0. ]), array([ 0.031, -0.384]))
    """
    return ratio_of_means_many(
        numerator=treatment,
        denominator=control,
        confidence=confidence,
        missing=_no_share(control),
    ).shifted(-1)


def adjusted_lift(found: LinEstimate, *, confidence: float = 0.95) -> Ratio | Undefined:
    """Lift of the adjusted means, with Fieller's interval and the covariance that they share."""
    ratio = fieller(
        numerator=found.treatment_mean,
        denominator=found.control_mean,
        variance_numerator=found.treatment_variance,
        variance_denominator=found.control_variance,
        covariance=found.covariance,
        critical=quantile(0.5 + confidence / 2),
    )
    return ratio if isinstance(ratio, Undefined) else ratio.shifted(-1)


def delta_lift(
    *,
    treatment: Sample,
    control: Sample,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Lift | Undefined:
    """Lift with the delta method, and the degrees of freedom of Welch's absolute difference.

    Example:
        >>> found = delta_lift(treatment=Sample.of([10, 11, 12]), control=Sample.of([9, 10, 11]))
        >>> round(found.value, 3), round(found.se, 4)
        (0.1, 0.0858)
    """
    missing = _no_lift(treatment, control)
    if missing is not None:
        return missing
    treated, controls = variance_of_mean(treatment), variance_of_mean(control)
    ratio = treatment.mean / control.mean
    se = math.sqrt(treated + ratio**2 * controls) / control.mean
    df = satterthwaite([(treated, treatment.n - 1), (controls, control.n - 1)])
    value = ratio - 1
    # A treatment group of zeros beside varying controls leaves the linear method without spread.
    if se == 0 or not math.isfinite(value / se):
        return Undefined("the lift has no standard error")
    found = limits(value=value, se=se, df=df, confidence=confidence, alternative=alternative)
    return Lift(
        value=value,
        se=se,
        df=df,
        statistic=value / se,
        p_value=p_value(value / se, df=df, alternative=alternative),
        low=found.low,
        high=found.high,
    )


def log_delta_lift(
    *,
    treatment: Sample,
    control: Sample,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Lift | Undefined:
    """Lift with the delta method on the logarithm of the ratio, and Welch's df on that scale.

    Example:
        >>> found = log_delta_lift(treatment=Sample.of([2, 4]), control=Sample.of([1, 2]))
        >>> found.value, round(found.se, 4)
        (1.0, 0.4714)
    """
    missing = _no_lift(treatment, control)
    if missing is not None:
        return missing
    if treatment.mean <= 0:
        return Undefined("the treatment mean is not positive, so that it has no logarithm")
    treated = variance_of_mean(treatment) / treatment.mean / treatment.mean
    controls = variance_of_mean(control) / control.mean / control.mean
    log_ratio = math.log(treatment.mean) - math.log(control.mean)
    se = math.sqrt(treated + controls)
    df = satterthwaite([(treated, treatment.n - 1), (controls, control.n - 1)])
    found = limits(value=log_ratio, se=se, df=df, confidence=confidence, alternative=alternative)
    return Lift(
        value=treatment.mean / control.mean - 1,
        se=se,
        df=df,
        statistic=log_ratio / se,
        p_value=p_value(log_ratio / se, df=df, alternative=alternative),
        low=_expm1(found.low),
        high=_expm1(found.high),
    )


def _no_lift(treatment: Sample, control: Sample) -> Undefined | None:
    missing = no_spread(treatment=treatment, control=control)
    if missing is not None:
        return missing
    return undefined(first_reason(*_no_share(Samples.one(control))))


def _no_share(control: Samples) -> list[tuple[Bools, str]]:
    return [
        (control.mean == 0, "the control mean is zero, so that a share of it has no meaning"),
        (control.mean < 0, "the control mean is negative, so that a share of it points backwards"),
    ]


def _expm1(exponent: float) -> float:
    """exp(x) - 1, infinite where a double cannot hold it."""
    try:
        return math.expm1(exponent)
    except OverflowError:
        return math.inf
