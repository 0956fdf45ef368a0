"""What the program is worth, from margin to net, on each basis that the plan gives."""

from experiments.decide.verdict import Decision, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.report import Line, Money, Step
from experiments.report.wording import PERCENT, Unit, amount, counted, decimals_for, number, reading
from experiments.terms import Basis
from experiments.value.contrast import Reading, Value

TITLES = {
    Basis.PILOT: "What each treated customer brought and cost in the pilot",
    Basis.ROLLOUT: "What each treated customer brings, at the cost of the roll-out",
}


def money_of(plan: Plan, decision: Decision) -> tuple[Money, ...]:
    """Per treatment: the basis that decides, then the other one."""
    found = []
    for verdict in decision.verdicts:
        both = (
            (verdict.value, True),
            (decision.other_basis.get(verdict.treatment, verdict.value), False),
        )
        found += [
            _money(plan, verdict, value, decides=decides)
            for value, decides in both
            if isinstance(value, Value) and (decides or value is not verdict.value)
        ]
    return tuple(found)


def _money(plan: Plan, verdict: Verdict, value: Value, *, decides: bool) -> Money:
    money = Unit.of_money(plan.value.currency)
    several = f" (“{value.treatment}”)" if len(plan.design.treatments) > 1 else ""
    return Money(
        title=f"{TITLES[value.basis]}{several}",
        steps=_steps(plan, value, money),
        lines=_lines(plan, verdict, value, money, decides=decides),
        decides=decides,
    )


def _steps(plan: Plan, value: Value, money: Unit) -> tuple[Step, ...]:
    margin, cost = value.margin.value, value.cost
    hurdle = float(plan.value.hurdle_rate) * cost
    steps = [
        Step("Incremental margin", margin, amount(margin, money), False),
        Step("Program cost", -cost, amount(-cost, money), False),
        Step("Net per customer", margin - cost, amount(margin - cost, money), True),
    ]
    if hurdle:
        steps += [
            Step("Required return", -hurdle, amount(-hurdle, money), False),
            Step("D", value.contrast.value, amount(value.contrast.value, money), True),
        ]
    return tuple(steps)


def _said(found: Reading, unit: Unit) -> str:
    return reading(found.value, found.low, found.high, unit, sign=True)


def _scaled_span(value: Value) -> tuple[float, float]:
    """The net's interval at the size of the control group."""
    if value.net.value == 0:
        return value.net.low, value.net.high
    scale = abs(value.control_group_cost / value.net.value)
    return value.net.low * scale, value.net.high * scale


def _from(plan: Plan, value: Value, money: Unit) -> str:
    """What the cost consists of, where it is more than a price per treated customer."""
    costs = plan.value.pilot if value.basis is Basis.PILOT else plan.value.rollout_costs()
    parts = [
        (costs.cost_per_treated, "per treated customer"),
        (costs.cost_per_contact, "per contact"),
        (costs.cost_fixed, "once"),
        (costs.cost_per_month, "a month"),
    ]
    said = [f"{amount(float(cost), money)} {each}" for cost, each in parts if cost]
    if len(said) == 1 and costs.cost_per_treated:
        return ""
    return f", from {' and '.join(said)}" if said else ""


def _chance(probability: float) -> str:
    """Per cent to one decimal; never a certainty that no pilot gives."""
    if probability < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if probability > 0.999 else f"{number(probability * 100, 1)} %"


def _lines(
    plan: Plan, verdict: Verdict, value: Value, money: Unit, *, decides: bool
) -> tuple[Line, ...]:
    roi = value.roi.reason if isinstance(value.roi, Undefined) else _said(value.roi, PERCENT)
    loss = value.probability_of_loss
    chance = loss.reason if isinstance(loss, Undefined) else _chance(loss)
    metric = plan.money_metric
    unit = unit_of(metric)
    held_back = "cost" if value.control_group_cost >= 0 else "saved"
    # As uncertain as the net per customer that it multiplies.
    decimals = decimals_for(*_scaled_span(value))
    lines = [
        Line("Incremental margin per customer", _said(value.margin, money)),
        Line("Program cost per customer", amount(value.cost, money) + _from(plan, value, money)),
        Line("D per customer", _said(value.contrast, money)),
        Line(
            f"Net over {counted(value.customers, 'customer', 'customers')}", _said(value.net, money)
        ),
        Line("Return on cost", roi),
        Line("Probability of a loss", chance),
        Line("Pays from an effect of", amount(value.break_even, unit)),
        Line(
            "Holding the control group back",
            f"{held_back} about {number(abs(value.control_group_cost), decimals)}{money.suffix}",
        ),
    ]
    if plan.value.cost_of_experiment and value.basis is Basis.PILOT:
        lines.append(
            Line(
                "Cost of the experiment itself, in neither net nor return",
                amount(float(plan.value.cost_of_experiment), money),
            )
        )
    if decides and verdict.careful_interval is not None:
        skewed = verdict.careful_interval
        lines.append(
            Line(
                "D with allowance for skewed spending or few clusters",
                _said(Reading(value.contrast.value, skewed.low, skewed.high), money),
            )
        )
    if plan.value.margin_rate is not None and plan.value.margin_rate != 1:
        rate = number(float(plan.value.margin_rate) * 100, 1)
        lines.append(
            Line("Margin", f"{rate} % of {metric.name}; assumes equal margin in both arms")
        )
    return tuple(lines)
