"""Enrolments: which batch of the ledger holds the customers of a pilot."""

from sqlmodel import Field

from app.tables.base import Table


class EnrolmentRow(Table, table=True):
    """The enrolment of a pilot; the list itself is in the ledger."""

    __tablename__ = "enrolments"

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", unique=True)
    batch_no: int = Field(foreign_key="batches.batch_no", unique=True)
    fingerprint: str = Field(max_length=64)
    receipt_json: str
