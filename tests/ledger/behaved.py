"""Rows of behavior for tests of the ledger, without an intake."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from experiments.ledger.ledger import BEHAVIOR, Ledger

RECORDED_AT = datetime(2026, 4, 1, tzinfo=UTC)


def rows_of(
    customers: Sequence[int],
    *,
    batch_no: int,
    day: date = date(2026, 1, 5),
    event_id: str | None = None,
) -> pa.Table:
    """One row per customer, worth the customer's number."""
    rows = [
        {
            "customer": customer,
            "measure": "revenue",
            "occurred_at": day,
            "value": Decimal(customer),
            "item": None,
            "event_id": event_id,
            "source": None,
            "batch_no": batch_no,
            "recorded_at": RECORDED_AT,
        }
        for customer in customers
    ]
    return pa.Table.from_pylist(rows, schema=BEHAVIOR)


def append_rows(
    ledger: Ledger, customers: Sequence[int], *, batch_no: int, day: date = date(2026, 1, 5)
) -> None:
    """Append one row per customer."""
    rows = rows_of(customers, batch_no=batch_no, day=day)
    ledger.append_behavior(rows.to_reader(), batch_no=batch_no)
