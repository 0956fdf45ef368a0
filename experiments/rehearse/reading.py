"""Read every rehearsed pilot by the product's own methods, on arrays over the draws.

The same choices as `experiments.analyse.estimating`: Newcombe for shares, Welch for means, the
linearised quotient for ratios and clusters, Lin where something was known and groups are large
enough for it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from experiments.analyse.estimate import Method
from experiments.analyse.variables import CUSTOMERS
from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.rehearse.history import History
from experiments.rehearse.layout import Layout
from experiments.rehearse.redraw import ArmSums
from experiments.stats.dunnett import dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import confidence_of
from experiments.stats.lin import CUSTOMERS_PER_COVARIATE, lin_many
from experiments.stats.many import Bools, Differences, ManyMoments, Samples
from experiments.stats.means import welch_many
from experiments.stats.moments import Floats
from experiments.stats.rates import Shares, newcombe_many, pooled_z_many
from experiments.terms import SHARES, MetricKind


@dataclass(frozen=True, slots=True, eq=False)
class Pilots:
    """The rehearsed pilots.

    Attributes:
        history: What customers did.
        layout: Which sum is which.
        sums: Of every draw and arm.
        confidence: Of each single interval.
    """

    history: History
    layout: Layout
    sums: ArmSums
    confidence: float

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(self.sums.n)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The headline of every pilot, each attribute of shape (draws,).

    Attributes:
        value: Treatment minus control; NaN where there is none.
        se: Its standard error.
        df: Its degrees of freedom.
        low: Lower limit.
        high: Upper limit.
        control_variance: The control group's part of `se` squared.
        adjusted: Where the headline is Lin's.
    """

    value: Floats
    se: Floats
    df: Floats
    low: Floats
    high: Floats
    control_variance: Floats
    adjusted: Bools

    @property
    def defined(self) -> Bools:
        """Where there is a reading."""
        return np.asarray(np.isfinite(self.low) & np.isfinite(self.high))

    def moved(self, shift: float) -> "Readings":
        """The same with an effect that is so much larger."""
        return replace(self, value=self.value + shift, low=self.low + shift, high=self.high + shift)

    def times(self, factor: float) -> "Readings":
        """Scaled by a positive factor."""
        return replace(
            self,
            value=self.value * factor,
            se=self.se * factor,
            low=self.low * factor,
            high=self.high * factor,
            control_variance=self.control_variance * factor**2,
        )


def plain_method(history: History, metric: Metric) -> Method:
    """How a metric is estimated unadjusted."""
    if history.clusters is not None:
        return Method.CLUSTER
    if metric.kind in SHARES:
        return Method.NEWCOMBE
    return Method.DELTA if metric.kind is MetricKind.RATIO else Method.WELCH


@np.errstate(all="ignore")
def headlines(
    pilots: Pilots,
    metric: Metric,
    *,
    arm: int,
    variant: str | None = None,
    worst: float = 1.0,
    confidence: float | None = None,
) -> Readings:
    """The headline of a metric in every pilot.

    Args:
        pilots: The rehearsed pilots.
        metric: Which metric.
        arm: Number of the treatment, from 1.
        variant: The treated customers' outcome, where an effect changed it.
        worst: What the control group's outcome is multiplied with; not for unadjusted shares.
        confidence: Of the intervals; that of single ones where None.
    """
    sure = pilots.confidence if confidence is None else confidence
    plain = _unadjusted(pilots, metric, arm, variant=variant, worst=worst, confidence=sure)
    covariates = list(pilots.history.covariates[metric.name])
    if not covariates:
        return plain
    names = list(dict.fromkeys([*covariates, *([CUSTOMERS] if pilots.layout.clustered else [])]))
    found = lin_many(
        treatment=combined(pilots, metric, arm, names, variant=variant),
        control=combined(pilots, metric, 0, names, factor=worst),
        confidence=sure,
    )
    smallest = np.minimum(_counted(pilots, metric, arm), _counted(pilots, metric, 0))
    enough = smallest >= CUSTOMERS_PER_COVARIATE * found.kept.sum(axis=1)
    adjusted = _shifted(_of(found.difference), pilots, metric, worst)
    use = enough & adjusted.defined
    return Readings(
        value=np.where(use, adjusted.value, plain.value),
        se=np.where(use, adjusted.se, plain.se),
        df=np.where(use, adjusted.df, plain.df),
        low=np.where(use, adjusted.low, plain.low),
        high=np.where(use, adjusted.high, plain.high),
        control_variance=np.where(use, adjusted.control_variance, plain.control_variance),
        adjusted=use,
    )


def _counted(pilots: Pilots, metric: Metric, arm: int) -> Floats:
    """Units of an arm that a metric counts: of a score, the customers who gave one."""
    over = pilots.history.outcomes[metric.name].over
    if metric.kind is MetricKind.LATEST and over is not None and not pilots.layout.clustered:
        return pilots.layout.sums(pilots.sums, arm, over)
    return np.asarray(pilots.sums.n[:, arm])


def jointly(
    pilots: Pilots, metric: Metric, *, arm: int, variant: str | None, critical: float | None
) -> Readings:
    """The headline at the interval that decides: the joint one with several treatments."""
    single = headlines(pilots, metric, arm=arm, variant=variant)
    if critical is None:
        return single
    wide = replace(
        single,
        low=single.value - critical * single.se,
        high=single.value + critical * single.se,
    )
    if plain_method(pilots.history, metric) is not Method.NEWCOMBE:
        return wide
    newcombe = headlines(
        pilots, metric, arm=arm, variant=variant, confidence=confidence_of(critical)
    )
    return replace(
        wide,
        low=np.where(single.adjusted, wide.low, newcombe.low),
        high=np.where(single.adjusted, wide.high, newcombe.high),
    )


