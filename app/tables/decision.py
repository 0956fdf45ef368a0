"""Decisions: what was made of a verdict."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of
from experiments.terms import Choice


class DecisionRow(Table, table=True):
    """A decision on one analysis.

    `needs_second` marks one against the recommendation, or a roll-out without a verdict that
    opens the gate; it counts once another executive has seconded it.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint(one_of("choice", Choice), name="choice"),
        CheckConstraint(one_of("recommended", Choice), name="recommended"),
    )

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", index=True)
    analysis_id: int = Field(foreign_key="analyses.id")
    choice: str = Field(max_length=32)
    recommended: str = Field(max_length=32)
    reason: str
    fingerprint: str = Field(max_length=64)
    decided_by: int = Field(foreign_key="users.id")
    decided_at: datetime
    needs_second: bool = False
    seconded_by: int | None = Field(default=None, foreign_key="users.id")
    seconded_at: datetime | None = None
