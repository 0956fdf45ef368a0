"""What a plan's design does to its outlook, in sentences: horizon, guardrails, clusters, looks."""

from experiments.errors import Undefined
from experiments.plan.baseline import USUAL_ICC, Baseline
from experiments.plan.looking import Looking
from experiments.plan.outlook import GuardrailChance, Outlook
from experiments.plan.trial import Trial
from experiments.report.wording import Unit, amount, counted, number
from experiments.terms import DesignKind, Look, MetricKind


def chance(power: float) -> str:
    """A probability in whole per cent, never quite none and never quite certain.

    Example:
        >>> chance(0.834), chance(0.0004), chance(0.9999)
        ('83 %', 'under 1 %', 'over 99 %')
    """
    if power < 0.01:
        return "under 1 %"
    return "over 99 %" if power > 0.99 else f"{100 * power:.0f} %"


def horizon_words(outlook: Outlook, unit: Unit) -> str:
    """From which effect on the program pays over the horizon; nothing where nobody asked."""
    horizon, even = outlook.horizon, outlook.break_even_horizon
    if horizon is None or isinstance(even, Undefined):
        return ""
    lasts = "if the effect ends with the window"
    if horizon.persistence_months > 0:
        months = counted(round(horizon.persistence_months), "month", "months")
        lasts = f"if the effect goes on for {months} after the window"
    return (
        f"In money of today, at {100 * horizon.discount_rate:g} % a year, it pays from "
        f"{amount(even, unit)} more per customer in the window, {lasts}."
    )


def guardrail_words(found: GuardrailChance, outlook: Outlook) -> str:
    """Whether so many customers can show that a guardrail is kept."""
    if isinstance(found.power, Undefined):
        return f"Whether it can be shown to be kept is not known: {found.power.reason}."
    size = counted(outlook.customers, "customer", "customers")
    told = (
        f"If the program changes nothing here, {size} show with a chance of {chance(found.power)} "
        f"that it gets no worse than the tolerance."
    )
    needed = found.customers_needed
    if isinstance(needed, Undefined) or needed <= outlook.customers:
        return told
    more = counted(needed, "customer", "customers")
    return f"{told} With {more} it would be {chance(outlook.target)}."


def design_words(outlook: Outlook) -> list[str]:
    """What the design assumes, beyond customers who are drawn one by one and looked at once."""
    trial = outlook.trial
    if isinstance(trial, Undefined):
        return []
    said = []
    base = trial.baseline
    if base.explained:
        said.append(f"Strata explain {base.explained:.0%} of what is left.")
    if trial.kind is MetricKind.LATEST and base.response_rate < 1:
        said.append(f"A score is given by {base.response_rate:.0%} of customers.")
    if trial.design is DesignKind.CLUSTERED:
        said.append(_clusters(base))
    if trial.design is DesignKind.SUPPLIED and base.effective_share is not None:
        said.append(
            f"Weighting supplied lists leaves {base.effective_share:.0%} of the control group's "
            f"size."
        )
    said.extend(_looking(trial, trial.looking, outlook))
    return said


def _clusters(base: Baseline) -> str:
    clusters = base.clusters
    if clusters is None:
        return ""
    icc = USUAL_ICC if clusters.icc is None else clusters.icc
    assumed = " (assumed)" if clusters.icc is None else ""
    return (
        f"{number(clusters.size, 1)} customers a cluster with an intraclass correlation of "
        f"{icc:g}{assumed} take {number(clusters.design_effect, 2)} times the customers."
    )


def _looking(trial: Trial, looking: Looking, outlook: Outlook) -> list[str]:
    if looking.look is Look.FIXED or (looking.is_sequential and looking.fractions == (1.0,)):
        return []
    alpha = trial.groups.alpha / len(trial.groups.treatments)
    more = looking.inflation(alpha=alpha, power=outlook.target, customers=outlook.customers)
    if isinstance(more, Undefined):
        return []
    cost = f"takes {100 * (more - 1):.0f} % more customers than looking once"
    if looking.is_sequential:
        return [f"Looking {len(looking.fractions)} times, evenly spaced, {cost}."]
    return [f"Looking on any day {cost}; the chance is that of the last day."]
