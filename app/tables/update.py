"""Updates: what a pilot's people tell each other about it."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class UpdateRow(Table, table=True):
    """A dated note on a pilot."""

    __tablename__ = "updates"

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", index=True)
    user_id: int = Field(foreign_key="users.id")
    text: str
    created_at: datetime
