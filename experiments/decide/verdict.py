"""Does the program pay? The verdict by the rule that the plan agreed to.

Decided by D alone, read at the interval of the plan's design and, where skewed customers or few
clusters ask for it, at a careful one that must agree; with every guardrail non-inferior and no
blocking check failed. So "proved" is meant to be wrong with a probability of at most alpha / 2; how
often it is, is in `tests/studies/RESULTS.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Outcome
from experiments.analyse.chosen_checks import too_few_pre_periods
from experiments.analyse.cluster_checks import too_few_clusters
from experiments.analyse.estimate import Method
from experiments.analyse.estimates import headline_of
from experiments.analyse.multiplicity import GoalMoved, goal_moved
from experiments.decide.guardrails import Guardrail, Safety, guardrails
from experiments.decide.more_data import (
    MoreData,
    more_data_for_guardrails,
    more_data_for_money,
)
from experiments.decide.stopping import after_looking
from experiments.decide.tails import careful_interval
from experiments.decide.unknown_causes import e_value
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference, Interval
from experiments.stats.evalue import EValue
from experiments.stats.sequential import Stopped
from experiments.terms import Basis, DesignKind, VerdictOn
from experiments.value.contrast import Reading, Value, values


class Status(StrEnum):
    """What is known of a treatment."""

    PROVED = "proved"
    DISPROVED = "disproved"
    NOT_PROVED = "not_proved"
    INVALID = "invalid"
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    VEILED = "veiled"


# Where people chose the groups, nothing is proved.
AT_MOST = {Status.PROVED: Status.SUPPORTED, Status.DISPROVED: Status.CONTRADICTED}


class Reason(StrEnum):
    """Why a treatment is not proved."""

    INTERVAL = "interval"
    GUARDRAIL_WORSE = "guardrail_worse"
    GUARDRAIL_UNCLEAR = "guardrail_unclear"
    TAILS = "tails"
    FEW_CLUSTERS = "few_clusters"
    FEW_PRE_PERIODS = "few_pre_periods"
    UNDEFINED = "undefined"


@dataclass(frozen=True, slots=True)
class OtherReading:
    """D by the estimate that is not the headline: unadjusted where that is adjusted."""

    method: Method
    contrast: Reading


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one treatment.

    Attributes:
        treatment: The arm.
        status: What is known.
        reason: Why it is not proved; None for every other status.
        basis: Whose cost it weighs.
        verdict_on: Whether a forecast took part.
        value: Contrast, net and return; Undefined while veiled or where the effect is.
        careful_interval: D's interval where skewed customers or few clusters may put the usual one
            off, or the plan asks for the bootstrap-t (`decide/tails.py`); else None.
        other_reading: D by the other estimate, where it falls on another side of 0; None where
            the two agree or there is one.
        unbiased: D as it is without the bias of stopping early, after several looks; None where
            there was one, or the pilot goes on.
        goal_moved: Whether the primaries beside the money metric moved as they should; decides
            nothing. None where the plan has none, or while veiled.
        guardrails: Each guardrail.
        more_data: How much more would help, where it is not proved for want of data.
        failed: Names of the blocking checks that failed.
        veiled_until: Day from which outcomes may be looked at, where that is known.
        veil: Why outcomes are veiled.
        e_value: Where people chose the groups, how strong an unknown cause would have to be to
            explain D; else None.
        goes_on: Whether nothing is settled at this look, and others are to come.
        is_futile: Whether D lies below the futility boundary of this look, so that stopping is
            advised; it may be overruled, and no error rate depends on it.
    """

    treatment: str
    status: Status
    reason: Reason | None
    basis: Basis
    verdict_on: VerdictOn
    value: Value | Undefined
    careful_interval: Interval | None
    other_reading: OtherReading | None
    unbiased: Stopped | Undefined | None
    goal_moved: GoalMoved | None
    guardrails: tuple[Guardrail, ...]
    more_data: MoreData | None
    failed: tuple[str, ...]
    veiled_until: date | None
    veil: str
    e_value: EValue | Undefined | None = None
    goes_on: bool = False
    is_futile: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says about the pilot.

    Attributes:
        verdicts: One per treatment, in the order of the plan.
        deciding: The pilot's: the treatment with the highest lower limit of D.
        other_basis: What each treatment is worth on the basis that does not decide.
    """

    verdicts: tuple[Verdict, ...]
    deciding: Verdict
    other_basis: Mapping[str, Value | Undefined]


def decide(plan: Plan, analysis: Analysis) -> Decision:
    """Apply the plan's rule to an analysis."""
    worth = values(plan, analysis, basis=plan.value.basis)
    turned = _otherwise_read(plan, analysis)
    others = values(plan, turned, basis=plan.value.basis)
    other = Basis.ROLLOUT if plan.value.basis is Basis.PILOT else Basis.PILOT
    has_other = other is Basis.PILOT or plan.value.rollout is not None
    verdicts = tuple(
        _verdict(
            plan,
            analysis,
            treatment,
            worth[treatment],
            other_reading=_disagreeing(plan, turned, worth[treatment], others[treatment]),
        )
        for treatment in plan.design.treatments
    )
    return Decision(
        verdicts=verdicts,
        deciding=max(verdicts, key=_lowest_contrast),
        other_basis=values(plan, analysis, basis=other) if has_other else {},
    )


