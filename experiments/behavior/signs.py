"""What tells whether a result can be trusted: numbers per customer that are no outcome themselves.

Did rows of a customer arrive, and until the end? Did other programs contact the customer? How does
the customer's money spread over the months? Variables are 0 or 1, or amounts, per customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import AccountColumns, Enrolment, joined
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.pilot import Metric, Plan
from experiments.terms import CONTACT, MetricKind

SEEN_BEFORE, SEEN_SINCE, LOST = "seen before", "seen since", "lost"
MONEY, ABSOLUTE = "money", "absolute"
OTHERS = "contacts by other programs"
WEEK, MONTH = 7, 28  # a month of four weeks has every weekday equally often
MOST_MONTHS = 24
MONTHLY = (MetricKind.MEAN, MetricKind.COUNT, MetricKind.RATE)


@dataclass(frozen=True, slots=True)
class Days:
    """From when to when rows of the pilot can arrive, both days included."""

    first: date
    last: date

    @classmethod
    def of(cls, plan: Plan, *, last_enrolled_on: date, as_of: date) -> "Days":
        """The days of a plan, as far as they lie before `as_of`."""
        closes = last_window_closes(plan, last_enrolled_on=last_enrolled_on)
        return cls(plan.pilot.starts_on, min(closes, as_of - timedelta(days=1)))

    @property
    def weeks(self) -> int:
        """How many whole weeks they are."""
        return ((self.last - self.first).days + 1) // WEEK

    def in_last_week(self, rows: ir.Table) -> ir.BooleanValue:
        """Rows of the last seven days."""
        return rows.occurred_at > ibis.literal(self.last - timedelta(days=WEEK))

    def hold(self, rows: ir.Table) -> ir.BooleanValue:
        """Rows since the customer's enrolment, up to the last day."""
        since = rows.occurred_at >= rows.enrolled_at
        return since & (rows.occurred_at <= ibis.literal(self.last))


def measures_of(plan: Plan) -> tuple[str, ...]:
    """Every measure that a metric reads, once."""
    return tuple(dict.fromkeys(name for metric in plan.metrics for name in metric.measures))


def any_of(measure: str) -> str:
    """Variable that is 1 for a customer with a row of a measure since enrolment."""
    return f"any {measure}"


def late_of(measure: str) -> str:
    """Variable that is 1 for a customer with such a row in the last week."""
    return f"late {measure}"


def nonzero_of(metric: str) -> str:
    """Variable that is 1 for a customer who counts for a metric with anything but 0."""
    return f"nonzero {metric}"


