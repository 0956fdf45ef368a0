"""Compare how long customers stay on average, up to a horizon.

The restricted mean survival time is the area under the survival curve. Irwin (1949), Journal of
Hygiene 47:188-189; variance from Greenwood's, without a factor for small samples, and comparison:
Royston and Parmar (2013), BMC Medical Research Methodology 13:152, and Klein and Moeschberger
(2003), section 4.5.
"""

import math
from dataclasses import dataclass

import numpy as np

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, limits, p_value
from experiments.stats.survival import DayCounts, survival_steps


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Time that a customer stays on average within a horizon.

    Attributes:
        time: In the unit of the counts, at most the horizon.
        variance: Its squared standard error; 0 where all customers lapsed at one time, or nobody
            before the horizon.
    """

    time: float
    variance: float

    @property
    def se(self) -> float | Undefined:
        """The standard error."""
        if self.variance == 0:
            return Undefined("customers did not lapse at different times before the horizon")
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class TimeRatio:
    """Treatment over control; interval and test on the logarithm, `se` being that of it."""

    value: float
    se: float
    p_value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RestrictedMeans:
    """Two groups up to the same horizon."""

    treatment: RestrictedMean
    control: RestrictedMean
    difference: Difference | Undefined
    ratio: TimeRatio | Undefined


def restricted_mean(counts: DayCounts, *, horizon: float) -> RestrictedMean | Undefined:
    """Average time until a customer lapses, or the horizon where that comes first.

    Args:
        counts: One group.
        horizon: Above 0, in the unit of the counts, at most the longest time known.

    Example:
        >>> restricted_mean(DayCounts.of([1, 2, 3], [True, True, False]), horizon=3).time
        2.0
    """
    if counts.customers == 0:
        return Undefined("there is no customer")
    if horizon <= 0:
        return Undefined("the horizon is not above zero")
    survival, greenwood = survival_steps(counts)
    if horizon > counts.times[-1] and survival[-1] > 0:
        return Undefined(
            f"no customer was followed for longer than {counts.times[-1]:g}, and the horizon is "
            f"{horizon:g}"
        )
    before = np.asarray(counts.times) < horizon
    starts = np.concatenate([[0.0], np.asarray(counts.times)[before]])
    areas = np.concatenate([[1.0], survival[before]]) * np.diff(np.append(starts, horizon))
    # The area from each time on: what is lost when a customer lapses then.
    ahead = np.cumsum(areas[::-1])[::-1]
    return RestrictedMean(
        time=float(ahead[0]), variance=float(np.sum(ahead[1:] ** 2 * greenwood[before]))
    )


def compare_restricted_means(
    *,
    treatment: DayCounts,
    control: DayCounts,
    horizon: float,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> RestrictedMeans | Undefined:
    """Time that the treatment adds within the horizon, and its ratio, by the normal distribution.

    Example:
        >>> found = compare_restricted_means(treatment=DayCounts.of([2, 3, 4], [1, 1, 1]),
        ...     control=DayCounts.of([1, 2, 4], [1, 1, 1]), horizon=4)
        >>> round(found.difference.value, 3), round(found.ratio.value, 3)
        (0.667, 1.286)
    """
    treated = restricted_mean(treatment, horizon=horizon)
    if isinstance(treated, Undefined):
        return Undefined(f"in the treatment group {treated.reason}")
    controls = restricted_mean(control, horizon=horizon)
    if isinstance(controls, Undefined):
        return Undefined(f"in the control group {controls.reason}")
    se = math.sqrt(treated.variance + controls.variance)
    if se == 0:
        missing = Undefined("in neither group customers lapsed at different times")
        return RestrictedMeans(treated, controls, missing, missing)
    return RestrictedMeans(
        treatment=treated,
        control=controls,
        difference=difference(
            value=treated.time - controls.time,
            se=se,
            df=math.inf,
            control_variance=controls.variance,
            confidence=confidence,
            alternative=alternative,
        ),
        ratio=_ratio(treated, controls, confidence=confidence, alternative=alternative),
    )


def _ratio(
    treatment: RestrictedMean,
    control: RestrictedMean,
    *,
    confidence: float,
    alternative: Alternative,
) -> TimeRatio | Undefined:
    if treatment.time == 0 or control.time == 0:
        return Undefined("all customers of a group lapsed at once, so that a ratio has no meaning")
    value = math.log(treatment.time) - math.log(control.time)
    se = math.sqrt(treatment.variance / treatment.time**2 + control.variance / control.time**2)
    found = limits(value=value, se=se, confidence=confidence, alternative=alternative)
    return TimeRatio(
        value=treatment.time / control.time,
        se=se,
        p_value=p_value(value / se, alternative=alternative),
        low=math.exp(found.low),
        high=math.exp(found.high),
    )
