"""Did the program make something worse than was agreed to accept?"""

from dataclasses import dataclass
from enum import StrEnum

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimates import (
    Comparison,
    Estimate,
    Method,
    comparisons,
    headline_of,
    share_of,
)
from experiments.analyse.evidence import Evidence
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.estimate import Interval
from experiments.stats.score import miettinen_nurminen, miettinen_nurminen_ratio
from experiments.terms import Direction, MetricKind, Role


class Safety(StrEnum):
    """What a guardrail says."""

    NON_INFERIOR = "non_inferior"
    WORSE = "worse"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One guardrail of one treatment.

    Attributes:
        metric: Its metric.
        treatment: The arm.
        safety: What it says.
        worsening: Interval of how much worse the treatment is, in the unit of `accepted`;
            Undefined where it cannot be computed, which is unclear.
        accepted: The worsening that the plan accepts: metric units, or a share of the control
            mean where the tolerance is relative.
        relative: Whether it is a share.
    """

    metric: str
    treatment: str
    safety: Safety
    worsening: Interval | Undefined
    accepted: float
    relative: bool


def guardrails(plan: Plan, analysis: Analysis, *, treatment: str) -> tuple[Guardrail, ...]:
    """Judge every guardrail of a treatment at the two-sided interval of the plan."""
    evidence = analysis.evidence
    if evidence is None:
        return ()
    comparison = next(
        (
            found
            for found in comparisons(plan, evidence)
            if found.segment is None and found.treatment_arm == treatment
        ),
        None,
    )
    if comparison is None:
        return ()
    return tuple(
        _judge(plan, analysis, evidence, comparison, metric)
        for metric in plan.metrics
        if metric.role is Role.GUARDRAIL
    )


def _judge(
    plan: Plan, analysis: Analysis, evidence: Evidence, comparison: Comparison, metric: Metric
) -> Guardrail:
    relative = metric.tolerance_relative is not None
    accepted = float((metric.tolerance_relative if relative else metric.tolerance) or 0)
    outcome = evidence.outcomes[metric.name]
    if metric.kind is MetricKind.RATE:
        change = _change_of_rate(plan, comparison, outcome, relative=relative)
        worsening = _worsening(change, metric.direction)
    else:
        headline = headline_of(
            analysis.estimates, metric=metric.name, treatment=comparison.treatment_arm
        )
        change = _change_of_mean(
            plan, comparison, metric, headline, outcome, accepted=accepted, relative=relative
        )
        worsening = _worsening(change, metric.direction)
        if relative:
            accepted = 0.0  # the tolerance is already part of what was compared
    return Guardrail(
        metric=metric.name,
        treatment=comparison.treatment_arm,
        safety=_safety(worsening, accepted),
        worsening=worsening,
        accepted=accepted,
        relative=relative and metric.kind is MetricKind.RATE,
    )


def _change_of_rate(
    plan: Plan, comparison: Comparison, outcome: str, *, relative: bool
) -> Interval | Undefined:
    """Treatment rate minus control rate, or as a share of it: score intervals."""
    treatment = share_of(comparison.treatment, outcome)
    control = share_of(comparison.control, outcome)
    if not relative:
        return miettinen_nurminen(treatment=treatment, control=control, confidence=plan.confidence)
    ratio = miettinen_nurminen_ratio(
        treatment=treatment, control=control, confidence=plan.confidence
    )
    return ratio if isinstance(ratio, Undefined) else Interval(ratio.low - 1, ratio.high - 1)


def _change_of_mean(
    plan: Plan,
    comparison: Comparison,
    metric: Metric,
    headline: Estimate | None,
    outcome: str,
    *,
    accepted: float,
    relative: bool,
) -> Interval | Undefined:
    """Treatment mean minus control mean by the headline's method.

    With a relative tolerance r the control mean is first moved to the worst that is accepted,
    (1 - r) or (1 + r) times itself, so that the answer is judged against 0.
    """
    if headline is None:
        return Undefined("a group has no customers")
    if isinstance(headline.difference, Undefined):
        return headline.difference
    if not relative:
        return Interval(headline.difference.low, headline.difference.high)
    worst = 1 + accepted if metric.direction is Direction.DOWN else 1 - accepted
    if headline.method is Method.LIN:
        adjusted = comparison.adjusted(
            headline.adjusted_for,
            treated={outcome: 1.0},
            controls={outcome: worst},
            confidence=plan.confidence,
        )
        found = adjusted if isinstance(adjusted, Undefined) else adjusted.difference
    else:
        found = comparison.unadjusted(
            treated={outcome: 1.0}, controls={outcome: worst}, confidence=plan.confidence
        )
    return found if isinstance(found, Undefined) else Interval(found.low, found.high)


def _worsening(change: Interval | Undefined, direction: Direction) -> Interval | Undefined:
    """The same interval, turned so that more is worse."""
    if isinstance(change, Undefined) or direction is Direction.DOWN:
        return change
    return Interval(-change.high, -change.low)


def _safety(worsening: Interval | Undefined, accepted: float) -> Safety:
    if isinstance(worsening, Undefined):
        return Safety.UNCLEAR
    if worsening.high < accepted:
        return Safety.NON_INFERIOR
    return Safety.WORSE if worsening.low > accepted else Safety.UNCLEAR
