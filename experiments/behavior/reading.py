"""What the rows of behavior say of a plan's customers, read once for everything that follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, cells_of, numbers_of
from experiments.behavior.calendar import Calendar
from experiments.behavior.cells import Cells
from experiments.behavior.census import Census, code_of
from experiments.behavior.kinds import Stretch, is_a_sum
from experiments.behavior.scatter import take_tally
from experiments.behavior.signs import Weeks, months_of, sums_by_month
from experiments.behavior.tally import Asked, Condition, Spread
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.terms import MetricKind


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass over the rows found.

    Attributes:
        census: Counts and days.
        customers: The enrolled customers, with every number of a metric that is a sum, and what
            the checks ask of customers.
        periods: The money metric's measure per arm and period of the calendar.
    """

    census: Census
    customers: ir.Table
    periods: Mapping[tuple[str, int], Spread]


def read_behavior(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    as_of: date,
    earlier: Sequence[date] = (),
    with_checks: bool = True,
) -> Reading:
    """Read the rows of the enrolled customers.

    Args:
        engine: Where the rows are.
        plan: Says measures and windows.
        behavior: Rows of the ledger that may be read, of whatever measure and day.
        enrolment: The enrolled customers.
        as_of: The day of the analysis; no number takes in a row of that day or a later one.
        earlier: Days as of which the money metric is wanted too, where its window grows.
        with_checks: Whether more is wanted than numbers and counts.
    """
    asked = asked_of(plan, enrolment, as_of=as_of, earlier=earlier, with_checks=with_checks)
    tally = take_tally(engine, asked, behavior=behavior, enrolment=enrolment.rows)
    return Reading(Census.of(plan, asked.cells, tally), tally.customers, tally.periods)


def asked_of(
    plan: Plan,
    enrolment: Enrolment,
    *,
    as_of: date,
    earlier: Sequence[date] = (),
    with_checks: bool = True,
) -> Asked:
    """What is asked of the rows; arguments as for `read_behavior`."""
    cells = cells_of(plan, as_of=as_of, earlier=earlier)
    sums = _sums(plan, cells, as_of=as_of, earlier=earlier)
    asked = Asked(
        cells=cells,
        code=code_of(plan, cells, enrolment, as_of=as_of),
        sums=sums,
        whole=_inside(plan, cells, MetricKind.COUNT),
        items=_inside(plan, cells, MetricKind.BREADTH),
        dated=_inside(plan, cells, *MetricKind),
    )
    if with_checks:
        weeks = Weeks.of(plan, enrolment, as_of=as_of)
        months = months_of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
        money = plan.money_metric.measure
        calendar = Calendar.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
        asked = replace(
            asked,
            sums={**sums, **sums_by_month(plan, cells, months, as_of=as_of)},
            bits=weeks.bits,
            bit=partial(weeks.bit, cells=cells),
            period=partial(calendar.period, measure=cells.measures.index(money)),
        )
    return asked


def _sums(
    plan: Plan, cells: Cells, *, as_of: date, earlier: Sequence[date]
) -> dict[str, Condition]:
    """Of which rows each number is the sum, by the columns of the accounts."""
    found: dict[str, Condition] = {}

    def add(column: str, measure: str, stretch: Stretch) -> None:
        found[column] = lambda rows: (
            stretch.holds(rows, measure) & (rows.occurred_at < ibis.literal(as_of))
        )

    for at, metric in enumerate(plan.metrics):
        if not is_a_sum(metric.kind):
            continue
        window = MetricWindow.of(metric, plan, as_of=as_of)
        for one in numbers_of(metric, at, has_before=True):
            stretch = one.stretch(cells, window)
            add(one.upper, metric.measure, stretch)
            if one.lower is not None and metric.denominator is not None:
                add(one.lower, metric.denominator, stretch)
    money = plan.money_metric
    for at, day in enumerate(earlier):
        window = MetricWindow.of(money, plan, as_of=day)
        add(f"earlier_{at}", money.measure, cells.after(window))
    return found


def _inside(plan: Plan, cells: Cells, *kinds: MetricKind) -> Condition | None:
    """Rows inside the whole window of a metric of such a kind; None where there is none."""
    metrics = [metric for metric in plan.metrics if metric.kind in kinds]
    if not metrics:
        return None
    return lambda rows: ibis.or_(
        *[
            cells.after(MetricWindow.of(metric, plan)).holds(rows, metric.measure)
            for metric in metrics
        ]
    )
