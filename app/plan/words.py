"""A plan in plain sentences, for those who review and sign it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from app.plan.typed import plain_number
from experiments.design import Design
from experiments.pilot import Costs, Metric, Plan
from experiments.report.report import Line
from experiments.report.wording import counted, days
from experiments.stats.confidence_sequence import TUNING_CUSTOMERS
from experiments.terms import (
    Basis,
    DesignKind,
    Direction,
    Look,
    MetricKind,
    Role,
    Spending,
)
from experiments.words import day

GOALS: Final[Mapping[str, str]] = {
    "sales": "Sell more",
    "retention": "Keep customers",
    "cross-sell": "Sell other things to the same customers",
    "acquisition": "Win new customers",
    "service": "Serve better",
    "advocacy": "Be recommended",
}
KINDS: Final[Mapping[str, str]] = {
    "mean": "amount per customer",
    "count": "number of events per customer",
    "rate": "share of customers who did it at least once",
    "ratio": "amount for each of something else",
    "retention": "share of customers still active at the end",
    "breadth": "number of different items per customer",
    "latest": "last score of each customer who gave one",
}
DESIGNS: Final[Mapping[str, str]] = {
    "randomized": "Chance, customer by customer",
    "clustered": "Chance, for whole accounts, households or branches",
    "supplied": "People chose; the groups come with the file",
}
LOOKS: Final[Mapping[str, str]] = {
    "fixed": "Once, at the end",
    "group_sequential": "On planned days, also before the end",
    "always_valid": "On any day",
}
SPENDING: Final[Mapping[str, str]] = {
    "obrien-fleming": "Nearly all at the end (O’Brien-Fleming)",
    "pocock": "Alike at each look (Pocock)",
    "kim-demets": "By a power (Kim-DeMets)",
    "hwang-shih-decani": "By a curve (Hwang-Shih-DeCani)",
}
# What is worth something, where a metric that is no amount carries the money.
EACH: Final[Mapping[str, str]] = {
    "count": "Each event",
    "rate": "Each customer who does it",
    "retention": "Each customer who stays",
    "breadth": "Each further item of a customer",
    "ratio": "One more for each",
    "latest": "One point of the score",
}
ROLES: Final[Mapping[str, str]] = {
    "primary": "decides",
    "secondary": "is watched as well",
    "guardrail": "must not get worse",
}


def in_short(plan: Plan) -> str:
    """The plan in one sentence."""
    arms = _listed([f"“{arm}”" for arm in plan.design.treatments])
    money = plan.money_metric
    return (
        f"From {days(plan.pilot.starts_on, plan.pilot.ends_on)}, customers get {arms} or stay in "
        f"“{plan.design.control}” {_by(plan.design)}, and the {_kind(money)} of "
        f"“{money.measure}” decides whether it pays."
    )


def plan_lines(plan: Plan) -> tuple[Line, ...]:
    """The plan, a subject a line."""
    design, header = plan.design, plan.pilot
    others = [metric for metric in plan.metrics if metric is not plan.money_metric]
    lines = [
        ("Hypothesis", header.hypothesis),
        ("Goal", f"{GOALS[header.goal]}."),
        ("Days", f"{days(header.starts_on, header.ends_on)}, {_length(plan)}, both included."),
        ("Owner", header.owner),
        ("Sponsor", f"{header.sponsor}, who signs this plan and the decision."),
        ("Groups", _groups(plan)),
        ("What decides", _metric(plan, plan.money_metric)),
        *((f"Also: {metric.name}", _metric(plan, metric)) for metric in others),
        ("Looked at apart", ", ".join(one.attribute for one in plan.segments)),
        ("Value", _value(plan)),
        ("Cost", _costs(plan.value.pilot, plan)),
        ("At roll-out", _rollout(plan)),
        ("Looks", _looks(plan)),
        ("Rule", _rule(plan)),
        ("Phases", "; ".join(f"{p.name}, {days(p.starts_on, p.ends_on)}" for p in plan.phases)),
        ("Waived checks", "; ".join(f"{w.check}: {w.reason} ({w.by})" for w in plan.waivers)),
        ("Believed before", _prior(plan)),
    ]
    if design.strata:
        lines.insert(6, ("Evened out by", ", ".join(design.strata)))
    return tuple(Line(label, text) for label, text in lines if text)


def _length(plan: Plan) -> str:
    return counted((plan.pilot.ends_on - plan.pilot.starts_on).days + 1, "day", "days")


def _groups(plan: Plan) -> str:
    shares = plan.design.planned_shares()
    said = [f"“{arm}” {_percent(Decimal(str(round(float(s), 4))))}" for arm, s in shares.items()]
    decides = {
        DesignKind.RANDOMIZED: "Chance decides who belongs where",
        DesignKind.CLUSTERED: f"Chance decides where each “{plan.design.cluster}” belongs",
        DesignKind.SUPPLIED: "People chose who belongs where, and the groups are weighted alike",
    }[plan.design.kind]
    return (
        f"{_listed(said)}. {decides}; “{plan.design.control}” shows what happens without the "
        f"program."
    )


def _by(design: Design) -> str:
    match design.kind:
        case DesignKind.RANDOMIZED:
            return "by chance"
        case DesignKind.CLUSTERED:
            return f"by chance, each “{design.cluster}” as a whole"
        case DesignKind.SUPPLIED:
            return "as people chose"


def _looks(plan: Plan) -> str:
    """When outcomes may be looked at; empty where that is once."""
    design = plan.design
    match design.look:
        case Look.FIXED:
            return ""
        case Look.ALWAYS_VALID:
            tuned = design.tuning_n or int(TUNING_CUSTOMERS)
            return (
                f"On any day, with intervals that hold on all days together; they are narrowest at "
                f"{counted(tuned, 'customer', 'customers')}."
            )
        case Look.GROUP_SEQUENTIAL:
            family = design.spending or Spending.OBRIEN_FLEMING
            parameter = design.spending_parameter
            said = "" if parameter is None else f", at {plain_number(parameter)}"
            futility = (
                f" Stopping for want of an effect is advised by {_named(design.futility)}, and "
                f"binds nobody."
                if design.futility
                else ""
            )
            return (
                f"{counted(len(design.looks), 'look', 'looks')}, of the days through "
                f"{_listed([day(one) for one in design.looks])}. They share the chance of a false "
                f"alarm by {_named(family)}{said}.{futility}"
            )


def _named(family: Spending) -> str:
    """The name of a spending function, which its sentence has in brackets."""
    return SPENDING[family].partition("(")[2].rstrip(")")


def _kind(metric: Metric) -> str:
    return KINDS.get(metric.kind, metric.kind.value)


def _metric(plan: Plan, metric: Metric) -> str:
    """One metric: what is counted, when, and what is hoped for."""
    unit = f", in {metric.unit}" if metric.unit and metric.kind is not MetricKind.RATE else ""
    parts = [f"{_kind(metric).capitalize()}, of “{metric.measure}”{unit}"]
    if metric.denominator:
        parts.append(f"for each of “{metric.denominator}”")
    if metric.active_days:
        active = counted(metric.active_days, "day", "days")
        parts.append(f"with something of it in the last {active}")
    if metric.at_least and metric.at_least > 1:
        parts.append(f"counted from {metric.at_least} on")
    if metric.window:
        first, end = metric.window.days
        parts.append(f"from day {first} to day {end - 1} after enrolment")
    else:
        header = plan.pilot
        parts.append(
            f"counted from {days(header.starts_on, header.ends_on)} (for those who join later, "
            f"from the day they join)"
        )
    if metric.cap and metric.cap.value:
        parts.append(f"cut at {plain_number(metric.cap.value)} per customer")
    if metric.cap and metric.cap.percentile:
        parts.append(f"cut at percentile {plain_number(metric.cap.percentile)} of all groups")
    better = "More is better" if metric.direction is Direction.UP else "Less is better"
    sentences = [", ".join(parts), better]
    if metric.bootstrap:
        sentences.append("Its interval is drawn anew 999 times as well, for a few large amounts")
    if metric.covariates:
        sentences.append(f"Compared at equal {_listed(list(metric.covariates))}")
    if metric.role is Role.GUARDRAIL:
        sentences.append(f"It may get worse by {_tolerance(metric)} at most")
    if metric.role is Role.PRIMARY and metric is not plan.money_metric:
        sentences.append("A primary metric without money")
    return ". ".join(sentences) + "."


def _tolerance(metric: Metric) -> str:
    if metric.tolerance_relative is not None:
        return f"{_percent(metric.tolerance_relative)} of the control group's level"
    tolerance = metric.tolerance or Decimal(0)
    if metric.kind is MetricKind.RATE:
        return f"{plain_number(tolerance * 100)} points"
    return f"{plain_number(tolerance)} {metric.unit or ''}".strip()


def _value(plan: Plan) -> str:
    value, money = plan.value, plan.money_metric
    if value.margin_rate is not None:
        return f"{_percent(value.margin_rate)} of “{money.name}” is margin."
    each = EACH.get(money.kind, "Each")
    return f"{each} is worth {_money(value.money_per_unit, plan)}."


def _costs(costs: Costs, plan: Plan) -> str:
    said = {
        "for each treated customer": costs.cost_per_treated,
        "for each contact": costs.cost_per_contact,
        "a month": costs.cost_per_month,
        "once": costs.cost_fixed,
    }
    parts = [f"{_money(cost, plan)} {each}" for each, cost in said.items() if cost]
    experiment = plan.value.cost_of_experiment
    aside = (
        f" The experiment itself costs {_money(experiment, plan)}, which is "
        f"shown and weighs in no verdict."
        if experiment
        else ""
    )
    return f"{_listed(parts) or 'Nothing'}.{aside}"


def _rollout(plan: Plan) -> str:
    if plan.value.rollout is None:
        return ""
    decides = "These costs decide." if plan.value.basis is Basis.ROLLOUT else "For information."
    customers = counted(plan.value.rollout.customers, "customer", "customers")
    return f"{customers}; {_costs(plan.value.rollout_costs(), plan)} {decides}"


def _rule(plan: Plan) -> str:
    hurdle = plan.value.hurdle_rate
    beat = "its cost" if not hurdle else f"its cost and {_percent(hurdle)} on top"
    level = plain_number(100 * (1 - plan.design.alpha))
    guardrails = " and no guardrail gets worse" if _has_guardrail(plan) else ""
    word = "supported" if plan.design.kind is DesignKind.SUPPLIED else "proved"
    veiled = {
        Look.FIXED: "Outcomes stay veiled until the last day is over and behavior is complete",
        Look.GROUP_SEQUENTIAL: "Outcomes stay veiled until a planned look, and between two of them "
        "the earlier one stands",
        Look.ALWAYS_VALID: "Outcomes stay veiled until the first customer’s days are over",
    }[plan.design.look]
    return (
        f"The program is {word} if the whole {level} % interval of its margin per treated customer "
        f"lies above {beat}{guardrails}. {veiled}."
    )


def _has_guardrail(plan: Plan) -> bool:
    return any(metric.role is Role.GUARDRAIL for metric in plan.metrics)


def _prior(plan: Plan) -> str:
    prior = plan.design.prior
    if prior is None:
        return ""
    return f"An effect of {plain_number(prior.mean)}, give or take {plain_number(prior.sd)}."


def _money(amount: Decimal, plan: Plan) -> str:
    """An amount: in cents unless it is whole, or finer than that."""
    whole = amount == amount.to_integral_value()
    fine = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{0 if whole else fine}f} {plan.value.currency}"


def _percent(share: Decimal) -> str:
    return f"{plain_number(share * 100)} %"


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
