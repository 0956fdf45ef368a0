"""One account per enrolled customer: what the customer did inside each metric's window.

A customer without rows counts as 0, but has no last score. Columns are numbered, because metrics
and attributes may have any name; `AccountColumns` says which is which.
"""

from collections.abc import Mapping, Sequence
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
    is_a_sum,
    number,
    numerator,
)
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.engines.engine import Engine
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
    return with_day(
        behavior.inner_join(enrolment.select("customer", "arm", "enrolled_at"), "customer")
    )


def with_day(rows: ir.Table) -> ir.Table:
    """Rows with the day since their customer's enrolment."""
    return rows.mutate(day=rows.occurred_at.delta(rows.enrolled_at, unit="day"))


def accounts(
    engine: Engine,
    plan: Plan,
    *,
    customers: ir.Table,
    behavior: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
    as_of: date,
    earlier: Sequence[date] = (),
    has_contacts: bool = True,
) -> tuple[ir.Table, AccountColumns]:
    """One row per enrolled customer.

    Args:
        engine: Holds what is joined.
        plan: Says metrics and windows.
        customers: The enrolled, with what `experiments.behavior.reading` added up of each: all
            that is a sum.
        behavior: Rows of the ledger that may be read, for what is none, and for contacts.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric; a pre-period of which it holds nothing
            has no column.
        as_of: The day; a window that is not over by then is not complete.
        earlier: Days as of which the money metric is wanted too, where its window grows.
        has_contacts: Whether the ledger holds a contact with any of them.

    Returns:
        The accounts, DECIMAL(18, 4) per number, with all else that `customers` have; and which
        column is which. Percentile caps are not applied yet: they need all customers (see
        `experiments.behavior.caps`).
    """
    columns = AccountColumns.of(
        plan,
        known=known,
        last_enrolled_on=enrolment.last_enrolled_on,
        as_of=as_of,
        earlier=earlier,
    )
    everybody = customers
    other = [metric for metric in plan.metrics if not is_a_sum(metric.kind)]
    seen = _that_count(plan, behavior, enrolment, as_of=as_of)
    if other:
        everybody = _beside(
            everybody, _not_sums(plan, other, columns, seen, enrolment, as_of=as_of)
        )
    if has_contacts:
        rows = joined(seen.filter(seen.measure == CONTACT), enrolment.rows)
        contacts = rows.filter(is_contact(plan, rows)).group_by("customer")
        everybody = _beside(everybody, contacts.agg(**{columns.contacts: lambda t: t.value.sum()}))
    if everybody is not customers:
        everybody = engine.keep(everybody)
    numbers: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        for one in numbers_of(metric, at, has_before=metric.name in columns.before):
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
    money = plan.money_metric
    numbers |= {column: number(money, everybody[column]) for column in columns.earlier}
    found = everybody[columns.contacts].fill_null(0) if has_contacts else ibis.literal(0)
    numbers[columns.contacts] = found.cast(AMOUNT_TYPE)
    return everybody.mutate(**numbers), columns


def cells_of(plan: Plan, *, as_of: date, earlier: Sequence[date] = ()) -> Cells:
    """The cells of a plan's measures and windows: whole, as of a day, and as of earlier ones."""
    money = plan.money_metric
    return Cells.of(
        [*(name for metric in plan.metrics for name in metric.measures), CONTACT],
        [
            *(MetricWindow.of(metric, plan) for metric in plan.metrics),
            *(MetricWindow.of(metric, plan, as_of=as_of) for metric in plan.metrics),
            *(MetricWindow.of(money, plan, as_of=day) for day in earlier),
        ],
    )


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a metric: its column; for a sum over a sum, both.

    Attributes:
        upper: The column, or that of the upper sum.
        lower: The column of the lower sum; None for a number alone.
        is_before: Whether it is that of the pre-period.
    """

    upper: str
    lower: str | None
    is_before: bool = False

    def stretch(self, cells: Cells, window: MetricWindow) -> Stretch:
        """Which days count."""
        return cells.before(window) if self.is_before else cells.after(window)


def numbers_of(metric: Metric, at: int, *, has_before: bool) -> list[Number]:
    """The numbers that the metric at a place of the plan has: in the window, and before it."""
    two = has_denominator(metric.kind)
    found = [Number(f"outcome_{at}", f"denominator_{at}" if two else None)]
    if has_before:
        found.append(Number(f"before_{at}", f"before_denominator_{at}" if two else None, True))
    return found


def _beside(customers: ir.Table, totals: ir.Table) -> ir.Table:
    return customers.left_join(totals, "customer").drop("customer_right")


def _not_sums(
    plan: Plan,
    metrics: Sequence[Metric],
    columns: AccountColumns,
    seen: ir.Table,
    enrolment: Enrolment,
    *,
    as_of: date,
) -> ir.Table:
    """Per customer with a row, what is no sum: a last score, different items, whether active."""
    cells = cells_of(plan, as_of=as_of)
    own = seen.filter(seen.measure.isin(sorted({metric.measure for metric in metrics})))
    rows = joined(own, enrolment.rows)
    rows = cells.put(rows.mutate(measure_no=cells.number(rows)))
    each = [
        (metric, one, one.stretch(cells, MetricWindow.of(metric, plan, as_of=as_of)))
        for at, metric in enumerate(plan.metrics)
        if metric in metrics
        for one in numbers_of(metric, at, has_before=metric.name in columns.before)
    ]
    lasts: dict[str, ir.Value] = {}
    for metric, one, stretch in each:
        lasts |= days_of_last_scores(metric, rows, stretch, name=f"last_{one.upper}")
    rows = rows.mutate(**lasts) if lasts else rows
    totals: dict[str, ir.Value] = {}
    for metric, one, stretch in each:
        totals[one.upper] = numerator(metric, rows, stretch, last_day=f"last_{one.upper}")
        if one.lower is not None:
            totals[one.lower] = denominator(metric, rows, stretch)
    return rows.group_by("customer").agg(**totals)


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
