"""One account per enrolled customer: what the customer did inside each metric's window.

A customer without rows counts as 0, but has no last score. Columns are numbered, because metrics
and attributes may have any name; `AccountColumns` says which is which.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from experiments.behavior.cells import Cells
from experiments.behavior.kinds import (
    AMOUNT_TYPE,
    Stretch,
    days_of_last_scores,
    denominator,
    has_denominator,
    number,
    numerator,
)
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.pilot import Metric, Plan
from experiments.terms import CONTACT, MetricKind


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something known of a customer before the pilot.

    Attributes:
        name: As the company calls it.
        column: Where enrolment and accounts keep it, as text.
        numeric: Every known value is a number.
    """

    name: str
    column: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who is enrolled, on which side.

    Attributes:
        rows: Columns `customer`, `arm`, `tier`, `owner`, `enrolled_at`, and one per attribute.
        attributes: The attributes that the company supplied.
        last_enrolled_on: Day on which the last customer was enrolled.
        first_enrolled_on: Day on which the first one was; None where nobody looked.
    """

    rows: ir.Table
    attributes: tuple[Attribute, ...]
    last_enrolled_on: date
    first_enrolled_on: date | None = None

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name, if the company supplied one."""
        return next((known for known in self.attributes if known.name == name), None)


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """Which column of the accounts is which.

    Attributes:
        outcomes: Per metric, its column.
        denominators: Per metric that is a sum over a sum, the column of the lower sum.
        complete: Per metric whose window is not over for everybody, the column that is true
            where it is.
        before: Per metric whose pre-period the ledger holds, its column, and for a ratio that of
            its lower sum.
        has_before: Per such metric, the column that is 1 where the pre-period was observed.
        earlier: The money metric's columns as of each day that was asked for.
        contacts: Contacts by this program.
    """

    outcomes: dict[str, str]
    denominators: dict[str, str]
    complete: dict[str, str]
    before: dict[str, tuple[str, ...]]
    has_before: dict[str, str]
    earlier: tuple[str, ...] = ()
    contacts: str = "contacts"

    @classmethod
    def of(
        cls,
        plan: Plan,
        *,
        known: "Mapping[str, Recorded]",
        last_enrolled_on: date,
        as_of: date,
        earlier: Sequence[date] = (),
    ) -> "AccountColumns":
        """Number the columns of a plan's metrics."""
        found = cls({}, {}, {}, {}, {}, tuple(f"earlier_{at}" for at, _ in enumerate(earlier)))
        for at, metric in enumerate(plan.metrics):
            name = metric.name
            found.outcomes[name] = f"outcome_{at}"
            if has_denominator(metric.kind):
                found.denominators[name] = f"denominator_{at}"
            if known[name].rows_before > 0:
                ratio = (f"before_denominator_{at}",) if metric.kind is MetricKind.RATIO else ()
                found.before[name] = (f"before_{at}", *ratio)
                found.has_before[name] = f"has_before_{at}"
            window = MetricWindow.of(metric, plan, as_of=as_of)
            if not window.is_complete_for_all(last_enrolled_on, as_of=as_of):
                found.complete[name] = f"complete_{at}"
        return found


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger holds for a metric; counts and dates only, so it may show while veiled.

    Attributes:
        rows: Rows inside the outcome window.
        rows_before: Rows inside the pre-period.
        first_on: Day of the measure's oldest row, anywhere in the ledger.
        fractional: Rows inside the window whose value is not a whole number.
        with_item: Rows inside the window that name an item.
        rows_of_denominator: Rows of a ratio's lower measure inside the window; 0 for other kinds.
    """

    rows: int
    rows_before: int
    first_on: date | None
    fractional: int
    with_item: int = 0
    rows_of_denominator: int = 0


def joined(behavior: ir.Table, enrolment: ir.Table) -> ir.Table:
    """Rows of behavior of enrolled customers, with arm, enrolment day, and the day since then."""
    rows = behavior.inner_join(enrolment.select("customer", "arm", "enrolled_at"), "customer")
    return rows.mutate(day=rows.occurred_at.delta(rows.enrolled_at, unit="day"))


def accounts(
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
    as_of: date,
    earlier: Sequence[date] = (),
    also: Callable[[ir.Table], Mapping[str, ir.Value]] | None = None,
    has_contacts: bool = True,
) -> tuple[ir.Table, AccountColumns]:
    """One row per enrolled customer, in one pass over the rows of the days that count.

    Args:
        plan: Says metrics and windows.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric; a pre-period of which it holds nothing
            has no column.
        as_of: The day; a window that is not over by then is not complete.
        earlier: Days as of which the money metric is wanted too, where its window grows.
        also: What else to add up per customer over the same rows, by column; left as found.
        has_contacts: Whether the ledger holds a contact with any of them.

    Returns:
        The accounts, DECIMAL(18, 4) per number, and which column is which. Percentile caps are
        not applied yet: they need all customers (see `experiments.behavior.caps`).
    """
    columns = AccountColumns.of(
        plan,
        known=known,
        last_enrolled_on=enrolment.last_enrolled_on,
        as_of=as_of,
        earlier=earlier,
    )
    cells = cells_of(plan, as_of=as_of)
    days = _that_count(plan, behavior, enrolment, as_of=as_of)
    rows = cells.put(joined(cells.numbered(days), enrolment.rows))
    each = {
        metric.name: _numbers(plan, metric, at, columns, cells, as_of=as_of)
        for at, metric in enumerate(plan.metrics)
    }
    lasts: dict[str, ir.Value] = {}
    for metric in plan.metrics:
        for one in each[metric.name]:
            lasts |= days_of_last_scores(metric, rows, one.stretch, name=f"last_{one.upper}")
    rows = rows.mutate(**lasts) if lasts else rows
    money = plan.money_metric
    until = {
        column: Stretch.after(MetricWindow.of(money, plan, as_of=day))
        for column, day in zip(columns.earlier, earlier, strict=True)
    }
    totals: dict[str, ir.Value] = {}
    for metric in plan.metrics:
        for one in each[metric.name]:
            totals[one.upper] = numerator(metric, rows, one.stretch, last_day=f"last_{one.upper}")
            if one.lower is not None:
                totals[one.lower] = denominator(metric, rows, one.stretch)
    totals |= {
        column: numerator(money, rows, stretch, last_day="") for column, stretch in until.items()
    }
    if has_contacts:
        totals[columns.contacts] = rows.value.sum(where=is_contact(plan, rows))
    totals |= also(rows) if also is not None else {}
    of_customers = rows.group_by("customer").agg(**totals)
    everybody = enrolment.rows.left_join(of_customers, "customer").drop("customer_right")
    numbers: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        for one in each[metric.name]:
            numbers[one.upper] = _capped(metric, number(metric, everybody[one.upper]))
            if one.lower is not None:
                numbers[one.lower] = everybody[one.lower].fill_null(0).cast(AMOUNT_TYPE)
        window = MetricWindow.of(metric, plan, as_of=as_of)
        if metric.name in columns.has_before:
            numbers[columns.has_before[metric.name]] = _has_before(
                metric, everybody, at=at, first_on=known[metric.name].first_on
            )
        if metric.name in columns.complete:
            numbers[columns.complete[metric.name]] = window.is_complete(
                everybody.enrolled_at, as_of=as_of
            )
    numbers |= {column: number(money, everybody[column]) for column in until}
    contacts = everybody[columns.contacts].fill_null(0) if has_contacts else ibis.literal(0)
    numbers[columns.contacts] = contacts.cast(AMOUNT_TYPE)
    return everybody.mutate(**numbers), columns


def cells_of(plan: Plan, *, as_of: date | None = None) -> Cells:
    """The cells of a plan's measures and windows, as `accounts` puts rows into them."""
    return Cells.of(
        [*(name for metric in plan.metrics for name in metric.measures), CONTACT],
        [MetricWindow.of(metric, plan, as_of=as_of) for metric in plan.metrics],
    )


