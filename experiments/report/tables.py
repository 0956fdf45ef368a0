"""Which table stands behind each chart? The same numbers, in words and in full."""

from datetime import date

from experiments.report.report import (
    Curve,
    EffectsChart,
    Money,
    RetentionChart,
    Table,
    TimeChart,
)
from experiments.words import day, month

MOST_DAYS = 12  # rows of a table of days


def effects_table(chart: EffectsChart) -> Table:
    """Every row of the forest plot, as text."""
    return Table(
        caption="Every effect of the chart, in its own unit and as a change against control.",
        heads=("Metric", "Effect (interval)", "Relative change (interval)"),
        numeric=(False, False, False),
        rows=tuple((r.label, r.text, r.relative_text) for r in chart.rows),
        strong=tuple(i for i, r in enumerate(chart.rows) if r.headline),
    )


def time_table(chart: TimeChart) -> Table:
    """A row for each period, a column for each arm."""
    arms = (chart.control, *chart.treatments)
    texts = {(p.starts_on, p.ends_on, p.arm): p.text for p in chart.points}
    periods = sorted({(first, last) for first, last, _ in texts})
    return Table(
        caption=f"Means by period, {chart.unit}, with intervals.",
        heads=("Period", *arms),
        numeric=(False, *(True for _ in arms)),
        rows=tuple(
            (
                f"{day(first)} to {day(last)}",
                *(texts.get((first, last, arm), "no data") for arm in arms),
            )
            for first, last in periods
        ),
    )


def retention_table(chart: RetentionChart) -> Table:
    """The share of customers not yet lapsed, on up to a dozen days."""
    days = sorted({point.day for curve in chart.curves for point in curve.points})
    every = -(-len(days) // MOST_DAYS) or 1
    shown = [*days[:-1:every], *days[-1:]]
    return Table(
        caption="Share of customers not yet lapsed by the end of a day since enrolment, intervals "
        "in brackets.",
        heads=("Day", *(f"{curve.arm} ({curve.customers:,})" for curve in chart.curves)),
        numeric=(True, *(True for _ in chart.curves)),
        rows=tuple(
            (f"{day:g}", *(_share_on(curve, day) for curve in chart.curves)) for day in shown
        ),
    )


def _share_on(curve: Curve, day: float) -> str:
    """The curve's value on a day: that of the newest point; everybody before the first."""
    known = [point for point in curve.points if point.day <= day]
    if not known:
        return "100 %"
    followed = day <= curve.points[-1].day or curve.points[-1].share == 0
    return known[-1].text if followed else "not followed"


def money_table(money: Money) -> Table:
    """Every bar of the waterfall, as text."""
    return Table(
        caption="Every bar of the chart, per treated customer; heavier rows are totals.",
        heads=("Step", "Amount"),
        numeric=(False, True),
        rows=tuple((s.label, s.text) for s in money.steps),
        strong=tuple(i for i, s in enumerate(money.steps) if s.is_total),
    )


def short_day(value: date) -> str:
    """A day without its year.

    Example:
        >>> short_day(date(2026, 3, 21))
        '21 Mar'
    """
    return f"{value.day} {month(value)[:3]}"
