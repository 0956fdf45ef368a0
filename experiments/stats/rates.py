"""Compare two rates: the share of customers with an event.

Test: pooled z test without continuity correction, Pearson (1900), Philosophical Magazine 50:
157-175 (its square is the 2 x 2 chi-square). Headline interval: Newcombe (1998), Statistics in
Medicine 17:873-890, method 10, from two intervals of Wilson (1927), Journal of the American
Statistical Association 22:209-212. The score intervals for guardrails are in `score.py`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Difference, Interval
from experiments.stats.limits import all_limits, p_value, p_values, quantile
from experiments.stats.many import Bools, Differences, Intervals, first_reason, numbers, undefined
from experiments.stats.moments import Floats

MOST_MULTIPLIED = 3_000_000_000
NO_WIDTH = (
    "everybody in one group and nobody in the other had the event, so that the Wald "
    "interval would have no width"
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the customers had the event.

    Attributes:
        events: Customers with the event, from 0 to n.
        n: How many customers.
    """

    events: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.n:
            raise BadInput(f"{self.events} of {self.n} customers is not a share of customers.")

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Count raw values; anything but 0 is an event.

        Example:
            >>> Share.of([0, 1, 1])
            Share(events=2, n=3)
        """
        kept = [value != 0 for value in values]
        return cls(sum(kept), len(kept))

    @property
    def rate(self) -> float | Undefined:
        """Events per customer, from 0 to 1."""
        if self.n == 0:
            return Undefined("there is no customer")
        return self.events / self.n


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How many of the customers had the event, for many groups.

    Attributes:
        events: Customers with the event, from 0 to n, any shape.
        n: How many customers, shape of events.
    """

    events: npt.NDArray[np.int64]
    n: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        # Whole, so that equal rates differ by exactly zero, as far as 64 bits hold the products.
        whole = np.max(self.n, initial=0) <= MOST_MULTIPLIED
        for name in ("events", "n"):
            kind = np.int64 if whole else np.float64
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if not ((self.events >= 0) & (self.events <= self.n)).all():
            raise BadInput("Events below zero, or more than customers, are no shares of customers.")

    @classmethod
    def one(cls, share: Share) -> Self:
        """The share of a single group, shape ()."""
        return cls(np.asarray(share.events), np.asarray(share.n))

    @classmethod
    def of(cls, shares: Iterable[Share]) -> Self:
        """Stack the shares of single groups, shape (groups,).

        Example:
            >>> Shares.of([Share(1, 2), Share(3, 4)]).n
            array([2, 4])
        """
        rows = np.array([(share.events, share.n) for share in shares], dtype=np.int64)
        return cls(*rows.reshape(-1, 2).T)


@dataclass(frozen=True, slots=True)
class ZTest:
    """A normal test of no difference."""

    statistic: float
    p_value: float


