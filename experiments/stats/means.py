"""Compare the means of two groups.

Headline: Welch (1947), Biometrika 34:28-35, each group with its own variance. Beside it, for
comparison with older reports, Student (1908), Biometrika 6:1-25, with one common variance.
"""

import math

import numpy as np

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, differences, satterthwaites
from experiments.stats.many import Bools, Differences, Samples, first_reason, undefined
from experiments.stats.moments import Floats, Sample

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
    return welch_many(
        treatment=Samples.one(treatment),
        control=Samples.one(control),
        confidence=confidence,
        alternative=alternative,
    )[()]


@np.errstate(all="ignore")
def welch_many(
    *,
    treatment: Samples,
    control: Samples,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Differences:
    """`welch` for many pairs of groups.

    Example:
        >>> before = Samples(n=[9, 16, 1], mean=[3.0, 5.0, 2.0], variance=[9.0, 16.0, 0.0])
        >>> after = Samples(n=9, mean=2.0, variance=9.0)
        >>> found = welch_many(treatment=before, control=after)
        >>> found.value.round(2)
        array([ 1.,  3., nan])
        >>> found[2]
        Undefined(reason='the treatment group has one customer, and a variance needs at least 2')
    """
    treated, controls = variances_of_means(treatment), variances_of_means(control)
    return differences(
        value=treatment.mean - control.mean,
        se=np.sqrt(treated + controls),
        df=satterthwaites([(treated, treatment.n - 1), (controls, control.n - 1)]),
        control_variance=controls,
        confidence=confidence,
        alternative=alternative,
        missing=no_spreads(treatment=treatment, control=control),
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


@np.errstate(all="ignore")
def no_spread(*, treatment: Sample, control: Sample) -> Undefined | None:
    """Why two samples cannot be compared, or None when they can."""
    return undefined(
        first_reason(*no_spreads(treatment=Samples.one(treatment), control=Samples.one(control)))
    )


def no_spreads(*, treatment: Samples, control: Samples) -> list[tuple[Bools, str]]:
    """Which of many pairs of samples cannot be compared, and why; the first that holds counts.

    Called, like `variances_of_means`, where NumPy ignores what has no number (`np.errstate`).
    """
    missing = []
    for side, samples in (("treatment", treatment), ("control", control)):
        few = f"the {side} group has {{}}, and a variance needs at least 2"
        wild = ~(np.isfinite(samples.mean) & np.isfinite(samples.variance))
        missing += [
            (samples.n == 0, few.format("no customer")),
            (samples.n == 1, few.format("one customer")),
            (wild, f"the values of the {side} group are too large to be computed with"),
        ]
    both = variances_of_means(treatment) + variances_of_means(control)
    return [*missing, (both == 0, "within each group all customers have the same value")]


@np.errstate(all="ignore")
def spread(sample: Sample) -> float:
    """The variance of a sample, where what rounding leaves of equal values counts as 0."""
    return float(_spreads(Samples.one(sample)))


@np.errstate(all="ignore")
def variance_of_mean(sample: Sample) -> float:
    """The squared standard error of a mean; the sample has at least one customer."""
    return float(variances_of_means(Samples.one(sample)))


def variances_of_means(samples: Samples) -> Floats:
    """`variance_of_mean` of many samples; NaN or infinite where there is no customer."""
    return _spreads(samples) / samples.n


def _spreads(samples: Samples) -> Floats:
    return np.where(samples.variance > (ROUNDING * samples.mean) ** 2, samples.variance, 0.0)
