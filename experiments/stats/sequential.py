"""What may be said at a look of a group-sequential design, and after it has stopped there?

Repeated intervals: Jennison and Turnbull (1989), Journal of the Royal Statistical Society B 51:
305-361. After stopping: the stage-wise ordering of Fairbanks and Madsen (1982), Biometrika 69:
69-74, and Tsiatis, Rosner and Mehta (1984), Biometrics 40:797-803, in which an upward stop at an
earlier look is more extreme than one at a later look; the ordering does not depend on looks not
taken. Conditional error and amendments: Mueller and Schaefer (2001), Biometrics 57:886-891. A
futility boundary enters none of them, whether it was heeded or not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries, spending_boundaries
from experiments.stats.crossing import Crossings, crossings, unusable
from experiments.stats.estimate import Interval
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.spending import Spending

LEAST_PROBABILITY = 1e-300
ALMOST_ONE = 1 - 2**-53
HERMITE = 48


def repeated_interval(
    *, value: float, se: float, bound: float, df: float = math.inf
) -> Interval | Undefined:
    """Interval of a look that holds together with those of all other looks.

    Args:
        value: The estimate at the look.
        se: Its standard error.
        bound: The efficacy boundary of the look, on the z scale, above 0; where it is infinite, so
            is the interval.
        df: Degrees of freedom of the standard error; the bound is then the t quantile of the
            same nominal level (Pocock 1977, Biometrika 64:191-199).

    Example:
        >>> repeated_interval(value=1.0, se=0.5, bound=3.0)
        Interval(low=-0.5, high=2.5)
    """
    if not (se > 0 and math.isfinite(value / se)):
        return Undefined("the estimate has no standard error")
    if not bound > 0:
        return Undefined("the look has no boundary above zero")
    # The t quantile of a probability too small for it is infinite, of either sign.
    reach = bound if math.isinf(df) else abs(quantile(upper_tail(bound), df=df))
    return Interval(value - reach * se, value + reach * se)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a design says that stopped at a look, by the stage-wise ordering.

    Attributes:
        p_value: Of no effect, with as many sides as the design; not above the design's error rate
            exactly where the look rejects.
        value: The median-unbiased estimate: as likely too high as too low.
        low: Lower limit of the interval.
        high: Upper limit of the interval.
    """

    p_value: float
    value: float
    low: float
    high: float


def after_stopping(
    design: Boundaries, *, look: int, value: float, se: float, confidence: float = 0.95
) -> Stopped | Undefined:
    """Estimate, interval and p-value after stopping at a look.

    Args:
        design: Boundaries up to that look at least; those of the look itself do not enter.
        look: The look, from 1.
        value: The estimate at the look, without allowance for having looked.
        se: Its standard error.
        confidence: Of the two-sided interval, between 0 and 1.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.797, 1.977])
        >>> found = after_stopping(design, look=2, value=2.2, se=1.0)
        >>> round(found.p_value, 4), round(found.value, 3)
        (0.0304, 2.186)
    """
    if not (se > 0 and math.isfinite(value / se)):
        return Undefined("the estimate has no standard error")
    if not 1 <= look <= len(design.z):
        return Undefined(f"the design has no look {look}")
    statistic = value / se
    fractions = design.fractions[:look]

    def ordered(mean: float) -> Crossings:
        return crossings(
            fractions=fractions,
            lower=(*design.lower[: look - 1], statistic),
            upper=(*design.z[: look - 1], statistic),
            drift=mean / math.sqrt(fractions[-1]),
        )

    def mean_at(probability: float) -> float:
        """The mean of the statistic under which a result so high has this probability."""

        def excess(mean: float) -> float:
            above = float(np.clip(sum(ordered(mean).above), LEAST_PROBABILITY, ALMOST_ONE))
            return float(ndtri(above) - ndtri(probability))

        low, high, step = statistic - 2, statistic + 2, 2.0
        while excess(low) > 0:
            low, step = low - step, 2 * step
        while excess(high) < 0:
            high, step = high + step, 2 * step
        return float(brentq(excess, low, high, xtol=1e-10))

    found = ordered(0.0)
    above, below = sum(found.above), sum(found.below)
    tail = (1 - confidence) / 2
    return Stopped(
        p_value=above if design.sided == 1 else min(1.0, 2 * min(above, below)),
        value=mean_at(0.5) * se,
        low=mean_at(tail) * se,
        high=mean_at(1 - tail) * se,
    )


@dataclass(frozen=True, slots=True)
class Rejection:
    """Probability that a design still rejects, given what is known so far.

    Attributes:
        above: In favour of a positive effect.
        below: In favour of a negative effect; 0 for a one-sided design.
    """

    above: float
    below: float


