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

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Difference, Interval
from experiments.stats.limits import limits, p_value, quantile


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
    test = pooled_z_test(treatment=treatment, control=control, alternative=alternative)
    if isinstance(test, Undefined):
        return test
    treated = _variance_of_rate(treatment)
    controls = _variance_of_rate(control)
    se = math.sqrt(treated + controls)
    if se == 0:
        return Undefined(
            "everybody in one group and nobody in the other had the event, so that the Wald "
            "interval would have no width"
        )
    value = _gap(treatment, control)
    found = limits(value=value, se=se, confidence=confidence, alternative=alternative)
    return Difference(
        value=value,
        se=se,
        df=math.inf,
        statistic=test.statistic,
        p_value=test.p_value,
        low=found.low,
        high=found.high,
        control_variance=controls,
    )


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
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    events, n = treatment.events + control.events, treatment.n + control.n
    if events in (0, n):
        who = "nobody" if events == 0 else "everybody"
        return Undefined(f"{who} in either group had the event, so that a test has no variation")
    pooled = events / n * (n - events) / n
    statistic = _gap(treatment, control) / math.sqrt(pooled * (1 / treatment.n + 1 / control.n))
    return ZTest(statistic, p_value(statistic, alternative=alternative))


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
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    treated, controls = _wilson(treatment, confidence), _wilson(control, confidence)
    rate_treated, rate_control = treatment.events / treatment.n, control.events / control.n
    gap = _gap(treatment, control)
    return Interval(
        max(-1.0, gap - math.hypot(rate_treated - treated.low, controls.high - rate_control)),
        min(1.0, gap + math.hypot(treated.high - rate_treated, rate_control - controls.low)),
    )


def rate_difference(*, treatment: Share, control: Share) -> float | Undefined:
    """Treatment rate minus control rate; exactly 0 for equal rates of unequal groups.

    Example:
        >>> rate_difference(treatment=Share(1, 2), control=Share(1, 4))
        0.25
    """
    missing = no_customers(treatment=treatment, control=control)
    return _gap(treatment, control) if missing is None else missing


def wilson(share: Share, *, confidence: float = 0.95) -> Interval | Undefined:
    """Score interval for one rate; exactly 0 or 1 where no or every customer had the event.

    Example:
        >>> found = wilson(Share(0, 10))
        >>> found.low, round(found.high, 4)
        (0.0, 0.2775)
    """
    if share.n == 0:
        return Undefined("there is no customer")
    return _wilson(share, confidence)


def no_customers(*, treatment: Share, control: Share) -> Undefined | None:
    """Why two shares cannot be compared, or None when they can."""
    for side, share in (("treatment", treatment), ("control", control)):
        if share.n == 0:
            return Undefined(f"the {side} group has no customer")
    return None


def _wilson(share: Share, confidence: float) -> Interval:
    z2 = quantile((1 + confidence) / 2) ** 2
    n, events = share.n, share.events
    middle = events + z2 / 2
    reach = math.sqrt(z2) * math.sqrt(events * (n - events) / n + z2 / 4)
    return Interval(
        0.0 if events == 0 else (middle - reach) / (n + z2),
        1.0 if events == n else (middle + reach) / (n + z2),
    )


def _variance_of_rate(share: Share) -> float:
    return share.events / share.n * (share.n - share.events) / share.n / share.n


def _gap(treatment: Share, control: Share) -> float:
    # One fraction of integers: equal rates of unequal groups differ by exactly zero.
    crossed = treatment.events * control.n - control.events * treatment.n
    return crossed / (treatment.n * control.n)
