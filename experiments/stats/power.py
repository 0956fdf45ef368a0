"""How surely a comparison of two groups finds an effect, and how many customers that takes.

Means: the noncentral t distribution. Rates: normal approximations of Cohen's arcsine effect and of
the pooled z test. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapters 2
and 6; Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4.
Sizes may be fractions of a customer: whoever enrols rounds up.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scipy.optimize import brentq
from scipy.special import ndtr

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.limits import quantile
from experiments.stats.noncentral_t import noncentral_t_tail

FEWEST = 2.0  # customers of the smaller group from which a search begins
BEYOND = 1e15  # customers, or standard deviations, at which a search gives up
DIGITS, TINY = 1e-13, 1e-300  # relative and absolute
# An effect this close to a certain event is as good as it gets.
SHORT_OF_CERTAIN = 1e-12


class TwoGroupTest(Protocol):
    """A test whose power is known."""

    @property
    def alternative(self) -> Alternative:
        """Which effects count."""

    def power(self, effect: float, *, treatment: float, control: float) -> float | Undefined:
        """The probability of a significant result, if the effect is true."""

    def range(self) -> tuple[float, float]:
        """The lowest and the highest effect that can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """What the tests share.

    Attributes:
        alpha: Error rate, of both sides together where the test is two-sided.
        alternative: Which effects count.
        both_tails: Whether a two-sided test counts significance on the wrong side too.
    """

    alpha: float = 0.05
    alternative: Alternative = Alternative.TWO_SIDED
    both_tails: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise BadInput(f"alpha is {self.alpha}; give a number above 0 and below 1.")

    def range(self) -> tuple[float, float]:
        """The lowest and the highest effect that can be."""
        return -BEYOND, BEYOND

    def _critical(self, df: float = math.inf) -> float:
        sides = 2 if self.alternative is Alternative.TWO_SIDED else 1
        return quantile(1 - self.alpha / sides, df=df)

    def _power(self, effect: float, tail: Callable[[float], float]) -> float:
        """Power from the probability that a positive (1) or negative (-1) result is significant."""
        if self.alternative is Alternative.GREATER:
            return tail(1)
        if self.alternative is Alternative.LESS:
            return tail(-1)
        if self.both_tails:
            return min(1.0, tail(1) + tail(-1))
        return tail(math.copysign(1, effect))


