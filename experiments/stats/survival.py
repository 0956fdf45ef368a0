"""How long customers stay: the share not yet lapsed after each time, from counts.

Kaplan and Meier (1958), Journal of the American Statistical Association 53:457-481; variance of
Greenwood (1926), The Errors of Sampling of the Survivorship Tables; log and log-log intervals as
in Kalbfleisch and Prentice (2002), section 1.4; interval of the median by Brookmeyer and Crowley
(1982), Biometrics 38:29-41. Who is censored at a time is still at risk of lapsing at it.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.limits import quantile
from experiments.stats.moments import Floats

# A share such as 1/2 comes back from a product of fractions a few units in the last place off.
ROUNDING = 1e-12


class IntervalScale(StrEnum):
    """On which scale an interval of a survival is symmetric."""

    PLAIN = "plain"
    LOG = "log"
    LOG_LOG = "log-log"


@dataclass(frozen=True, slots=True)
class DayCounts:
    """One group: how many customers lapsed, and how many were last seen, after each time.

    Attributes:
        times: Days (or another unit) since enrolment, not negative, each once and in order.
        lapsed: Customers that lapsed at each time, shape of times.
        censored: Customers last seen at each time and not lapsed by then, shape of times.
    """

    times: tuple[float, ...]
    lapsed: tuple[int, ...]
    censored: tuple[int, ...]

    @classmethod
    def of(cls, times: npt.ArrayLike, lapsed: npt.ArrayLike) -> Self:
        """Count raw rows, one per customer.

        Args:
            times: When each customer lapsed or was last seen, shape (customers,).
            lapsed: Whether the customer lapsed then, shape (customers,).

        Example:
            >>> DayCounts.of([3, 1, 3], [True, True, False])
            DayCounts(times=(1.0, 3.0), lapsed=(1, 1), censored=(0, 1))
        """
        known = np.asarray(lapsed, dtype=bool)
        return cls._summed(np.asarray(times, dtype=float), known, ~known)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[float, int, int]]) -> Self:
        """Gather rows of time, lapsed and censored customers, in any order.

        Example:
            >>> DayCounts.from_rows([(3, 1, 0), (1, 1, 0), (3, 0, 1)])
            DayCounts(times=(1.0, 3.0), lapsed=(1, 1), censored=(0, 1))
        """
        found = list(rows)
        times = np.array([time for time, _, _ in found], dtype=float)
        counts = np.array([counts for _, *counts in found], dtype=np.int64).reshape(-1, 2)
        return cls._summed(times, counts[:, 0], counts[:, 1])

    @classmethod
    def _summed(
        cls, times: Floats, lapsed: npt.NDArray[np.generic], censored: npt.NDArray[np.generic]
    ) -> Self:
        distinct, at = np.unique(times, return_inverse=True)
        totals = np.zeros((2, len(distinct)), dtype=np.int64)
        np.add.at(totals[0], at, lapsed)
        np.add.at(totals[1], at, censored)
        return cls(tuple(distinct.tolist()), tuple(totals[0].tolist()), tuple(totals[1].tolist()))

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return sum(self.lapsed) + sum(self.censored)

    @property
    def at_risk(self) -> npt.NDArray[np.int64]:
        """Customers neither lapsed nor last seen before each time, shape of times."""
        leaving = np.array(self.lapsed, dtype=np.int64) + np.array(self.censored, dtype=np.int64)
        return np.cumsum(leaving[::-1])[::-1]


@dataclass(frozen=True, slots=True)
class SurvivalPoint:
    """The share of customers not lapsed by a time.

    Attributes:
        time: In the unit of the counts.
        at_risk: Customers neither lapsed nor last seen before this time.
        survival: Between 0 and 1.
        se: Its standard error; Undefined before the first lapse and after the last customer.
        interval: Undefined where the standard error is.
    """

    time: float
    at_risk: int
    survival: float
    se: float | Undefined
    interval: Interval | Undefined


@dataclass(frozen=True, slots=True)
class TimeReached:
    """When a share of the customers has lapsed; `high` is infinite where the data set no limit."""

    time: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A step function; `points` holds the value from each time of the counts on."""

    customers: int
    points: tuple[SurvivalPoint, ...]

    def at(self, time: float) -> SurvivalPoint | Undefined:
        """The curve at any time up to the last that is known.

        Args:
            time: Not negative.
        """
        last = self.points[-1]
        if time > last.time and last.survival > 0:
            return Undefined(f"no customer was followed for longer than {last.time:g}")
        later = bisect_right(self.points, time, key=lambda point: point.time)
        if later and self.points[later - 1].time == time:
            return self.points[later - 1]
        at_risk = self.points[later].at_risk if later < len(self.points) else 0
        if later == 0:
            return SurvivalPoint(time, at_risk, 1.0, _NOBODY_LAPSED, _NOBODY_LAPSED)
        before = self.points[later - 1]
        return SurvivalPoint(time, at_risk, before.survival, before.se, before.interval)

    def reached(self, share_lapsed: float = 0.5) -> TimeReached | Undefined:
        """The first time by which a share of the customers has lapsed; by default the median.

        Args:
            share_lapsed: Above 0, at most 1.
        """
        left = 1 - share_lapsed + ROUNDING
        time = next((point.time for point in self.points if point.survival <= left), None)
        if time is None:
            return Undefined(
                f"by the last time known, {self.points[-1].time:g}, fewer than "
                f"{100 * share_lapsed:g} % of the customers have lapsed"
            )
        known = [(point.time, point.interval) for point in self.points if point.interval]
        return TimeReached(
            time=time,
            low=next((at for at, interval in known if interval.low <= left), math.inf),
            high=next((at for at, interval in known if interval.high <= left), math.inf),
        )


