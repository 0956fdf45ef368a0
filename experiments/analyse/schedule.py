"""On which days may outcomes be looked at? Said by the plan before any data.

A planned look takes in everything through its last day, so that it is as of the day after. Every
planned look whose day has come counts as taken, whether or not anybody opened the page: what is
spent does not depend on who was curious.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.pilot import Plan
from experiments.terms import Look
from experiments.words import day

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lifted:
    """Somebody who may lifted the veil before a permitted look: that is a look too.

    Attributes:
        by: Who.
        on: When.
        reason: Why.
    """

    by: str
    on: date
    reason: str

    @property
    def words(self) -> str:
        """Who, when and why, as the end of a sentence, without its point."""
        return f"by {self.by} on {day(self.on)}, because: {self.reason.rstrip(' .')}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The permitted looks of a pilot.

    Attributes:
        kind: Fixed, group sequential, or always valid.
        days: As of which day each planned look reads, in order; for `always_valid` the first day
            on which there is something to read, and the last that differs from the day before.
        growing: Whether the money metric's window grows from look to look, for one cohort, rather
            than customers completing theirs one after the other.
    """

    kind: Look
    days: tuple[date, ...]
    growing: bool

    @classmethod
    def of(cls, plan: Plan, *, last_enrolled_on: date) -> "Schedule":
        """The looks of a plan, once it is known when the last customer was enrolled."""
        over = last_window_closes(plan, last_enrolled_on=last_enrolled_on) + ONE_DAY
        if plan.design.look is Look.GROUP_SEQUENTIAL:
            days = [min(day + ONE_DAY, over) for day in plan.design.looks]
            return cls(
                plan.design.look, tuple(dict.fromkeys(days)), plan.money_metric.window is None
            )
        if plan.design.look is Look.ALWAYS_VALID:
            first = MetricWindow.of(plan.money_metric, plan).last_date(plan.pilot.starts_on)
            return cls(plan.design.look, (min(first + ONE_DAY, over), over), growing=False)
        return cls(plan.design.look, (over,), growing=False)

    @property
    def first(self) -> date:
        """The first day on which outcomes may be looked at."""
        return self.days[0]

    @property
    def last(self) -> date:
        """The day as of which the last look reads."""
        return self.days[-1]

    def newest(self, today: date) -> date | None:
        """The day as of which the newest permitted look reads; None before the first."""
        if self.kind is Look.ALWAYS_VALID:
            return min(today, self.last) if today >= self.first else None
        reached = [day for day in self.days if day <= today]
        return reached[-1] if reached else None

    def coming(self, today: date) -> date | None:
        """The next day on which a planned look may be taken; None where none is to come."""
        if self.kind is Look.ALWAYS_VALID and today >= self.first:
            return None
        return next((one for one in self.days if one > today), None)

    def number(self, as_of: date) -> int | None:
        """Which planned look reads as of this day, from 1; None for a day that is not planned."""
        return self.days.index(as_of) + 1 if as_of in self.days else None