@dataclass(frozen=True, slots=True, kw_only=True)
class TTest(_Level):
    """Student's t test of two means.

    Attributes:
        sd: Standard deviation between customers; 1 where the effect is Cohen's d.

    Example:
        >>> round(TTest().power(1.0, treatment=20, control=20), 7)
        0.868953
    """

    sd: float = 1.0

    def power(self, effect: float, *, treatment: float, control: float) -> float | Undefined:
        """The probability of a significant result, if the effect is true."""
        missing = _no_groups(effect, treatment, control)
        if missing is not None:
            return missing
        df = treatment + control - 2
        if df <= 0:
            return Undefined("two groups of one customer each have no spread to compare with")
        if not self.sd > 0:
            return Undefined("all customers have the same value, so that there is no spread")
        critical = self._critical(df)
        shift = effect / self.sd / math.sqrt(1 / treatment + 1 / control)
        return self._power(
            effect,
            lambda side: float(noncentral_t_tail(critical, df=df, noncentrality=side * shift)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalTest(_Level):
    """Normal test; the effect is in standard deviations, or Cohen's h of two rates.

    Example:
        >>> test = NormalTest(alternative=Alternative.GREATER)
        >>> round(test.power(0.3, treatment=80, control=245), 6)
        0.753292
    """

    def power(self, effect: float, *, treatment: float, control: float) -> float | Undefined:
        """The probability of a significant result, if the effect is true."""
        missing = _no_groups(effect, treatment, control)
        if missing is not None:
            return missing
        shift = effect / math.sqrt(1 / treatment + 1 / control)
        critical = self._critical()
        return self._power(effect, lambda side: float(ndtr(side * shift - critical)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest(_Level):
    """z test of two rates; the effect is treatment rate minus control rate.

    Attributes:
        control_rate: The rate without the effect.
        pooled: Whether the test takes the spread from both groups as one, as the pooled z test.

    Example:
        >>> round(RateTest(control_rate=0.5).power(0.25, treatment=50, control=50), 7)
        0.7401659
    """

    control_rate: float
    pooled: bool = True
    # As R's power.prop.test, which leaves the wrong side out.
    both_tails: bool = False

    def power(self, effect: float, *, treatment: float, control: float) -> float | Undefined:
        """The probability of a significant result, if the effect is true."""
        rate = self.control_rate + effect
        missing = _no_groups(effect, treatment, control)
        if missing is not None:
            return missing
        if not (0 <= self.control_rate <= 1 and 0 <= rate <= 1):
            return Undefined(f"rates of {self.control_rate:g} and {rate:g} are no shares of 1")
        spread = math.sqrt(
            rate * (1 - rate) / treatment + self.control_rate * (1 - self.control_rate) / control
        )
        if spread == 0:
            return Undefined("rates of 0 or 1 have no spread to compare with")
        under_null = spread
        if self.pooled:
            both = (treatment * rate + control * self.control_rate) / (treatment + control)
            under_null = math.sqrt(both * (1 - both) * (1 / treatment + 1 / control))
        critical = self._critical() * under_null
        return self._power(effect, lambda side: float(ndtr((side * effect - critical) / spread)))

    def range(self) -> tuple[float, float]:
        """The lowest and the highest effect that can be."""
        return -self.control_rate, 1 - self.control_rate


def arcsine_effect(*, treatment_rate: float, control_rate: float) -> float:
    """Cohen's h: the difference of two rates on the scale on which their spread is one.

    Example:
        >>> round(arcsine_effect(treatment_rate=0.5, control_rate=0.25), 4)
        0.5236
    """
    return 2 * (math.asin(math.sqrt(treatment_rate)) - math.asin(math.sqrt(control_rate)))


def customers_for(
    test: TwoGroupTest, *, effect: float, power: float = 0.8, ratio: float = 1.0
) -> float | Undefined:
    """Customers of the control group that find an effect with the power asked for.

    Args:
        test: The test.
        effect: The true effect.
        power: Above the power of no effect, below 1.
        ratio: Treatment customers per control customer.

    Example:
        >>> test = TTest(alternative=Alternative.GREATER)
        >>> round(customers_for(test, effect=1.0, power=0.9), 3)
        17.847
    """
    missing = _no_effect(test, effect, power)
    if missing is not None:
        return missing
    if not ratio > 0:
        return Undefined("a group without customers is compared with nothing")
    return _smallest(
        lambda n: test.power(effect, treatment=ratio * n, control=n),
        power,
        low=FEWEST / min(1.0, ratio),
        missing=Undefined("no number of customers finds an effect so close to zero"),
    )


def treatment_for(
    test: TwoGroupTest, *, effect: float, control: float, power: float = 0.8
) -> float | Undefined:
    """Customers of the treatment group beside a control group of a given size.

    Args:
        test: The test.
        effect: The true effect.
        control: Customers of the control group.
        power: As for `customers_for`.
    """
    missing = _no_effect(test, effect, power)
    if missing is not None:
        return missing
    return _smallest(
        lambda n: test.power(effect, treatment=n, control=control),
        power,
        low=FEWEST,
        missing=Undefined("the other group is too small, however large this one is"),
    )


def effect_for(
    test: TwoGroupTest,
    *,
    treatment: float,
    control: float,
    power: float = 0.8,
    down: bool = False,
) -> float | Undefined:
    """The smallest effect that these customers find with the power asked for.

    Args:
        test: The test.
        treatment: Customers of the treatment group.
        control: Customers of the control group.
        power: Above the power of no effect, below 1.
        down: Whether a two-sided test looks for a negative effect; the result is negative.

    Example:
        >>> round(effect_for(TTest(), treatment=1000, control=1000), 6)
        0.125351
    """
    if not 0 < power < 1:
        return Undefined("a power is a probability between 0 and 1")
    side = -1 if down or test.alternative is Alternative.LESS else 1
    lowest, highest = test.range()
    most = -lowest if side < 0 else highest
    found = _smallest(
        lambda size: test.power(side * size, treatment=treatment, control=control),
        power,
        low=0.0,
        high=min(most * (1 - SHORT_OF_CERTAIN), 1.0),
        most=most,
        missing=Undefined("these customers are too few, however large the effect is"),
    )
    if found == 0:
        return Undefined("so little power is reached without any effect")
    return found if isinstance(found, Undefined) else side * found


def _smallest(
    reached: Callable[[float], float | Undefined],
    power: float,
    *,
    low: float,
    high: float | None = None,
    most: float = BEYOND,
    missing: Undefined,
) -> float | Undefined:
    """Where a power that grows reaches what is asked for; `low` where it does from the start.

    The bracket grows upward from a small number, because a search from above would begin where
    many implementations of the noncentral t distribution have no answer.
    """

    def short(size: float) -> float:
        found = reached(size)
        return -power if isinstance(found, Undefined) else found - power

    first = reached(low)
    if isinstance(first, Undefined) and low > 0:
        return first
    if short(low) >= 0:
        return low
    high = 2 * low if high is None else high
    while short(high) < 0:
        if 2 * high >= most:
            unreached = reached(high)
            return unreached if isinstance(unreached, Undefined) else missing
        low, high = high, 2 * high
    return float(brentq(short, low, high, xtol=TINY, rtol=DIGITS))


def _no_groups(effect: float, treatment: float, control: float) -> Undefined | None:
    if not (treatment > 0 and control > 0):
        return Undefined("a group without customers is compared with nothing")
    if not math.isfinite(effect + treatment + control):
        return Undefined("the effect or a number of customers is no number")
    return None


def _no_effect(test: TwoGroupTest, effect: float, power: float) -> Undefined | None:
    """Why no number of customers can give the power, or None."""
    if not 0 < power < 1:
        return Undefined("a power is a probability between 0 and 1")
    side = {Alternative.GREATER: effect, Alternative.LESS: -effect}.get(
        test.alternative, abs(effect)
    )
    if not side > 0:
        return Undefined("no number of customers finds an effect of zero, or of the other sign")
    return None