_NOBODY_LAPSED = Undefined("nobody has lapsed yet, so that nothing shows how far chance goes")
_EVERYBODY_LAPSED = Undefined("everybody still followed has lapsed")


def kaplan_meier(
    counts: DayCounts, *, confidence: float = 0.95, scale: IntervalScale = IntervalScale.LOG
) -> SurvivalCurve | Undefined:
    """Estimate the share not lapsed from customers followed for different times.

    Args:
        counts: One group.
        confidence: Of the pointwise intervals, between 0 and 1.
        scale: Of the intervals; those of the log scale are R's default.

    Example:
        >>> curve = kaplan_meier(DayCounts.of([1, 2, 3, 4], [True, False, True, True]))
        >>> curve.at(2.5).survival, curve.at(2.5).at_risk, curve.reached().time
        (0.75, 2, 3.0)
    """
    if counts.customers == 0:
        return Undefined("there is no customer")
    survival, greenwood = survival_steps(counts)
    reach = quantile((1 + confidence) / 2)
    return SurvivalCurve(
        customers=counts.customers,
        points=tuple(
            _point(time, at_risk, share, variance, reach=reach, scale=scale)
            for time, at_risk, share, variance in zip(
                counts.times,
                counts.at_risk.tolist(),
                survival.tolist(),
                np.cumsum(greenwood).tolist(),
                strict=True,
            )
        ),
    )


def survival_steps(counts: DayCounts) -> tuple[Floats, Floats]:
    """Survival from each time on, and what the time adds to Greenwood's sum.

    Returns:
        Survival, shape of times; lapsed / (at risk x (at risk - lapsed)), shape of times, and 0
        from where nobody is left.
    """
    at_risk, lapsed = counts.at_risk, np.array(counts.lapsed, dtype=np.int64)
    left = at_risk - lapsed
    added = np.zeros(len(at_risk))
    some = (left > 0) & (at_risk > 0)
    added[some] = lapsed[some] / at_risk[some] / left[some]
    kept = np.divide(left, at_risk, out=np.ones(len(at_risk)), where=at_risk > 0)
    return np.cumprod(kept), added


def _point(
    time: float, at_risk: int, share: float, greenwood: float, *, reach: float, scale: IntervalScale
) -> SurvivalPoint:
    if share == 0:
        return SurvivalPoint(time, at_risk, share, _EVERYBODY_LAPSED, _EVERYBODY_LAPSED)
    if greenwood == 0:
        return SurvivalPoint(time, at_risk, 1.0, _NOBODY_LAPSED, _NOBODY_LAPSED)
    spread = math.sqrt(greenwood)
    interval = _interval(share, reach * spread, scale)
    return SurvivalPoint(time, at_risk, share, share * spread, interval)


def _interval(share: float, reach: float, scale: IntervalScale) -> Interval:
    """The interval from the reach on the scale of the logarithm."""
    if scale is IntervalScale.PLAIN:
        return Interval(max(0.0, share * (1 - reach)), min(1.0, share * (1 + reach)))
    if scale is IntervalScale.LOG:
        return Interval(share * math.exp(-reach), min(1.0, math.exp(math.log(share) + reach)))
    log = math.log(share)
    # Far out the power is 0 or 1 to the last digit, but its exponent must not overflow.
    shift = min(reach / -log, 700.0)
    return Interval(math.exp(log * math.exp(shift)), math.exp(log * math.exp(-shift)))