def _lowest_contrast(verdict: Verdict) -> float:
    if isinstance(verdict.value, Undefined):
        return float("-inf")
    return verdict.value.contrast.low


def _otherwise_read(plan: Plan, analysis: Analysis) -> Analysis:
    """The same analysis with the money metric's other estimate as its headline, if it has one."""
    defined = {
        (estimate.treatment, estimate.method): isinstance(estimate.difference, Difference)
        for estimate in analysis.estimates
        if estimate.segment is None and estimate.metric == plan.value.metric
    }
    both = {
        treatment
        for treatment in plan.design.treatments
        if sum(known for (arm, _), known in defined.items() if arm == treatment) > 1
    }
    turned = tuple(
        replace(estimate, headline=not estimate.headline)
        if estimate.segment is None
        and estimate.metric == plan.value.metric
        and estimate.treatment in both
        else estimate
        for estimate in analysis.estimates
    )
    return replace(analysis, estimates=turned)


def _disagreeing(
    plan: Plan, turned: Analysis, value: Value | Undefined, other: Value | Undefined
) -> OtherReading | None:
    """D by the other estimate, where it would decide otherwise."""
    if isinstance(value, Undefined) or isinstance(other, Undefined):
        return None
    headline = headline_of(turned.estimates, metric=plan.value.metric, treatment=other.treatment)
    sides = [_side(one.contrast.low, one.contrast.high) for one in (value, other)]
    if headline is None or sides[0] == sides[1]:
        return None
    return OtherReading(headline.method, other.contrast)


def _verdict(
    plan: Plan,
    analysis: Analysis,
    treatment: str,
    value: Value | Undefined,
    *,
    other_reading: OtherReading | None,
) -> Verdict:
    judged = guardrails(plan, analysis, treatment=treatment)
    failed = tuple(
        dict.fromkeys(
            check.name
            for check in analysis.checks
            if check.blocking and check.outcome is Outcome.FAILED
        )
    )
    careful = careful_interval(plan, analysis, treatment, value)
    status, reason = _status(plan, analysis, value, judged, careful, failed=bool(failed))
    if plan.design.kind is DesignKind.SUPPLIED:
        status = AT_MOST.get(status, status)
    more_data = None
    if reason in (Reason.INTERVAL, Reason.TAILS):
        more_data = more_data_for_money(plan, analysis, treatment, value)
    elif reason is Reason.GUARDRAIL_UNCLEAR:
        more_data = more_data_for_guardrails(plan, analysis, judged)
    return Verdict(
        treatment=treatment,
        status=status,
        reason=reason,
        basis=plan.value.basis,
        verdict_on=plan.value.verdict_on,
        value=value,
        careful_interval=careful,
        other_reading=other_reading,
        unbiased=after_looking(
            plan, analysis, value, settled=status in (Status.PROVED, Status.DISPROVED)
        ),
        goal_moved=None
        if analysis.veiled
        else goal_moved(
            plan, analysis.estimates, treatment=treatment, alpha=1 - analysis.confidence
        ),
        guardrails=judged,
        more_data=more_data,
        failed=failed,
        veiled_until=analysis.veiled_until,
        veil=analysis.veil,
        e_value=e_value(plan, analysis, treatment, value),
        goes_on=_goes_on(analysis, status),
        is_futile=_is_futile(analysis, value),
    )


def _is_futile(analysis: Analysis, value: Value | Undefined) -> bool:
    look = analysis.look
    if look is None or look.futility is None or isinstance(value, Undefined):
        return False
    return value.contrast.value < look.futility * value.contrast_se


def _goes_on(analysis: Analysis, status: Status) -> bool:
    look = analysis.look
    return status is Status.NOT_PROVED and look is not None and not look.final


def _status(
    plan: Plan,
    analysis: Analysis,
    value: Value | Undefined,
    judged: tuple[Guardrail, ...],
    careful: Interval | None,
    *,
    failed: bool,
) -> tuple[Status, Reason | None]:
    if analysis.veiled:
        return Status.VEILED, None
    if failed:
        return Status.INVALID, None
    if analysis.evidence is not None and too_few_pre_periods(plan, analysis.evidence):
        return Status.NOT_PROVED, Reason.FEW_PRE_PERIODS
    if analysis.evidence is not None and too_few_clusters(plan, analysis.evidence):
        return Status.NOT_PROVED, Reason.FEW_CLUSTERS
    if isinstance(value, Undefined):
        return Status.NOT_PROVED, Reason.UNDEFINED
    side = _side(value.contrast.low, value.contrast.high)
    if careful is not None and _side(careful.low, careful.high) != side:
        return Status.NOT_PROVED, Reason.TAILS
    if side < 0:
        return Status.DISPROVED, None
    if side == 0:
        return Status.NOT_PROVED, Reason.INTERVAL
    if any(guardrail.safety is Safety.WORSE for guardrail in judged):
        return Status.NOT_PROVED, Reason.GUARDRAIL_WORSE
    if any(guardrail.safety is Safety.UNCLEAR for guardrail in judged):
        return Status.NOT_PROVED, Reason.GUARDRAIL_UNCLEAR
    return Status.PROVED, None


def _side(low: float, high: float) -> int:
    """1 where the interval lies above 0, -1 where below, 0 where it holds 0."""
    return 1 if low > 0 else -1 if high < 0 else 0
