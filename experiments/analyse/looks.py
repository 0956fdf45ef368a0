"""How surely may this look be read, given those that came before and may still come?

Group sequential: Lan and DeMets (1983), at the share of the customers whose window is complete; for
one cohort whose window grows, boundaries from the joint covariance of the looks' estimates and
spending by the share of the days. Always valid: asymptotic confidence sequence, Waudby-Smith et
al. (2024), Annals of Statistics 52:2613-2640. A boundary z becomes the confidence 2 Phi(z) - 1, at
which every interval of the look is read (by Student's t where the method has it): decision,
primaries and guardrails alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from experiments.analyse.comparison import Weights, overall
from experiments.analyse.estimate import read_combination
from experiments.analyse.estimating import estimate_metric
from experiments.analyse.evidence import Evidence
from experiments.analyse.schedule import Lifted, Schedule
from experiments.behavior.accounts import Enrolment
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.boundaries import futility_boundaries, spending_boundaries
from experiments.stats.confidence_sequence import TUNING_CUSTOMERS, asymptotic_sequence
from experiments.stats.joint_boundaries import joint_boundaries
from experiments.stats.limits import confidence_of
from experiments.stats.spending import Spending, SpendingFamily
from experiments.terms import Look
from experiments.terms import Spending as Said

# A statistic so far out has a probability of 1e-15; an infinite boundary has no interval.
FAR = 8.0
FAMILIES = {
    Said.OBRIEN_FLEMING: SpendingFamily.OBRIEN_FLEMING,
    Said.POCOCK: SpendingFamily.POCOCK,
    Said.KIM_DEMETS: SpendingFamily.KIM_DEMETS,
    Said.HWANG_SHIH_DECANI: SpendingFamily.HWANG_SHIH_DECANI,
}
# Close to O'Brien and Fleming's: little is spent on early looks.
USUAL_PARAMETER = {Said.KIM_DEMETS: 3.0, Said.HWANG_SHIH_DECANI: -4.0}


@dataclass(frozen=True, slots=True)
class LookTaken:
    """One look at outcomes, and how it is read.

    Attributes:
        kind: The plan's rule.
        number: Which of the planned looks; None where none is planned, or this one was not.
        planned: How many looks are planned; None where any day may be one.
        as_of: The day as of which it reads.
        final: Whether it is the last.
        information: Share of the information reached at each look so far; empty for a fixed look.
        critical: Boundary of the statistic at each look so far; empty for a fixed look.
        confidence: Of each interval at this look.
        futility: Boundary below which stopping is advised, and not required; None without one.
        growing: Whether the looks read the same customers over ever more days.
        lifted: Who lifted the veil for it, where it was not permitted.
    """

    kind: Look
    number: int | None
    planned: int | None
    as_of: date
    final: bool
    information: tuple[float, ...]
    critical: tuple[float, ...]
    confidence: float
    futility: float | None = None
    growing: bool = False
    lifted: Lifted | None = None


def look_taken(
    engine: Engine,
    plan: Plan,
    *,
    schedule: Schedule,
    as_of: date,
    enrolment: Enrolment,
    evidence: Evidence,
    lifted: Lifted | None = None,
) -> LookTaken:
    """How the look of a day is read.

    Args:
        engine: Counts the customers whose window is complete.
        plan: Says the rule.
        schedule: The permitted looks.
        as_of: The day; permitted, or the veil was lifted.
        enrolment: The enrolled customers.
        evidence: What was measured.
        lifted: Who lifted the veil, where the day is not permitted.
    """
    fixed = LookTaken(
        kind=schedule.kind,
        number=schedule.number(as_of),
        planned=None if schedule.kind is Look.ALWAYS_VALID else len(schedule.days),
        as_of=as_of,
        final=as_of == schedule.last,
        information=(),
        critical=(),
        confidence=plan.confidence,
        lifted=lifted,
    )
    if lifted is not None or schedule.kind is Look.FIXED:
        return fixed
    if schedule.kind is Look.ALWAYS_VALID:
        return _always_valid(plan, evidence, fixed)
    return _planned(engine, plan, schedule, enrolment=enrolment, evidence=evidence, look=fixed)


def spending_of(said: Said | None, parameter: float | None) -> Spending:
    """The spending function that a plan names; O'Brien and Fleming's where it is silent."""
    if said in USUAL_PARAMETER:
        chosen = USUAL_PARAMETER[said] if parameter is None else parameter
        return Spending(FAMILIES[said], chosen)
    return Spending(FAMILIES[said or Said.OBRIEN_FLEMING])


def _always_valid(plan: Plan, evidence: Evidence, look: LookTaken) -> LookTaken:
    """At the widest of the sequences of the treatments, which hardly differ."""
    metric = plan.value.metric
    sizes = [
        found.treatment.n + found.control.n
        for treatment in plan.design.treatments
        if (found := overall(plan, evidence, treatment, metric=metric)) is not None
    ]
    sequences = [
        asymptotic_sequence(
            value=0.0,
            se=1.0,
            customers=size,
            alpha=float(plan.design.alpha),
            tuning_customers=plan.design.tuning_n or TUNING_CUSTOMERS,
        )
        for size in sizes
    ]
    reaches = [found.high for found in sequences if not isinstance(found, Undefined)]
    return _read_at(look, (max(reaches, default=FAR),), information=())


def _planned(
    engine: Engine,
    plan: Plan,
    schedule: Schedule,
    *,
    enrolment: Enrolment,
    evidence: Evidence,
    look: LookTaken,
) -> LookTaken:
    taken = look.number or 0
    said = plan.design.spending_parameter
    spending = spending_of(plan.design.spending, None if said is None else float(said))
    alpha = float(plan.design.alpha)
    if schedule.growing:
        shares = [_share_of_days(plan, day) for day in schedule.days]
        matrix = correlation_of_looks(plan, evidence)
        found = (
            matrix
            if isinstance(matrix, Undefined)
            else joint_boundaries(
                matrix, fractions=shares[:taken], spending=spending, alpha=alpha, final=look.final
            )
        )
        look = replace(look, growing=True)
    else:
        shares = complete_shares(engine, plan, enrolment, days=schedule.days)
        found = spending_boundaries(
            shares[:taken], spending=spending, alpha=alpha, final=look.final
        )
        if plan.design.futility is not None and not look.final:
            futility = _futility(plan, shares, spending=spending, alpha=alpha)
            look = replace(look, futility=None if futility is None else futility[taken - 1])
    information = tuple(shares[:taken])
    if isinstance(found, Undefined):  # nothing can be spent where nothing is known yet
        return _read_at(look, (FAR,) * taken, information=information)
    return _read_at(look, found.z, information=information)


def _read_at(
    look: LookTaken, critical: Sequence[float], *, information: tuple[float, ...]
) -> LookTaken:
    reached = tuple(min(bound, FAR) for bound in critical)
    return replace(
        look,
        critical=reached,
        information=information,
        confidence=confidence_of(reached[-1]),
    )


def _futility(
    plan: Plan, shares: Sequence[float], *, spending: Spending, alpha: float
) -> tuple[float, ...] | None:
    """The boundaries below which stopping is advised, at all planned looks."""
    complete = spending_boundaries(shares, spending=spending, alpha=alpha, final=True)
    if isinstance(complete, Undefined):
        return None
    found = futility_boundaries(complete, spending=spending_of(plan.design.futility, None))
    return None if isinstance(found, Undefined) else found.z


def complete_shares(
    engine: Engine, plan: Plan, enrolment: Enrolment, *, days: Sequence[date]
) -> list[float]:
    """Share of the information that is in at each look: of customers whose window is complete.

    Information is 1 / (1 / treated + 1 / controls), of the treatment that has least of it.
    """
    window = MetricWindow.of(plan.money_metric, plan)
    rows = enrolment.rows
    counts = {
        f"day_{at}": window.is_complete(rows.enrolled_at, as_of=day).sum()
        for at, day in enumerate(days)
    }
    found = engine.fetch(rows.group_by("arm").agg(n=rows.count(), **counts)).to_pylist()
    by_arm = {row["arm"]: row for row in found}

    def information(column: str) -> float:
        sizes = {arm: int(row[column] or 0) for arm, row in by_arm.items()}
        controls = sizes.get(plan.design.control, 0)
        pairs = [(sizes.get(arm, 0), controls) for arm in plan.design.treatments]
        return min(1 / (1 / one + 1 / other) if one and other else 0.0 for one, other in pairs)

    everybody = information("n")
    if everybody == 0:
        return [0.0 for _ in days]
    return [information(f"day_{at}") / everybody for at, _ in enumerate(days)]


def _share_of_days(plan: Plan, as_of: date) -> float:
    """Share of the pilot's days that are over, for spending alone."""
    first, last = plan.pilot.starts_on, plan.pilot.ends_on
    return min(1.0, (as_of - first).days / ((last - first).days + 1))


