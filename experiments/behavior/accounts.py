"""One account per enrolled customer: what the customer did inside each metric's window.

A customer without rows counts as 0. Columns are numbered, because metrics and attributes may
have any name; `AccountColumns` says which is which.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from experiments.behavior.windows import MetricWindow
from experiments.pilot import Metric, Plan
from experiments.terms import CONTACT, MetricKind

AMOUNT_TYPE = dt.Decimal(18, 4)


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
        before: Per metric whose pre-period the ledger holds, its column.
        has_before: Per such metric, the column that is 1 where the pre-period was observed.
        contacts: Contacts by this program.
    """

    outcomes: dict[str, str]
    before: dict[str, str]
    has_before: dict[str, str]
    contacts: str = "contacts"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger holds for a metric; counts and dates only, so it may show while veiled.

    Attributes:
        rows: Rows inside the outcome window.
        rows_before: Rows inside the pre-period.
        first_on: Day of the measure's oldest row, anywhere in the ledger.
        fractional: Rows inside the window whose value is not a whole number.
    """

    rows: int
    rows_before: int
    first_on: date | None
    fractional: int


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
    return rows.aggregate(**answers)


def read_recorded(plan: Plan, row: dict[str, object]) -> dict[str, Recorded]:
    """Per metric, what `recorded` found; `row` is its only row."""
    return {
        metric.name: Recorded(
            rows=_count(row[f"rows_{at}"]),
            rows_before=_count(row[f"before_{at}"]),
            first_on=_day(row[f"first_{at}"]),
            fractional=_count(row[f"fractional_{at}"]),
        )
        for at, metric in enumerate(plan.metrics)
    }


def _count(cell: object) -> int:
    return int(cell) if isinstance(cell, int) else 0


def _day(cell: object) -> date | None:
    return cell if isinstance(cell, date) else None


def accounts(
    plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, known: Mapping[str, Recorded]
) -> tuple[ir.Table, AccountColumns]:
    """One row per enrolled customer.

    Args:
        plan: Says metrics and windows.
        behavior: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric; a pre-period of which it holds nothing
            has no column.

    Returns:
        The accounts, DECIMAL(18, 4) per number, and which column is which.
    """
    rows = joined(behavior, enrolment.rows)
    with_before = [metric for metric in plan.metrics if known[metric.name].rows_before > 0]
    columns = AccountColumns(
        outcomes={metric.name: f"outcome_{at}" for at, metric in enumerate(plan.metrics)},
        before={metric.name: f"before_{plan.metrics.index(metric)}" for metric in with_before},
        has_before={
            metric.name: f"has_before_{plan.metrics.index(metric)}" for metric in with_before
        },
    )
    totals = rows.group_by("customer").agg(_totals(plan, rows, columns))
    joined_totals = enrolment.rows.left_join(totals, "customer").drop("customer_right")
    numbers = {}
    for metric in plan.metrics:
        outcome = columns.outcomes[metric.name]
        numbers[outcome] = _number(metric, joined_totals[outcome])
        if metric.name in columns.before:
            before = columns.before[metric.name]
            numbers[before] = _number(metric, joined_totals[before])
            numbers[columns.has_before[metric.name]] = _has_before(
                MetricWindow.of(metric, plan), joined_totals, known[metric.name].first_on
            )
    numbers[columns.contacts] = joined_totals[columns.contacts].fill_null(0).cast(AMOUNT_TYPE)
    return joined_totals.mutate(**numbers), columns


def _totals(plan: Plan, rows: ir.Table, columns: AccountColumns) -> dict[str, ir.Value]:
    """Sums of each metric's measure, inside its window and inside its pre-period."""
    sums: dict[str, ir.Value] = {}
    for metric in plan.metrics:
        window = MetricWindow.of(metric, plan)
        is_measure = rows.measure == metric.measure
        sums[columns.outcomes[metric.name]] = rows.value.sum(where=is_measure & window.holds(rows))
        if metric.name in columns.before:
            sums[columns.before[metric.name]] = rows.value.sum(
                where=is_measure & window.holds_before(rows)
            )
    sums[columns.contacts] = rows.value.sum(where=is_contact(plan, rows))
    return sums


def is_contact(plan: Plan, rows: ir.Table) -> ir.BooleanValue:
    """Contacts by this program that count; `rows` as `joined` gave them."""
    by_this_program = (rows.measure == CONTACT) & (rows.item == plan.pilot.slug)
    return by_this_program & MetricWindow.of_contacts(plan).holds(rows)


def _number(metric: Metric, total: ir.DecimalValue) -> ir.DecimalValue:
    """The customer's number, from the sum of the measure inside the window."""
    number = total.fill_null(0)
    if metric.kind is MetricKind.RATE:
        number = ibis.ifelse(number >= (metric.at_least or 1), 1, 0)
    if metric.cap is not None and metric.cap.value is not None:
        number = ibis.least(number.cast(AMOUNT_TYPE), ibis.literal(metric.cap.value, AMOUNT_TYPE))
    return number.cast(AMOUNT_TYPE)


def _has_before(window: MetricWindow, accounts: ir.Table, first_on: date | None) -> ir.Value:
    """1 where the ledger reaches back into the customer's pre-period, else 0.

    A customer whose whole pre-period lies before the measure's first row was not observed; one
    who simply did nothing counts as 0, as in the outcome window.
    """
    reaches = accounts.enrolled_at > ibis.literal(first_on, "date")
    return ibis.ifelse(reaches, 1, 0).cast(AMOUNT_TYPE)
