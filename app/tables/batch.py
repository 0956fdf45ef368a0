"""Batches: every upload that reached, or tried to reach, the ledger."""

import json
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table


class BatchKind(StrEnum):
    """What a batch holds."""

    BEHAVIOR = "behavior"
    ENROLMENT = "enrolment"


class BatchState(StrEnum):
    """How far a batch has come."""

    PENDING = "pending"
    ACCEPTED = "accepted"


class BatchRow(Table, table=True):
    """The receipt of an upload; `batch_no` orders the ledger."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("kind in ('behavior', 'enrolment')", name="kind"),
        CheckConstraint("state in ('pending', 'accepted')", name="state"),
        # A number that was given once is never given again, not even after a discarded batch.
        {"sqlite_autoincrement": True},
    )

    batch_no: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16)
    file_name: str
    sha256: str = Field(max_length=64)
    received_at: datetime
    complete_through: date | None = None
    measures_json: str = "[]"
    receipt_json: str | None = None

    @property
    def measures(self) -> list[str]:
        """The measures that the batch brought rows of."""
        return [str(measure) for measure in json.loads(self.measures_json)]
