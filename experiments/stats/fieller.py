"""Give a ratio of two uncertain numbers an interval that is honest about its denominator.

Fieller (1954), Journal of the Royal Statistical Society B 16:175-185. Beside it the delta method,
Cramer (1946), Mathematical Methods of Statistics, chapter 28, which is only good where g is small.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.limits import quantile
from experiments.stats.many import Bools, Intervals, Reasons, Samples, first_reason, numbers
from experiments.stats.means import no_spreads, variances_of_means
from experiments.stats.moments import Floats, Sample

NOT_CLEAR = (
    "the denominator is not clearly different from zero, so that no finite interval holds the ratio"
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A numerator over a denominator.

    Attributes:
        value: The point estimate.
        g: (critical value x standard error / value)^2 of the denominator; how far the
            denominator is from being clearly different from zero, which it is below 1.
        bounded: Whether g is below 1, so that the interval is finite.
        interval: Fieller's interval; Undefined where it is not bounded.
        se: Standard error by the delta method.
        delta_interval: value -/+ critical value x se.
    """

    value: float
    g: float
    bounded: bool
    interval: Interval | Undefined
    se: float
    delta_interval: Interval

    def shifted(self, by: float) -> "Ratio":
        """The same ratio with a constant added, as in a lift (by=-1)."""
        delta, exact = self.delta_interval, self.interval
        return replace(
            self,
            value=self.value + by,
            interval=Interval(exact.low + by, exact.high + by) if exact else exact,
            delta_interval=Interval(delta.low + by, delta.high + by),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Many ratios, attributes as those of `Ratio`; an index gives the single one.

    Attributes:
        reason: Why there is no ratio, any shape; None where there is one.
        value: Shape of reason; NaN exactly where there is a reason, as in all that follow.
        g: Shape of value.
        interval: Fieller's intervals; a reason of their own where they are not bounded.
        se: Shape of value.
        delta_interval: By the delta method.
    """

    reason: Reasons
    value: Floats
    g: Floats
    interval: Intervals
    se: Floats
    delta_interval: Intervals

    def __len__(self) -> int:
        return len(self.reason)

    def __getitem__(self, at: int | tuple[int, ...]) -> Ratio | Undefined:
        delta = self.delta_interval[at]
        if isinstance(delta, Undefined):
            return delta
        return Ratio(
            value=float(self.value[at]),
            g=float(self.g[at]),
            bounded=bool(self.g[at] < 1),
            interval=self.interval[at],
            se=float(self.se[at]),
            delta_interval=delta,
        )

    def shifted(self, by: float) -> "Ratios":
        """The same ratios with a constant added, as in a lift (by=-1)."""
        return replace(
            self,
            value=self.value + by,
            interval=_shift(self.interval, by),
            delta_interval=_shift(self.delta_interval, by),
        )


def fieller(
    *,
    numerator: float,
    denominator: float,
    variance_numerator: float,
    variance_denominator: float,
    covariance: float = 0.0,
    critical: float,
) -> Ratio | Undefined:
    """Divide one estimate by another.

    Args:
        numerator: An estimate.
        denominator: An estimate, not zero.
        variance_numerator: Its squared standard error.
        variance_denominator: Its squared standard error; 0 for a known number.
        covariance: Of the two estimates.
        critical: Quantile of the normal or t distribution, such as 1.96.

    Example:
        >>> found = fieller(numerator=3.0, denominator=2.0, variance_numerator=0.04,
        ...     variance_denominator=0.01, critical=1.96)
        >>> found.value, round(found.interval.low, 3), round(found.interval.high, 3)
        (1.5, 1.268, 1.761)
    """
    return fieller_many(
        numerator=np.asarray(numerator, dtype=float),
        denominator=np.asarray(denominator, dtype=float),
        variance_numerator=np.asarray(variance_numerator, dtype=float),
        variance_denominator=np.asarray(variance_denominator, dtype=float),
        covariance=np.asarray(covariance, dtype=float),
        critical=critical,
    )[()]


@np.errstate(all="ignore")
def fieller_many(
    *,
    numerator: Floats,
    denominator: Floats,
    variance_numerator: Floats,
    variance_denominator: Floats,
    covariance: Floats | float = 0.0,
    critical: float,
    missing: Sequence[tuple[Bools, str]] = (),
) -> Ratios:
    """`fieller` for many ratios.

    Args:
        numerator: Estimates, any shape.
        denominator: Estimates.
        variance_numerator: Their squared standard errors.
        variance_denominator: Their squared standard errors; 0 for known numbers.
        covariance: Of the two estimates.
        critical: Quantile of the normal or t distribution, such as 1.96.
        missing: Where a ratio does not exist for reasons of its own, and why.
    """
    value = numerator / denominator
    # In units of the denominator, so that the scale of the currency cannot overflow.
    top = variance_numerator / denominator / denominator
    bottom = variance_denominator / denominator / denominator
    joint = covariance / denominator / denominator
    squared_se = top - 2 * value * joint + value**2 * bottom
    se = np.sqrt(np.maximum(0.0, squared_se))
    g = critical**2 * bottom
    lead = 1 - g
    middle = (value - critical**2 * joint) / lead
    inside = squared_se - critical**2 * (top * bottom - joint**2)
    reach = critical * np.sqrt(np.maximum(0.0, inside)) / lead
    absent = [
        *missing,
        (denominator == 0, "the denominator is zero, so that a ratio has no meaning"),
        (
            (variance_numerator <= 0) & (variance_denominator <= 0),
            "neither the numerator nor the denominator varies",
        ),
        (
            ~(np.isfinite(value) & np.isfinite(se) & np.isfinite(g)),
            "the denominator is too close to zero to divide by it",
        ),
    ]
    reason, unbounded = first_reason(*absent), first_reason(*absent, (lead <= 0, NOT_CLEAR))
    value, g, se = numbers(reason, value, g, se)
    delta = numbers(reason, value - critical * se, value + critical * se)
    exact = numbers(unbounded, middle - reach, middle + reach)
    return Ratios(
        reason=reason,
        value=value,
        g=g,
        interval=Intervals(unbounded, *exact),
        se=se,
        delta_interval=Intervals(reason, *delta),
    )


def ratio_of_means(
    *, numerator: Sample, denominator: Sample, confidence: float = 0.95
) -> Ratio | Undefined:
    """Divide the mean of one group by the mean of another, independent one.

    The critical value is that of the normal distribution.

    Example:
        >>> found = ratio_of_means(numerator=Sample.of([2.0, 4.0]), denominator=Sample.of([1, 2]))
        >>> found.value, found.bounded
        (2.0, True)
    """
    return ratio_of_means_many(
        numerator=Samples.one(numerator),
        denominator=Samples.one(denominator),
        confidence=confidence,
    )[()]


@np.errstate(all="ignore")
def ratio_of_means_many(
    *,
    numerator: Samples,
    denominator: Samples,
    confidence: float = 0.95,
    missing: Sequence[tuple[Bools, str]] = (),
) -> Ratios:
    """`ratio_of_means` for many pairs of groups; `missing` as in `fieller_many`."""
    return fieller_many(
        numerator=numerator.mean,
        denominator=denominator.mean,
        variance_numerator=variances_of_means(numerator),
        variance_denominator=variances_of_means(denominator),
        critical=quantile((1 + confidence) / 2),
        missing=[*no_spreads(treatment=numerator, control=denominator), *missing],
    )


def _shift(intervals: Intervals, by: float) -> Intervals:
    return replace(intervals, low=intervals.low + by, high=intervals.high + by)
