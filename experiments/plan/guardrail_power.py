"""Can so many customers show that a guardrail is kept?

A guardrail is shown to be kept where the two-sided interval excludes the worsening that the plan
accepts. Shares of customers are judged by Miettinen and Nurminen's limit; its power is that of the
score test with constrained rates, evaluated at the rates expected: Farrington and Manning (1990),
Statistics in Medicine 9:1447-1454. Other kinds are judged by the interval of the headline, whose
power is the noncentral t distribution's; a relative tolerance compares the treatment mean with the
accepted multiple of the control mean. Clusters and planned looks count as they do for the money.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.plan.looking import always_valid_reach
from experiments.plan.trial import Precision, Trial
from experiments.stats.limits import quantile
from experiments.stats.moments import Floats
from experiments.stats.noncentral_t import noncentral_t_tail
from experiments.stats.rates import Share, ZTest
from experiments.stats.score import relative_score_test, score_test
from experiments.terms import MOST, Direction, Look

TARGET = 0.8
# Expected events are kept as whole numbers of so many parts of a customer.
PARTS = 10**6
LEAST_DRIFT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The worsening that a plan still accepts.

    Attributes:
        accepted: In the metric's unit, or as a share of the control mean.
        relative: Whether it is such a share.
        direction: Which way is better.
    """

    accepted: float
    relative: bool = False
    direction: Direction = Direction.UP

    @classmethod
    def of(cls, metric: Metric) -> "Tolerance":
        """The tolerance of a guardrail of a plan."""
        relative = metric.tolerance_relative is not None
        accepted = metric.tolerance_relative if relative else metric.tolerance
        return cls(accepted=float(accepted or 0), relative=relative, direction=metric.direction)

    @property
    def side(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.direction is Direction.UP else -1

    @property
    def worst_ratio(self) -> float:
        """Of a relative tolerance: the accepted multiple of the control mean."""
        return 1 - self.side * self.accepted


def guardrail_power(
    trial: Trial, *, customers: int, tolerance: Tolerance, effect: float = 0.0
) -> float | Undefined:
    """The probability that a guardrail is shown to be kept.

    Args:
        trial: The pilot, with kind and baseline of the guardrail's metric.
        customers: Of all groups together.
        tolerance: What is still accepted.
        effect: True effect on the metric, in its unit; 0 where the program changes nothing.

    Example:
        >>> from experiments.plan.baseline import Baseline
        >>> from experiments.plan.trial import Groups
        >>> from experiments.terms import MetricKind
        >>> trial = Trial(kind=MetricKind.RATE, baseline=Baseline.of_rate(0.2),
        ...     groups=Groups(control=0.5, treatments=(0.5,)))
        >>> round(guardrail_power(trial, customers=8_000, tolerance=Tolerance(accepted=0.02)), 2)
        0.61
    """
    for missing in (trial.why_not(effect), trial.too_few(customers), _pointless(trial, tolerance)):
        if missing is not None:
            return missing
    found = trial.precision(np.array([float(customers)]), effect=effect)
    if trial.uses_newcombe:
        drift, ratio = _of_score(trial, found, tolerance, effect)
        if trial.looking.is_sequential:
            return float(trial.looking.chance(drift, alpha=trial.groups.alpha)[0])
        return float(ndtr(drift - ratio * _reach(trial, found, None))[0])
    return float(_of_t(trial, found, tolerance, effect)[0])


def guardrail_customers(
    trial: Trial, *, tolerance: Tolerance, effect: float = 0.0, target: float = TARGET
) -> int | Undefined:
    """As few customers, of all groups together, as show a guardrail to be kept.

    Args:
        trial: The pilot, with kind and baseline of the guardrail's metric.
        tolerance: What is still accepted.
        effect: True effect on the metric, in its unit.
        target: The probability asked for.
    """
    missing = trial.why_not(effect)
    if missing is not None:
        return missing

    def enough(customers: int) -> bool:
        found = guardrail_power(trial, customers=customers, tolerance=tolerance, effect=effect)
        return not isinstance(found, Undefined) and found >= target

    missing = _pointless(trial, tolerance)
    if missing is not None:
        return missing
    low, high = trial.fewest_customers - 1, trial.fewest_customers
    while not enough(high):
        if high >= MOST:
            return Undefined(f"it would take more than {MOST:,} customers")
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _pointless(trial: Trial, tolerance: Tolerance) -> Undefined | None:
    """Why the tolerance cannot be tested, or None."""
    if not (tolerance.accepted >= 0 and math.isfinite(tolerance.accepted)):
        return Undefined("the tolerance is no number of 0 or more")
    if tolerance.relative and trial.baseline.mean <= 0:
        return Undefined("a share of a mean of zero or below has no meaning")
    if trial.is_share:
        worst = trial.baseline.mean * tolerance.worst_ratio
        if not tolerance.relative:
            worst = trial.baseline.mean - tolerance.side * tolerance.accepted
        if not 0 < worst < 1:
            return Undefined("every rate there can be is within the tolerance")
    return None


def _reach(trial: Trial, found: Precision, df: Floats | None) -> Floats:
    """How many standard errors the interval reaches to each side."""
    if trial.looking.look is Look.ALWAYS_VALID:
        return always_valid_reach(
            np.asarray(sum(found.customers)),
            tuning_n=trial.looking.tuning_n,
            alpha=trial.groups.alpha,
        )
    if df is None:
        return np.full(1, quantile(1 - trial.groups.alpha / 2))
    return np.asarray(stdtrit(df, 1 - trial.groups.alpha / 2), dtype=float)


def _of_t(trial: Trial, found: Precision, tolerance: Tolerance, effect: float) -> Floats:
    """Power of the headline's limit against the worst that is accepted."""
    base, weight = trial.baseline, 1.0
    gap = tolerance.accepted
    if tolerance.relative:
        weight = tolerance.worst_ratio
        gap = tolerance.accepted * base.mean
    parts = (found.variances[0], weight**2 * found.variances[1])
    drift = (tolerance.side * effect + gap) / np.sqrt(sum(parts))
    if trial.looking.is_sequential:
        return trial.looking.chance(drift, alpha=trial.groups.alpha)
    df = sum(parts) ** 2 / sum(v**2 / d for v, d in zip(parts, found.df, strict=True))
    reach = _reach(trial, found, np.asarray(df))
    return noncentral_t_tail(reach, df=df, noncentrality=drift)


def _of_score(
    trial: Trial, found: Precision, tolerance: Tolerance, effect: float
) -> tuple[Floats, float]:
    """Distance to the limit in true standard errors, and the test's own standard error in those."""
    control = trial.baseline.mean
    rate, weight = control + effect, 1.0
    treated, controls = (float(size[0]) for size in found.customers)
    one, other = _expected(rate, treated), _expected(control, controls)
    if tolerance.relative:
        weight = tolerance.worst_ratio
        gap = rate - weight * control
        test = relative_score_test(treatment=one, control=other, margin=weight - 1)
    else:
        margin = -tolerance.side * tolerance.accepted
        gap = effect - margin
        test = score_test(treatment=one, control=other, margin=margin)
    true = math.sqrt(float(found.variances[0][0] + weight**2 * found.variances[1][0]))
    drift = tolerance.side * gap / true
    # Where what is expected lies at the limit, the constrained rates are the true ones.
    ratio = 1.0
    if isinstance(test, ZTest) and abs(drift) > LEAST_DRIFT:
        ratio = abs(drift) / abs(test.statistic) * math.sqrt(PARTS)
    n = treated + controls
    return np.full(1, drift), ratio * math.sqrt(n / (n - 1))


def _expected(rate: float, n: float) -> Share:
    """The events expected, in parts of a customer, so that they are whole."""
    customers = round(n * PARTS)
    return Share(round(rate * customers), customers)
