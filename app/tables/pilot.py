"""Pilots."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class PilotRow(Table, table=True):
    """A pilot; what is planned stands in its plans."""

    __tablename__ = "pilots"

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True, max_length=63)
    created_at: datetime
