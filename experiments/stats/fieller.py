"""Give a ratio of two uncertain numbers an interval that is honest about its denominator.

Fieller (1954), Journal of the Royal Statistical Society B 16:175-185. Beside it the delta method,
Cramer (1946), Mathematical Methods of Statistics, chapter 28, which is only good where g is small.
"""

import math
from dataclasses import dataclass, replace

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.limits import quantile
from experiments.stats.means import no_spread, variance_of_mean
from experiments.stats.moments import Sample


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
        return replace(
            self,
            value=self.value + by,
            interval=_shift(self.interval, by) if self.interval else self.interval,
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
    if denominator == 0:
        return Undefined("the denominator is zero, so that a ratio has no meaning")
    if variance_numerator <= 0 and variance_denominator <= 0:
        return Undefined("neither the numerator nor the denominator varies")
    value = numerator / denominator
    # In units of the denominator, so that the scale of the currency cannot overflow.
    top = variance_numerator / denominator / denominator
    bottom = variance_denominator / denominator / denominator
    joint = covariance / denominator / denominator
    se = math.sqrt(max(0.0, top - 2 * value * joint + value**2 * bottom))
    g = critical**2 * bottom
    if not all(math.isfinite(number) for number in (value, se, g)):
        return Undefined("the denominator is too close to zero to divide by it")
    return Ratio(
        value=value,
        g=g,
        bounded=g < 1,
        interval=_interval(value, top, bottom, joint, critical),
        se=se,
        delta_interval=Interval(value - critical * se, value + critical * se),
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
    missing = no_spread(treatment=numerator, control=denominator)
    if missing is not None:
        return missing
    return fieller(
        numerator=numerator.mean,
        denominator=denominator.mean,
        variance_numerator=variance_of_mean(numerator),
        variance_denominator=variance_of_mean(denominator),
        critical=quantile((1 + confidence) / 2),
    )


def _interval(
    value: float, top: float, bottom: float, joint: float, critical: float
) -> Interval | Undefined:
    """Every ratio r for which numerator - r x denominator may be zero."""
    square = critical**2
    lead = 1 - square * bottom
    if lead <= 0:
        return Undefined(
            "the denominator is not clearly different from zero, so that no finite interval "
            "holds the ratio"
        )
    middle = (value - square * joint) / lead
    inside = top - 2 * value * joint + value**2 * bottom - square * (top * bottom - joint**2)
    reach = critical * math.sqrt(max(0.0, inside)) / lead
    return Interval(middle - reach, middle + reach)


def _shift(interval: Interval, by: float) -> Interval:
    return Interval(interval.low + by, interval.high + by)