def joint_critical(pilots: Pilots, metric: Metric, *, treatments: int) -> float | None:
    """Standard errors to each side of Dunnett's interval in the average pilot; None with one."""
    if treatments < 2:
        return None
    average = []
    for arm in range(1, treatments + 1):
        found = headlines(pilots, metric, arm=arm)
        rest = found.defined
        if not rest.any():
            return None
        variance = float(np.mean(found.se[rest] ** 2))
        of_control = float(np.mean(found.control_variance[rest]))
        df = float(np.mean(found.df[rest]))
        average.append(
            Difference(0.0, math.sqrt(variance), df, 0.0, 1.0, 0.0, 0.0, min(of_control, variance))
        )
    joint = dunnett(average, confidence=pilots.confidence)
    return None if isinstance(joint, Undefined) else joint.critical


def _unadjusted(
    pilots: Pilots,
    metric: Metric,
    arm: int,
    *,
    variant: str | None,
    worst: float,
    confidence: float,
) -> Readings:
    if plain_method(pilots.history, metric) is Method.NEWCOMBE:
        treatment, control = (
            shares_of(pilots, metric, arm, variant=variant),
            shares_of(pilots, metric, 0),
        )
        tested = pooled_z_many(treatment=treatment, control=control, confidence=confidence)
        interval = newcombe_many(treatment=treatment, control=control, confidence=confidence)
        missing = np.isnan(tested.value)
        return replace(
            _of(tested),
            low=np.where(missing, np.nan, interval.low),
            high=np.where(missing, np.nan, interval.high),
        )
    found = welch_many(
        treatment=_samples(pilots, metric, arm, variant=variant),
        control=_samples(pilots, metric, 0, factor=worst),
        confidence=confidence,
    )
    return _shifted(_of(found), pilots, metric, worst)


def shares_of(pilots: Pilots, metric: Metric, arm: int, *, variant: str | None = None) -> Shares:
    """Events and customers of an arm in every pilot."""
    name = variant or pilots.history.outcomes[metric.name].variable
    events = pilots.layout.sums(pilots.sums, arm, name)
    return Shares(np.rint(events).astype(np.int64), pilots.sums.n[:, arm].astype(np.int64))


def _samples(
    pilots: Pilots, metric: Metric, arm: int, *, variant: str | None = None, factor: float = 1.0
) -> Samples:
    """An arm's metric, one number per unit; of scores, per customer who gave one."""
    if metric.kind is not MetricKind.LATEST or pilots.layout.clustered:
        return combined(pilots, metric, arm, (), variant=variant, factor=factor).samples(0)
    outcome = pilots.history.outcomes[metric.name]
    name = outcome.variable
    total, squares = (pilots.layout.sums(pilots.sums, arm, *(name,) * power) for power in (1, 2))
    n = pilots.layout.sums(pilots.sums, arm, outcome.over or "")
    mean = total / n
    variance = np.maximum(0.0, squares - n * mean**2) / (n - 1)
    return Samples(n, mean * factor, variance * factor**2)


def combined(
    pilots: Pilots,
    metric: Metric,
    arm: int,
    keeping: list[str] | tuple[()],
    *,
    variant: str | None = None,
    factor: float = 1.0,
) -> ManyMoments:
    """Moments of the metric, linearised where it is a quotient, and of what adjusts it.

    Args:
        pilots: The rehearsed pilots.
        metric: Which metric; its variable is the first.
        arm: Number of the arm; 0 is control.
        keeping: Variables that adjust.
        variant: The treated customers' outcome, where an effect changed it.
        factor: What the outcome is multiplied with.
    """
    outcome = pilots.history.outcomes[metric.name]
    name = variant or outcome.variable
    below = outcome.over or (CUSTOMERS if pilots.layout.clustered else None)
    names = list(dict.fromkeys([name, *([below] if below else []), *keeping]))
    found = pilots.layout.moments(pilots.sums, arm, names)
    weights = np.zeros((pilots.draws, 1 + len(keeping), len(names)))
    for row, kept in enumerate(keeping, start=1):
        weights[:, row, names.index(kept)] = 1.0
    weights[:, 0, 0] = factor
    if below:
        upper, lower = found.means[:, 0], found.means[:, names.index(below)]
        weights[:, 0, 0] = factor / lower
        weights[:, 0, names.index(below)] = -factor * upper / lower**2
    means = np.einsum("drk,dk->dr", weights, found.means)
    if below:
        means[:, 0] = factor * upper / lower
    scatter = weights @ found.scatter @ np.swapaxes(weights, 1, 2)
    return ManyMoments((name, *keeping), found.n, means, scatter)


def _of(found: Differences) -> Readings:
    return Readings(
        value=found.value,
        se=found.se,
        df=found.df,
        low=found.low,
        high=found.high,
        control_variance=found.control_variance,
        adjusted=np.zeros(found.value.shape, dtype=bool),
    )


def _shifted(found: Readings, pilots: Pilots, metric: Metric, worst: float) -> Readings:
    """Put back what the variable lacks; it cancels where both groups count alike."""
    return found.moved(pilots.layout.centres[metric.name] * (1 - worst))
