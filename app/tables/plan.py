"""Plans, as frozen."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class PlanRow(Table, table=True):
    """A frozen plan; its text never changes."""

    __tablename__ = "plans"

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", unique=True)
    canonical_json: str
    fingerprint: str = Field(max_length=64)
    frozen_at: datetime
