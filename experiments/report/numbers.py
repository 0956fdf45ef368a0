"""Tables for the skeptic: effects by segment, and every number with its method."""

from collections.abc import Sequence

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.variables import label
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.report import Section, Table
from experiments.report.wording import PERCENT, decimals_for, level, reading
from experiments.words import p_value

METHODS = {
    Method.WELCH: "Welch",
    Method.NEWCOMBE: "Newcombe",
    Method.LIN: "adjusted (Lin)",
}
HEADS = (
    "Metric",
    "Treatment",
    "Method",
    "Customers",
    "Treated",
    "Control",
    "Effect",
    "p",
    "Relative",
)
NUMERIC = (False, False, False, True, True, True, True, True, True)


def segments(plan: Plan, analysis: Analysis) -> tuple[Section, ...]:
    """Per segment attribute, the headline method's effect in each level."""
    if analysis.evidence is None:
        return ()
    tried = len(analysis.evidence.everybody.by_segment)
    return tuple(
        Section(
            title=f"By {attribute}",
            lead=(
                f"{tried} attribute{'s' if tried > 1 else ''} looked at. Differences between "
                f"levels are exploratory: they suggest what to test next, and prove nothing."
            ),
            tables=tuple(
                _segment_table(plan, analysis, attribute, metric.name) for metric in plan.metrics
            ),
        )
        for attribute in analysis.evidence.everybody.by_segment
    )


def _segment_table(plan: Plan, analysis: Analysis, attribute: str, metric: str) -> Table:
    adjusted = {
        (estimate.treatment, estimate.level)
        for estimate in analysis.estimates
        if estimate.segment == attribute
        and estimate.metric == metric
        and estimate.method is Method.LIN
        and not isinstance(estimate.difference, Undefined)
    }
    shown = [
        estimate
        for estimate in analysis.estimates
        if estimate.segment == attribute
        and estimate.metric == metric
        and ((estimate.method is Method.LIN) == ((estimate.treatment, estimate.level) in adjusted))
    ]
    rows = tuple((estimate.level or "", *_row(plan, estimate)[1:]) for estimate in shown)
    return Table(metric, (attribute, *HEADS[1:]), NUMERIC, rows)


def numbers(plan: Plan, analysis: Analysis) -> Section:
    """Every overall estimate, unadjusted and adjusted, and what was adjusted for."""
    overall = [estimate for estimate in analysis.estimates if estimate.segment is None]
    strong = tuple(at for at, estimate in enumerate(overall) if estimate.headline)
    rows = tuple(_row(plan, estimate) for estimate in overall)
    tables = [Table("Overall; the heavier rows are the headline", HEADS, NUMERIC, rows, strong)]
    if len(plan.design.treatments) > 1:
        tables.append(_simultaneous(plan, overall))
    return Section(
        title="Method and every number",
        lead=_lead(plan, overall),
        tables=tuple(tables) if rows else (),
    )


def _lead(plan: Plan, overall: Sequence[Estimate]) -> str:
    confidence = f"{plan.confidence * 100:g} %"
    used = {
        estimate.metric: ", ".join(label(name) for name in estimate.adjusted_for)
        for estimate in overall
        if estimate.adjusted_for
    }
    dropped = sorted({name for estimate in overall for name in estimate.dropped})
    by_metric = "; ".join(f"{metric} for {names}" for metric, names in used.items())
    adjusted = f" Adjusted: {by_metric}." if used else ""
    repeats = (
        f" Left out because they repeat others: {', '.join(label(name) for name in dropped)}."
        if dropped
        else ""
    )
    return (
        f"Everybody counts in the group to which they were assigned (intent to treat); a customer "
        f"without rows counts as 0. Intervals are two-sided at {confidence}.{adjusted}{repeats}"
    )


def _row(plan: Plan, estimate: Estimate) -> tuple[str, ...]:
    metric = next(metric for metric in plan.metrics if metric.name == estimate.metric)
    unit = unit_of(metric)
    customers = f"{estimate.n_treatment:,} / {estimate.n_control:,}"
    head = (estimate.metric, estimate.treatment, METHODS[estimate.method], customers)
    difference, relative = estimate.difference, estimate.relative
    if isinstance(difference, Undefined):
        means = [level(mean, unit, decimals=2) for mean in _means(estimate)]
        return (*head, *means, f"not defined: {difference.reason}", "–", "–")
    decimals = decimals_for(difference.low * unit.factor, difference.high * unit.factor)
    share = "–"
    if not isinstance(relative, Undefined) and not isinstance(relative.interval, Undefined):
        share = reading(
            relative.value, relative.interval.low, relative.interval.high, PERCENT, sign=True
        )
    return (
        *head,
        *[level(mean, unit, decimals=decimals) for mean in _means(estimate)],
        reading(difference.value, difference.low, difference.high, unit, sign=True),
        p_value(difference.p_value),
        share,
    )


def _means(estimate: Estimate) -> tuple[float | Undefined, float | Undefined]:
    return estimate.mean_treatment, estimate.mean_control


def _simultaneous(plan: Plan, overall: Sequence[Estimate]) -> Table:
    """The readings that hold for all treatments together."""
    rows = []
    for estimate in overall:
        joint = estimate.simultaneous
        if joint is None or isinstance(estimate.difference, Undefined):
            continue
        metric = next(metric for metric in plan.metrics if metric.name == estimate.metric)
        text = reading(estimate.difference.value, joint.low, joint.high, unit_of(metric), sign=True)
        rows.append(
            (
                estimate.metric,
                estimate.treatment,
                METHODS[estimate.method],
                text,
                p_value(joint.p_value),
            )
        )
    return Table(
        "All treatments together (Dunnett): intervals that are right at once",
        ("Metric", "Treatment", "Method", "Effect", "p"),
        (False, False, False, True, True),
        tuple(rows),
    )
