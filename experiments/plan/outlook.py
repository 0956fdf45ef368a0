"""What can a pilot of this size show? The numbers beside a plan, as far as it is filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np

from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven, break_even_of
from experiments.plan.duration import duration, last_enrolment
from experiments.plan.guardrail_power import Tolerance, guardrail_customers, guardrail_power
from experiments.plan.horizon import HorizonBreakEven, horizon_break_even_of
from experiments.plan.looking import FIXED, Looking
from experiments.plan.power import TARGET, customers_needed, detectable_effect, power, powers
from experiments.plan.trial import Groups, Trial
from experiments.terms import DesignKind, MetricKind, Role

__all__ = [
    "Answer",
    "GuardrailChance",
    "Outlook",
    "PowerPoint",
    "duration",
    "outlook",
    "outlook_of",
]

POINTS = 81
# A curve shows up to so many times the plan's customers; what lies beyond is said in words.
FARTHEST = 6
NOBODY: Final[Mapping[str, Baseline]] = MappingProxyType({})
NOT_ASKED: Final = Undefined("nobody asked for it")


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """A point of the power curve: so many customers, and the probability that they give."""

    customers: int
    power: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pilot can say to one question.

    Attributes:
        power: Probability of the answer hoped for, at the plan's size.
        customers_needed: Customers, of all groups together, that give the target's probability.
        curve: The same probability at other sizes, the plan's included; empty where there is none.
    """

    power: float | Undefined
    customers_needed: int | Undefined
    curve: tuple[PowerPoint, ...]


