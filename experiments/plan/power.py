"""How likely is it that a pilot proves what is true of its program?

The verdict is "proved" where the lower limit of the effect lies above break-even, and this is the
probability of that, for a treatment's own comparison with control: the limit is Welch's, adjusted
for the pre-period where customers' values repeat themselves (noncentral t, exact where the groups
are alike in size and spread), or Newcombe's for a share of customers (delta method); with several
treatments both are as wide as Dunnett's. Johnson, Kotz and Balakrishnan (1995), Continuous
Univariate Distributions 2, chapter 31; Cohen (1988), Statistical Power Analysis for the Behavioral
Sciences, chapter 2. Clusters inflate the variance and are what is counted for the degrees of
freedom: Donner and Klar (2000), Design and Analysis of Cluster Randomization Trials, chapter 5.
With planned looks the same distance is that of the last one (normal approximation); several
treatments then share the error rate. Guardrails that hold, checks that pass and costs known per
customer are taken for given.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.special import ndtr, stdtrit

from experiments.errors import Undefined
from experiments.plan.looking import always_valid_reach
from experiments.plan.trial import Groups, Precision, Trial
from experiments.stats.dunnett import dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import quantile
from experiments.stats.moments import Floats
from experiments.stats.noncentral_t import noncentral_t_tail
from experiments.terms import MOST, Look, MetricKind

__all__ = [
    "KINDS",
    "TARGET",
    "Groups",
    "PaysFrom",
    "Trial",
    "customers_needed",
    "detectable_effect",
    "power",
    "powers",
]

TARGET = 0.8
KINDS = frozenset(MetricKind)
# Halving so often leaves no digit of a double to find.
HALVINGS = 60
# Between these, Dunnett's critical value is interpolated along 1 / df, on which it depends almost
# linearly; from 20 degrees on the error stays below 0.0005.
DEGREES = (math.inf, 200, 100, 50, 30, 20, 14, 10, 7, 5, 4, 3, 2, 1)


class PaysFrom(Protocol):
    """A break-even: `experiments.plan.break_even.BreakEven`, or that of the horizon."""

    def effect(self, *, treated_customers: float) -> float:
        """The effect from which the program pays, where the pilot treats so many customers."""


def power(
    trial: Trial, *, customers: int, effect: float, pays_from: PaysFrom | float = 0.0
) -> float | Undefined:
    """The probability that a true effect is proved to lie above a threshold.

    Args:
        trial: The pilot.
        customers: Of all groups together.
        effect: True effect per treated customer, in the unit of the metric; points / 100 of a rate.
        pays_from: The threshold: break-even, or 0 to tell the effect from none.

    Example:
        >>> from experiments.plan.baseline import Baseline
        >>> trial = Trial(kind=MetricKind.MEAN, baseline=Baseline(mean=0, sd=1),
        ...     groups=Groups(control=0.5, treatments=(0.5,)))
        >>> round(power(trial, customers=40, effect=1.0), 4)
        0.869
    """
    for missing in (trial.why_not(effect), trial.too_few(customers)):
        if missing is not None:
            return missing
    return float(powers(trial, customers=[customers], effect=effect, pays_from=pays_from)[0])


def powers(
    trial: Trial, *, customers: Sequence[int], effect: float, pays_from: PaysFrom | float = 0.0
) -> Floats:
    """The power at several numbers of customers, for a curve; arguments as `power` accepts them.

    Returns:
        Probabilities, shape (customers,).
    """
    sizes = np.asarray(customers, dtype=float)
    thresholds = np.array([_threshold(trial, n, pays_from) for n in customers])
    found = trial.precision(sizes, effect=effect)
    if trial.uses_newcombe:
        return _of_newcombe(trial, found, effect, thresholds)
    return _of_t(trial, found, effect, thresholds)


def customers_needed(
    trial: Trial, *, effect: float, pays_from: PaysFrom | float = 0.0, target: float = TARGET
) -> int | Undefined:
    """As few customers, of all groups together, as prove the effect with the probability asked for.

    Args:
        trial: The pilot.
        effect: True effect per treated customer.
        pays_from: Break-even, or 0 to tell the effect from none.
        target: The power asked for.
    """
    missing = trial.why_not(effect)
    if missing is not None:
        return missing
    if effect <= _threshold(trial, MOST, pays_from):
        return Undefined("the effect does not pay, however many customers share the costs")

    def enough(customers: int) -> bool:
        found = powers(trial, customers=[customers], effect=effect, pays_from=pays_from)
        return bool(found[0] >= target)

    low, high = trial.fewest_customers - 1, trial.fewest_customers
    while not enough(high):
        if high >= MOST:
            return Undefined(f"it would take more than {MOST:,} customers")
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_effect(
    trial: Trial, *, customers: int, pays_from: PaysFrom | float = 0.0, target: float = TARGET
) -> float | Undefined:
    """The smallest true effect that is proved with the probability asked for.

    Args:
        trial: The pilot.
        customers: Of all groups together.
        pays_from: Break-even, or 0 to tell the effect from none.
        target: The power asked for.
    """
    low = _threshold(trial, max(customers, 1), pays_from)
    is_share = trial.is_share
    most = 1 - trial.baseline.mean if is_share else math.inf
    if low >= most:
        return Undefined("not even the program that reaches everybody would pay")

    def reached(effect: float) -> float | Undefined:
        return power(trial, customers=customers, effect=effect, pays_from=pays_from)

    missing = reached(low)
    if isinstance(missing, Undefined):
        return missing
    high = most * (1 - 1e-9) if is_share else low + float(trial.baseline.spread(trial.kind) or 1)
    while (reached(high) or 0.0) < target:
        if is_share:
            return Undefined("not even a program that reaches everybody would be proved")
        high = low + 2 * (high - low)
        if not math.isfinite(high):
            return Undefined("no effect is large enough for so few customers")
    return _crossing(lambda effect: (reached(effect) or 0.0) >= target, low, high)


def _crossing(holds: Callable[[float], bool], low: float, high: float) -> float:
    """From where on something holds that does at `high` and does not at `low`."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _threshold(trial: Trial, customers: float, pays_from: PaysFrom | float) -> float:
    if isinstance(pays_from, int | float):
        return pays_from
    return pays_from.effect(treated_customers=trial.groups.treated(customers))


