"""What does the ledger hold for a plan: who was reached, which rows count, which are missing?

Counts and days, no outcome, so that all of it may be asked while outcomes are veiled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, Recorded, is_contact, joined
from experiments.behavior.census import Census
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.errors import BadInput, MissingMeasure
from experiments.pilot import Metric, Plan
from experiments.terms import CONTACT, MetricKind
from experiments.words import day

Arm = str


@dataclass(frozen=True, slots=True)
class Reach:
    """Who was contacted by this program, by arm; may show while outcomes are veiled.

    Attributes:
        customers: Enrolled customers.
        contacted: Of them, customers with at least one contact.
    """

    customers: int
    contacted: int


@dataclass(frozen=True, slots=True)
class RowsUsed:
    """Rows of a measure by enrolled customers: inside the window, before it, and altogether."""

    inside: int
    before: int
    total: int

    def __str__(self) -> str:
        other = self.total - self.inside - self.before
        return f"{self.inside:,} in the window, {self.before:,} before it, {other:,} at other times"


def reach(
    engine: Engine, plan: Plan, *, behavior: ir.Table | None, enrolment: Enrolment
) -> dict[Arm, Reach]:
    """Count customers and contacted customers per arm; nobody was contacted without behavior."""
    contacted: dict[Arm, int] = {}
    if behavior is not None:
        rows = joined(behavior.filter(behavior.measure == CONTACT), enrolment.rows)
        contacts = rows.filter(is_contact(plan, rows) & (rows.value > 0))
        contacted = _per_arm(engine, contacts.group_by("arm").agg(n=contacts.customer.nunique()))
    enrolled = _per_arm(engine, enrolment.rows.group_by("arm").agg(n=lambda t: t.count()))
    return {arm: Reach(enrolled.get(arm, 0), contacted.get(arm, 0)) for arm in plan.design.arms}


def _per_arm(engine: Engine, counts: ir.Table) -> dict[Arm, int]:
    return {row["arm"]: row["n"] for row in engine.fetch(counts).to_pylist()}


def refuse_silence(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    known: Mapping[str, Recorded],
    reached: Mapping[Arm, Reach],
) -> None:
    """Silence is not zero: a measure that nobody recorded is an error, and so is a misuse.

    Raises:
        MissingMeasure: No enrolled customer has a row of a metric's measure inside its window,
            or a cost per contact has no contact to count.
        BadInput: A metric counts events, but its measure holds fractions.
    """
    for metric in plan.metrics:
        found = known[metric.name]
        if found.rows == 0:
            raise MissingMeasure(metric.name, metric.measure, _measures(engine, behavior))
        if metric.denominator is not None and found.rows_of_denominator == 0:
            raise MissingMeasure(metric.name, metric.denominator, _measures(engine, behavior))
        if metric.kind is MetricKind.BREADTH and found.with_item == 0:
            raise BadInput(
                f"Metric {metric.name!r} counts different items, but no row of "
                f"{metric.measure!r} names one. Record the measure with its item, such as the "
                f"product or its category."
            )
        if metric.kind is MetricKind.COUNT and found.fractional:
            raise BadInput(
                f"Metric {metric.name!r} counts events, but {found.fractional:,} rows of "
                f"{metric.measure!r} are not whole numbers. An event measure holds how many "
                f'events a row stands for, usually 1; for amounts use kind = "mean".'
            )
    costs = (plan.value.pilot, plan.value.rollout_costs())
    if any(cost.cost_per_contact for cost in costs) and not any(
        arm.contacted for arm in reached.values()
    ):
        raise MissingMeasure("cost_per_contact", CONTACT, _measures(engine, behavior))


def _measures(engine: Engine, behavior: ir.Table) -> list[str]:
    names = engine.fetch(behavior.select("measure").distinct().order_by("measure"))
    return [str(name) for name in names["measure"].to_pylist()]


def rows_used(plan: Plan, census: Census, known: Mapping[str, Recorded]) -> dict[str, RowsUsed]:
    """Per metric, where the rows of its measure by enrolled customers lie."""
    return {
        metric.name: RowsUsed(
            known[metric.name].rows,
            known[metric.name].rows_before,
            census.rows_of(metric.measure),
        )
        for metric in plan.metrics
    }


def rows_seen(plan: Plan, *, behavior: ir.Table, as_of: date) -> ir.Table:
    """The rows that an analysis reads: of its measures, before its day."""
    measures = {name for metric in plan.metrics for name in metric.measures} | {CONTACT}
    return behavior.filter((behavior.occurred_at < as_of) & behavior.measure.isin(sorted(measures)))


def missing_days(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    complete_through: Mapping[str, date],
    as_of: date | None = None,
) -> dict[str, str]:
    """Per measure whose newest row precedes its window's end undeclared, which days are missing.

    A measure without any row is not reported here: that is an error of its own. At a look `as_of`
    a day before the end, rows up to that day are enough.
    """
    ends = [
        (measure, _ends(plan, metric, enrolment, as_of=as_of))
        for metric in plan.metrics
        for measure in metric.measures
    ]
    awaited: dict[str, date] = {}
    for measure, end in ends:
        if complete_through.get(measure, date.min) < end:
            awaited[measure] = max(end, awaited.get(measure, end))
    if not awaited:
        return {}
    # One row of the last day or later is enough to know that nothing is missing, and found fast.
    silent = sorted(awaited.keys() - _arrived(engine, behavior, awaited))
    if not silent:
        return {}
    newest = _newest(engine, behavior.filter(behavior.measure.isin(silent)))
    gaps: dict[str, str] = {}
    for measure, end in ends:
        through = max(newest.get(measure, end), complete_through.get(measure, date.min))
        if through < end:
            first = through + timedelta(days=1)
            gaps[measure] = f"from {day(first)} to {day(end)}" if first < end else f"on {day(end)}"
    return gaps


def _ends(plan: Plan, metric: Metric, enrolment: Enrolment, *, as_of: date | None) -> date:
    """The last day on which rows of a metric are awaited."""
    ends = MetricWindow.of(metric, plan).last_date(enrolment.last_enrolled_on)
    return ends if as_of is None else min(ends, as_of - timedelta(days=1))


def _arrived(engine: Engine, behavior: ir.Table, days: Mapping[str, date]) -> set[str]:
    """The measures with a row of their day or later."""
    late = [
        behavior.filter((behavior.measure == measure) & (behavior.occurred_at >= ibis.literal(end)))
        .select("measure")
        .limit(1)
        for measure, end in days.items()
    ]
    return set(engine.fetch(ibis.union(*late))["measure"].to_pylist())


def _newest(engine: Engine, behavior: ir.Table) -> dict[str, date]:
    newest = behavior.group_by("measure").agg(newest=behavior.occurred_at.max())
    return {row["measure"]: row["newest"] for row in engine.fetch(newest).to_pylist()}


def first_outcome_recorded_at(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment
) -> datetime | None:
    """When the first row inside a metric's window reached the ledger; None where none did."""
    rows = joined(behavior, enrolment.rows)
    outcomes = ibis.or_(
        *[
            (rows.measure == metric.measure) & MetricWindow.of(metric, plan).holds(rows)
            for metric in plan.metrics
        ]
    )
    first = engine.fetch(rows.aggregate(at=rows.recorded_at.min(where=outcomes)))["at"][0].as_py()
    return first if isinstance(first, datetime) else None