def correlation_of_looks(plan: Plan, evidence: Evidence) -> list[list[float]] | Undefined:
    """Correlation of the money metric's estimates at the looks so far, by the headline's method.

    The covariance of two estimates is half of what the variance of their sum has more than the
    sum of their variances. With several treatments, that of the first.
    """
    metric = plan.money_metric
    comparison = overall(plan, evidence, plan.design.treatments[0], metric=metric.name)
    if comparison is None:
        return Undefined("a group has no customers")
    found = estimate_metric(evidence, comparison, metric, confidence=plan.confidence)
    headline = next(estimate for estimate in found if estimate.headline)
    looks = [*evidence.earlier, evidence.outcomes[metric.name]]
    pairs = list(combinations(range(len(looks)), 2))
    sums: list[Weights] = [{looks[one]: 1.0, looks[other]: 1.0} for one, other in pairs]
    variances = []
    for weights in [*({look: 1.0} for look in looks), *sums]:
        read = read_combination(
            comparison, headline, treated=weights, controls=weights, confidence=plan.confidence
        )
        if isinstance(read, Undefined):
            return read
        variances.append(read.se**2)
    own, of_sums = variances[: len(looks)], variances[len(looks) :]
    matrix = [[1.0 for _ in looks] for _ in looks]
    for (one, other), both in zip(pairs, of_sums, strict=True):
        shared = (both - own[one] - own[other]) / 2 / math.sqrt(own[one] * own[other])
        matrix[one][other] = matrix[other][one] = max(-1.0, min(1.0, shared))
    return matrix
