"""The effect on customers who really got the program, for scripts and as a table."""

import math

from experiments.analyse.analysis import Analysis
from experiments.analyse.received import BIAS, Received, WithoutCrossovers
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.graphs import unit_of
from experiments.report.plain import Json, bounded, number_or_reason, undefined
from experiments.report.report import Table
from experiments.report.wording import Unit, counted, number, reading
from experiments.stats.compliers import Whom
from experiments.stats.estimate import Interval

WHO = {
    Whom.TREATED: "Effect on the treated",
    Whom.COMPLIERS: "Effect on compliers",
}
MEANS = {
    Whom.TREATED: "per treatment customer who was contacted; no control customer was",
    Whom.COMPLIERS: "per customer who was contacted because they were meant to be",
}


def received_as_json(found: Received) -> Json:
    """The effect on the treated or on compliers, and the sensitivity beside it."""
    effect, without = found.effect, found.without_crossovers
    numbers: Json
    if isinstance(effect, Undefined):
        numbers = dict.fromkeys(("value", "low", "high", "first_stage_f"), undefined(effect))
    else:
        interval = effect.interval
        exact = Undefined("contact follows the assignment exactly")
        bounds = (
            dict.fromkeys(("low", "high"), undefined(interval))
            if isinstance(interval, Undefined)
            else {"low": interval.low, "high": interval.high}
        )
        numbers = {
            "value": effect.value,
            **bounds,
            "first_stage_f": number_or_reason(
                exact if math.isinf(effect.first_stage_f) else effect.first_stage_f
            ),
        }
    return {
        "treatment": found.treatment,
        "metric": found.metric,
        "whom": found.whom.value,
        **numbers,
        "without_crossovers": without and _without_as_json(without),
    }


def _without_as_json(found: WithoutCrossovers) -> Json:
    difference = found.difference
    return {
        **(
            dict.fromkeys(("value", "low", "high"), undefined(difference))
            if isinstance(difference, Undefined)
            else bounded(difference)
        ),
        "treatment_left_out": found.treatment_left_out,
        "control_left_out": found.control_left_out,
        "expected_bias": BIAS,
    }


def received_table(plan: Plan, analysis: Analysis) -> list[Table]:
    """One table; none where no contact was recorded, or where people chose the groups."""
    if not analysis.received:
        return []
    unit = unit_of(plan.money_metric)
    rows = [cells for found in analysis.received for cells in _rows(found, unit)]
    biased = any(found.without_crossovers for found in analysis.received)
    caption = (
        f"Customers who really got the program ({plan.value.metric}): beside the headline, which "
        f"counts everybody as assigned, and decides nothing."
    )
    if biased:
        caption += (
            f" To leave out those who crossed over is biased, as a rule {BIAS}: who is reached is "
            f"not left to chance, and tends to be the more active customer."
        )
    heads = ("Treatment", "Whose effect", "Effect", "First-stage F", "What it is")
    return [Table(caption, heads, (False, False, True, True, False), tuple(rows))]


def _rows(found: Received, unit: Unit) -> list[tuple[str, ...]]:
    effect, without = found.effect, found.without_crossovers
    if isinstance(effect, Undefined):
        said, strength = f"not defined: {effect.reason}", "–"
    else:
        interval = effect.interval
        said = (
            reading(effect.value, interval.low, interval.high, unit, sign=True)
            if isinstance(interval, Interval)
            else f"not defined: {interval.reason}"
        )
        strength = "–" if math.isinf(effect.first_stage_f) else number(effect.first_stage_f, 0)
    rows: list[tuple[str, ...]] = [
        (found.treatment, WHO[found.whom], said, strength, MEANS[found.whom])
    ]
    if without is None:
        return rows
    difference = without.difference
    said = (
        f"not defined: {difference.reason}"
        if isinstance(difference, Undefined)
        else reading(difference.value, difference.low, difference.high, unit, sign=True)
    )
    left_out = (
        f"without {without.treatment_left_out:,} of the treatment group who did not get it and "
        f"{counted(without.control_left_out, 'control customer', 'control customers')} who did"
    )
    return [*rows, (found.treatment, "Crossovers left out (biased)", said, "–", left_out)]
