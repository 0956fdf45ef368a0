"""What did the program do to customers who really got it, and not only were meant to?

The headline counts everybody in the group to which they were assigned. Beside it stands the effect
on those who got the program because they were meant to: the effect of the assignment over its
effect on contact. Comparing only those who did as they were assigned to is shown as a sensitivity
alone: who is reached is not left to chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis.expr.types as ir

from experiments.analyse.comparison import Comparison, overall
from experiments.analyse.evidence import Evidence, Gathered
from experiments.analyse.variables import CONTACTED, CUSTOMERS, Outcome
from experiments.behavior.accounts import AccountColumns
from experiments.behavior.kinds import has_denominator
from experiments.behavior.summaries import Summary
from experiments.behavior.sums import Sums
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.compliers import ReceiptEffect, Whom, effect_of_receipt
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.moments import Moments
from experiments.stats.ratio import linearised
from experiments.terms import DesignKind

BIAS = "upward"  # customers who are reached are as a rule the more active ones, in either arm


@dataclass(frozen=True, slots=True)
class WithoutCrossovers:
    """The comparison without customers who got what was meant for the other group; biased.

    Attributes:
        difference: Treatment customers who got the program minus control customers who did not.
        treatment_left_out: Treatment customers who did not get it.
        control_left_out: Control customers who got it.
    """

    difference: Difference | Undefined
    treatment_left_out: int
    control_left_out: int


@dataclass(frozen=True, slots=True)
class Received:
    """The money metric's effect on customers who got the program because they were meant to.

    Attributes:
        treatment: The arm.
        metric: The money metric.
        whom: The treated where no control customer got it, otherwise the compliers.
        effect: Undefined where contact hardly followed the assignment.
        without_crossovers: The sensitivity; None where nobody crossed over.
    """

    treatment: str
    metric: str
    whom: Whom
    effect: ReceiptEffect | Undefined
    without_crossovers: WithoutCrossovers | None = None


def received(
    engine: Engine, plan: Plan, gathered: Gathered, *, confidence: float
) -> tuple[Received, ...]:
    """The effect on those who got it, per treatment, and what dropping the crossovers would say.

    None where no contact was recorded, and none where people chose the groups: what is divided is
    the effect of a draw.

    Args:
        engine: Runs the query for the crossovers.
        plan: Says the money metric.
        gathered: Sums of outcome and contact together, and the accounts.
        confidence: Of the interval.
    """
    evidence = gathered.evidence
    found = effects_of_receipt(plan, evidence, confidence=confidence)
    crossed = any(
        arm.contacted if name == plan.design.control else arm.contacted < arm.customers
        for name, arm in evidence.reach.items()
    )
    if not found or not crossed:
        return found
    by_contact = _by_contact(engine, plan, gathered.accounts, gathered.columns)
    return tuple(
        replace(
            one,
            without_crossovers=_without(
                plan, by_contact, one.treatment, evidence, confidence=confidence
            ),
        )
        for one in found
    )


def effects_of_receipt(
    plan: Plan, evidence: Evidence, *, confidence: float
) -> tuple[Received, ...]:
    """The effect on those who got it, from sums alone.

    Args:
        plan: Says the money metric.
        evidence: Sums of outcome and contact together.
        confidence: Of the interval.
    """
    if plan.design.kind is DesignKind.SUPPLIED:
        return ()
    if not any(arm.contacted for arm in evidence.reach.values()):
        return ()
    metric = plan.value.metric
    control = evidence.reach[plan.design.control]
    return tuple(
        Received(
            treatment=treatment,
            metric=metric,
            whom=Whom.COMPLIERS if control.contacted else Whom.TREATED,
            effect=_effect(comparison, evidence.outcomes[metric], confidence),
        )
        for treatment in plan.design.treatments
        if (comparison := overall(plan, evidence, treatment, metric=metric)) is not None
    )


def _effect(
    comparison: Comparison, outcome: Outcome, confidence: float
) -> ReceiptEffect | Undefined:
    """Outcome and contact per unit that was assigned: of clusters, both per customer."""
    groups: list[Moments] = []
    names = (outcome.variable, CONTACTED)
    size = CUSTOMERS if comparison.clustered else None
    lower = (outcome.over or size, size)
    for sums in (comparison.treatment, comparison.control):
        found = sums.moments(
            list(dict.fromkeys([*names, *(name for name in lower if name is not None)]))
        )
        for name, below in zip(names, lower, strict=True):
            if below is None:
                continue
            quotient = linearised(found, name=f"per unit {name}", numerator=name, denominator=below)
            if isinstance(quotient, Undefined):
                return quotient
            found = quotient
        groups.append(found)
    called = [
        name if below is None else f"per unit {name}"
        for name, below in zip(names, lower, strict=True)
    ]
    return effect_of_receipt(
        treatment=groups[0],
        control=groups[1],
        outcome=called[0],
        receipt=called[1],
        confidence=confidence,
    )


def _by_contact(
    engine: Engine, plan: Plan, accounts: ir.Table, columns: AccountColumns
) -> Mapping[tuple[str, ...], Sums]:
    """Sums of the money metric per arm, customers with and without a contact apart."""
    metric = plan.value.metric
    counted = accounts
    if metric in columns.complete:
        counted = accounts.filter(accounts[columns.complete[metric]])
    variable = columns.outcomes[metric]
    rows = counted.mutate(got=(counted[columns.contacts] > 0).ifelse("contacted", "not contacted"))
    summary = Summary(((variable,),))
    by = ["arm", "got"]
    return summary.of(engine, rows, by=by)


def _without(
    plan: Plan,
    by_contact: Mapping[tuple[str, ...], Sums],
    treatment: str,
    evidence: Evidence,
    *,
    confidence: float,
) -> WithoutCrossovers:
    control = plan.design.control
    left_out = [
        by_contact[key].n if key in by_contact else 0
        for key in ((treatment, "not contacted"), (control, "contacted"))
    ]
    kept = [by_contact.get((treatment, "contacted")), by_contact.get((control, "not contacted"))]
    return WithoutCrossovers(
        difference=_difference(plan, kept, clustered=evidence.clustered, confidence=confidence),
        treatment_left_out=left_out[0],
        control_left_out=left_out[1],
    )


def _difference(
    plan: Plan, kept: list[Sums | None], *, clustered: bool, confidence: float
) -> Difference | Undefined:
    if clustered:
        return Undefined("clusters were assigned, and parts of them are not compared")
    if has_denominator(plan.money_metric.kind):
        return Undefined("a sum over a sum is not compared without part of its customers")
    samples = []
    for sums in kept:
        if sums is None:
            return Undefined("a group has no customer left")
        (variable,) = sums.totals
        samples.append(sums.moments([variable]).sample(variable))
    return welch(treatment=samples[0], control=samples[1], confidence=confidence)
