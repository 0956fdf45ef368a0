"""Analyses, kept for ever."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.tables.base import Table


class AnalysisRow(Table, table=True):
    """One analysis of a pilot; the same inputs are the same analysis.

    `result_json` is what scripts read, `report_json` what people read: both from one computation.
    """

    __tablename__ = "analyses"
    __table_args__ = (UniqueConstraint("pilot_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", index=True)
    number: int
    as_of: date
    ledger_through: int
    status: str = Field(max_length=16)
    result_json: str
    report_json: str
    inputs_sha256: str = Field(max_length=64)
    created_at: datetime
