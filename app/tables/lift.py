"""The veil lifted: who looked at outcomes before the plan allowed, when and why."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class LiftRow(Table, table=True):
    """A lift of the veil, signed; `fingerprint` is that of the plan that allowed no look yet.

    It counts once an analysis looked through it, which `analysis_id` names.
    """

    __tablename__ = "lifts"

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", index=True)
    user_id: int = Field(foreign_key="users.id")
    reason: str
    fingerprint: str = Field(max_length=64)
    lifted_at: datetime
    analysis_id: int | None = Field(default=None, foreign_key="analyses.id", unique=True)
