"""What tells whether a result can be trusted: numbers per customer that are no outcome themselves.

Did rows of a customer arrive, and until the end? Did other programs contact the customer? How does
the customer's money spread over the months? Variables are 0 or 1, or amounts, per customer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import AccountColumns, Enrolment, joined
from experiments.behavior.cells import Cells
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.tally import WORD, Condition, word_of
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.pilot import Metric, Plan
from experiments.terms import CONTACT, MetricKind

SEEN_BEFORE, SEEN_SINCE, LOST = "seen before", "seen since", "lost"
MONEY, ABSOLUTE = "money", "absolute"
OTHERS = "contacts by other programs"
WEEK, MONTH = 7, 28  # a month of four weeks has every weekday equally often
MOST_MONTHS = 24
SEEN_BEFORE_BIT, SEEN_SINCE_BIT = 0, 1
Sums = Mapping[str, Condition]
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


@dataclass(frozen=True, slots=True)
class Weeks:
    """One mark per measure and week in which a customer has a row, and what else rows tell.

    The first mark is a row from before the enrolment, the second a later one of a measure that the
    plan does not read. A row of the last seven days, of which the calendar has two weeks at most,
    sets the mark two places after that of its week, so that each row sets one.

    Attributes:
        days: When rows of the pilot arrive.
        first: The first week of anybody, from 0 at the start of the pilot.
        measures: In the order of the cells.
    """

    days: Days
    first: int
    measures: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan, enrolment: Enrolment, *, as_of: date) -> "Weeks":
        """The weeks of a plan; customers may be enrolled before its first day."""
        days = Days.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
        begins = min(enrolment.first_enrolled_on or days.first, days.first)
        return cls(days, (begins - days.first).days // WEEK, measures_of(plan))

    @property
    def many(self) -> int:
        """How many weeks there are, a last incomplete one too."""
        return max(0, (self.days.last - self.days.first).days // WEEK - self.first + 1)

    @property
    def bits(self) -> int:
        """How many marks there are."""
        return self._begins(len(self.measures))

    def bit(self, rows: ir.Table, cells: Cells) -> ir.IntegerValue:
        """The mark that a row sets, which lies in cells; -1 for none.

        A contact tells of the customer nothing but that there was one.
        """
        since = rows.occurred_at.delta(ibis.literal(self.days.first), unit="day")
        week = since // WEEK - self.first
        place = ibis.ifelse(self.days.in_last_week(rows), week + 2, week)
        is_contact = rows.measure_no == cells.measures.index(CONTACT)
        before = rows.occurred_at < rows.enrolled_at
        none = ibis.literal(-1)
        return ibis.cases(
            (rows.occurred_at > ibis.literal(self.days.last), none),
            (before, ibis.ifelse(is_contact, none, SEEN_BEFORE_BIT)),
            (
                rows.measure_no < len(self.measures),
                self._begins(0) + rows.measure_no * (self.many + 2) + place,
            ),
            else_=ibis.ifelse(is_contact, none, SEEN_SINCE_BIT),
        )

    def seen_before(self, customers: ir.Table) -> ir.BooleanValue:
        """Customers with a row of any measure from before their enrolment."""
        return self._any(customers, [SEEN_BEFORE_BIT])

    def seen_since(self, customers: ir.Table) -> ir.BooleanValue:
        """Customers with a row of any measure since their enrolment."""
        marks = [SEEN_SINCE_BIT]
        for at, measure in enumerate(self.measures):
            if measure != CONTACT:
                marks += range(self._begins(at), self._begins(at + 1))
        return self._any(customers, marks)

    def any(self, customers: ir.Table, measure: str) -> ir.BooleanValue:
        """Customers with a row of a measure since enrolment."""
        at = self.measures.index(measure)
        return self._any(customers, range(self._begins(at), self._begins(at + 1)))

    def late(self, customers: ir.Table, measure: str) -> ir.BooleanValue:
        """Customers with a row of a measure in the last seven days."""
        ends = self._begins(self.measures.index(measure) + 1)
        return self._any(customers, range(ends - 2, ends))

    def week(self, customers: ir.Table, measure: str, at: int) -> ir.BooleanValue:
        """Customers with a row of a measure in one week, counted from `first`."""
        begins = self._begins(self.measures.index(measure))
        late = [begins + at + 2] if at >= self.many - 2 else []
        return self._any(customers, [begins + at, *late])

    def _begins(self, measure: int) -> int:
        return SEEN_SINCE_BIT + 1 + measure * (self.many + 2)

    def _any(self, customers: ir.Table, marks: Iterable[int]) -> ir.BooleanValue:
        masks: dict[str, int] = {}
        for mark in marks:
            word = word_of(mark)
            masks[word] = masks.get(word, 0) | 1 << (mark % WORD)
        found = [
            (customers[word].fill_null(0) & ibis.literal(mask, "int64")) != 0
            for word, mask in masks.items()
        ]
        return ibis.or_(*found)


def signs(
    plan: Plan,
    *,
    enrolment: Enrolment,
    accounts: ir.Table,
    columns: AccountColumns,
    as_of: date,
) -> dict[str, ir.Value]:
    """Every variable of an enrolled customer; whole numbers but for the amounts of money.

    Args:
        plan: Says measures and windows.
        enrolment: The enrolled customers.
        accounts: As the analysis reads them, with what `reading` found for the checks.
        columns: Which column is which.
        as_of: The day of the analysis.
    """
    weeks = Weeks.of(plan, enrolment, as_of=as_of)
    months = months_of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    before, since = weeks.seen_before(accounts), weeks.seen_since(accounts)
    flags = {SEEN_BEFORE: before, SEEN_SINCE: since, LOST: before & ~since}
    for measure in measures_of(plan):
        flags[any_of(measure)] = weeks.any(accounts, measure)
        flags[late_of(measure)] = weeks.late(accounts, measure)
    for metric in plan.metrics:
        # Of a score, who answered; a score of 0 is a score.
        source = columns.outcomes if metric.kind is not MetricKind.LATEST else columns.denominators
        nonzero = accounts[source[metric.name]] != 0
        flags[nonzero_of(metric.name)] = nonzero & counts(accounts, columns, metric)
    found: dict[str, ir.Value] = {name: ibis.ifelse(flag, 1, 0) for name, flag in flags.items()}
    money = plan.money_metric
    found[MONEY] = accounts[columns.outcomes[money.name]]
    found[ABSOLUTE] = accounts[columns.outcomes[money.name]].abs()
    for name in months:
        total = accounts[_month_column(name)].fill_null(0)
        found[name] = _reached(money, total) if money.kind is MetricKind.RATE else total
    return found


def shares_of(plan: Plan) -> tuple[str, ...]:
    """The variables of `signs` that are 0 or 1, in order."""
    return (
        *(SEEN_BEFORE, SEEN_SINCE, LOST),
        *(name for measure in measures_of(plan) for name in (any_of(measure), late_of(measure))),
        *(nonzero_of(metric.name) for metric in plan.metrics),
    )


def counts(accounts: ir.Table, columns: AccountColumns, metric: Metric) -> ir.BooleanValue:
    """Customers who count for a metric: whose window is over."""
    if metric.name not in columns.complete:
        return ibis.literal(value=True)
    return accounts[columns.complete[metric.name]]


def column_of(place: int) -> str:
    """The numbered column of a variable: measures may differ in nothing but capitals."""
    return f"variable_{place}"


def contacts_by_others(plan: Plan, *, behavior: ir.Table, enrolment: Enrolment) -> ir.Table:
    """A row per enrolled customer: contacts that are not by this program, in column `others`.

    Args:
        plan: Says which program it is, and which days count.
        behavior: Rows of the ledger that may be read, all contacts among them.
        enrolment: The enrolled customers.
    """
    rows = joined(behavior, enrolment.rows)
    # A contact that names no program is not known to be by this one.
    other = (rows.measure == CONTACT) & (rows.item.fill_null("") != plan.pilot.slug)
    counted = rows.filter(other & MetricWindow.of_contacts(plan).holds(rows))
    totals = counted.group_by("customer").agg(others=counted.value.sum())
    everybody = enrolment.rows.left_join(totals, "customer").drop("customer_right")
    return everybody.mutate(others=everybody.others.fill_null(0).cast(AMOUNT_TYPE))


def sums_by_month(plan: Plan, cells: Cells, months: Sequence[str], *, as_of: date) -> Sums:
    """The sum of the money metric's measure in each month of the customer's window, by column."""
    money = plan.money_metric
    window = MetricWindow.of(money, plan, as_of=as_of)
    inside = cells.after(window)

    def in_month(at: int) -> Condition:
        first = window.first_day + at * MONTH
        return lambda rows: (
            inside.holds(rows, money.measure) & (rows.day >= first) & (rows.day < first + MONTH)
        )

    return {_month_column(name): in_month(at) for at, name in enumerate(months)}


def _month_column(name: str) -> str:
    return name.replace(" ", "_")


def _reached(metric: Metric, total: ir.Value) -> ir.Value:
    return ibis.ifelse(total >= (metric.at_least or 1), 1, 0)
