"""How large is the effect at each level of an attribute, and does it differ at all?

The interaction test comes first; then each level is drawn towards the mean of all levels as far as
it is imprecise (partial pooling, `experiments.stats.segments`). Exploratory, whatever comes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate, Method
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference, Interval
from experiments.stats.interaction import InteractionTest
from experiments.stats.limits import quantile
from experiments.stats.lin import enough_customers
from experiments.stats.segments import partial_pooling
from experiments.terms import Role


@dataclass(frozen=True, slots=True)
class PooledEffect:
    """The effect at a level with the help of the others, in the unit of the metric."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LevelEffect:
    """The effect at one level.

    Attributes:
        level: The level.
        estimate: By itself: adjusted where the level has customers enough, else unadjusted.
        pooled: With the help of the other levels.
    """

    level: str
    estimate: Estimate
    pooled: PooledEffect | Undefined


@dataclass(frozen=True, slots=True)
class SegmentEffects:
    """A primary's effect by level of an attribute, for one treatment.

    Attributes:
        attribute: The attribute.
        metric: Name of the metric.
        treatment: The arm.
        interaction: Of one effect at all levels that have one.
        between_sd: Standard deviation of the true effects of levels, by REML.
        tried: How many attributes were looked at, this one included.
        levels: In the order of the evidence, which is that of their names.
    """

    attribute: str
    metric: str
    treatment: str
    interaction: InteractionTest | Undefined
    between_sd: float | Undefined
    tried: int
    levels: tuple[LevelEffect, ...]


def segment_effects(plan: Plan, analysis: Analysis) -> tuple[SegmentEffects, ...]:
    """Per attribute, primary and treatment; empty while veiled or without segments."""
    by_segment: dict[tuple[str, str, str], list[Estimate]] = {}
    for estimate in level_estimates(analysis.estimates):
        if estimate.role is Role.PRIMARY and estimate.segment is not None:
            key = (estimate.segment, estimate.metric, estimate.treatment)
            by_segment.setdefault(key, []).append(estimate)
    tried = len({attribute for attribute, _, _ in by_segment})
    order = {metric.name: at for at, metric in enumerate(plan.metrics)}
    attributes = list(dict.fromkeys(attribute for attribute, _, _ in by_segment))
    return tuple(
        _segment_effects(key, levels, tried=tried, confidence=analysis.confidence)
        for key, levels in sorted(
            by_segment.items(), key=lambda item: (attributes.index(item[0][0]), order[item[0][1]])
        )
    )


def level_estimates(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Of the one or two estimates at each level, the one to read."""
    read: dict[tuple[str | None, str | None, str, str], Estimate] = {}
    for one in estimates:
        if one.segment is None:
            continue
        key = (one.segment, one.level, one.metric, one.treatment)
        if key not in read or _is_better(one):
            read[key] = one
    return list(read.values())


def _is_better(one: Estimate) -> bool:
    """Whether an adjusted estimate is there, with customers enough for its covariates."""
    sizes = one.clusters or (one.n_treatment, one.n_control)
    return (
        one.method is Method.LIN
        and isinstance(one.difference, Difference)
        and enough_customers(treatment=sizes[0], control=sizes[1], covariates=len(one.adjusted_for))
    )


def _segment_effects(
    key: tuple[str, str, str], levels: Sequence[Estimate], *, tried: int, confidence: float
) -> SegmentEffects:
    attribute, metric, treatment = key
    known: Mapping[int, Difference] = {
        at: one.difference
        for at, one in enumerate(levels)
        if isinstance(one.difference, Difference)
    }
    found = partial_pooling(
        [one.value for one in known.values()],
        [_se(levels[at].method, one, confidence) for at, one in known.items()],
        dfs=[one.df for one in known.values()],
        confidence=confidence,
    )
    pooled: dict[int, PooledEffect | Undefined] = {
        at: one.difference for at, one in enumerate(levels) if isinstance(one.difference, Undefined)
    }
    if isinstance(found, Undefined):
        pooled |= dict.fromkeys(known, found)
    else:
        effects = zip(known, found.effects, found.intervals, strict=True)
        pooled |= {at: _pooled(value, interval) for at, value, interval in effects}
    return SegmentEffects(
        attribute=attribute,
        metric=metric,
        treatment=treatment,
        interaction=found if isinstance(found, Undefined) else found.interaction,
        between_sd=found if isinstance(found, Undefined) else found.between_variance**0.5,
        tried=tried,
        levels=tuple(
            LevelEffect(one.level or "", one, pooled[at]) for at, one in enumerate(levels)
        ),
    )


def _pooled(value: float, interval: Interval) -> PooledEffect:
    return PooledEffect(value, interval.low, interval.high)


def _se(method: Method, difference: Difference, confidence: float) -> float:
    """The standard error; of a rate the one that Newcombe's interval shows.

    A level with few events has a Wald standard error near zero, and would outweigh all others.
    """
    if method is not Method.NEWCOMBE:
        return difference.se
    return (difference.high - difference.low) / 2 / quantile((1 + confidence) / 2)
