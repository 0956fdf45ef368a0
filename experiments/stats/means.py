"""Compare the means of two groups.

Headline: Welch (1947), Biometrika 34:28-35, each group with its own variance. Beside it, for
comparison with older reports, Student (1908), Biometrika 6:1-25, with one common variance.
"""

import math

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, satterthwaite
from experiments.stats.moments import Sample

# Equal values come back from floating-point sums with a spread of a few units in the last place.
ROUNDING = 1e-13


def welch(
    *,
    treatment: Sample,
    control: Sample,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Treatment mean minus control mean, without assuming equal variances.

    Args:
        treatment: The treated customers, at least 2.
        control: The control customers, at least 2.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = welch(treatment=Sample.of([3.0, 5.0, 7.0]), control=Sample.of([1.0, 2.0, 3.0]))
        >>> found.value, round(found.df, 2)
        (3.0, 2.94)
    """
    missing = no_spread(treatment=treatment, control=control)
    if missing is not None:
        return missing
    treated, controls = variance_of_mean(treatment), variance_of_mean(control)
    return difference(
        value=treatment.mean - control.mean,
        se=math.sqrt(treated + controls),
        df=satterthwaite([(treated, treatment.n - 1), (controls, control.n - 1)]),
        control_variance=controls,
        confidence=confidence,
        alternative=alternative,
    )


def student(
    *,
    treatment: Sample,
    control: Sample,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Treatment mean minus control mean, assuming equal variances.

    Example:
        >>> found = student(treatment=Sample.of([3.0, 5.0]), control=Sample.of([1.0, 3.0]))
        >>> found.value, found.df
        (2.0, 2.0)
    """
    missing = no_spread(treatment=treatment, control=control)
    if missing is not None:
        return missing
    df = float(treatment.n + control.n - 2)
    common = ((treatment.n - 1) * spread(treatment) + (control.n - 1) * spread(control)) / df
    return difference(
        value=treatment.mean - control.mean,
        se=math.sqrt(common / treatment.n + common / control.n),
        df=df,
        control_variance=common / control.n,
        confidence=confidence,
        alternative=alternative,
    )


def no_spread(*, treatment: Sample, control: Sample) -> Undefined | None:
    """Why two samples cannot be compared, or None when they can."""
    for side, sample in (("treatment", treatment), ("control", control)):
        if sample.n < 2:
            return Undefined(
                f"the {side} group has {_customers(sample.n)}, and a variance needs at least 2"
            )
        if not (math.isfinite(sample.mean) and math.isfinite(sample.variance)):
            return Undefined(f"the values of the {side} group are too large to be computed with")
    if variance_of_mean(treatment) + variance_of_mean(control) == 0:
        return Undefined("within each group all customers have the same value")
    return None


def spread(sample: Sample) -> float:
    """The variance of a sample, where what rounding leaves of equal values counts as 0."""
    return sample.variance if sample.variance > (ROUNDING * sample.mean) ** 2 else 0.0


def variance_of_mean(sample: Sample) -> float:
    """The squared standard error of a mean; the sample has at least one customer."""
    return spread(sample) / sample.n


def _customers(n: int) -> str:
    return {0: "no customer", 1: "one customer"}[n]
