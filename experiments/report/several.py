"""Tables of what is read together: several metrics, and treatments among each other."""

from experiments.analyse.analysis import Analysis
from experiments.analyse.multiplicity import GoalMoved, between_treatments, goal_moved
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.report import Table
from experiments.report.wording import reading
from experiments.words import p_value

MOVED = {
    GoalMoved.YES: "Every other primary moved as it should",
    GoalMoved.NO: "A primary beside the money moved the wrong way",
    GoalMoved.UNCLEAR: "Whether the other primaries moved as they should is unclear",
}


def metrics_together(plan: Plan, analysis: Analysis) -> tuple[Table, ...]:
    """The p-values of a role's metrics, adjusted for being several; none where they are not."""
    rows = tuple(
        (
            one.metric,
            one.treatment,
            one.role.value,
            _p(one.p_value),
            _p(one.adjusted_p_value.value),
            f"{one.adjusted_p_value.family}",
        )
        for one in analysis.estimates
        if one.adjusted_p_value is not None and one.adjusted_p_value.family > 1
    )
    if not rows:
        return ()
    caption = (
        "Several metrics read together: primaries by Holm, secondaries by Benjamini and Hochberg "
        "(exploratory). The decision on the money is not changed by it."
    )
    return (
        Table(
            " ".join([caption, *_goal(plan, analysis)]),
            ("Metric", "Treatment", "Role", "p", "Adjusted p", "Of"),
            (False, False, False, True, True, True),
            rows,
        ),
    )


def _goal(plan: Plan, analysis: Analysis) -> list[str]:
    """Whether the goal moved, a sentence per treatment."""
    found = []
    for treatment in plan.design.treatments:
        moved = goal_moved(
            plan, analysis.estimates, treatment=treatment, alpha=1 - analysis.confidence
        )
        if moved is not None:
            of = f", of “{treatment}”" if len(plan.design.treatments) > 1 else ""
            found.append(f"{MOVED[moved]}{of}.")
    return found


def treatments_compared(plan: Plan, analysis: Analysis) -> tuple[Table, ...]:
    """Treatments among each other; none where there is one."""
    if analysis.evidence is None:
        return ()
    units = {metric.name: unit_of(metric) for metric in plan.metrics}
    rows = []
    for one in between_treatments(plan, analysis.evidence, confidence=analysis.confidence):
        difference, unit = one.difference, units[one.metric]
        effect = (
            f"not defined: {difference.reason}"
            if isinstance(difference, Undefined)
            else reading(difference.value, difference.low, difference.high, unit, sign=True)
        )
        customers = f"{one.n_treatment:,} / {one.n_control:,}"
        rows.append((one.metric, one.treatment, one.control, customers, effect, _p(one.p_value)))
    if not rows:
        return ()
    return (
        Table(
            "Treatments among each other: exploratory, each interval that of one comparison",
            ("Metric", "Treatment", "Against", "Customers", "Effect", "p"),
            (False, False, False, True, True, True),
            tuple(rows),
        ),
    )


def _p(value: float | Undefined) -> str:
    return "–" if isinstance(value, Undefined) else p_value(value)
