"""Compare two groups within strata, and take the weighted mean of the differences.

Population shares: post-stratification, Cochran (1977), Sampling Techniques, section 5A.9, and
Miratrix, Sekhon and Yu (2013), JRSS B 75:369-396. Mantel-Haenszel weights: Cochran (1954),
Biometrics 10:417-451. Inverse variance: Cochran (1937), JRSS Supplement 4:102-118. Degrees of
freedom: Satterthwaite (1946), Biometrics Bulletin 2:110-114, over the variances of all groups.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, satterthwaite
from experiments.stats.means import variance_of_mean
from experiments.stats.moments import Sample


class Weights(StrEnum):
    """How much each stratum counts.

    By its customers over both groups (the average effect over all customers); by
    n_t n_c / (n_t + n_c), which is narrow where the effect is the same everywhere; or by one over
    the variance of its difference, narrower still and biased where variances follow effects.
    """

    POPULATION = "population"
    MANTEL_HAENSZEL = "mantel_haenszel"
    INVERSE_VARIANCE = "inverse_variance"


@dataclass(frozen=True, slots=True)
class Stratum:
    """The two groups among customers who share something known before the pilot."""

    name: str
    treatment: Sample
    control: Sample


@dataclass(frozen=True, slots=True)
class StratifiedDifference:
    """A weighted mean of differences.

    Attributes:
        difference: Of the means over all strata.
        effects: Treatment minus control in each stratum, shape (strata,).
        weights: What each counts, shape (strata,); together 1.
    """

    difference: Difference
    effects: tuple[float, ...]
    weights: tuple[float, ...]


def stratified_difference(
    strata: Sequence[Stratum],
    *,
    weights: Weights = Weights.POPULATION,
    normal: bool = False,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> StratifiedDifference | Undefined:
    """Treatment mean minus control mean within strata, taken together.

    Args:
        strata: At least 2 customers of each group in each.
        weights: How much each stratum counts.
        normal: Whether the reference distribution is normal; otherwise t.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Returns:
        Undefined where a stratum lacks customers of one group, or nothing varies.

    Example:
        >>> new = Stratum("new", Sample.of([3.0, 5.0]), Sample.of([1.0, 3.0]))
        >>> old = Stratum("old", Sample.of([8.0, 9.0, 10.0]), Sample.of([7.0, 8.0, 9.0]))
        >>> found = stratified_difference([new, old])
        >>> round(found.difference.value, 2), found.weights
        (1.4, (0.4, 0.6))
    """
    if not strata:
        return Undefined("there is no stratum")
    for stratum in strata:
        for side, sample in (("treatment", stratum.treatment), ("control", stratum.control)):
            if sample.n < 2:
                return Undefined(
                    f"stratum {stratum.name} has {sample.n} customers in the {side} group, and a "
                    "variance needs at least 2"
                )
    treated = [variance_of_mean(stratum.treatment) for stratum in strata]
    controls = [variance_of_mean(stratum.control) for stratum in strata]
    if sum(treated) + sum(controls) == 0:
        return Undefined("within each group of each stratum all customers have the same value")
    shares = _shares(strata, weights)
    if isinstance(shares, Undefined):
        return shares
    effects = [stratum.treatment.mean - stratum.control.mean for stratum in strata]
    parts = [
        (share**2 * variance, sample.n - 1.0)
        for share, stratum, of_treatment, of_control in zip(
            shares, strata, treated, controls, strict=True
        )
        for variance, sample in ((of_treatment, stratum.treatment), (of_control, stratum.control))
    ]
    found = difference(
        value=math.fsum(share * effect for share, effect in zip(shares, effects, strict=True)),
        se=math.sqrt(math.fsum(variance for variance, _ in parts)),
        df=math.inf if normal else satterthwaite(parts),
        control_variance=math.fsum(variance for variance, _ in parts[1::2]),
        confidence=confidence,
        alternative=alternative,
    )
    if isinstance(found, Undefined):
        return found
    return StratifiedDifference(found, tuple(effects), tuple(shares))


def _shares(strata: Sequence[Stratum], weights: Weights) -> list[float] | Undefined:
    """What each stratum counts; together 1."""
    sizes = []
    for stratum in strata:
        size = _size(stratum, weights)
        if isinstance(size, Undefined):
            return size
        sizes.append(size)
    return [size / math.fsum(sizes) for size in sizes]


def _size(stratum: Stratum, weights: Weights) -> float | Undefined:
    """What a stratum counts, before all are made to add up to 1."""
    n_treated, n_control = stratum.treatment.n, stratum.control.n
    if weights is Weights.POPULATION:
        return float(n_treated + n_control)
    if weights is Weights.MANTEL_HAENSZEL:
        return n_treated * n_control / (n_treated + n_control)
    variance = variance_of_mean(stratum.treatment) + variance_of_mean(stratum.control)
    if variance == 0:
        return Undefined(f"in stratum {stratum.name} nothing varies within the groups")
    return 1 / variance
