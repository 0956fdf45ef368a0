"""How likely is it that a pilot proves what is true of its program?

The verdict is "proved" where the lower limit of the effect lies above break-even, and this is the
probability of that, for a treatment's own comparison with control: the limit is Welch's, adjusted
for the pre-period where customers' values repeat themselves (noncentral t, exact where the groups
are alike in size and spread), or Newcombe's for a rate (delta method); with several treatments
both are as wide as Dunnett's. Johnson, Kotz and Balakrishnan (1995), Continuous Univariate
Distributions 2, chapter 31; Cohen (1988), Statistical Power Analysis for the Behavioral Sciences,
chapter 2. Guardrails that hold, checks that pass and costs known per customer are taken for given.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import nct

from experiments.errors import BadInput, Undefined
from experiments.pilot import Design
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven
from experiments.stats.dunnett import dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import quantile
from experiments.stats.lin import CUSTOMERS_PER_COVARIATE
from experiments.stats.moments import Floats
from experiments.terms import MOST, MetricKind

TARGET = 0.8
SMALLEST_GROUP = 2
KINDS = frozenset({MetricKind.MEAN, MetricKind.COUNT, MetricKind.RATE})
COMPUTABLE = (1e-60, 1e60)  # spreads whose fourth powers neither vanish nor overflow
# Halving so often leaves no digit of a double to find.
HALVINGS = 60
# So many standard errors decide whatever the degrees of freedom; SciPy has no answer far beyond.
BEYOND_DOUBT = 10_000.0
# Between these, Dunnett's critical value is interpolated along 1 / df, on which it depends almost
# linearly; from 20 degrees on the error stays below 0.0005.
DEGREES = (math.inf, 200, 100, 50, 30, 20, 14, 10, 7, 5, 4, 3, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """How customers are parted, and how surely the answer is to be read.

    Attributes:
        control: Share of the customers who are held back.
        treatments: Share of each treatment.
        alpha: Two-sided error rate of the plan.
    """

    control: float
    treatments: tuple[float, ...]
    alpha: float = 0.05

    def __post_init__(self) -> None:
        shares = (self.control, *self.treatments)
        if not self.treatments or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise BadInput(
                "The shares of control and treatments must be above 0 and add up to 1; "
                f"they are {', '.join(f'{share:g}' for share in shares)}."
            )
        if not 0 < self.alpha <= 0.5:
            raise BadInput(f"alpha is {self.alpha}; give a number above 0, at most 0.5.")

    @classmethod
    def of(cls, design: Design) -> "Groups":
        """The groups of a plan."""
        shares = design.planned_shares()
        return cls(
            control=float(shares[design.control]),
            treatments=tuple(float(shares[arm]) for arm in design.treatments),
            alpha=float(design.alpha),
        )

    @property
    def fewest_customers(self) -> int:
        """As few as can be compared at all: two in the smallest group."""
        return math.ceil(SMALLEST_GROUP / min(self.control, *self.treatments) - 1e-9)

    def treated(self, customers: float) -> float:
        """How many of the customers are offered the program, all treatments together."""
        return customers * sum(self.treatments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A randomized pilot, as far as its power depends on anything but its size.

    With several treatments every number speaks of the smallest one, the hardest to prove.

    Attributes:
        kind: Of the money metric: mean, count or rate.
        baseline: What customers do now.
        groups: Control and treatments.
    """

    kind: MetricKind
    baseline: Baseline
    groups: Groups


def power(
    trial: Trial, *, customers: int, effect: float, pays_from: BreakEven | float = 0.0
) -> float | Undefined:
    """The probability that a true effect is proved to lie above a threshold.

    Args:
        trial: The pilot.
        customers: Of all groups together.
        effect: True effect per treated customer, in the unit of the metric; points / 100 of a rate.
        pays_from: The threshold: break-even, or 0 to tell the effect from none.

    Example:
        >>> trial = Trial(kind=MetricKind.MEAN, baseline=Baseline(mean=0, sd=1),
        ...     groups=Groups(control=0.5, treatments=(0.5,)))
        >>> round(power(trial, customers=40, effect=1.0), 4)
        0.869
    """
    missing = _why_not(trial, effect)
    if missing is not None:
        return missing
    if customers < trial.groups.fewest_customers:
        return Undefined(
            f"{customers} customers leave a group with fewer than {SMALLEST_GROUP}; "
            f"it takes {trial.groups.fewest_customers}"
        )
    return float(powers(trial, customers=[customers], effect=effect, pays_from=pays_from)[0])