def conditional_rejection(
    design: Boundaries, *, fraction: float, z: float, drift: float = 0.0
) -> Rejection | Undefined:
    """Probability that a later look rejects, given the statistic so far.

    Under no drift it is the conditional error, which an amendment must keep; under the drift that
    the design is to detect, or the one estimated so far, the conditional power.

    Args:
        design: A complete design.
        fraction: Information so far; the looks with more are still to come.
        z: The statistic so far.
        drift: Mean of the statistic at information fraction 1.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.797, 1.977])
        >>> round(conditional_rejection(design, fraction=0.5, z=1.0).above, 3)
        0.036
    """
    ahead = [look for look, then in enumerate(design.fractions) if then > fraction]
    if not ahead:
        return Undefined("no look follows")
    increments = [design.fractions[look] - fraction for look in ahead]
    for missing in (unusable([fraction]), unusable(increments)):
        if missing is not None:
            return missing
    if not math.isfinite(z):
        return Undefined("the statistic so far is not a number")

    def remaining(bounds: Sequence[float]) -> list[float]:
        """Boundaries of the statistic of the information still to come."""
        return [
            (bounds[look] * math.sqrt(design.fractions[look]) - z * math.sqrt(fraction))
            / math.sqrt(more)
            for look, more in zip(ahead, increments, strict=True)
        ]

    found = crossings(
        fractions=increments, lower=remaining(design.lower), upper=remaining(design.z), drift=drift
    )
    return Rejection(above=sum(found.above), below=sum(found.below))


def predictive_power(design: Boundaries, *, fraction: float, z: float) -> Rejection | Undefined:
    """Probability that a later look rejects, over the drifts that are likely by what is known.

    The conditional power over the posterior of the drift from a flat prior, normal with mean
    z / sqrt(fraction) and variance 1 / fraction: Spiegelhalter, Freedman and Blackburn (1986),
    Controlled Clinical Trials 7:8-17. Gauss-Hermite quadrature.

    Args:
        design: A complete design.
        fraction: Information so far; the looks with more are still to come.
        z: The statistic so far.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.797, 1.977])
        >>> round(predictive_power(design, fraction=0.5, z=2.0).above, 3)
        0.803
    """
    missing = conditional_rejection(design, fraction=fraction, z=z)
    if isinstance(missing, Undefined):
        return missing
    nodes, weights = np.polynomial.hermite_e.hermegauss(HERMITE)
    above = below = 0.0
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        drift = float((z + node) / math.sqrt(fraction))
        found = conditional_rejection(design, fraction=fraction, z=z, drift=drift)
        if isinstance(found, Rejection):
            above += float(weight) * found.above
            below += float(weight) * found.below
    return Rejection(above=above, below=below)


@dataclass(frozen=True, slots=True)
class Amended:
    """Boundaries of the looks after an amendment, for the statistic of all data.

    Attributes:
        fractions: Information at the looks, in the unit of the original design.
        upper: Reject in favour of a positive effect when the statistic is at or above.
        lower: Reject in favour of a negative effect when at or below; minus infinity where the
            design has one side or its conditional error is nil.
        error: The conditional error that the original design left, kept in each tail.
    """

    fractions: tuple[float, ...]
    upper: tuple[float, ...]
    lower: tuple[float, ...]
    error: Rejection


def amended_boundaries(
    design: Boundaries,
    *,
    fraction: float,
    z: float,
    fractions: Sequence[float],
    spending: Spending,
) -> Amended | Undefined:
    """Other looks, or more customers, after a look at the data, with the error rate kept.

    The new looks spend, on the information after the amendment, the conditional error of the
    original design in each tail.

    Args:
        design: The complete original design.
        fraction: Information at the amendment.
        z: The statistic at the amendment, which has not crossed a boundary.
        fractions: Information at the new looks, all above `fraction`; the last one spends all.
        spending: How the conditional error is spent.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.797, 1.977])
        >>> found = amended_boundaries(design, fraction=0.5, z=1.0, fractions=[1.0],
        ...     spending=Spending())
        >>> round(found.upper[0], 3), round(found.lower[0], 3)
        (1.977, -1.977)
    """
    error = conditional_rejection(design, fraction=fraction, z=z)
    if isinstance(error, Undefined):
        return error
    if not fractions or fractions[0] <= fraction:
        return Undefined("the amendment has no look after the present one")
    upper = _amended(error.above, fraction=fraction, z=z, fractions=fractions, spending=spending)
    lower = _amended(error.below, fraction=fraction, z=-z, fractions=fractions, spending=spending)
    if isinstance(upper, Undefined):
        return upper
    if isinstance(lower, Undefined):
        return lower
    return Amended(tuple(map(float, fractions)), upper, tuple(-bound for bound in lower), error)


def _amended(
    tail: float, *, fraction: float, z: float, fractions: Sequence[float], spending: Spending
) -> tuple[float, ...] | Undefined:
    """Upper boundaries after an amendment that spend this conditional error."""
    if tail <= LEAST_PROBABILITY:
        return tuple(math.inf for _ in fractions)
    left = fractions[-1] - fraction
    shares = [(then - fraction) / left for then in fractions]
    rest = spending_boundaries(shares, spending=spending, alpha=tail, sided=1, final=True)
    if isinstance(rest, Undefined):
        return rest
    return tuple(
        (bound * math.sqrt(then - fraction) + z * math.sqrt(fraction)) / math.sqrt(then)
        for bound, then in zip(rest.z, fractions, strict=True)
    )