def months_of(plan: Plan, *, last_enrolled_on: date, as_of: date) -> tuple[str, ...]:
    """Variables of the money metric in each whole month that every counted customer has."""
    if plan.money_metric.kind not in MONTHLY:
        return ()
    window = MetricWindow.of(plan.money_metric, plan, as_of=as_of)
    length = (
        window.end_day - window.first_day
        if window.end_day is not None
        else (window.ends_on - last_enrolled_on).days + 1 - window.first_day
    )
    return tuple(f"month {at}" for at in range(min(max(length, 0) // MONTH, MOST_MONTHS)))


def signs(
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    accounts: ir.Table,
    columns: AccountColumns,
    as_of: date,
    keeping: Mapping[str, ir.Value],
) -> ir.Table:
    """A row per enrolled customer with `arm`, `counts` (for the money metric), and the variables.

    Args:
        plan: Says measures and windows.
        behavior: Rows of the ledger that may be read, of every measure.
        enrolment: The enrolled customers.
        accounts: As the analysis reads them, caps applied.
        columns: Which column is which.
        as_of: The day of the analysis.
        keeping: More columns of the accounts, by their new name.
    """
    rows = joined(behavior.filter(behavior.occurred_at < as_of), enrolment.rows)
    days = Days.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    months = months_of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    behaved = rows.measure != CONTACT
    found: dict[str, ir.Value] = {
        SEEN_BEFORE: _one_if(behaved & (rows.occurred_at < rows.enrolled_at)),
        SEEN_SINCE: _one_if(behaved & days.hold(rows)),
    }
    for measure in measures_of(plan):
        inside = (rows.measure == measure) & days.hold(rows)
        found[any_of(measure)] = _one_if(inside)
        found[late_of(measure)] = _one_if(inside & days.in_last_week(rows))
    found |= _by_month(plan, rows, months, as_of=as_of)
    # Numbered, because the engine does not heed capitals and measures may differ in nothing else.
    totals = rows.group_by("customer").agg(
        **{f"sign_{at}": value for at, value in enumerate(found.values())}
    )
    everybody = accounts.left_join(totals, "customer").drop("customer_right")
    numbers: dict[str, ir.Value] = {
        name: everybody[f"sign_{at}"].fill_null(0) for at, name in enumerate(found)
    }
    money = plan.money_metric
    if money.kind is MetricKind.RATE:
        numbers |= {name: _reached(money, numbers[name]) for name in months}
    lost = (numbers[SEEN_BEFORE] == 1) & (numbers[SEEN_SINCE] == 0)
    numbers[LOST] = ibis.ifelse(lost, 1, 0)
    for metric in plan.metrics:
        # Of a score, who answered; a score of 0 is a score.
        source = columns.outcomes if metric.kind is not MetricKind.LATEST else columns.denominators
        nonzero = everybody[source[metric.name]] != 0
        counts = _counts(everybody, columns, metric)
        numbers[nonzero_of(metric.name)] = ibis.ifelse(nonzero & counts, 1, 0)
    numbers[MONEY] = everybody[columns.outcomes[money.name]]
    numbers[ABSOLUTE] = everybody[columns.outcomes[money.name]].abs()
    return everybody.select(
        [
            everybody.customer,
            everybody.arm,
            _counts(everybody, columns, money).name("counts"),
            *(value.name(name) for name, value in keeping.items()),
            *(
                value.cast(AMOUNT_TYPE).name(column_of(at))
                for at, value in enumerate(numbers[name] for name in names_of(plan, months))
            ),
        ]
    )


def names_of(plan: Plan, months: Sequence[str]) -> tuple[str, ...]:
    """Every variable of `signs`, in the order of its numbered columns."""
    return (
        *(SEEN_BEFORE, SEEN_SINCE, LOST),
        *(name for measure in measures_of(plan) for name in (any_of(measure), late_of(measure))),
        *(nonzero_of(metric.name) for metric in plan.metrics),
        *(MONEY, ABSOLUTE),
        *months,
    )


def column_of(place: int) -> str:
    """The column that holds the variable at a place of `names_of`."""
    return f"variable_{place}"


def arrivals(plan: Plan, *, seen: ir.Table, enrolment: Enrolment, as_of: date) -> ir.Table:
    """Per arm, measure and week of the pilot: customers with a row, and the newest row's day."""
    days = Days.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    rows = joined(seen, enrolment.rows).filter(
        lambda t: t.measure.isin(measures_of(plan)) & days.hold(t)
    )
    week = (rows.occurred_at.delta(ibis.literal(days.first), unit="day") / WEEK).floor()
    return (
        rows.mutate(week=week.cast("int64"))
        .group_by(["arm", "measure", "week"])
        .agg(customers=lambda t: t.customer.nunique(), newest=lambda t: t.occurred_at.max())
    )


def contacts_by_others(plan: Plan, *, seen: ir.Table, enrolment: Enrolment) -> ir.Table:
    """A row per enrolled customer: contacts that are not by this program, in column `others`.

    Args:
        plan: Says which program it is, and which days count.
        seen: Rows of enrolled customers, all contacts among them.
        enrolment: The enrolled customers.
    """
    rows = joined(seen, enrolment.rows)
    # A contact that names no program is not known to be by this one.
    other = (rows.measure == CONTACT) & (rows.item.fill_null("") != plan.pilot.slug)
    counted = rows.filter(other & MetricWindow.of_contacts(plan).holds(rows))
    totals = counted.group_by("customer").agg(others=counted.value.sum())
    everybody = enrolment.rows.left_join(totals, "customer").drop("customer_right")
    return everybody.mutate(others=everybody.others.fill_null(0).cast(AMOUNT_TYPE))


def _one_if(condition: ir.BooleanValue) -> ir.Value:
    return condition.cast("int64").max()


def _counts(accounts: ir.Table, columns: AccountColumns, metric: Metric) -> ir.BooleanValue:
    if metric.name not in columns.complete:
        return ibis.literal(value=True)
    return accounts[columns.complete[metric.name]]


def _by_month(
    plan: Plan, rows: ir.Table, months: Sequence[str], *, as_of: date
) -> dict[str, ir.Value]:
    """The sum of the money metric's measure in each month of the customer's window."""
    window = MetricWindow.of(plan.money_metric, plan, as_of=as_of)
    inside = (rows.measure == plan.money_metric.measure) & window.holds(rows)
    day = rows.occurred_at.delta(rows.enrolled_at, unit="day") - window.first_day
    return {
        name: rows.value.sum(where=inside & (day >= at * MONTH) & (day < (at + 1) * MONTH))
        for at, name in enumerate(months)
    }


def _reached(metric: Metric, total: ir.Value) -> ir.Value:
    return ibis.ifelse(total >= (metric.at_least or 1), 1, 0)
