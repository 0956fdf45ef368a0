"""Which days of a customer count for which metric: the outcome window and the pre-period.

Day 0 is the customer's enrolment day. All dates are days in the company's time zone.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.pilot import Metric, Plan


@dataclass(frozen=True, slots=True)
class MetricWindow:
    """The days of one metric.

    Attributes:
        first_day: First day after enrolment that counts.
        end_day: First day that counts no more; None where the window runs to `ends_on`.
        ends_on: Last day of the pilot.
        pre_days: Length of the pre-period; None where it is as long as the outcome window.
    """

    first_day: int
    end_day: int | None
    ends_on: date
    pre_days: int | None

    @classmethod
    def of(cls, metric: Metric, plan: Plan, *, as_of: date | None = None) -> "MetricWindow":
        """The window that the plan gives to a metric; while it still grows, up to `as_of`."""
        first, end = metric.window.days if metric.window else (0, None)
        ends_on = plan.pilot.ends_on
        if as_of is not None:
            ends_on = min(ends_on, as_of - timedelta(days=1))
        return cls(first, end, ends_on, metric.pre_days)

    @classmethod
    def of_contacts(cls, plan: Plan) -> "MetricWindow":
        """The days whose contacts count: from enrolment until the money metric's window closes.

        Money that still comes in after `ends_on` is set against the contacts that brought it.
        """
        return replace(cls.of(plan.money_metric, plan), first_day=0)

    def is_complete(self, enrolled_at: ir.DateColumn, *, as_of: date) -> ir.BooleanValue:
        """Customers whose days are over before `as_of`; in a growing window, who have one."""
        if self.end_day is None:
            return enrolled_at < ibis.literal(as_of)
        return enrolled_at <= ibis.literal(as_of - timedelta(days=self.end_day))

    def last_date(self, last_enrolled_on: date) -> date:
        """The day on which the window of the last customer closes."""
        if self.end_day is None:
            return self.ends_on
        return last_enrolled_on + timedelta(days=self.end_day - 1)

    def is_complete_for_all(self, last_enrolled_on: date, *, as_of: date) -> bool:
        """Whether the days of every customer are over before `as_of`."""
        if self.end_day is None:
            return last_enrolled_on < as_of
        return last_enrolled_on + timedelta(days=self.end_day) <= as_of

    def days(self, enrolled_on: date) -> int:
        """How many days the window of a customer has."""
        if self.end_day is None:
            return (self.ends_on - enrolled_on).days + 1
        return self.end_day - self.first_day

    def holds(self, rows: ir.Table) -> ir.BooleanValue:
        """Rows inside the outcome window; `rows` as `joined` gave them."""
        day = _day(rows)
        if self.end_day is None:
            return (day >= self.first_day) & (rows.occurred_at <= ibis.literal(self.ends_on))
        return (day >= self.first_day) & (day < self.end_day)

    def holds_before(self, rows: ir.Table, *, ago: int = 0) -> ir.BooleanValue:
        """Rows inside the pre-period, which ends the day before enrolment.

        Args:
            rows: As `joined` gave them.
            ago: How many pre-periods lie between; 0 for the one that ends at enrolment.
        """
        length = self._pre_length(rows)
        day = _day(rows) + length * ago
        return (day < 0) & (day >= -length)

    def holds_last(self, rows: ir.Table, days: int) -> ir.BooleanValue:
        """Rows inside the last so many days of the outcome window."""
        if self.end_day is None:
            begins = rows.occurred_at > ibis.literal(self.ends_on - timedelta(days=days))
        else:
            begins = _day(rows) >= self.end_day - days
        return self.holds(rows) & begins

    def holds_last_before(self, rows: ir.Table, days: int, *, ago: int = 0) -> ir.BooleanValue:
        """Rows inside the last so many days of the pre-period."""
        since = _day(rows) + self._pre_length(rows) * ago
        return self.holds_before(rows, ago=ago) & (since >= -days)

    def pre_days_of(self, enrolled_on: date) -> int:
        """How many days the pre-period of a customer has."""
        return self.days(enrolled_on) if self.pre_days is None else self.pre_days

    def length(self, enrolled_at: ir.DateColumn) -> ir.IntegerValue:
        """Days of each customer's outcome window."""
        if self.end_day is not None:
            return ibis.literal(self.end_day - self.first_day)
        return ibis.literal(self.ends_on).delta(enrolled_at, unit="day") + 1 - self.first_day

    def _pre_length(self, rows: ir.Table) -> ir.IntegerValue:
        if self.pre_days is not None:
            return ibis.literal(self.pre_days)
        if self.end_day is not None:
            return ibis.literal(self.end_day - self.first_day)
        return ibis.literal(self.ends_on).delta(rows.enrolled_at, unit="day") + 1


def _day(rows: ir.Table) -> ir.IntegerValue:
    """Days since enrolment, as `experiments.behavior.rows.joined` counted them once."""
    return rows.day


def last_window_closes(plan: Plan, *, last_enrolled_on: date) -> date:
    """The day on which the last window of the plan's metrics closes."""
    return max(MetricWindow.of(metric, plan).last_date(last_enrolled_on) for metric in plan.metrics)
