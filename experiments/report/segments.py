"""Tables of effects by segment: each level by itself, and with the help of the others."""

from collections.abc import Sequence

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate
from experiments.analyse.segments import SegmentEffects, level_estimates, segment_effects
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.numbers import HEADS, NUMERIC, row
from experiments.report.report import Section, Table
from experiments.report.wording import counted, reading
from experiments.words import p_is

POOLED = "Pooled effect"


def segments(plan: Plan, analysis: Analysis) -> tuple[Section, ...]:
    """Per segment attribute and metric the effect at each level; of primaries also pooled."""
    if analysis.evidence is None:
        return ()
    levels = level_estimates(analysis.estimates)
    found = segment_effects(plan, analysis)
    attributes = analysis.evidence.everybody.by_segment
    tried = counted(len(attributes), "attribute", "attributes")
    return tuple(
        Section(
            title=f"By {attribute}",
            lead=(
                f"{tried} looked at. Differences between levels are exploratory: they suggest "
                f"what to test next, and prove nothing. A pooled effect is drawn towards the mean "
                f"of all levels as far as the level's own is imprecise."
            ),
            tables=tuple(
                _table(
                    plan,
                    attribute,
                    metric.name,
                    [
                        one
                        for one in levels
                        if (one.segment, one.metric) == (attribute, metric.name)
                    ],
                    [
                        one
                        for one in found
                        if (one.attribute, one.metric) == (attribute, metric.name)
                    ],
                    alpha=1 - analysis.confidence,
                )
                for metric in plan.metrics
            ),
        )
        for attribute in attributes
    )


def _table(
    plan: Plan,
    attribute: str,
    metric: str,
    levels: Sequence[Estimate],
    found: Sequence[SegmentEffects],
    *,
    alpha: float,
) -> Table:
    heads, numeric = [attribute, *HEADS[1:]], list(NUMERIC)
    rows = [[one.level or "", *row(plan, one)[1:]] for one in levels]
    if not found:
        return Table(metric, tuple(heads), tuple(numeric), tuple(tuple(cells) for cells in rows))
    after = heads.index("Effect") + 1
    heads.insert(after, POOLED)
    numeric.insert(after, True)
    pooled = _pooled_texts(plan, found)
    for one, cells in zip(levels, rows, strict=True):
        cells.insert(after, pooled[one.treatment, one.level or ""])
    said = [_differs(one, alpha=alpha, named=len(plan.design.treatments) > 1) for one in found]
    return Table(
        " ".join([f"{metric}.", *said]),
        tuple(heads),
        tuple(numeric),
        tuple(tuple(cells) for cells in rows),
    )


def _pooled_texts(plan: Plan, found: Sequence[SegmentEffects]) -> dict[tuple[str, str], str]:
    """Per treatment and level, the pooled effect in the unit of the metric."""
    texts = {}
    for one in found:
        unit = unit_of(next(metric for metric in plan.metrics if metric.name == one.metric))
        for level in one.levels:
            pooled = level.pooled
            texts[one.treatment, level.level] = (
                "–"
                if isinstance(pooled, Undefined)
                else reading(pooled.value, pooled.low, pooled.high, unit, sign=True)
            )
    return texts


def _differs(found: SegmentEffects, *, alpha: float, named: bool) -> str:
    """Whether the effect differs between levels, in a sentence."""
    of = f" of “{found.treatment}”" if named else ""
    test = found.interaction
    if isinstance(test, Undefined):
        return f"Whether the effect{of} differs between levels cannot be tested: {test.reason}."
    if test.p_value > alpha:
        return (
            f"Chance may explain all differences between the levels' effects{of} "
            f"(interaction test, {p_is(test.p_value)})."
        )
    return (
        f"The effect{of} differs between levels more than chance explains "
        f"(interaction test, {p_is(test.p_value)})."
    )
