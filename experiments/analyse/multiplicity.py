"""How are several questions to one pilot read, so that a chance finding is not called proof?

Primaries of a treatment: Holm; its secondaries: Benjamini and Hochberg, exploratory. With several
treatments the p-values are the simultaneous ones. Treatments among each other are exploratory.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import combinations

from experiments.analyse.comparison import Comparison
from experiments.analyse.estimate import AdjustedPValue, Estimate
from experiments.analyse.estimating import Question, estimate_many
from experiments.analyse.evidence import Evidence
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.multiplicity import Correction, adjusted
from experiments.terms import DesignKind, Direction, Role

CORRECTIONS = {Role.PRIMARY: Correction.HOLM, Role.SECONDARY: Correction.BENJAMINI_HOCHBERG}


class GoalMoved(StrEnum):
    """Whether the primaries that carry no money moved as they should."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def several_read(plan: Plan, estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """The estimates, the overall headlines with a p-value that heeds the others of their role."""
    read = list(estimates)
    for treatment in plan.design.treatments:
        for role, correction in CORRECTIONS.items():
            family = [
                at
                for at, one in enumerate(read)
                if one.headline and one.role is role and one.treatment == treatment
            ]
            raised = adjusted([read[at].p_value for at in family], correction=correction)
            for at, value in zip(family, raised, strict=True):
                found = AdjustedPValue(correction, value, len(family))
                read[at] = replace(read[at], adjusted_p_value=found)
    return tuple(read)


def goal_moved(
    plan: Plan, estimates: Sequence[Estimate], *, treatment: str, alpha: float
) -> GoalMoved | None:
    """Did the primaries beside the money metric move in their direction?

    Args:
        plan: Says which metric carries money, and which direction is better.
        estimates: With adjusted p-values.
        treatment: The arm.
        alpha: At or below which an adjusted p-value counts.

    Returns:
        YES where every one is better, NO where one is worse, UNCLEAR else; None where the plan has
        no other primary, or nothing was estimated.
    """
    better = {metric.name: metric.direction for metric in plan.metrics}
    moved = [
        _moved(one, better[one.metric], alpha)
        for one in estimates
        if one.headline
        and one.role is Role.PRIMARY
        and one.treatment == treatment
        and one.metric != plan.value.metric
    ]
    if not moved:
        return None
    if GoalMoved.NO in moved:
        return GoalMoved.NO
    return GoalMoved.UNCLEAR if GoalMoved.UNCLEAR in moved else GoalMoved.YES


def _moved(estimate: Estimate, direction: Direction, alpha: float) -> GoalMoved:
    found = estimate.adjusted_p_value
    if isinstance(estimate.difference, Undefined) or found is None:
        return GoalMoved.UNCLEAR
    if isinstance(found.value, Undefined) or found.value > alpha:
        return GoalMoved.UNCLEAR
    rose = estimate.difference.value > 0
    return GoalMoved.YES if rose == (direction is Direction.UP) else GoalMoved.NO


def between_treatments(
    plan: Plan, evidence: Evidence, *, confidence: float
) -> tuple[Estimate, ...]:
    """Every treatment against each before it in the plan, all customers; exploratory.

    In an estimate the earlier treatment stands as `control`. Of the unadjusted and the adjusted
    reading the headline alone, with the interval of a single comparison. None where people chose
    the groups: only against control are they weighted to be alike.
    """
    if plan.design.kind is DesignKind.SUPPLIED:
        return ()
    asked = []
    for metric in plan.metrics:
        sums = evidence.of(metric.name).sums
        asked += [
            Question(
                Comparison(later, earlier, sums[later], sums[earlier], evidence.clustered), metric
            )
            for earlier, later in combinations(plan.design.treatments, 2)
            if earlier in sums and later in sums
        ]
    answers = estimate_many(evidence, asked, confidence=confidence)
    return tuple(one for answer in answers for one in answer if one.headline)
