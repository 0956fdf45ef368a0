"""How long customers stay, for the page and for scripts."""

from experiments.analyse.analysis import Analysis
from experiments.analyse.lapse import Stay, stays
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.plain import Json, bounded, number_or_reason, undefined
from experiments.report.report import Curve, CurvePoint, RetentionChart
from experiments.report.wording import PERCENT, Unit, counted, number, reading
from experiments.stats.estimate import Difference
from experiments.stats.rmst import RestrictedMeans
from experiments.stats.survival import SurvivalCurve, SurvivalPoint
from experiments.words import p_is

DAYS = Unit(1.0, " days", "")


def retention_json(plan: Plan, analysis: Analysis) -> list[Json]:
    """Per metric of retention and treatment, curves, test and average time; empty while veiled."""
    return [_json(stay) for stay in _stays(plan, analysis)]


def retention_charts(plan: Plan, analysis: Analysis) -> tuple[RetentionChart, ...]:
    """A chart per metric of retention and treatment; none while veiled."""
    return tuple(
        chart
        for stay in _stays(plan, analysis)
        if (chart := _chart(plan, stay, confidence=analysis.confidence)) is not None
    )


def _stays(plan: Plan, analysis: Analysis) -> tuple[Stay, ...]:
    if analysis.evidence is None:
        return ()
    return stays(plan, analysis.evidence, confidence=analysis.confidence)


def _json(stay: Stay) -> Json:
    return {
        "metric": stay.metric,
        "treatment": stay.treatment,
        "log_rank": undefined(stay.log_rank)
        if isinstance(stay.log_rank, Undefined)
        else {"statistic": stay.log_rank.statistic, "p_value": stay.log_rank.p_value},
        "restricted_mean": _means_json(stay),
        "curves": {
            arm: undefined(curve) if isinstance(curve, Undefined) else _curve_json(curve)
            for arm, curve in stay.curves.items()
        },
    }


def _means_json(stay: Stay) -> Json:
    if isinstance(stay.means, Undefined):
        return undefined(stay.means)
    gap = stay.means.difference
    return {
        "horizon": number_or_reason(stay.horizon),
        "treatment": stay.means.treatment.time,
        "control": stay.means.control.time,
        "difference": undefined(gap)
        if isinstance(gap, Undefined)
        else {**bounded(gap), "p_value": gap.p_value},
    }


def _curve_json(curve: SurvivalCurve) -> list[list[float | Json]]:
    return [
        [point.time, point.survival, undefined(point.interval), undefined(point.interval)]
        if isinstance(point.interval, Undefined)
        else [point.time, point.survival, point.interval.low, point.interval.high]
        for point in curve.points
    ]


def _chart(plan: Plan, stay: Stay, *, confidence: float) -> RetentionChart | None:
    curves = []
    for arm in (stay.control, stay.treatment):
        curve = stay.curves[arm]
        if isinstance(curve, Undefined):
            return None
        curves.append(_curve(arm, curve))
    gap = next(metric.active_days for metric in plan.metrics if metric.name == stay.metric) or 1
    return RetentionChart(
        title=_title(stay),
        treatment_place=plan.design.treatments.index(stay.treatment),
        curves=(curves[0], curves[1]),
        notes=(
            f"A customer lapses on the first day of {counted(gap, 'day', 'days')} or more without "
            f"{stay.metric}. Intervals hold with {confidence:.4g} at each day by itself.",
            *_notes(stay),
        ),
    )


def _curve(arm: str, curve: SurvivalCurve) -> Curve:
    return Curve(arm, curve.customers, tuple(_point(point) for point in curve.points))


def _point(point: SurvivalPoint) -> CurvePoint:
    if isinstance(point.interval, Undefined):
        low = high = point.survival
        text = f"{number(100 * point.survival, 1)} %"
    else:
        low, high = point.interval.low, point.interval.high
        text = reading(point.survival, low, high, PERCENT)
    return CurvePoint(point.time, point.survival, low, high, text)


def _title(stay: Stay) -> str:
    gap = _gap(stay)
    if gap is None:
        return f"How long customers of “{stay.treatment}” and “{stay.control}” stayed"
    said = reading(abs(gap.value), *_turned(gap), DAYS)
    longer = "longer" if gap.value >= 0 else "shorter"
    within = f"within {stay.horizon:g} days" if isinstance(stay.horizon, float) else ""
    doubt = "" if gap.low > 0 or gap.high < 0 else ", no more than chance explains"
    return (
        f"Customers of “{stay.treatment}” stayed {said} {longer} {within} of their enrolment{doubt}"
    )


def _turned(gap: Difference) -> tuple[float, float]:
    return (gap.low, gap.high) if gap.value >= 0 else (-gap.high, -gap.low)


def _gap(stay: Stay) -> Difference | None:
    if isinstance(stay.means, Undefined) or isinstance(stay.means.difference, Undefined):
        return None
    return stay.means.difference


def _notes(stay: Stay) -> tuple[str, ...]:
    if isinstance(stay.log_rank, Undefined):
        return (f"The curves are not tested: {stay.log_rank.reason}.",)
    tested = f"Log-rank test of equal paces: {p_is(stay.log_rank.p_value)}."
    if not isinstance(stay.means, RestrictedMeans):
        return (tested,)
    means = stay.means
    return (
        f"{tested} On average customers stayed {number(means.treatment.time, 2)} days in "
        f"“{stay.treatment}” and {number(means.control.time, 2)} days in “{stay.control}”, counted "
        f"up to day {stay.horizon:g}.",
    )
