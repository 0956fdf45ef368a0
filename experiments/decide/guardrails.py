"""Did the program make something worse than was agreed to accept?"""

from dataclasses import dataclass
from enum import StrEnum

from experiments.analyse.analysis import Analysis
from experiments.analyse.comparison import Comparison, overall, share_of
from experiments.analyse.estimate import Estimate, read_combination
from experiments.analyse.estimates import headline_of
from experiments.analyse.estimating import BACKWARDS
from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import Outcome
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.estimate import Interval
from experiments.stats.score import miettinen_nurminen, miettinen_nurminen_ratio
from experiments.terms import SHARES, Direction, Role


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
            Undefined where it cannot be computed.
        accepted: The worsening that the plan accepts: metric units, or a share of the control
            mean where the tolerance is relative.
        relative: Whether it is a share.
        beyond: Interval of the worsening beyond what is accepted, which decides: below 0 the
            guardrail is kept. Metric units, except for the relative tolerance of a rate.
    """

    metric: str
    treatment: str
    safety: Safety
    worsening: Interval | Undefined
    accepted: float
    relative: bool
    beyond: Interval | Undefined


def guardrails(plan: Plan, analysis: Analysis, *, treatment: str) -> tuple[Guardrail, ...]:
    """Judge every guardrail of a treatment at the two-sided interval of the look."""
    evidence = analysis.evidence
    if evidence is None:
        return ()
    return tuple(
        _judge(plan, analysis, evidence, comparison, metric)
        for metric in plan.metrics
        if metric.role is Role.GUARDRAIL
        and (comparison := overall(plan, evidence, treatment, metric=metric.name)) is not None
    )


def _judge(
    plan: Plan, analysis: Analysis, evidence: Evidence, comparison: Comparison, metric: Metric
) -> Guardrail:
    relative = metric.tolerance_relative is not None
    accepted = float((metric.tolerance_relative if relative else metric.tolerance) or 0)
    as_drawn = not comparison.clustered and comparison.weighted is None
    if metric.kind in SHARES and as_drawn:
        change = _change_of_rate(
            comparison,
            evidence.outcomes[metric.name],
            relative=relative,
            confidence=analysis.confidence,
        )
        worsening = _worsening(change, metric.direction)
        beyond = _less(worsening, accepted)
    else:
        headline = headline_of(
            analysis.estimates, metric=metric.name, treatment=comparison.treatment_arm
        )
        worsening = _worsening(_change_of_mean(headline, relative), metric.direction)
        beyond = _less(worsening, accepted)
        if relative and headline is not None and headline.relative != BACKWARDS:
            outcome = evidence.outcomes[metric.name]
            shifted = _against_the_worst(
                comparison,
                headline,
                outcome=outcome,
                worst=1 + accepted if metric.direction is Direction.DOWN else 1 - accepted,
                confidence=analysis.confidence,
            )
            beyond = _worsening(shifted, metric.direction)
    return Guardrail(
        metric=metric.name,
        treatment=comparison.treatment_arm,
        safety=_safety(beyond),
        worsening=worsening,
        accepted=accepted,
        relative=relative,
        beyond=beyond,
    )


def _change_of_rate(
    comparison: Comparison, outcome: Outcome, *, relative: bool, confidence: float
) -> Interval | Undefined:
    """Treatment rate minus control rate, or as a share of it: score intervals."""
    treatment = share_of(comparison.treatment, outcome)
    control = share_of(comparison.control, outcome)
    if not relative:
        return miettinen_nurminen(treatment=treatment, control=control, confidence=confidence)
    ratio = miettinen_nurminen_ratio(treatment=treatment, control=control, confidence=confidence)
    return ratio if isinstance(ratio, Undefined) else Interval(ratio.low - 1, ratio.high - 1)


def _change_of_mean(headline: Estimate | None, relative: bool) -> Interval | Undefined:
    """Treatment mean minus control mean by the headline's method, or as a share of it."""
    if headline is None:
        return Undefined("a group has no customers")
    if isinstance(headline.difference, Undefined):
        return headline.difference
    if not relative:
        return Interval(headline.difference.low, headline.difference.high)
    return (
        headline.relative
        if isinstance(headline.relative, Undefined)
        else headline.relative.interval
    )


def _against_the_worst(
    comparison: Comparison, headline: Estimate, *, outcome: Outcome, worst: float, confidence: float
) -> Interval | Undefined:
    """Treatment mean minus the worst accepted multiple of the control mean.

    Judged against 0, which is exact where the interval of a ratio would not be.
    """
    found = read_combination(
        comparison,
        headline,
        treated={outcome: 1.0},
        controls={outcome: worst},
        confidence=confidence,
    )
    return found if isinstance(found, Undefined) else Interval(found.low, found.high)


def _worsening(change: Interval | Undefined, direction: Direction) -> Interval | Undefined:
    """The same interval, turned so that more is worse."""
    if isinstance(change, Undefined) or direction is Direction.DOWN:
        return change
    return Interval(-change.high, -change.low)


def _less(worsening: Interval | Undefined, accepted: float) -> Interval | Undefined:
    if isinstance(worsening, Undefined):
        return worsening
    return Interval(worsening.low - accepted, worsening.high - accepted)


def _safety(beyond: Interval | Undefined) -> Safety:
    if isinstance(beyond, Undefined):
        return Safety.UNCLEAR
    if beyond.high < 0:
        return Safety.NON_INFERIOR
    return Safety.WORSE if beyond.low > 0 else Safety.UNCLEAR
