"""May a comparison of groups that people chose be believed?

What must hold is that weighting made them alike, that enough control customers are left, and that
nothing drew them apart before the program began.
"""

from experiments.analyse.checks import Check, Outcome
from experiments.analyse.evidence import Evidence
from experiments.analyse.supplied import decides
from experiments.analyse.weighted import Weighted
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.balancing import (
    LARGEST_DIFFERENCE,
    SMALLEST_EFFECTIVE_CUSTOMERS,
    SMALLEST_EFFECTIVE_SHARE,
)
from experiments.stats.weighted_did import PRE_PERIODS_NEEDED
from experiments.stats.weighted_means import steady
from experiments.terms import CheckName
from experiments.words import p_is

BLOCKING_P = 0.05  # of the placebo one period early


def chosen_checks(plan: Plan, evidence: Evidence) -> list[Check]:
    """The three checks for every treatment, of each metric on which the verdict rests."""
    chosen = evidence.chosen
    if chosen is None:
        return []
    metrics = sorted(
        (metric for metric in plan.metrics if decides(plan, metric)),
        key=lambda metric: metric.name != plan.value.metric,
    )
    asked = [
        (f"{treatment}, {metric.name}", chosen.weighted[metric.name, treatment])
        for treatment in plan.design.treatments
        for metric in metrics
        # Without a past there is nothing to weigh: too few pre-periods, which is its own reason.
        if chosen.pre_periods.get(metric.name)
    ]
    return [
        check(label, found)
        for check in (_weighted_balance, _control_size, _pre_trend)
        for label, found in asked
    ]


def too_few_pre_periods(plan: Plan, evidence: Evidence) -> bool:
    """Whether a metric on which the verdict rests has too short a past to be believed."""
    if evidence.chosen is None:
        return False
    reached = evidence.chosen.pre_periods
    return any(
        reached.get(metric.name, PRE_PERIODS_NEEDED) < PRE_PERIODS_NEEDED
        for metric in plan.metrics
        if decides(plan, metric)
    )


def _weighted_balance(label: str, found: Weighted | Undefined) -> Check:
    """Do the groups still differ in something after weighting?"""
    if isinstance(found, Undefined):
        sentence = f"{label}: the control customers cannot be weighted: {found.reason}."
        return Check(CheckName.WEIGHTED_BALANCE, Outcome.FAILED, True, None, None, sentence)
    gap, name = found.largest_gap
    weighting = found.means.weighting
    worst = max(weighting.before.values(), key=abs)
    sample = (
        f" Computed on a random sample of {found.means.treated_rows:,} treatment and "
        f"{found.means.control_rows:,} control customers, drawn by the plan's fingerprint."
        if found.sampled
        else ""
    )
    said = (
        f"{label}: after weighting, the largest difference known before is {gap:+.3f} standard "
        f"deviations ({name}), with {found.pre_periods} pre-periods matched; before weighting it "
        f"was {worst:+.3f}.{sample}"
    )
    if abs(gap) > LARGEST_DIFFERENCE:
        outcome, said = Outcome.FAILED, f"The groups cannot be made alike. {said}"
    else:
        outcome, said = Outcome.PASSED, f"The groups were made alike. {said}"
    return Check(CheckName.WEIGHTED_BALANCE, outcome, True, gap, None, said)


def _control_size(label: str, found: Weighted | Undefined) -> Check:
    """Are enough control customers left who count?"""
    if isinstance(found, Undefined):
        sentence = f"{label}: no control customer was weighted."
        return Check(CheckName.CONTROL_SIZE, Outcome.NOT_APPLICABLE, True, None, None, sentence)
    weighting = found.means.weighting
    effective, nominal = steady(weighting.effective_customers), weighting.control_customers
    few = effective < SMALLEST_EFFECTIVE_CUSTOMERS
    thin = effective < SMALLEST_EFFECTIVE_SHARE * nominal
    said = (
        f"{label}: weighted, {nominal:,} control customers tell as much as {effective:,.0f} "
        f"({effective / nominal:.0%})"
    )
    if few or thin:
        needed = (
            f"at least {SMALLEST_EFFECTIVE_CUSTOMERS:,} and {SMALLEST_EFFECTIVE_SHARE:.0%} are "
            f"needed"
        )
        return Check(
            CheckName.CONTROL_SIZE,
            Outcome.FAILED,
            True,
            effective,
            None,
            f"Too few control customers are like the treated ones. {said}; {needed}.",
        )
    return Check(
        CheckName.CONTROL_SIZE,
        Outcome.PASSED,
        True,
        effective,
        None,
        f"Enough control customers are like the treated ones. {said}.",
    )


def _pre_trend(label: str, found: Weighted | Undefined) -> Check:
    """Did the groups already part before the program?

    By the same comparison one period early. A test of the matched pre-periods themselves could
    not fail: the weights make them equal whatever the trends were.
    """
    name = CheckName.PRE_TREND
    if isinstance(found, Undefined) or found.placebo is None:
        sentence = f"{label}: nothing was weighted that could be followed back."
        return Check(name, Outcome.NOT_APPLICABLE, True, None, None, sentence)
    if found.pre_periods < PRE_PERIODS_NEEDED:
        sentence = (
            f"{label}: the ledger reaches {found.pre_periods} pre-periods back, fewer than "
            f"{PRE_PERIODS_NEEDED}, so that nobody knows whether the groups were parting already."
        )
        return Check(name, Outcome.NOT_APPLICABLE, True, None, None, sentence)
    placebo = found.placebo
    if isinstance(placebo, Undefined):
        sentence = (
            f"{label}: whether the groups were parting already cannot be tested: {placebo.reason}."
        )
        return Check(name, Outcome.NOT_APPLICABLE, True, None, None, sentence)
    said = (
        f"{label}: customers matched on everything but the last pre-period differ in it by "
        f"{placebo.value:+,.4g} ({p_is(placebo.p_value)})."
    )
    if placebo.p_value < BLOCKING_P:
        outcome, said = Outcome.FAILED, f"The groups were parting before the program. {said}"
    else:
        outcome, said = Outcome.PASSED, f"The groups moved alike before the program. {said}"
    return Check(name, outcome, True, placebo.value, placebo.p_value, said)
