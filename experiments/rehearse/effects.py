"""Effects to rehearse: the one that pays, multiples of it, and what they do to a share."""

import numpy as np

from experiments.errors import BadInput, Undefined
from experiments.pilot import Plan
from experiments.plan.break_even import break_even_of
from experiments.rehearse.history import History
from experiments.stats.moments import Floats
from experiments.terms import SHARES
from experiments.value.cost import unit_cost

MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)
# Standard errors of an effect that a two-sided test at 5 % sees four times in five.
SEEN = 2.8


def what_pays(
    plan: Plan, history: History, *, shares: list[float], contacts: float | None
) -> tuple[float, float]:
    """The effect that pays, and what D subtracts per treated customer."""
    pays = break_even_of(plan, contacts=contacts)
    if isinstance(pays, Undefined):
        raise BadInput(f"The effect that pays is not known: {pays.reason} (--contacts).")
    treated = round(history.customers * sum(shares[1:]))
    cost = unit_cost(plan, basis=plan.value.basis, treated_customers=treated)
    each = cost.known + cost.per_contact * (contacts or 0.0)
    return pays.effect(treated_customers=treated), (1 + float(plan.value.hurdle_rate)) * each


def seen(history: History, shares: list[float]) -> float:
    """An effect that is seen four times in five, unadjusted, where any effect pays."""
    outcome = history.outcomes[history.plan.money_metric.name]
    values = history.values[outcome.variable]
    if outcome.over is not None:
        lower = history.values[outcome.over]
        values = (values - values.sum() / lower.sum() * lower) / lower.mean()
    n = history.customers
    if history.clusters is not None:
        added = np.bincount(history.clusters, weights=values - values.mean())
        values, n = np.asarray(added * history.units / n), history.units
    variance = float(np.var(values)) * (1 / (n * shares[1]) + 1 / (n * shares[0]))
    return SEEN * float(np.sqrt(variance))


def variant_name(multiple: float) -> str:
    """What the outcome under an effect is called."""
    return f"raised {multiple:g}"


def raised(
    history: History, unit: float, *, rng: np.random.Generator
) -> tuple[dict[str, Floats], list[str]]:
    """For a share, the customers' outcomes under each effect, and what cannot be rehearsed."""
    money = history.plan.money_metric
    if money.kind not in SHARES:
        return {}, []
    now = history.values[history.outcomes[money.name].variable]
    rate, luck = float(now.mean()), rng.random(history.customers)
    raised, notes = {}, []
    for multiple in MULTIPLES[1:]:
        effect = multiple * unit
        if rate + effect > 1:
            notes.append(
                f"An effect of {effect:.3g} would take {money.name} beyond everybody; it is not "
                f"rehearsed."
            )
            continue
        raised[variant_name(multiple)] = np.where(luck < effect / (1 - rate), 1.0, now)
    return raised, notes
