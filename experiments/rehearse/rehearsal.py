"""Would this pilot tell the truth, and would it see an effect that pays? Thousands of dry runs.

The customers of the plan are parted anew, as the design parts them, on what they did before the
pilot: under no effect an interval should miss on each side in alpha / 2 of the pilots, and with an
effect the verdict should see it. Randomization distribution on the company's own data: Fisher
(1935), The Design of Experiments, chapter 2; Imbens and Rubin (2015), Causal Inference, chapter 5.
An effect is added to every treated customer's number; to a share it adds events, the same customers
in every pilot, so that the true effect is known.
"""

from collections.abc import Callable

import numpy as np

from experiments.decide.verdict import Reason, Status
from experiments.errors import BadInput, Undefined
from experiments.pilot import Metric, Plan
from experiments.rehearse.effects import MULTIPLES, raised, seen, variant_name, what_pays
from experiments.rehearse.history import Codes, History
from experiments.rehearse.layout import lay_out
from experiments.rehearse.reading import (
    Pilots,
    Readings,
    headlines,
    joint_critical,
    jointly,
    plain_method,
)
from experiments.rehearse.redraw import redrawn_sums
from experiments.rehearse.result import Errors, Frequency, MetricRehearsal, Rehearsal, Scenario
from experiments.rehearse.verdicts import Tails, Texts, objections, statuses, tails
from experiments.terms import SHARES, Role

REPLICATES = 2_000
FOUR_IN_FIVE = 0.8


def rehearse(
    history: History,
    plan: Plan,
    *,
    seed: int,
    replicates: int = REPLICATES,
    contacts: float | None = None,
    at: Callable[[int], None] = lambda done: None,
) -> Rehearsal:
    """Rehearse a pilot on the history of its customers.

    Args:
        history: Of the plan's customers.
        plan: The pilot.
        seed: Of the draws.
        replicates: How many dry runs.
        contacts: Expected contacts per treated customer, where a contact costs money.
        at: Told how many dry runs are drawn.

    Raises:
        BadInput: The effect that pays cannot be computed, or there are too few units to part.
    """
    design = plan.design
    if history.units < 2 * len(design.arms):
        raise BadInput(
            f"{history.units} customers or clusters cannot be parted into {len(design.arms)} "
            f"groups of at least 2."
        )
    draws_rng, effects_rng = np.random.default_rng(seed).spawn(2)
    shares = [float(share) for share in design.planned_shares().values()]
    money = history.plan.money_metric
    pays, cost = what_pays(plan, history, shares=shares, contacts=contacts)
    unit = pays if pays > 0 else seen(history, shares)
    variants, notes = raised(history, unit, rng=effects_rng)
    layout = lay_out(history, variants)
    strata = history.strata
    if history.clusters is not None:
        strata = _strata_of_clusters(history, history.clusters)
    sums = redrawn_sums(
        draws_rng, layout.columns, strata=strata, shares=shares, draws=replicates, at=at
    )
    pilots = Pilots(history, layout, sums, plan.confidence)
    per_unit = float(plan.value.money_per_unit)
    critical = joint_critical(pilots, money, treatments=len(design.treatments))
    guardrails = [one for one in history.plan.metrics if one.role is Role.GUARDRAIL]
    metrics, scenarios = [], []
    for arm, treatment in enumerate(design.treatments, start=1):
        metrics += [
            _null(pilots, metric, arm=arm, treatment=treatment) for metric in history.plan.metrics
        ]
        objected = objections(pilots, guardrails, arm=arm)
        for multiple in MULTIPLES:
            found = _scenario(pilots, money, arm, multiple, unit, critical=critical)
            if found is None:
                continue
            readings, careful, effect = found
            contrast = readings.times(per_unit).moved(-cost)
            said = statuses(pilots, contrast, careful, kept=objected)
            scenarios.append(
                Scenario(
                    treatment=treatment,
                    multiple=multiple,
                    effect=effect,
                    contrast=effect * per_unit - cost,
                    statuses=_statuses(said),
                    reasons=_reasons(said),
                    skewed=Frequency.where(careful.asked),
                )
            )
    return Rehearsal(
        pilot=plan.pilot.slug,
        replicates=replicates,
        seed=seed,
        starts_on=history.plan.pilot.starts_on,
        ends_on=history.plan.pilot.ends_on,
        customers=history.customers,
        clusters=None if history.clusters is None else history.units,
        break_even=pays,
        unit_effect=unit,
        proved_from=_proved_from(pilots, money, pays, critical, arms=len(design.treatments)),
        metrics=tuple(metrics),
        scenarios=tuple(scenarios),
        notes=(*history.notes, *notes),
    )


