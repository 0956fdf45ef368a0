"""How long does a pilot take, from its first day to the close of its last window?"""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from experiments.behavior.windows import MetricWindow
from experiments.errors import Undefined
from experiments.pilot import Window


def duration(
    windows: Sequence[Window | None],
    *,
    starts_on: date,
    ends_on: date,
    last_enrolled_on: date | None = None,
) -> int | Undefined:
    """Days from the start to the close of the last window, both included.

    Args:
        windows: Of each metric; None for one that runs to `ends_on`.
        starts_on: First day of the pilot.
        ends_on: Its last day.
        last_enrolled_on: Day on which the last customer is enrolled; None for the first day.

    Example:
        >>> duration([Window(days=(0, 14))], starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 10))
        14
    """
    if ends_on < starts_on:
        return Undefined("the last day is before the first")
    if not windows:
        return Undefined("there is no metric yet")
    closes = [
        MetricWindow(0, window.days[1] if window else None, ends_on, None).last_date(
            last_enrolled_on or starts_on
        )
        for window in windows
    ]
    return (max(closes) - starts_on).days + 1


def last_enrolment(
    customers: int, *, customers_per_day: float, starts_on: date
) -> date | Undefined:
    """The day on which the last customer is enrolled, where they arrive day by day.

    Args:
        customers: Of all groups together.
        customers_per_day: New ones that are enrolled on a day, on average.
        starts_on: Day on which the first are enrolled.

    Example:
        >>> last_enrolment(1_000, customers_per_day=300, starts_on=date(2026, 3, 1))
        datetime.date(2026, 3, 4)
    """
    if not customers_per_day > 0:
        return Undefined("nobody arrives, so that nobody is enrolled")
    days = math.ceil(customers / customers_per_day)
    try:
        return starts_on + timedelta(days=max(0, days - 1))
    except OverflowError:
        return Undefined("so few arrive on a day that it would take millennia")
