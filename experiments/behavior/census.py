"""What the ledger holds of the enrolled customers: counts and days, no outcome.

One question to the engine, whose answer has a row per arm, measure and combination of stretches of
days; everything that is asked of it is added up here. It may be asked while outcomes are veiled.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, Recorded, cells_of, joined
from experiments.behavior.cells import AFTER, BEFORE, SPANS
from experiments.behavior.signs import Days
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.pilot import Metric, Plan
from experiments.terms import MetricKind


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a measure and an arm that lie in the same stretches of days.

    Attributes:
        arm: The arm.
        measure: The measure.
        spans: Per shape of window, whether inside it (AFTER), before it (BEFORE), or neither.
        is_past: Not on or after the day of the analysis.
        is_held: From the customer's enrolment until the last window closes.
        rows: How many.
        first: Day of the oldest.
        last: Day of the newest.
        recorded_at: When the first of them was recorded.
        fractional: How many are no whole number, where the plan counts events.
        with_item: How many name an item, where the plan counts items.
    """

    arm: str
    measure: str
    spans: tuple[int, ...]
    is_past: bool
    is_held: bool
    rows: int
    first: date
    last: date
    recorded_at: datetime
    fractional: int = 0
    with_item: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """What the ledger holds of the enrolled customers.

    Attributes:
        shapes: The windows of the plan.
        groups: The rows of the plan's measures and contacts.
    """

    shapes: tuple[MetricWindow, ...]
    groups: tuple[Group, ...]

    def recorded(self, plan: Plan) -> dict[str, Recorded]:
        """Per metric, what the ledger holds before the day of the analysis."""
        return {metric.name: self._recorded(plan, metric) for metric in plan.metrics}

    def rows_of(self, measure: str) -> int:
        """Rows of a measure, on whatever day."""
        return sum(group.rows for group in self.groups if group.measure == measure)

    def newest(self, measure: str, arm: str) -> date | None:
        """Day of the newest row since enrolment, until the last window closes."""
        days = [
            group.last
            for group in self.groups
            if (group.measure, group.arm) == (measure, arm) and group.is_held and group.is_past
        ]
        return max(days, default=None)

    def first_outcome_recorded_at(self, plan: Plan) -> datetime | None:
        """When the first row inside a metric's window reached the ledger; None where none did."""
        moments = [
            group.recorded_at
            for metric in plan.metrics
            for group in self.groups
            if group.measure == metric.measure and self._lies(group, plan, metric, AFTER)
        ]
        return min(moments, default=None)

    def _lies(self, group: Group, plan: Plan, metric: Metric, span: int) -> bool:
        return group.spans[self.shapes.index(MetricWindow.of(metric, plan))] == span

    def _recorded(self, plan: Plan, metric: Metric) -> Recorded:
        past = [group for group in self.groups if group.is_past]
        own = [group for group in past if group.measure == metric.measure]
        inside = [group for group in own if self._lies(group, plan, metric, AFTER)]
        return Recorded(
            rows=_added(inside, lambda group: group.rows),
            rows_before=_added(
                (group for group in own if self._lies(group, plan, metric, BEFORE)),
                lambda group: group.rows,
            ),
            first_on=min((group.first for group in own), default=None),
            fractional=_added(inside, lambda group: group.fractional),
            with_item=_added(inside, lambda group: group.with_item),
            rows_of_denominator=_added(
                (
                    group
                    for group in past
                    if group.measure == metric.denominator
                    and self._lies(group, plan, metric, AFTER)
                ),
                lambda group: group.rows,
            ),
        )


def _added(groups: Iterable[Group], number: Callable[[Group], int]) -> int:
    return sum(number(group) for group in groups)


def take_census(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, as_of: date
) -> Census:
    """Count the rows of the plan's measures and of contacts.

    Args:
        engine: Runs the query.
        plan: Says measures and windows.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        as_of: The day of the analysis.
    """
    cells = cells_of(plan)
    measures = cells.measures
    arms = sorted(plan.design.arms)
    numbered = enrolment.rows.mutate(
        arm=ibis.cases(
            *[(enrolment.rows.arm == arm, at) for at, arm in enumerate(arms)], else_=len(arms)
        )
    )
    rows = cells.put(joined(cells.numbered(behavior), numbered))
    days = Days.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    code = rows.arm.cast("int32") * len(measures) + rows.measure_no
    for at in range(len(cells.shapes)):
        code = (code * SPANS + rows[f"span_{at}"]).cast("int32")
    for flag in (rows.occurred_at < ibis.literal(as_of), days.hold(rows)):
        code = (code * 2 + flag.cast("int8")).cast("int32")
    rows = rows.mutate(code=code)
    counts: dict[str, ir.Value] = {
        "rows": rows.count(),
        "first": rows.occurred_at.min(),
        "last": rows.occurred_at.max(),
        "recorded_at": rows.recorded_at.min(),
    }
    # Asked of the rows that matter alone: to look for fractions is the dearest question of all.
    for kind, name, is_such in (
        (MetricKind.COUNT, "fractional", rows.value != rows.value.floor()),
        (MetricKind.BREADTH, "with_item", rows.item.notnull()),
    ):
        inside = [
            cells.after(MetricWindow.of(metric, plan)).holds(rows, metric.measure)
            for metric in plan.metrics
            if metric.kind is kind
        ]
        if inside:
            found_so = ibis.ifelse(ibis.or_(*inside), is_such, ibis.literal(value=False))
            counts[name] = found_so.sum()
    found = engine.fetch(rows.group_by("code").agg(**counts).order_by("code"))
    groups = [
        _group(line, arms=arms, measures=measures, shapes=len(cells.shapes))
        for line in found.to_pylist()
    ]
    return Census(cells.shapes, tuple(groups))


def _group(
    line: dict[str, Any], *, arms: Sequence[str], measures: Sequence[str], shapes: int
) -> Group:
    code, is_held = divmod(line.pop("code"), 2)
    code, is_past = divmod(code, 2)
    spans = []
    for _ in range(shapes):
        code, span = divmod(code, SPANS)
        spans.append(span)
    arm, measure = divmod(code, len(measures))
    return Group(
        arm=arms[arm] if arm < len(arms) else "",
        measure=measures[measure],
        spans=tuple(reversed(spans)),
        is_past=bool(is_past),
        is_held=bool(is_held),
        **line,
    )
