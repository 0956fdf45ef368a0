"""The money metric's measure per customer, period by period and arm by arm.

Periods before the start show whether the groups were alike; they are as many as the pilot has,
as far as the ledger reaches back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, joined
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.summaries import Summary
from experiments.behavior.windows import last_window_closes
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.stats.moments import Sample

WEEK, FOUR_WEEKS = 7, 28
MOST_WEEKS = 20  # a longer pilot is shown in periods of four weeks


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
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, as_of: date
) -> tuple[Period, ...]:
    """Whole periods before and after the pilot's first day; empty where fewer than three.

    Args:
        engine: Runs the queries.
        plan: Says which measure carries money, and when.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        as_of: The day of the analysis; a period that is not over by then is left out.
    """
    starts_on = plan.pilot.starts_on
    last = min(
        last_window_closes(plan, last_enrolled_on=enrolment.last_enrolled_on),
        as_of - timedelta(days=1),
    )
    span = (last - starts_on).days + 1
    length = WEEK if span <= MOST_WEEKS * WEEK else FOUR_WEEKS
    after = span // length
    rows = joined(behavior, enrolment.rows).filter(
        lambda t: (
            (t.measure == plan.money_metric.measure)
            & (t.occurred_at >= starts_on - timedelta(days=after * length))
            & (t.occurred_at < starts_on + timedelta(days=after * length))
        )
    )
    numbered = rows.mutate(
        period=(rows.occurred_at.delta(ibis.literal(starts_on), unit="day") / length)
        .floor()
        .cast("int64")
    )
    totals = numbered.group_by(["customer", "arm", "period"]).agg(
        value=lambda t: t.value.sum().cast(AMOUNT_TYPE)
    )
    summary = Summary((("value",),))
    keys = ["arm", "period"]
    found = summary.read(engine.fetch(summary.expression(totals, by=keys)), by=keys)
    sizes = {
        row["arm"]: row["n"]
        for row in engine.fetch(
            enrolment.rows.group_by("arm").agg(n=lambda t: t.count())
        ).to_pylist()
    }
    seen = sorted({int(period) for _, period in found})
    if len(seen) < 3:
        return ()
    return tuple(
        Period(
            starts_on=starts_on + timedelta(days=number * length),
            ends_on=starts_on + timedelta(days=(number + 1) * length - 1),
            arms={
                arm: Sample.from_sums(
                    n=sizes.get(arm, 0),
                    total=sums.totals["value"] if sums else 0,
                    squares=sums.products["value", "value"] if sums else 0,
                )
                for arm in plan.design.arms
                for sums in [found.get((arm, str(number)))]
            },
        )
        for number in range(seen[0], after)
    )
