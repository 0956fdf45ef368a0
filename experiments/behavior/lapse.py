"""When does a customer lapse? Counts of customers per day, for each metric of retention.

A customer lapses at the start of the first gap of at least k days without activity, k being the
metric's `active_days`; day 0 is enrolment, so that who was never active lapses there. A gap must
lie inside the window to be seen: whoever has not lapsed is last seen k days before its end, and a
customer whose window is shorter than k days shows nothing and is not counted.
"""

from datetime import date

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import Enrolment, joined
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.pilot import Metric, Plan
from experiments.stats.survival import DayCounts
from experiments.terms import MetricKind


def lapses(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, as_of: date
) -> dict[str, dict[str, DayCounts]]:
    """Per metric of retention and arm, how many customers lapsed or were last seen on each day.

    Args:
        engine: Runs a query per metric.
        plan: Says which metrics there are, and when.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        as_of: The day of the analysis; customers whose window is not over are left out.
    """
    found: dict[str, dict[str, DayCounts]] = {}
    for metric in plan.metrics:
        if metric.kind is not MetricKind.RETENTION:
            continue
        counts = day_counts(metric, plan, behavior=behavior, enrolment=enrolment, as_of=as_of)
        rows = engine.fetch(counts).to_pylist()
        found[metric.name] = {
            arm: DayCounts.from_rows(
                (row["day"], row["lapsed"], row["censored"]) for row in rows if row["arm"] == arm
            )
            for arm in plan.design.arms
        }
    return found


def day_counts(
    metric: Metric, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, as_of: date
) -> ir.Table:
    """Per arm and day since enrolment: customers who lapsed, and who were last seen.

    Args:
        metric: One of retention.
        plan: Says its window.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        as_of: The day of the analysis.
    """
    gap = metric.active_days or 1
    window = MetricWindow.of(metric, plan, as_of=as_of)
    rows = joined(behavior, enrolment.rows)
    is_active = (rows.measure == metric.measure) & (rows.value > 0) & window.holds(rows)
    active = rows.filter(is_active)
    days = active.select(
        "customer", day=active.occurred_at.delta(active.enrolled_at, unit="day")
    ).distinct()
    # The first day without activity after the active day before; at first, the window's first.
    in_order = ibis.window(group_by=days.customer, order_by=days.day)
    since = (days.day.lag().over(in_order) + 1).fill_null(window.first_day)
    starts = days.mutate(since=since)
    lengths = starts.mutate(
        lapse=ibis.ifelse(starts.day - starts.since >= gap, starts.since, ibis.null("int64"))
    )
    of_customer = lengths.group_by("customer").agg(
        lapse=lengths.lapse.min(), idle_from=lengths.day.max() + 1
    )
    counted = enrolment.rows.filter(window.is_complete(enrolment.rows.enrolled_at, as_of=as_of))
    everybody = counted.left_join(of_customer, "customer")
    last = window.length(everybody.enrolled_at) + window.first_day - gap
    seen = everybody.mutate(last=last).filter(lambda t: t.last >= window.first_day)
    idle_from = seen.idle_from.fill_null(window.first_day)
    at_the_end = ibis.ifelse(idle_from <= seen.last, idle_from, ibis.null("int64"))
    lapse = ibis.coalesce(seen.lapse, at_the_end)
    timed = seen.select("arm", day=ibis.coalesce(lapse, seen.last), lapsed=lapse.notnull())
    return timed.group_by(["arm", "day"]).agg(
        lapsed=timed.lapsed.sum(), censored=(~timed.lapsed).sum()
    )
