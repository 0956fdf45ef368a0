"""What the charts show: effects with intervals, and the money metric over time."""

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate
from experiments.analyse.over_time import Period
from experiments.decide.verdict import Decision, Status
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.report.report import Effect, EffectsChart, Point, TimeChart, Tone
from experiments.report.wording import PERCENT, Unit, amount, headline_number, reading
from experiments.stats.limits import quantile
from experiments.terms import Direction, MetricKind
from experiments.value.contrast import Value
from experiments.words import day


def unit_of(metric: Metric) -> Unit:
    """How the numbers of a metric are said."""
    return Unit.of(metric.kind, metric.unit, name=metric.name)


def effects_chart(plan: Plan, analysis: Analysis, decision: Decision) -> EffectsChart | None:
    """A row per metric and treatment: the headline effect, as a relative change."""
    if analysis.veiled:
        return None
    values = {verdict.treatment: verdict.value for verdict in decision.verdicts}
    rows, left_out = [], []
    for metric in plan.metrics:
        for estimate in analysis.estimates:
            if not estimate.headline or estimate.metric != metric.name:
                continue
            made = _effect(plan, metric, estimate, values[estimate.treatment])
            if isinstance(made, Effect):
                rows.append(made)
            else:
                left_out.append(made)
    if not rows:
        return None
    return EffectsChart(_effects_title(plan, decision), tuple(rows), tuple(left_out))


def _label(plan: Plan, estimate: Estimate) -> str:
    several = len(plan.design.treatments) > 1
    return f"{estimate.metric}, {estimate.treatment}" if several else estimate.metric


def _effect(
    plan: Plan, metric: Metric, estimate: Estimate, value: Value | Undefined
) -> Effect | str:
    """A row of the chart, or a sentence that says why there is none."""
    name = _label(plan, estimate)
    interval, relative = estimate.interval, estimate.relative_to_decide
    if isinstance(interval, Undefined) or isinstance(estimate.difference, Undefined):
        reason = interval.reason if isinstance(interval, Undefined) else ""
        return f"{name} is not drawn: {reason}."
    text = reading(
        estimate.difference.value, interval.low, interval.high, unit_of(metric), sign=True
    )
    if isinstance(relative, Undefined) or isinstance(relative.interval, Undefined):
        return f"{name} changed by {text}; as a share of the control group it has no clear size."
    better = 1 if metric.direction is Direction.UP else -1
    tone = Tone.PLAIN
    if interval.low * better > 0 and interval.high * better > 0:
        tone = Tone.GOOD
    elif interval.low * better < 0 and interval.high * better < 0:
        tone = Tone.BAD
    is_money = metric.name == plan.value.metric
    return Effect(
        label=name,
        value=relative.value,
        low=relative.interval.low,
        high=relative.interval.high,
        text=text,
        relative_text=reading(
            relative.value, relative.interval.low, relative.interval.high, PERCENT, sign=True
        ),
        headline=is_money,
        tone=tone,
        break_even=_relative_break_even(estimate, value) if is_money else None,
    )


def _relative_break_even(estimate: Estimate, value: Value | Undefined) -> float | None:
    """The effect that pays, as a share of the control mean."""
    if isinstance(value, Undefined) or isinstance(estimate.mean_control, Undefined):
        return None
    return value.break_even / estimate.mean_control if estimate.mean_control > 0 else None


def _effects_title(plan: Plan, decision: Decision) -> str:
    """The finding: what treated customers did, and from which effect on the program pays."""
    verdict = decision.deciding
    if isinstance(verdict.value, Undefined):
        return f"What “{verdict.treatment}” changed"
    unit, rate = unit_of(plan.money_metric), float(plan.value.money_per_unit)
    margin = verdict.value.margin
    low, high = margin.low / rate, margin.high / rate
    by = headline_number(abs(margin.value) / rate, low, high, unit)
    moved = "rose" if margin.value >= 0 else "fell"
    failed = "Not valid, because a check failed: " if verdict.status is Status.INVALID else ""
    finding = (
        f"{failed}{plan.money_metric.name} {moved} by {by} per customer; “{verdict.treatment}” "
        f"pays from {amount(verdict.value.break_even, unit)}"
    )
    return _capitalised(finding)


def time_chart(plan: Plan, analysis: Analysis, *, treatment: str) -> TimeChart | None:
    """The money metric's measure per customer and period, by arm; None where there is no time.

    The title speaks of `treatment`.
    """
    if analysis.evidence is None or not analysis.evidence.over_time:
        return None
    metric = plan.money_metric
    periods = analysis.evidence.over_time
    weeks = ((periods[0].ends_on - periods[0].starts_on).days + 1) // 7
    length = "week" if weeks == 1 else f"{weeks} weeks"
    if metric.kind is MetricKind.RATE:
        unit = f"{metric.measure} per customer and {length}"
    else:
        unit = f"{metric.unit or metric.measure} per customer and {length}"
    return TimeChart(
        title=_time_title(plan, periods, treatment),
        unit=unit,
        control=plan.design.control,
        treatments=plan.design.treatments,
        starts_on=plan.pilot.starts_on,
        points=tuple(
            point for period in periods for point in _points(plan, period, metric.unit or "")
        ),
    )


def _time_title(plan: Plan, periods: tuple[Period, ...], treatment: str) -> str:
    """The finding: in how many periods the treatment had more, before the start and after."""
    control = plan.design.control
    before = [period for period in periods if period.ends_on < plan.pilot.starts_on]
    after = [period for period in periods if period.starts_on >= plan.pilot.starts_on]

    def ahead(some: list[Period]) -> str:
        count = sum(period.arms[treatment].mean > period.arms[control].mean for period in some)
        return f"{count} of {len(some)} periods"

    known = f", in {ahead(before)} before" if before else ""
    return _capitalised(
        f"{plan.money_metric.measure} per customer was higher in “{treatment}” in {ahead(after)} "
        f"from {day(plan.pilot.starts_on)} on{known}"
    )


def _capitalised(sentence: str) -> str:
    """The same with a capital first letter; the rest stays as people wrote it."""
    return sentence[:1].upper() + sentence[1:]


def _points(plan: Plan, period: Period, suffix: str) -> list[Point]:
    reach = quantile(0.5 + plan.confidence / 2)
    found = []
    for arm, sample in period.arms.items():
        half = reach * (sample.variance / sample.n) ** 0.5 if sample.n else 0.0
        low, high = sample.mean - half, sample.mean + half
        unit = Unit(1.0, f" {suffix}".rstrip(), "")
        text = reading(sample.mean, low, high, unit)
        found.append(Point(arm, period.starts_on, period.ends_on, sample.mean, low, high, text))
    return found
