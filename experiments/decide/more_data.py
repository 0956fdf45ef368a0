"""How many customers would settle what a pilot left open?"""

from dataclasses import dataclass

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimates import headline_of
from experiments.decide.guardrails import Guardrail, Safety
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.limits import confidence_of, quantile
from experiments.stats.sample_size import customers_needed
from experiments.value.contrast import Value


@dataclass(frozen=True, slots=True)
class MoreData:
    """How many treatment customers would settle it, at the same split and 80 % power.

    Attributes:
        for_break_even: To detect an effect as large as break-even, against no effect.
        for_observed: To prove D above 0, or where a guardrail is unclear, that it is kept, if the
            truth is what was observed; labelled as such.
    """

    for_break_even: int | Undefined
    for_observed: int | Undefined


def more_data_for_money(
    plan: Plan, analysis: Analysis, treatment: str, value: Value | Undefined
) -> MoreData | None:
    """What would settle D; None where nothing was estimated.

    Args:
        plan: Says the money metric and the error rate.
        analysis: The estimates.
        treatment: The arm.
        value: D as it was observed.
    """
    headline = headline_of(analysis.estimates, metric=plan.value.metric, treatment=treatment)
    if isinstance(value, Undefined) or headline is None:
        return None
    if isinstance(headline.difference, Undefined):
        return None
    alpha = _alpha_of_one(plan, value)
    observed: int | Undefined = Undefined("the observed effect does not pay")
    if value.contrast.value > 0:
        observed = customers_needed(
            n=value.customers, se=value.contrast_se, effect=value.contrast.value, alpha=alpha
        )
    return MoreData(
        for_break_even=customers_needed(
            n=value.customers, se=headline.difference.se, effect=value.break_even, alpha=alpha
        ),
        for_observed=observed,
    )


def _alpha_of_one(plan: Plan, value: Value) -> float:
    """The error rate of one treatment's interval; smaller where several are read together."""
    if len(plan.design.treatments) < 2:
        return float(plan.design.alpha)
    reach = (value.contrast.high - value.contrast.low) / 2 / value.contrast_se
    return min(float(plan.design.alpha), 1 - confidence_of(reach))


def more_data_for_guardrails(
    plan: Plan, analysis: Analysis, judged: tuple[Guardrail, ...]
) -> MoreData:
    """What would clear every unclear guardrail, if its true worsening is what was observed.

    Args:
        plan: Says the error rate.
        analysis: Customers, and how sure each interval is.
        judged: Every guardrail of a treatment, at least one of them unclear.
    """
    needed = [
        _to_clear(
            plan,
            guardrail,
            n=analysis.customers[guardrail.treatment],
            confidence=analysis.confidence,
        )
        for guardrail in judged
        if guardrail.safety is Safety.UNCLEAR
    ]
    open_ones = [found for found in needed if isinstance(found, Undefined)]
    return MoreData(
        for_break_even=Undefined("the money is settled; a guardrail is not"),
        for_observed=open_ones[0] if open_ones else max(n for n in needed if isinstance(n, int)),
    )


def _to_clear(plan: Plan, guardrail: Guardrail, *, n: int, confidence: float) -> int | Undefined:
    """Customers of the treatment group that it takes to show a guardrail is kept."""
    worse = guardrail.beyond
    if isinstance(worse, Undefined):
        return worse
    room = -(worse.low + worse.high) / 2
    if room <= 0:
        return Undefined(f"{guardrail.metric} was observed to be worse than the plan accepts")
    se = (worse.high - worse.low) / 2 / quantile(0.5 + confidence / 2)
    return customers_needed(n=n, se=se, effect=room, alpha=float(plan.design.alpha))