def powers(
    trial: Trial, *, customers: Sequence[int], effect: float, pays_from: BreakEven | float = 0.0
) -> Floats:
    """The power at several numbers of customers, for a curve; arguments as `power` accepts them.

    Returns:
        Probabilities, shape (customers,).
    """
    sizes = np.asarray(customers, dtype=float)
    thresholds = np.array([_threshold(trial, n, pays_from) for n in customers])
    treated, controls = sizes * min(trial.groups.treatments), sizes * trial.groups.control
    adjusts = trial.baseline.correlation != 0
    if trial.kind is MetricKind.RATE and not adjusts:
        return _of_newcombe(trial, treated, controls, effect, thresholds)
    return _of_t(trial, treated, controls, effect, thresholds)


def customers_needed(
    trial: Trial, *, effect: float, pays_from: BreakEven | float = 0.0, target: float = TARGET
) -> int | Undefined:
    """As few customers, of all groups together, as prove the effect with the probability asked for.

    Args:
        trial: The pilot.
        effect: True effect per treated customer.
        pays_from: Break-even, or 0 to tell the effect from none.
        target: The power asked for.
    """
    missing = _why_not(trial, effect)
    if missing is not None:
        return missing
    if effect <= _threshold(trial, MOST, pays_from):
        return Undefined("the effect does not pay, however many customers share the costs")

    def enough(customers: int) -> bool:
        found = powers(trial, customers=[customers], effect=effect, pays_from=pays_from)
        return bool(found[0] >= target)

    low, high = trial.groups.fewest_customers - 1, trial.groups.fewest_customers
    while not enough(high):
        if high >= MOST:
            return Undefined(f"it would take more than {MOST:,} customers")
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_effect(
    trial: Trial, *, customers: int, pays_from: BreakEven | float = 0.0, target: float = TARGET
) -> float | Undefined:
    """The smallest true effect that is proved with the probability asked for.

    Args:
        trial: The pilot.
        customers: Of all groups together.
        pays_from: Break-even, or 0 to tell the effect from none.
        target: The power asked for.
    """
    low = _threshold(trial, max(customers, 1), pays_from)
    is_rate = trial.kind is MetricKind.RATE
    most = 1 - trial.baseline.mean if is_rate else math.inf
    if low >= most:
        return Undefined("not even the program that reaches everybody would pay")

    def reached(effect: float) -> float | Undefined:
        return power(trial, customers=customers, effect=effect, pays_from=pays_from)

    missing = reached(low)
    if isinstance(missing, Undefined):
        return missing
    high = most * (1 - 1e-9) if is_rate else low + trial.baseline.sd
    while (reached(high) or 0.0) < target:
        if is_rate:
            return Undefined("not even a program that reaches everybody would be proved")
        high = low + 2 * (high - low)
    return _crossing(lambda effect: (reached(effect) or 0.0) >= target, low, high)


