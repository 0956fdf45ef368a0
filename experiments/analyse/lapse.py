"""How long do customers stay? Each metric of retention as time to lapse, by arm."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.analyse.evidence import Evidence
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.log_rank import LogRank, log_rank
from experiments.stats.rmst import RestrictedMeans, compare_restricted_means
from experiments.stats.survival import DayCounts, SurvivalCurve, kaplan_meier
from experiments.terms import DesignKind


@dataclass(frozen=True, slots=True)
class Stay:
    """One metric of retention, one treatment against control; times are days since enrolment.

    Attributes:
        metric: Its name.
        treatment: The arm.
        control: The arm that was held back.
        horizon: The last day on which customers of both arms were seen.
        log_rank: Test of equal paces of lapsing.
        means: Days until lapse, up to the horizon, and their difference.
        curves: Per arm of the two, the share not yet lapsed; Undefined for an arm without
            customers whose window is over.
    """

    metric: str
    treatment: str
    control: str
    horizon: float | Undefined
    log_rank: LogRank | Undefined
    means: RestrictedMeans | Undefined
    curves: Mapping[str, SurvivalCurve | Undefined]


def stays(plan: Plan, evidence: Evidence, *, confidence: float) -> tuple[Stay, ...]:
    """Compare how long customers stay, for each metric of retention and treatment.

    Args:
        plan: Names the arms.
        evidence: Holds the counts per day.
        confidence: Of every interval.
    """
    return tuple(
        _stay(plan, metric, counts, treatment, confidence=confidence)
        for metric, counts in evidence.lapses.items()
        for treatment in plan.design.treatments
    )


def _stay(
    plan: Plan, metric: str, counts: Mapping[str, DayCounts], treatment: str, *, confidence: float
) -> Stay:
    control = plan.design.control
    both = counts[treatment], counts[control]
    horizon = _horizon(*both)
    missing = _why_no_test(plan)
    tested: LogRank | Undefined
    means: RestrictedMeans | Undefined
    if missing is not None:
        tested = means = missing
    elif isinstance(horizon, Undefined):
        tested = means = horizon
    else:
        tested = log_rank(*both)
        means = compare_restricted_means(
            treatment=both[0], control=both[1], horizon=horizon, confidence=confidence
        )
    return Stay(
        metric=metric,
        treatment=treatment,
        control=control,
        horizon=horizon,
        log_rank=tested,
        means=means,
        curves={
            arm: kaplan_meier(counts[arm], confidence=confidence) for arm in (treatment, control)
        },
    )


def _horizon(treatment: DayCounts, control: DayCounts) -> float | Undefined:
    if not (treatment.times and control.times):
        return Undefined("a group has no customer whose window is over")
    return min(treatment.times[-1], control.times[-1])


def _why_no_test(plan: Plan) -> Undefined | None:
    """Where customers were not drawn one by one, their times are no test of the program."""
    match plan.design.kind:
        case DesignKind.CLUSTERED:
            return Undefined("clusters were assigned, and customers of one lapse alike")
        case DesignKind.SUPPLIED:
            return Undefined("people chose the groups, which were not alike to begin with")
        case _:
            return None