def pooled_z(
    *,
    treatment: Share,
    control: Share,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Treatment rate minus control rate, tested with the pooled variance.

    The statistic and the p-value use the pooled standard error; `se`, `low` and `high` the
    unpooled one (Wald). The two may therefore disagree about zero in a borderline case.

    Args:
        treatment: The treated customers.
        control: The control customers.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Returns:
        Undefined where the unpooled standard error is zero; `newcombe` has an interval there.

    Example:
        >>> found = pooled_z(treatment=Share(30, 100), control=Share(20, 100))
        >>> round(found.value, 2), round(found.statistic, 3)
        (0.1, 1.633)
    """
    return pooled_z_many(
        treatment=Shares.one(treatment),
        control=Shares.one(control),
        confidence=confidence,
        alternative=alternative,
    )[()]


@np.errstate(all="ignore")
def pooled_z_many(
    *,
    treatment: Shares,
    control: Shares,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Differences:
    """`pooled_z` for many pairs of groups.

    Example:
        >>> found = pooled_z_many(
        ...     treatment=Shares(events=[30, 0], n=[100, 100]), control=Shares(events=20, n=100))
        >>> found.statistic.round(3)
        array([ 1.633, -4.714])
    """
    value, statistic, missing = _pooled(treatment, control)
    controls = _variance_of_rate(control)
    se = np.sqrt(_variance_of_rate(treatment) + controls)
    df = np.full_like(value, math.inf)
    low, high = all_limits(
        value=value, se=se, df=df, confidence=confidence, alternative=alternative
    )
    reason = first_reason(*missing, (se == 0, NO_WIDTH))
    p = p_values(statistic, df=df, alternative=alternative)
    return Differences(reason, *numbers(reason, value, se, df, statistic, p, low, high, controls))


def pooled_z_test(
    *,
    treatment: Share,
    control: Share,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> ZTest | Undefined:
    """Test equal rates with the pooled variance; also where the Wald interval does not exist.

    Example:
        >>> round(pooled_z_test(treatment=Share(10, 10), control=Share(0, 10)).statistic, 3)
        4.472
    """
    with np.errstate(all="ignore"):
        _, statistic, missing = _pooled(Shares.one(treatment), Shares.one(control))
        nothing = undefined(first_reason(*missing))
        if nothing is not None:
            return nothing
    return ZTest(float(statistic), p_value(float(statistic), alternative=alternative))


def _pooled(treatment: Shares, control: Shares) -> tuple[Floats, Floats, list[tuple[Bools, str]]]:
    """Differences of rates, their pooled z statistics, and where there are none."""
    events, n = treatment.events + control.events, treatment.n + control.n
    pooled = events / n * (n - events) / n
    value = _gap(treatment, control)
    statistic = value / np.sqrt(pooled * (1 / treatment.n + 1 / control.n))
    nobody = "{} in either group had the event, so that a test has no variation"
    return (
        value,
        statistic,
        [
            *_no_customers(treatment, control),
            (events == 0, nobody.format("nobody")),
            (events == n, nobody.format("everybody")),
        ],
    )


def under_no_difference(difference: Difference, *, treatment: Share, control: Share) -> Difference:
    """The same difference with the pooled standard error of its test, and control's part of it.

    For reading several rates against one control together: the unpooled spread of a group without
    events is zero, which says nothing about how far chance may carry it.

    Example:
        >>> few, none = Share(20, 2000), Share(0, 200)
        >>> found = pooled_z(treatment=few, control=none)
        >>> pooled = under_no_difference(found, treatment=few, control=none)
        >>> round(found.control_variance, 5), round(pooled.control_variance, 5)
        (0.0, 5e-05)
        >>> round(pooled.value / pooled.se, 6) == round(found.statistic, 6)
        True
    """
    pooled = (treatment.events + control.events) / (treatment.n + control.n)
    of_control = pooled * (1 - pooled) / control.n
    se = math.sqrt(pooled * (1 - pooled) / treatment.n + of_control)
    return replace(difference, se=se, control_variance=of_control)


def newcombe(*, treatment: Share, control: Share, confidence: float = 0.95) -> Interval | Undefined:
    """Interval for treatment rate minus control rate, good down to a single customer.

    Example:
        >>> found = newcombe(treatment=Share(56, 70), control=Share(48, 80))
        >>> round(found.low, 4), round(found.high, 4)
        (0.0524, 0.3339)
    """
    return newcombe_many(
        treatment=Shares.one(treatment), control=Shares.one(control), confidence=confidence
    )[()]


@np.errstate(all="ignore")
def newcombe_many(*, treatment: Shares, control: Shares, confidence: float = 0.95) -> Intervals:
    """`newcombe` for many pairs of groups.

    Example:
        >>> found = newcombe_many(
        ...     treatment=Shares(events=[56, 9], n=[70, 10]), control=Shares([48, 3], [80, 10]))
        >>> found.low.round(4), found.high.round(4)
        (array([0.0524, 0.1705]), array([0.3339, 0.809 ]))
    """
    low_treated, high_treated = _wilson(treatment, confidence)
    low_control, high_control = _wilson(control, confidence)
    treated, controls = treatment.events / treatment.n, control.events / control.n
    gap = _gap(treatment, control)
    low = np.maximum(-1.0, gap - np.hypot(treated - low_treated, high_control - controls))
    high = np.minimum(1.0, gap + np.hypot(high_treated - treated, controls - low_control))
    reason = first_reason(*_no_customers(treatment, control))
    return Intervals(reason, *numbers(reason, low, high))


def rate_difference(*, treatment: Share, control: Share) -> float | Undefined:
    """Treatment rate minus control rate; exactly 0 for equal rates of unequal groups.

    Example:
        >>> rate_difference(treatment=Share(1, 2), control=Share(1, 4))
        0.25
    """
    missing = no_customers(treatment=treatment, control=control)
    return float(_gap(Shares.one(treatment), Shares.one(control))) if missing is None else missing


def wilson(share: Share, *, confidence: float = 0.95) -> Interval | Undefined:
    """Score interval for one rate; exactly 0 or 1 where no or every customer had the event.

    Example:
        >>> found = wilson(Share(0, 10))
        >>> found.low, round(found.high, 4)
        (0.0, 0.2775)
    """
    if share.n == 0:
        return Undefined("there is no customer")
    low, high = _wilson(Shares.one(share), confidence)
    return Interval(float(low), float(high))


def no_customers(*, treatment: Share, control: Share) -> Undefined | None:
    """Why two shares cannot be compared, or None when they can."""
    return undefined(first_reason(*_no_customers(Shares.one(treatment), Shares.one(control))))


def _no_customers(treatment: Shares, control: Shares) -> list[tuple[Bools, str]]:
    return [
        (treatment.n == 0, "the treatment group has no customer"),
        (control.n == 0, "the control group has no customer"),
    ]


def _wilson(share: Shares, confidence: float) -> tuple[Floats, Floats]:
    z2 = quantile((1 + confidence) / 2) ** 2
    n, events = share.n, share.events
    middle = events + z2 / 2
    reach = math.sqrt(z2) * np.sqrt(events * (n - events) / n + z2 / 4)
    return (
        np.where(events == 0, 0.0, (middle - reach) / (n + z2)),
        np.where(events == n, 1.0, (middle + reach) / (n + z2)),
    )


def _variance_of_rate(share: Shares) -> Floats:
    return share.events / share.n * (share.n - share.events) / share.n / share.n


def _gap(treatment: Shares, control: Shares) -> Floats:
    # One fraction of integers: equal rates of unequal groups differ by exactly zero.
    crossed = treatment.events * control.n - control.events * treatment.n
    return np.asarray(crossed / (treatment.n * control.n), dtype=float)
