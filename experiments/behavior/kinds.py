"""How a customer's rows become the customer's number, for each kind of metric.

Dates are days, so that a customer's last score is the mean of the scores of the last day on which
there is one: nothing orders the rows of a day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from experiments.behavior.windows import MetricWindow
from experiments.pilot import Metric
from experiments.terms import MetricKind

AMOUNT_TYPE = dt.Decimal(18, 4)
UNITS = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of a customer's days: the outcome window, or the days before enrolment.

    Attributes:
        holds: Which rows of a measure lie inside.
        holds_last: Which of them lie inside the last so many days of it.
    """

    holds: Callable[[ir.Table, str], ir.BooleanValue]
    holds_last: Callable[[ir.Table, str, int], ir.BooleanValue]

    @classmethod
    def of_days(
        cls,
        holds: Callable[[ir.Table], ir.BooleanValue],
        holds_last: Callable[[ir.Table, int], ir.BooleanValue],
    ) -> "Stretch":
        """The same days for every measure."""
        return cls(
            lambda rows, measure: (rows.measure == measure) & holds(rows),
            lambda rows, measure, days: (rows.measure == measure) & holds_last(rows, days),
        )

    @classmethod
    def after(cls, window: MetricWindow) -> "Stretch":
        """The outcome window."""
        return cls.of_days(window.holds, window.holds_last)

    @classmethod
    def before(cls, window: MetricWindow, *, ago: int = 0) -> "Stretch":
        """The pre-period, or the one so many before it."""
        return cls.of_days(
            partial(window.holds_before, ago=ago), partial(window.holds_last_before, ago=ago)
        )


def has_denominator(kind: MetricKind) -> bool:
    """Whether customers have two numbers, whose sums are divided by each other."""
    return kind in (MetricKind.RATIO, MetricKind.LATEST)


def is_a_sum(kind: MetricKind) -> bool:
    """Whether a customer's number follows from sums of values alone."""
    return kind in (MetricKind.MEAN, MetricKind.COUNT, MetricKind.RATE, MetricKind.RATIO)


def days_of_last_scores(
    metric: Metric, rows: ir.Table, stretch: Stretch, *, name: str
) -> dict[str, ir.Value]:
    """For `latest`, a column with the customer's last day that has a score; else nothing."""
    if metric.kind is not MetricKind.LATEST:
        return {}
    scored = stretch.holds(rows, metric.measure)
    day = ibis.ifelse(scored, rows.occurred_at, ibis.null("date"))
    return {name: day.max().over(ibis.window(group_by=rows.customer))}


def numerator(
    metric: Metric, rows: ir.Table, stretch: Stretch, *, last_day: str
) -> ir.NumericValue:
    """Per customer, the number of a metric; the upper of the two where it has two.

    Args:
        metric: The metric.
        rows: Rows of behavior with `enrolled_at`, to be grouped by customer.
        stretch: Which days count.
        last_day: Column that `days_of_last_scores` made.
    """
    inside = stretch.holds(rows, metric.measure)
    if metric.kind is MetricKind.RETENTION:
        lately = stretch.holds_last(rows, metric.measure, metric.active_days or 1)
        return (lately & (rows.value > 0)).cast("int64").max()
    if metric.kind is MetricKind.BREADTH:
        return rows.item.nunique(where=inside & (rows.value > 0))
    if metric.kind is MetricKind.LATEST:
        return exact_mean(rows.value, where=inside & (rows.occurred_at == rows[last_day]))
    return rows.value.sum(where=inside)


def denominator(metric: Metric, rows: ir.Table, stretch: Stretch) -> ir.NumericValue:
    """Per customer, the lower number of a ratio; of `latest`, whether there is a score."""
    measure = metric.measure if metric.denominator is None else metric.denominator
    inside = stretch.holds(rows, measure)
    if metric.kind is MetricKind.LATEST:
        return inside.cast("int64").max()
    return rows.value.sum(where=inside)


def exact_mean(value: ir.DecimalValue, *, where: ir.BooleanValue) -> ir.DecimalValue:
    """The mean to the ledger's four decimals, halves away from 0; null where there is no row.

    Engines differ in the mean of decimals. Here whole numbers are divided without a rest, which is
    the same double on every engine, and exact while the sum is below 450 billion.
    """
    n = where.sum()
    total = (value.sum(where=where).cast(AMOUNT_TYPE).cast("decimal(24, 4)") * UNITS).cast("int64")
    doubled = total.abs() * 2 + n
    units = ((doubled - doubled % (n * 2)) / (n * 2)).cast("int64") * total.sign()
    found = units.cast("decimal(24, 4)") * ibis.literal("0.0001").cast("decimal(5, 4)")
    return ibis.ifelse(n > 0, found.cast(AMOUNT_TYPE), ibis.null(AMOUNT_TYPE))


def number(metric: Metric, found: ir.NumericValue) -> ir.DecimalValue:
    """The customer's number as accounts keep it; no row is 0."""
    filled = found.fill_null(0)
    if metric.kind is MetricKind.RATE:
        filled = ibis.ifelse(filled >= (metric.at_least or 1), 1, 0)
    return filled.cast(AMOUNT_TYPE)
