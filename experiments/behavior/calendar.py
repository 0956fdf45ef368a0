"""The periods of the calendar in which a pilot is shown: weeks, or four weeks of a long one.

Periods before the start show whether the groups were alike; they are as many as the pilot has.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.windows import last_window_closes
from experiments.pilot import Plan

WEEK, FOUR_WEEKS = 7, 28
MOST_WEEKS = 20  # a longer pilot is shown in periods of four weeks


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of equal length, as many before the first day as after it.

    Attributes:
        starts_on: The pilot's first day, on which a period begins.
        length: Days of a period.
        each: How many whole periods there are before, and since.
    """

    starts_on: date
    length: int
    each: int

    @classmethod
    def of(cls, plan: Plan, *, last_enrolled_on: date, as_of: date) -> "Calendar":
        """The periods of a plan that are over before a day."""
        closes = last_window_closes(plan, last_enrolled_on=last_enrolled_on)
        last = min(closes, as_of - timedelta(days=1))
        span = (last - plan.pilot.starts_on).days + 1
        length = WEEK if span <= MOST_WEEKS * WEEK else FOUR_WEEKS
        return cls(plan.pilot.starts_on, length, max(0, span // length))

    def period(self, rows: ir.Table, *, measure: int) -> ir.IntegerValue:
        """Which period a row of a measure lies in, from 0 for the oldest; -1 for none."""
        since = rows.occurred_at.delta(ibis.literal(self.starts_on), unit="day")
        days = since + self.each * self.length
        inside = (rows.measure_no == measure) & (days >= 0)
        within = inside & (days < 2 * self.each * self.length)
        return ibis.ifelse(within, days // self.length, -1)

    def first_day(self, period: int) -> date:
        """The first day of a period."""
        return self.starts_on + timedelta(days=(period - self.each) * self.length)