def _of_t(trial: Trial, found: Precision, effect: float, thresholds: Floats) -> Floats:
    """Power of the lower limit by Welch, or by Lin's adjustment for the pre-period."""
    distance = (effect - thresholds) / np.sqrt(sum(found.variances))
    if trial.looking.is_sequential:
        return trial.looking.chance(distance, alpha=_shared_alpha(trial))
    df = _satterthwaite(found.variances, found.df)
    return noncentral_t_tail(_critical(trial, found, df), df=df, noncentrality=distance)


def _satterthwaite(parts: tuple[Floats, Floats], df: tuple[Floats, Floats]) -> Floats:
    """Degrees of freedom of a sum of two variances, shape as theirs."""
    return np.asarray(sum(parts) ** 2 / sum(v**2 / d for v, d in zip(parts, df, strict=True)))


def _shared_alpha(trial: Trial) -> float:
    """The error rate of one treatment where several looks leave no room for Dunnett's."""
    return trial.groups.alpha / len(trial.groups.treatments)


def _critical(trial: Trial, found: Precision, df: Floats) -> Floats:
    """How many standard errors the plan's interval reaches to each side."""
    if trial.looking.look is Look.ALWAYS_VALID:
        return always_valid_reach(
            np.asarray(sum(found.customers)),
            tuning_n=trial.looking.tuning_n,
            alpha=_shared_alpha(trial),
        )
    if len(trial.groups.treatments) == 1:
        return np.asarray(stdtrit(df, 1 - trial.groups.alpha / 2), dtype=float)
    known = _dunnett(trial.groups)
    return np.interp(1 / df, [1 / one for one in DEGREES], known)


@lru_cache(maxsize=64)
def _dunnett(groups: Groups) -> tuple[float, ...]:
    """Dunnett's critical value for groups of one spread, at each of the degrees of freedom."""
    return tuple(_dunnett_at(df, groups) for df in DEGREES)


def _dunnett_at(df: float, groups: Groups) -> float:
    planned = [
        Difference(
            value=0.0,
            se=math.sqrt(1 / share + 1 / groups.control),
            df=df,
            statistic=0.0,
            p_value=1.0,
            low=0.0,
            high=0.0,
            control_variance=1 / groups.control,
        )
        for share in groups.treatments
    ]
    found = dunnett(planned, confidence=1 - groups.alpha)
    return math.nan if isinstance(found, Undefined) else found.critical


def _of_newcombe(trial: Trial, found: Precision, effect: float, thresholds: Floats) -> Floats:
    """Power of the lower limit by Newcombe, from its slopes at the true rates."""
    treated, controls = found.customers
    if trial.looking.is_sequential:
        z = np.full_like(treated, quantile(1 - _shared_alpha(trial) / 2))
    else:
        z = _critical(trial, found, np.full_like(treated, math.inf))
    control = trial.baseline.mean
    rate = control + effect
    down, down_slope = _wilson_reach(rate, treated, -z)
    up, up_slope = _wilson_reach(control, controls, z)
    reach = np.hypot(down, up)
    slopes = (1 - down * down_slope / reach, -1 - up * up_slope / reach)
    spread = np.sqrt(sum(s**2 * v for s, v in zip(slopes, found.variances, strict=True)))
    distance = (effect - reach - thresholds) / spread
    if trial.looking.is_sequential:
        return trial.looking.chance(distance + z, alpha=_shared_alpha(trial))
    return np.asarray(ndtr(distance), dtype=float)


def _wilson_reach(rate: float, n: Floats, z: Floats) -> tuple[Floats, Floats]:
    """How far Wilson's limit lies from the rate, and how that changes with the rate.

    Args:
        rate: Between 0 and 1.
        n: Customers.
        z: Normal quantile; negative for the lower limit. Shape as n.
    """
    root = np.sqrt(n * rate * (1 - rate) + z * z / 4)
    limit = (n * rate + z * z / 2 + z * root) / (n + z * z)
    slope = (n + z * n * (1 - 2 * rate) / (2 * root)) / (n + z * z)
    side = np.sign(z)
    return side * (limit - rate), side * (slope - 1)
