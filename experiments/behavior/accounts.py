"""One account per enrolled customer: what the customer did inside each metric's window.

A customer without rows counts as 0, but has no last score. Columns are numbered, because metrics
and attributes may have any name; `AccountColumns` says which is which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from experiments.behavior.kinds import (
    AMOUNT_TYPE,
    Stretch,
    days_of_last_scores,
    denominator,
    has_denominator,
    number,
    numerator,
)
from experiments.behavior.windows import MetricWindow
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
    """

    rows: ir.Table
    attributes: tuple[Attribute, ...]
    last_enrolled_on: date

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
    """Rows of behavior of enrolled customers, with arm and enrolment day."""
    return behavior.inner_join(enrolment.select("customer", "arm", "enrolled_at"), "customer")


def recorded(plan: Plan, *, behavior: ir.Table, enrolment: ir.Table) -> ir.Table:
    """One row that says what the ledger holds for each metric; read with `read_recorded`."""
    rows = joined(behavior, enrolment)
    answers: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        window = MetricWindow.of(metric, plan)
        is_measure = rows.measure == metric.measure
        inside = is_measure & window.holds(rows)
        answers[f"rows_{at}"] = inside.sum()
        answers[f"before_{at}"] = (is_measure & window.holds_before(rows)).sum()
        answers[f"first_{at}"] = rows.occurred_at.min(where=is_measure)
        answers[f"fractional_{at}"] = (inside & (rows.value != rows.value.floor())).sum()
        answers[f"item_{at}"] = (inside & rows.item.notnull()).sum()
        if metric.denominator is not None:
            lower = (rows.measure == metric.denominator) & window.holds(rows)
            answers[f"denominator_{at}"] = lower.sum()
    return rows.aggregate(**answers)


def read_recorded(plan: Plan, row: dict[str, object]) -> dict[str, Recorded]:
    """Per metric, what `recorded` found; `row` is its only row."""
    return {
        metric.name: Recorded(
            rows=_count(row[f"rows_{at}"]),
            rows_before=_count(row[f"before_{at}"]),
            first_on=_day(row[f"first_{at}"]),
            fractional=_count(row[f"fractional_{at}"]),
            with_item=_count(row[f"item_{at}"]),
            rows_of_denominator=_count(row.get(f"denominator_{at}")),
        )
        for at, metric in enumerate(plan.metrics)
    }


def _count(cell: object) -> int:
    return int(cell) if isinstance(cell, int) else 0


def _day(cell: object) -> date | None:
    return cell if isinstance(cell, date) else None


def accounts(
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
    as_of: date,
    earlier: Sequence[date] = (),
) -> tuple[ir.Table, AccountColumns]:
    """One row per enrolled customer.

    Args:
        plan: Says metrics and windows.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric; a pre-period of which it holds nothing
            has no column.
        as_of: The day; a window that is not over by then is not complete.
        earlier: Days as of which the money metric is wanted too, where its window grows.

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
    rows = joined(behavior, enrolment.rows)
    lasts: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        for one in _numbers(plan, metric, at, columns, as_of=as_of):
            lasts |= days_of_last_scores(metric, rows, one.stretch, name=f"last_{one.upper}")
    rows = rows.mutate(**lasts) if lasts else rows
    money = plan.money_metric
    until = {
        column: Stretch.after(MetricWindow.of(money, plan, as_of=day))
        for column, day in zip(columns.earlier, earlier, strict=True)
    }
    totals = rows.group_by("customer").agg(
        _totals(plan, rows, columns, as_of=as_of)
        | {
            column: numerator(money, rows, stretch, last_day="")
            for column, stretch in until.items()
        }
    )
    everybody = enrolment.rows.left_join(totals, "customer").drop("customer_right")
    numbers: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        for one in _numbers(plan, metric, at, columns, as_of=as_of):
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
    numbers[columns.contacts] = everybody[columns.contacts].fill_null(0).cast(AMOUNT_TYPE)
    return everybody.mutate(**numbers), columns


@dataclass(frozen=True, slots=True)
class _Number:
    """A number of a metric: which days count, and its column; for a sum over a sum, both."""

    stretch: Stretch
    upper: str
    lower: str | None


def _numbers(
    plan: Plan, metric: Metric, at: int, columns: AccountColumns, *, as_of: date
) -> list[_Number]:
    """The numbers that a metric has of a customer: in the window, and before it."""
    window = MetricWindow.of(metric, plan, as_of=as_of)
    two = has_denominator(metric.kind)
    found = [_Number(Stretch.after(window), f"outcome_{at}", f"denominator_{at}" if two else None)]
    if metric.name in columns.before:
        lower = f"before_denominator_{at}" if two else None
        found.append(_Number(Stretch.before(window), f"before_{at}", lower))
    return found


def _totals(
    plan: Plan, rows: ir.Table, columns: AccountColumns, *, as_of: date
) -> dict[str, ir.Value]:
    """Each metric's number, inside its window and inside its pre-period."""
    found: dict[str, ir.Value] = {}
    for at, metric in enumerate(plan.metrics):
        for one in _numbers(plan, metric, at, columns, as_of=as_of):
            found[one.upper] = numerator(metric, rows, one.stretch, last_day=f"last_{one.upper}")
            if one.lower is not None:
                found[one.lower] = denominator(metric, rows, one.stretch)
    found[columns.contacts] = rows.value.sum(where=is_contact(plan, rows))
    return found


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
