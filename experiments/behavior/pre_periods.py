"""What a customer did in each of the stretches of days before enrolment.

A pre-period is as long as the outcome window (or `pre_days`); the newest ends the day before
enrolment. One into which the measure's first row falls still counts, as it does for the single
pre-period of the accounts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import joined
from experiments.behavior.caps import percentile
from experiments.behavior.kinds import AMOUNT_TYPE, Stretch, has_denominator, number, numerator
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.pilot import Metric, Plan

MOST = 6


@dataclass(frozen=True, slots=True)
class PrePeriods:
    """A row per customer with the value of metrics in the periods before enrolment.

    Attributes:
        rows: Columns `customer` and the periods, DECIMAL(18, 4); no behavior is 0.
        columns: Per metric, its periods, oldest first; none where the ledger reaches into none,
            or where the metric is a sum over a sum.
    """

    rows: ir.Table
    columns: Mapping[str, tuple[str, ...]]


def reached(window: MetricWindow, *, first_on: date | None, first_enrolled_on: date) -> int:
    """How many pre-periods of every customer the ledger reaches into, at most 6.

    Args:
        window: Of the metric.
        first_on: Day of the measure's first row; None where there is none.
        first_enrolled_on: Day on which the first customer was enrolled.

    Example:
        >>> month = MetricWindow(0, 30, date(2026, 3, 31), None)
        >>> reached(month, first_on=date(2026, 1, 15), first_enrolled_on=date(2026, 3, 1))
        2
    """
    if first_on is None:
        return 0
    length = timedelta(days=window.pre_days_of(first_enrolled_on))
    return sum(first_enrolled_on - ago * length > first_on for ago in range(MOST))


def pre_periods(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: ir.Table,
    first_on: Mapping[str, date | None],
    as_of: date,
) -> PrePeriods:
    """Add up the periods before enrolment.

    Args:
        engine: Runs the queries.
        plan: Says metrics and windows.
        behavior: Rows of the ledger that may be read.
        enrolment: Columns `customer`, `arm` and `enrolled_at`.
        first_on: Per metric, the day of its measure's first row.
        as_of: The day of the analysis; a window that still grows ends the day before.
    """
    first_enrolled_on = engine.fetch(enrolment.aggregate(day=enrolment.enrolled_at.min()))
    day = first_enrolled_on["day"][0].as_py()
    rows = joined(behavior, enrolment)
    totals: dict[str, ir.Value] = {}
    columns: dict[str, tuple[str, ...]] = {}
    for at, metric in enumerate(plan.metrics):
        window = MetricWindow.of(metric, plan, as_of=as_of)
        many = reached(window, first_on=first_on[metric.name], first_enrolled_on=day)
        periods = range(0 if has_denominator(metric.kind) else many)
        columns[metric.name] = tuple(f"period_{at}_{ago}" for ago in reversed(periods))
        for ago in periods:
            totals[f"period_{at}_{ago}"] = numerator(
                metric, rows, Stretch.before(window, ago=ago), last_day=""
            )
    customers = enrolment.select("customer")
    if not totals:
        return PrePeriods(customers, columns)
    everybody = customers.left_join(rows.group_by("customer").agg(totals), "customer")
    found = engine.keep(
        everybody.select(
            customers.customer,
            **{
                name: number(metric, everybody[name])
                for metric in plan.metrics
                for name in columns[metric.name]
            },
        )
    )
    cut = {
        name: _capped(engine, metric, found, name)
        for metric in plan.metrics
        for name in columns[metric.name]
        if metric.cap is not None
    }
    return PrePeriods(found.mutate(**cut) if cut else found, columns)


def _capped(engine: Engine, metric: Metric, customers: ir.Table, name: str) -> ir.Value:
    """A period cut as the outcome is: at the plan's value, or at its percentile of all arms."""
    at = None
    if metric.cap is not None:
        at = metric.cap.value
        if metric.cap.percentile is not None:
            at = percentile(engine, customers, name, per_cent=metric.cap.percentile)
    column = customers[name]
    if at is None:
        return column
    # With its type: Ibis takes a bare Decimal for one of three decimals.
    return ibis.least(column, ibis.literal(at, AMOUNT_TYPE))
