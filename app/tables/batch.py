"""Batches: every upload that reached, or tried to reach, the ledger."""

import json
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class BatchKind(StrEnum):
    """What a batch holds; a reversal holds no rows, and takes back those of an earlier batch."""

    BEHAVIOR = "behavior"
    ENROLMENT = "enrolment"
    REVERSAL = "reversal"


class BatchState(StrEnum):
    """How far a batch has come; rows of a discarded one are never read."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


class BatchRow(Table, table=True):
    """The receipt of an upload; `batch_no` orders the ledger.

    `content` stands for bytes and their meaning while the batch counts: no two of them have the
    same. It is empty for a correction, which may say the same thing again.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint(one_of("kind", BatchKind), name="kind"),
        CheckConstraint(one_of("state", BatchState), name="state"),
        # A number that was given once is never given again, not even after a discarded batch.
        {"sqlite_autoincrement": True},
    )

    batch_no: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    file_name: str
    sha256: str = Field(max_length=64, index=True)
    user_id: int | None = Field(default=None, foreign_key="users.id")
    received_at: datetime
    complete_through: date | None = None
    measures_json: str = "[]"
    columns_json: str | None = None
    receipt_json: str | None = None
    content: str | None = Field(default=None, max_length=64, index=True, unique=True)
    reverses: int | None = Field(default=None, foreign_key="batches.batch_no", unique=True)
    reason: str | None = None

    @property
    def measures(self) -> list[str]:
        """The measures that the batch brought rows of."""
        return [str(measure) for measure in json.loads(self.measures_json)]