@dataclass(frozen=True, slots=True)
class _Number:
    """A number of a metric: which days count, and its column; for a sum over a sum, both."""

    stretch: Stretch
    upper: str
    lower: str | None


def _numbers(
    plan: Plan, metric: Metric, at: int, columns: AccountColumns, cells: Cells, *, as_of: date
) -> list[_Number]:
    """The numbers that a metric has of a customer: in the window, and before it."""
    window = MetricWindow.of(metric, plan, as_of=as_of)
    two = has_denominator(metric.kind)
    found = [_Number(cells.after(window), f"outcome_{at}", f"denominator_{at}" if two else None)]
    if metric.name in columns.before:
        lower = f"before_denominator_{at}" if two else None
        found.append(_Number(cells.before(window), f"before_{at}", lower))
    return found


def _that_count(plan: Plan, behavior: ir.Table, enrolment: Enrolment, *, as_of: date) -> ir.Table:
    """Rows on days that can lie in a window or before it."""
    closes = last_window_closes(plan, last_enrolled_on=enrolment.last_enrolled_on)
    last = min(closes, as_of - timedelta(days=1))
    rows = behavior.filter(behavior.occurred_at <= ibis.literal(last))
    first = enrolment.first_enrolled_on
    if first is None:
        return rows
    windows = [MetricWindow.of(metric, plan, as_of=as_of) for metric in plan.metrics]
    longest = max(window.pre_days_of(first) for window in windows)
    return rows.filter(rows.occurred_at >= ibis.literal(first - timedelta(days=longest)))


def is_contact(plan: Plan, rows: ir.Table) -> ir.BooleanValue:
    """Contacts by this program that count; `rows` as `joined` gave them."""
    by_this_program = (rows.measure == CONTACT) & (rows.item == plan.pilot.slug)
    return by_this_program & MetricWindow.of_contacts(plan).holds(rows)


def _capped(metric: Metric, found: ir.DecimalValue) -> ir.DecimalValue:
    if metric.cap is None or metric.cap.value is None:
        return found
    return ibis.least(found, ibis.literal(metric.cap.value, AMOUNT_TYPE))


def _has_before(
    metric: Metric, accounts: ir.Table, *, at: int, first_on: date | None
) -> ir.DecimalValue:
    """1 where the ledger reaches back into the customer's pre-period, else 0.

    A customer whose whole pre-period lies before the measure's first row was not observed; one
    who simply did nothing counts as 0, as in the outcome window. A score is there or it is not.
    """
    if metric.kind is MetricKind.LATEST:
        return accounts[f"before_denominator_{at}"].fill_null(0).cast(AMOUNT_TYPE)
    reaches = accounts.enrolled_at > ibis.literal(first_on, "date")
    return ibis.ifelse(reaches, 1, 0).cast(AMOUNT_TYPE)
