"""What calls about behavior and measures answer."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.tables import BatchKind, BatchState, MeasureKind

RECEIPT: dict[str, Any] = {
    "batch": 7,
    "file": "sales.csv",
    "received_at": "2026-04-01T09:00:00+00:00",
    "counted": 48222,
    "accepted": 48210,
    "rejected": 12,
    "entries": 48205,
    "repeated": 5,
    "rounded": 0,
    "blank": 0,
    "first": "2026-03-01",
    "last": "2026-03-28",
    "matched": 48160,
    "unmatched": 45,
    "unmatched_customers": 31,
    "alike": 0,
    "measures": {"revenue": 48205},
    "complete_through": "2026-03-28",
    "rejects": [{"line": 7, "column": "amount", "value": "12,x", "reason": "is no number"}],
    "rejects_url": "/api/v1/behavior/7/rejects",
    "reversed_by": None,
    "address": "/api/v1/behavior/7",
}


class RejectModel(BaseModel):
    """A refused row: its line in the file, and what is wrong."""

    line: int
    column: str
    value: str
    reason: str


class ReceiptModel(BaseModel):
    """What a batch of behavior brought.

    Attributes:
        batch: Its number, which orders the ledger.
        file: Name of the file.
        received_at: When it came.
        counted: Records in the file.
        accepted: Records taken in.
        rejected: Records refused.
        entries: Rows that reached the ledger; a wide record brings several.
        repeated: Entries left out because the ledger or the file has them already.
        rounded: Values that had more than four decimals.
        blank: Cells without a value.
        first: Day of the oldest entry.
        last: Day of the newest.
        matched: Entries of customers who are enrolled in a pilot.
        unmatched: Entries of others.
        unmatched_customers: How many customers these others are.
        alike: Entries without an event id that look like entries of earlier batches.
        measures: Entries per measure.
        complete_through: The day through which its measures are declared complete.
        rejects: The first 20 refused cells.
        rejects_url: Where all of them are; None where there are none.
        reversed_by: The batch that takes it back.
        address: Of this receipt.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [RECEIPT]})

    batch: int
    file: str
    received_at: datetime
    counted: int
    accepted: int
    rejected: int
    entries: int
    repeated: int
    rounded: int
    blank: int
    first: date | None
    last: date | None
    matched: int
    unmatched: int
    unmatched_customers: int
    alike: int = 0
    measures: dict[str, int]
    complete_through: date | None
    rejects: list[RejectModel]
    rejects_url: str | None
    reversed_by: int | None
    address: str


class BatchModel(BaseModel):
    """A batch in a list: of behavior, of an enrolment, or a reversal."""

    batch: int
    kind: BatchKind
    state: BatchState
    file: str
    received_at: datetime
    sender: str | None
    accepted: int | None
    rejected: int | None
    first: date | None
    last: date | None
    measures: list[str]
    complete_through: date | None
    reverses: int | None
    reversed_by: int | None


class Batches(BaseModel):
    """Batches, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "batch": 7,
                            "kind": "behavior",
                            "state": "accepted",
                            "file": "sales.csv",
                            "received_at": "2026-04-01T09:00:00Z",
                            "sender": "manager@example.com",
                            "accepted": 48210,
                            "rejected": 12,
                            "first": "2026-03-01",
                            "last": "2026-03-28",
                            "measures": ["revenue"],
                            "complete_through": "2026-03-28",
                            "reverses": None,
                            "reversed_by": None,
                        }
                    ],
                    "next": None,
                }
            ]
        }
    )

    items: list[BatchModel]
    next: str | None = None


class Reversed(BaseModel):
    """A reversal: a batch without rows, from whose number on another batch does not count."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"batch": 8, "reverses": 7, "reason": "The file was that of May."}]
        }
    )

    batch: int
    reverses: int
    reason: str


class MeasureModel(BaseModel):
    """A measure; unit and kind are None where nobody said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "revenue", "unit": "EUR", "kind": "money", "recorded": True}]
        }
    )

    name: str
    unit: str | None
    kind: MeasureKind | None
    recorded: bool


class Measures(BaseModel):
    """Measures by name."""

    items: list[MeasureModel]
    next: str | None = None