@dataclass(frozen=True, slots=True)
class GuardrailChance:
    """Whether a pilot of this size can show that a guardrail is kept, if nothing changes.

    Attributes:
        metric: Its name.
        tolerance: The worsening that is accepted.
        power: Probability that it is shown to be kept.
        customers_needed: Customers, of all groups together, that give the target's probability.
    """

    metric: str
    tolerance: Tolerance
    power: float | Undefined
    customers_needed: int | Undefined


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a pilot of a size can show; effects per treated customer, in the metric's own unit.

    Two questions are kept apart. A program whose effect is exactly break-even is hardly ever
    proved to pay, however well its effect is told from none.

    Attributes:
        groups: Control and treatments.
        baseline: What customers do now.
        customers: Of all groups together.
        break_even: Effect at which D is 0, at this size.
        effect: The assumed true effect.
        to_prove: Whether the verdict is "proved" when the assumed effect is true.
        to_detect: Whether an effect as large as break-even is told from none.
        detectable_effect: Smallest true effect that this size proves with the target's probability.
        days: From the start to the close of the last window, both included.
        target: The probability asked for.
        break_even_horizon: Effect at which the net present value over the horizon is 0.
        horizon: What that rests on; None where nobody asked.
        trial: What the power was computed from.
        guardrails: Whether each guardrail can be shown to be kept.
    """

    groups: Groups
    baseline: Baseline | Undefined
    customers: int
    break_even: float | Undefined
    effect: float | Undefined
    to_prove: Answer
    to_detect: Answer
    detectable_effect: float | Undefined
    days: int | Undefined
    target: float
    break_even_horizon: float | Undefined = NOT_ASKED
    horizon: HorizonBreakEven | None = None
    trial: Trial | Undefined = NOT_ASKED
    guardrails: tuple[GuardrailChance, ...] = ()


def outlook(
    groups: Groups,
    *,
    kind: MetricKind,
    baseline: Baseline | Undefined,
    customers: int,
    pays_from: BreakEven | Undefined,
    effect: float | None = None,
    days: int | Undefined,
    target: float = TARGET,
    design: DesignKind = DesignKind.RANDOMIZED,
    looking: Looking = FIXED,
    over_horizon: HorizonBreakEven | Undefined = NOT_ASKED,
    guardrails: tuple[tuple[Metric, Baseline | Undefined], ...] = (),
) -> Outlook:
    """What a pilot can show, from the parts of a plan that are known.

    Args:
        groups: Control and treatments.
        kind: Of the money metric.
        baseline: What customers do now; Undefined while nobody said.
        customers: Of all groups together.
        pays_from: When the program pays; Undefined while costs or margin are missing.
        effect: Assumed true effect per treated customer; None where nobody said.
        days: See `duration`.
        target: Probability asked for.
        design: How customers come to be on their side.
        looking: When outcomes may be looked at.
        over_horizon: When the program pays over the horizon.
        guardrails: Metrics that must not get worse, and what customers do now.
    """
    even: float | Undefined
    if isinstance(pays_from, Undefined):
        even = pays_from
    else:
        even = pays_from.effect(treated_customers=groups.treated(customers))
    assumed = Undefined("no effect is assumed yet") if effect is None else effect
    trial = (
        baseline
        if isinstance(baseline, Undefined)
        else Trial(kind=kind, baseline=baseline, groups=groups, design=design, looking=looking)
    )
    later: float | Undefined
    if isinstance(over_horizon, Undefined):
        later = over_horizon
    else:
        later = over_horizon.effect(treated_customers=groups.treated(customers))
    to_prove = _answer(trial, customers, assumed, pays_from, target)
    to_detect = _answer(trial, customers, _worth_detecting(even), 0.0, target)
    return Outlook(
        groups=groups,
        baseline=baseline,
        customers=customers,
        break_even=even,
        effect=assumed,
        to_prove=to_prove,
        to_detect=to_detect,
        detectable_effect=_smallest(trial, customers, pays_from, target),
        days=days,
        target=target,
        break_even_horizon=later,
        horizon=over_horizon if isinstance(over_horizon, HorizonBreakEven) else None,
        trial=trial,
        guardrails=tuple(
            _guardrail(
                metric,
                known,
                groups=groups,
                design=design,
                looking=looking,
                customers=customers,
                target=target,
            )
            for metric, known in guardrails
        ),
    )


def outlook_of(
    plan: Plan,
    baseline: Baseline | Undefined,
    *,
    customers: int,
    effect: float | None = None,
    contacts: float | None = None,
    last_enrolled_on: date | None = None,
    customers_per_day: float | None = None,
    target: float = TARGET,
    guardrail_baselines: Mapping[str, Baseline] = NOBODY,
) -> Outlook | Undefined:
    """What the pilot of a plan can show.

    Args:
        plan: The plan.
        baseline: What customers do now.
        customers: Of all groups together.
        effect: Assumed true effect per treated customer.
        contacts: Expected contacts per treated customer; needed with a cost per contact.
        last_enrolled_on: Day on which the last customer is enrolled; None for the first day.
        customers_per_day: How many new ones are enrolled on a day, where they arrive one by one.
        target: Probability asked for.
        guardrail_baselines: What customers do now, by the name of a guardrail.
    """
    design = plan.design.kind
    if isinstance(baseline, Baseline):
        missing = baseline.missing_for(design)
        if missing is not None:
            return missing
    starts_on = plan.pilot.starts_on
    last: date | Undefined | None = last_enrolled_on
    if customers_per_day is not None:
        last = last_enrolment(customers, customers_per_day=customers_per_day, starts_on=starts_on)
    unknown = Undefined("say what customers do now, by this metric")
    return outlook(
        Groups.of(plan.design),
        kind=plan.money_metric.kind,
        baseline=baseline,
        customers=customers,
        pays_from=break_even_of(plan, contacts=contacts),
        effect=effect,
        days=last
        if isinstance(last, Undefined)
        else duration(
            [metric.window for metric in plan.metrics],
            starts_on=starts_on,
            ends_on=plan.pilot.ends_on,
            last_enrolled_on=last,
        ),
        target=target,
        design=design,
        looking=Looking.of(plan.design),
        over_horizon=horizon_break_even_of(plan, contacts=contacts),
        guardrails=tuple(
            (metric, guardrail_baselines.get(metric.name, unknown))
            for metric in plan.metrics
            if metric.role is Role.GUARDRAIL
        ),
    )


def _guardrail(
    metric: Metric,
    baseline: Baseline | Undefined,
    *,
    groups: Groups,
    design: DesignKind,
    looking: Looking,
    customers: int,
    target: float,
) -> GuardrailChance:
    tolerance = Tolerance.of(metric)
    if isinstance(baseline, Undefined):
        return GuardrailChance(metric.name, tolerance, baseline, baseline)
    trial = Trial(
        kind=metric.kind, baseline=baseline, groups=groups, design=design, looking=looking
    )
    return GuardrailChance(
        metric.name,
        tolerance,
        guardrail_power(trial, customers=customers, tolerance=tolerance),
        guardrail_customers(trial, tolerance=tolerance, target=target),
    )


def _answer(
    trial: Trial | Undefined,
    customers: int,
    effect: float | Undefined,
    pays_from: BreakEven | float | Undefined,
    target: float,
) -> Answer:
    """Power, customers needed and curve of one question; the reason where a part is missing."""
    if isinstance(effect, Undefined):
        return Answer(effect, effect, ())
    if isinstance(pays_from, Undefined):
        return Answer(pays_from, pays_from, ())
    if isinstance(trial, Undefined):
        return Answer(trial, trial, ())
    found = power(trial, customers=customers, effect=effect, pays_from=pays_from)
    needed = customers_needed(trial, effect=effect, pays_from=pays_from, target=target)
    if isinstance(found, Undefined):
        return Answer(found, needed, ())
    sizes = _sizes(trial.fewest_customers, customers, needed)
    chances = powers(trial, customers=sizes, effect=effect, pays_from=pays_from)
    curve = tuple(PowerPoint(n, float(p)) for n, p in zip(sizes, chances, strict=True))
    return Answer(found, needed, curve)


def _sizes(fewest: int, customers: int, needed: int | Undefined) -> list[int]:
    """Numbers of customers that the curve shows, the plan's and those needed among them."""
    farthest = 1.5 * customers
    marks = {customers}
    if isinstance(needed, int) and needed <= FARTHEST * customers:
        farthest = max(farthest, 1.25 * needed)
        marks.add(needed)
    even = np.linspace(fewest, max(farthest, fewest + 1), POINTS).round().astype(int)
    return sorted({*even.tolist(), *marks})


def _worth_detecting(break_even: float | Undefined) -> float | Undefined:
    """The break-even effect, unless there is nothing to detect."""
    if break_even == 0:
        return Undefined("the program costs nothing, so that any gain pays")
    return break_even


def _smallest(
    trial: Trial | Undefined, customers: int, pays_from: BreakEven | Undefined, target: float
) -> float | Undefined:
    if isinstance(pays_from, Undefined):
        return pays_from
    if isinstance(trial, Undefined):
        return trial
    return detectable_effect(trial, customers=customers, pays_from=pays_from, target=target)