def _strata_of_clusters(history: History, clusters: Codes) -> Codes:
    """The stratum of each cluster.

    Raises:
        BadInput: A cluster lies in several.
    """
    found = np.zeros(history.units, dtype=np.int64)
    found[clusters] = history.strata
    if (found[clusters] != history.strata).any():
        raise BadInput("A cluster has customers of several strata; it cannot be drawn in one.")
    return found


def _null(pilots: Pilots, metric: Metric, *, arm: int, treatment: str) -> MetricRehearsal:
    found = headlines(pilots, metric, arm=arm)
    rest = found.defined
    errors: Errors | Undefined = Undefined("no dry run has an interval")
    if rest.any():
        above, below = found.low[rest] > 0, found.high[rest] < 0
        errors = Errors(
            above=Frequency.where(above),
            below=Frequency.where(below),
            coverage=Frequency.where(~above & ~below),
            se=float(found.se[rest].mean()),
            spread=float(found.value[rest].std()),
        )
    return MetricRehearsal(
        metric=metric.name,
        kind=metric.kind,
        treatment=treatment,
        method=plain_method(pilots.history, metric).value,
        adjusted=float(found.adjusted.mean()),
        missing=int((~rest).sum()),
        errors=errors,
    )


def _scenario(
    pilots: Pilots,
    money: Metric,
    arm: int,
    multiple: float,
    unit: float,
    *,
    critical: float | None,
) -> tuple[Readings, Tails, float] | None:
    """The readings where the treatment has an effect, and the effect; None where it cannot be."""
    effect, variant = multiple * unit, None
    if money.kind in SHARES and multiple:
        variant = variant_name(multiple)
        if (variant,) not in pilots.layout.place:
            return None
        outcome = pilots.history.outcomes[money.name].variable
        column = pilots.layout.columns[:, pilots.layout.place[(variant,)]]
        before = pilots.layout.columns[:, pilots.layout.place[(outcome,)]]
        effect = float((column - before).sum() / pilots.history.customers)
    single = headlines(pilots, money, arm=arm, variant=variant)
    careful = tails(pilots, single, money, arm=arm, variant=variant)
    deciding = jointly(pilots, money, arm=arm, variant=variant, critical=critical)
    return (deciding if variant else deciding.moved(effect)), careful, effect


def _proved_from(
    pilots: Pilots, money: Metric, pays: float, critical: float | None, *, arms: int
) -> float | Undefined:
    if money.kind in SHARES:
        return Undefined("the spread of a share depends on the effect; see the scenarios")
    found = []
    for arm in range(1, arms + 1):
        nothing = jointly(pilots, money, arm=arm, variant=None, critical=critical)
        if not nothing.defined.all():
            return Undefined("not every dry run has an interval")
        found.append(float(np.quantile(pays - nothing.low, FOUR_IN_FIVE)))
    return max(found)


def _statuses(found: Texts) -> dict[Status, Frequency]:
    proved, disproved = found == Status.PROVED, found == Status.DISPROVED
    return {
        Status.PROVED: Frequency.where(proved),
        Status.DISPROVED: Frequency.where(disproved),
        Status.NOT_PROVED: Frequency.where(~proved & ~disproved),
    }


def _reasons(found: Texts) -> dict[Reason, Frequency]:
    return {
        reason: Frequency.where(found == reason) for reason in Reason if (found == reason).any()
    }