def _crossing(holds: Callable[[float], bool], low: float, high: float) -> float:
    """From where on something holds that does at `high` and does not at `low`."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _threshold(trial: Trial, customers: float, pays_from: BreakEven | float) -> float:
    if isinstance(pays_from, BreakEven):
        return pays_from.effect(treated_customers=trial.groups.treated(customers))
    return pays_from


def _why_not(trial: Trial, effect: float) -> Undefined | None:
    """Why there is no power at all, or None where there is."""
    if trial.kind not in KINDS:
        return Undefined(f'a metric of kind "{trial.kind}" is not planned by this version')
    if trial.kind is MetricKind.RATE:
        rate = trial.baseline.mean
        if not 0 < rate < 1:
            return Undefined("a rate of 0 or 1 has no spread to plan with")
        if not 0 < rate + effect < 1:
            return Undefined(
                f"an effect of {effect:g} would take the rate of {rate:g} beyond 0 or 1"
            )
    if trial.baseline.sd == 0:
        return Undefined("all customers have the same value, so that there is no spread")
    spread = trial.baseline.sd * math.sqrt(1 - trial.baseline.correlation**2)
    if trial.kind is MetricKind.RATE:
        rate = trial.baseline.mean + effect
        spread = min(spread, rate, 1 - rate)
    if not COMPUTABLE[0] < spread < COMPUTABLE[1]:
        return Undefined("customers differ too little or too much to compute with")
    if not math.isfinite(effect):
        return Undefined("the effect is no number")
    return None


def _of_t(
    trial: Trial, treated: Floats, controls: Floats, effect: float, thresholds: Floats
) -> Floats:
    """Power of the lower limit by Welch, or by Lin's adjustment for the pre-period."""
    base = trial.baseline
    spreads = (base.sd**2, base.sd**2)
    if trial.kind is MetricKind.RATE:
        rate = base.mean + effect
        spreads = (rate * (1 - rate), base.sd**2)
    fewest = np.minimum(treated, controls)
    adjusted = (fewest >= CUSTOMERS_PER_COVARIATE) & (base.correlation != 0)
    left = np.where(adjusted, 1 - base.correlation**2, 1.0)
    parts = (spreads[0] * left / treated, spreads[1] * left / controls)
    spent = np.where(adjusted, 2.0, 1.0)
    df = _satterthwaite(parts, (treated - spent, controls - spent))
    critical = _critical(trial, df)
    distance = np.clip((effect - thresholds) / np.sqrt(sum(parts)), -BEYOND_DOUBT, BEYOND_DOUBT)
    return np.asarray(nct.sf(critical, df, distance), dtype=float)


def _satterthwaite(parts: tuple[Floats, Floats], df: tuple[Floats, Floats]) -> Floats:
    """Degrees of freedom of a sum of two variances, shape as theirs."""
    return np.asarray(sum(parts) ** 2 / sum(v**2 / d for v, d in zip(parts, df, strict=True)))


def _critical(trial: Trial, df: Floats) -> Floats:
    """How many standard errors the plan's interval reaches to each side."""
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


def _of_newcombe(
    trial: Trial, treated: Floats, controls: Floats, effect: float, thresholds: Floats
) -> Floats:
    """Power of the lower limit by Newcombe, from its slopes at the true rates."""
    z = quantile(1 - trial.groups.alpha / 2)
    if len(trial.groups.treatments) > 1:
        z = _dunnett(trial.groups)[0]
    control = trial.baseline.mean
    rate = control + effect
    down, down_slope = _wilson_reach(rate, treated, -z)
    up, up_slope = _wilson_reach(control, controls, z)
    reach = np.hypot(down, up)
    slopes = (1 - down * down_slope / reach, -1 - up * up_slope / reach)
    variances = (rate * (1 - rate) / treated, control * (1 - control) / controls)
    spread = np.sqrt(slopes[0] ** 2 * variances[0] + slopes[1] ** 2 * variances[1])
    return np.asarray(ndtr((effect - reach - thresholds) / spread), dtype=float)


def _wilson_reach(rate: float, n: Floats, z: float) -> tuple[Floats, Floats]:
    """How far Wilson's limit lies from the rate, and how that changes with the rate.

    Args:
        rate: Between 0 and 1.
        n: Customers.
        z: Normal quantile; negative for the lower limit.
    """
    root = np.sqrt(n * rate * (1 - rate) + z * z / 4)
    limit = (n * rate + z * z / 2 + z * root) / (n + z * z)
    slope = (n + z * n * (1 - 2 * rate) / (2 * root)) / (n + z * z)
    side = math.copysign(1.0, z)
    return side * (limit - rate), side * (slope - 1)
