"""Upkeep: each time somebody, or the clock, took care of the ledger."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class UpkeepKind(StrEnum):
    """What was done."""

    COMPACT = "compact"
    SCRUB = "scrub"
    BACKUP = "backup"
    RESTORE = "restore"
    ERASE = "erase"


class UpkeepRow(Table, table=True):
    """One round of care, what came of it (`result_json`) or why it failed (`problem`)."""

    __tablename__ = "upkeep"
    __table_args__ = (CheckConstraint(one_of("kind", UpkeepKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16, index=True)
    user_id: int | None = Field(default=None, foreign_key="users.id")
    started_at: datetime
    ended_at: datetime | None = None
    result_json: str | None = None
    problem: str | None = None
