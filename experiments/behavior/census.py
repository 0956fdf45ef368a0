"""What the ledger holds of the enrolled customers: counts and days, no outcome.

There is a group of rows per arm, measure and combination of stretches of days; everything that is
asked of the census is added up from them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, Recorded
from experiments.behavior.cells import AFTER, BEFORE, SPANS, Cells
from experiments.behavior.signs import Days
from experiments.behavior.tally import Counts, Number, Tally
from experiments.behavior.windows import MetricWindow
from experiments.pilot import Metric, Plan


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a measure and an arm that lie in the same stretches of days.

    Attributes:
        arm: The arm.
        measure: The measure.
        spans: Per shape of window, whether inside it (AFTER), before it (BEFORE), or neither.
        is_past: Not on or after the day of the analysis.
        is_held: From the customer's enrolment until the last window closes.
        counts: How many they are, of which days.
    """

    arm: str
    measure: str
    spans: tuple[int, ...]
    is_past: bool
    is_held: bool
    counts: Counts


@dataclass(frozen=True, slots=True)
class Census:
    """What the ledger holds of the enrolled customers.

    Attributes:
        shapes: The windows of the plan.
        groups: The rows of the plan's measures and contacts, and without a name those of others.
        first_outcome_recorded_at: When the first row inside a metric's window reached the ledger;
            None where none did.
    """

    shapes: tuple[MetricWindow, ...]
    groups: tuple[Group, ...]
    first_outcome_recorded_at: datetime | None = None

    @classmethod
    def of(cls, plan: Plan, cells: Cells, tally: Tally) -> "Census":
        """What a tally counted whose codes are those of `code_of`."""
        arms, shapes = sorted(plan.design.arms), shapes_of(plan)
        groups = [
            _group(counts, arms=arms, measures=cells.measures, shapes=len(shapes))
            for counts in tally.counts
        ]
        return cls(shapes, tuple(groups), tally.recorded_at)

    def recorded(self, plan: Plan) -> dict[str, Recorded]:
        """Per metric, what the ledger holds before the day of the analysis."""
        return {metric.name: self._recorded(plan, metric) for metric in plan.metrics}

    def rows_of(self, measure: str) -> int:
        """Rows of a measure, on whatever day."""
        return sum(group.counts.rows for group in self.groups if group.measure == measure)

    def newest(self, measure: str, arm: str) -> date | None:
        """Day of the newest row since enrolment, until the last window closes."""
        days = [
            group.counts.last
            for group in self.groups
            if (group.measure, group.arm) == (measure, arm) and group.is_held and group.is_past
        ]
        return max(days, default=None)

    def _lies(self, group: Group, plan: Plan, metric: Metric, span: int) -> bool:
        return group.spans[self.shapes.index(MetricWindow.of(metric, plan))] == span

    def _recorded(self, plan: Plan, metric: Metric) -> Recorded:
        past = [group for group in self.groups if group.is_past]
        own = [group for group in past if group.measure == metric.measure]
        inside = [group for group in own if self._lies(group, plan, metric, AFTER)]
        return Recorded(
            rows=_added(inside, lambda group: group.counts.rows),
            rows_before=_added(
                (group for group in own if self._lies(group, plan, metric, BEFORE)),
                lambda group: group.counts.rows,
            ),
            first_on=min((group.counts.first for group in own), default=None),
            fractional=_added(inside, lambda group: group.counts.fractional),
            with_item=_added(inside, lambda group: group.counts.with_item),
            rows_of_denominator=_added(
                (
                    group
                    for group in past
                    if group.measure == metric.denominator
                    and self._lies(group, plan, metric, AFTER)
                ),
                lambda group: group.counts.rows,
            ),
        )


def _added(groups: Iterable[Group], number: Callable[[Group], int]) -> int:
    return sum(number(group) for group in groups)


def shapes_of(plan: Plan) -> tuple[MetricWindow, ...]:
    """The windows of a plan, whole, each once."""
    return tuple(dict.fromkeys(MetricWindow.of(metric, plan) for metric in plan.metrics))


def code_of(plan: Plan, cells: Cells, enrolment: Enrolment, *, as_of: date) -> Number:
    """Which group a row that lies in cells belongs to, as a number that `Census.of` reads.

    Args:
        plan: Says arms and windows.
        cells: Of the plan.
        enrolment: The enrolled customers.
        as_of: The day of the analysis.
    """
    arms = sorted(plan.design.arms)
    spans = [f"span_{cells.shapes.index(shape)}" for shape in shapes_of(plan)]
    days = Days.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)

    def code(rows: ir.Table) -> ir.IntegerValue:
        known = [(rows.arm == arm, at) for at, arm in enumerate(arms)]
        found = ibis.cases(*known, else_=len(arms)).cast("int64")
        found = found * (len(cells.measures) + 1) + rows.measure_no
        for span in spans:
            found = found * SPANS + rows[span]
        for flag in (rows.occurred_at < ibis.literal(as_of), days.hold(rows)):
            found = found * 2 + flag.cast("int8")
        return found

    return code


def _group(counts: Counts, *, arms: Sequence[str], measures: Sequence[str], shapes: int) -> Group:
    code, is_held = divmod(counts.code, 2)
    code, is_past = divmod(code, 2)
    spans = []
    for _ in range(shapes):
        code, span = divmod(code, SPANS)
        spans.append(span)
    arm, measure = divmod(code, len(measures) + 1)
    return Group(
        arm=arms[arm] if arm < len(arms) else "",
        measure=measures[measure] if measure < len(measures) else "",
        spans=tuple(reversed(spans)),
        is_past=bool(is_past),
        is_held=bool(is_held),
        counts=counts,
    )
