"""Tables for the skeptic: every number with its method."""

from collections.abc import Sequence

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.variables import label
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.received import received_table
from experiments.report.report import Section, Table
from experiments.report.several import metrics_together, treatments_compared
from experiments.report.wording import PERCENT, decimals_for, level, reading
from experiments.terms import DesignKind
from experiments.words import p_value

METHODS = {
    Method.WELCH: "Welch",
    Method.NEWCOMBE: "Newcombe",
    Method.DELTA: "ratio (delta)",
    Method.CLUSTER: "clusters (delta)",
    Method.LIN: "adjusted (Lin)",
    Method.WEIGHTED_CHANGES: "weighted, changes (DiD)",
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


def numbers(plan: Plan, analysis: Analysis) -> Section:
    """Every overall estimate, unadjusted and adjusted, and what was adjusted for."""
    overall = [estimate for estimate in analysis.estimates if estimate.segment is None]
    strong = tuple(at for at, estimate in enumerate(overall) if estimate.headline)
    rows = tuple(row(plan, estimate) for estimate in overall)
    tables = [Table("Overall; the heavier rows are the headline", HEADS, NUMERIC, rows, strong)]
    if len(plan.design.treatments) > 1:
        tables.append(_simultaneous(plan, overall))
    tables += received_table(plan, analysis)
    tables += [*metrics_together(plan, analysis), *treatments_compared(plan, analysis)]
    return Section(
        title="Method and every number",
        lead=_lead(plan, analysis, overall),
        tables=tuple(tables) if rows else (),
    )


def _at_once(plan: Plan) -> str:
    chosen = plan.design.kind is DesignKind.SUPPLIED
    return "Dunnett; where weighted, Bonferroni" if chosen else "Dunnett"


def _lead(plan: Plan, analysis: Analysis, overall: Sequence[Estimate]) -> str:
    wide = "" if analysis.veiled else f" Intervals are two-sided at {_level(analysis)}."
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
    counts = (
        "People chose the groups. Control customers are weighted until they match the treated ones "
        "in what was known before and in each pre-period (entropy balancing); the effect is the "
        "difference between the changes since the last of these, with an interval from 999 "
        "bootstrap draws that repeat the weighting. A customer"
        if plan.design.kind is DesignKind.SUPPLIED
        else "Everybody counts in the group to which they were assigned (intent to treat); a "
        "customer"
    )
    cluster = plan.design.cluster
    units = "" if cluster is None else f" Intervals count clusters ({cluster}), not customers."
    return f"{counts} without rows counts as 0.{units}{wide}{adjusted}{repeats}"


def _level(analysis: Analysis) -> str:
    """The confidence of the look; with several looks, with the share that is spent on others."""
    per_cent = f"{analysis.confidence * 100:.4g} %"
    return (
        per_cent
        if analysis.look is None or not analysis.look.critical
        else (f"{per_cent}, which pays for every other permitted look")
    )


def row(plan: Plan, estimate: Estimate) -> tuple[str, ...]:
    """An estimate as ready texts, in the order of `HEADS`."""
    metric = next(metric for metric in plan.metrics if metric.name == estimate.metric)
    unit = unit_of(metric)
    customers = f"{estimate.n_treatment:,} / {estimate.n_control:,}"
    head = (estimate.metric, estimate.treatment, _method(estimate), customers)
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


def _method(estimate: Estimate) -> str:
    word = METHODS[estimate.method]
    return word if estimate.comparable else f"{word}; groups not comparable"


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
                _method(estimate),
                text,
                p_value(joint.p_value),
            )
        )
    return Table(
        f"All treatments together ({_at_once(plan)}): intervals that are right at once",
        ("Metric", "Treatment", "Method", "Effect", "p"),
        (False, False, False, True, True),
        tuple(rows),
    )
