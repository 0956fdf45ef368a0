"""Every check that a verdict is held against, in the order of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from experiments.analyse import arrival_checks, checks, money_checks
from experiments.analyse.checks import Check, Outcome
from experiments.analyse.chosen_checks import chosen_checks
from experiments.analyse.cluster_checks import clusters
from experiments.analyse.estimate import Estimate
from experiments.analyse.evidence import Evidence
from experiments.analyse.looks import LookTaken
from experiments.analyse.rows import Reach, RowsUsed
from experiments.analyse.schedule import Lifted
from experiments.analyse.signs import Signs
from experiments.behavior.sums import Sums
from experiments.pilot import Plan
from experiments.terms import DesignKind


def all_checks(
    plan: Plan,
    evidence: Evidence,
    signs: Signs,
    found: Sequence[Estimate],
    *,
    look: LookTaken,
    lifts: Sequence[Lifted],
    closes_on: date,
    used: Mapping[str, RowsUsed],
    cluster_counts: Mapping[str, int],
    others: Mapping[str, Sums],
) -> tuple[Check, ...]:
    """Every check of an analysis that looks at outcomes.

    Args:
        plan: The plan.
        evidence: What was measured.
        signs: What else the checks need.
        found: The estimates.
        look: This look.
        lifts: Who looked before the plan allowed.
        closes_on: Day on which the last window closes.
        used: Per metric, where its rows lie.
        cluster_counts: Clusters per arm; empty where customers were assigned one by one.
        others: Per arm, contacts by other programs; empty where there is none.
    """
    customers = {arm: reached.customers for arm, reached in evidence.reach.items()}
    money = plan.value.metric
    return (
        checks.split(plan, customers, clusters=cluster_counts),
        *checks.balance(plan, evidence.everybody.sums, evidence.baseline),
        *chosen_checks(plan, evidence),
        *([clusters(plan, cluster_counts, signs.clusters)] if cluster_counts else []),
        checks.looks(look, lifts),
        checks.window_complete(look, closes_on),
        checks.rows_complete({}, used),
        *_where_chance_chose(
            plan,
            arrival_checks.rows_alike(plan, signs, customers=customers),
            arrival_checks.attrition(plan, signs, evidence.everybody, evidence.of(money)),
        ),
        *contact_checks(plan, evidence.reach, others),
        *arrival_checks.response(
            plan, {metric.name: evidence.of(metric.name).sums for metric in plan.metrics}
        ),
        money_checks.enough_customers(plan, signs, found, evidence.of(money).sums),
        money_checks.dominance(plan, signs),
        money_checks.fading(plan, signs),
        money_checks.large_lift(found),
    )


def _where_chance_chose(plan: Plan, *found: Check) -> tuple[Check, ...]:
    """Checks that warn of unequal groups; where people chose them, being unequal is no sign."""
    if plan.design.kind is not DesignKind.SUPPLIED:
        return found
    return tuple(
        replace(
            check,
            outcome=Outcome.INFORMS,
            sentence=f"{check.sentence} People chose the groups, which alone may be the reason.",
        )
        if check.outcome is Outcome.WARNED
        else check
        for check in found
    )


def contact_checks(
    plan: Plan, reach: Mapping[str, Reach], others: Mapping[str, Sums]
) -> tuple[Check, ...]:
    """Who contacted whom? No outcome, so that it may show while outcomes are veiled."""
    known = bool(others) or any(reached.contacted for reached in reach.values())
    return (
        checks.contamination(plan, reach),
        arrival_checks.other_programs(plan, others, contacts_known=known),
    )
