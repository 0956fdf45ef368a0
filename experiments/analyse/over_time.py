"""The money metric's measure per customer, period by period and arm by arm.

Periods before the start show whether the groups were alike; they are as many as the pilot has,
as far as the ledger reaches back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from experiments.behavior.calendar import Calendar
from experiments.behavior.tally import Spread
from experiments.stats.moments import Sample

FEWEST = 3


@dataclass(frozen=True, slots=True)
class Period:
    """One period of the calendar.

    Attributes:
        starts_on: First day.
        ends_on: Last day.
        arms: Per arm, the measure per enrolled customer over the period; customers without
            rows count as 0.
    """

    starts_on: date
    ends_on: date
    arms: Mapping[str, Sample]


def periods(
    calendar: Calendar, spread: Mapping[tuple[str, int], Spread], *, customers: Mapping[str, int]
) -> tuple[Period, ...]:
    """The periods from the first with a row on; empty where rows lie in fewer than three.

    Args:
        calendar: Which periods there are.
        spread: Per arm and period with a row, the sums over its customers.
        customers: Per arm, how many were enrolled.
    """
    seen = sorted({number for _, number in spread})
    if len(seen) < FEWEST:
        return ()
    return tuple(
        Period(
            starts_on=calendar.first_day(number),
            ends_on=calendar.first_day(number + 1) - timedelta(days=1),
            arms={
                arm: Sample.from_sums(
                    n=many,
                    total=found.total if found else 0,
                    squares=found.squares if found else 0,
                )
                for arm, many in customers.items()
                for found in [spread.get((arm, number))]
            },
        )
        for number in range(seen[0], 2 * calendar.each)
    )
