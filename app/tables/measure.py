"""Measures: what behavior is called, and in what unit it is counted."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class MeasureKind(StrEnum):
    """What a value of a measure is."""

    MONEY = "money"
    EVENT = "event"
    SCORE = "score"


class MeasureRow(Table, table=True):
    """A measure that somebody described; the ledger takes rows of others as well."""

    __tablename__ = "measures"
    __table_args__ = (CheckConstraint(one_of("kind", MeasureKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=200)
    unit: str = Field(max_length=200)
    kind: str = Field(max_length=16)
    user_id: int = Field(foreign_key="users.id")
    created_at: datetime
