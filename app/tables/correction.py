"""Corrections: batches that withdraw rows of earlier ones and enter others in their place."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class CorrectionRow(Table, table=True):
    """Who corrected what, when and why; the batch that brought it holds the rows."""

    __tablename__ = "corrections"

    batch_no: int = Field(primary_key=True, foreign_key="batches.batch_no")
    user_id: int | None = Field(default=None, foreign_key="users.id")
    reason: str
    withdrawn: int
    entered: int
    made_at: datetime
