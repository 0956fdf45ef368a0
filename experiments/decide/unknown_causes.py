"""How strong would an unknown cause have to be to explain a result of groups that people chose?

The E-value of the money metric's effect against break-even, where D is 0: of the estimate, and of
the limit nearer to it.
"""

import math

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimates import headline_of
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.evalue import EValue, evalue_of_difference, evalue_of_ratio
from experiments.terms import SHARES, DesignKind
from experiments.value.contrast import Value


def e_value(
    plan: Plan, analysis: Analysis, treatment: str, value: Value | Undefined
) -> EValue | Undefined | None:
    """The E-value of one treatment; None where chance chose the groups, or while veiled.

    A rate is a risk already; a mean goes through standard deviations between customers.

    Args:
        plan: Says the money metric.
        analysis: The estimates, and how much customers differ.
        treatment: The arm.
        value: D and break-even of the treatment.
    """
    evidence = analysis.evidence
    if plan.design.kind is not DesignKind.SUPPLIED or evidence is None:
        return None
    headline = headline_of(analysis.estimates, metric=plan.value.metric, treatment=treatment)
    if isinstance(value, Undefined) or headline is None:
        return Undefined("there is no effect to explain")
    if plan.money_metric.kind in SHARES:
        relative, control = headline.relative_to_decide, headline.mean_control
        if isinstance(relative, Undefined) or isinstance(control, Undefined):
            return Undefined("there is no risk ratio")
        if isinstance(relative.interval, Undefined):
            return relative.interval
        return evalue_of_ratio(
            ratio=1 + relative.value,
            low=1 + relative.interval.low,
            high=1 + relative.interval.high,
            break_even=1 + value.break_even / control,
        )
    spread = _deviation(plan, analysis, treatment)
    if isinstance(spread, Undefined):
        return spread
    return evalue_of_difference(
        value=value.contrast.value,
        low=value.contrast.low,
        high=value.contrast.high,
        deviation=spread * float(plan.value.money_per_unit),
    )


def _deviation(plan: Plan, analysis: Analysis, treatment: str) -> float | Undefined:
    """Standard deviation of the money metric between customers, pooled over the two groups."""
    chosen = analysis.evidence and analysis.evidence.chosen
    found = chosen and chosen.weighted[plan.value.metric, treatment]
    if not found:
        return Undefined("the groups were not weighted")
    return math.sqrt(found.pooled_variance)
