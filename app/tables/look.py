"""Looks: each analysis that was not veiled, who asked for it, and how it is read."""

from sqlmodel import Field

from app.tables.base import Table


class LookRow(Table, table=True):
    """A look at outcomes.

    `number` of `planned` looks, where looks are planned; `boundary` in standard errors and
    `information` as a share, where looks share an error rate.
    """

    __tablename__ = "looks"

    id: int | None = Field(default=None, primary_key=True)
    analysis_id: int = Field(foreign_key="analyses.id", unique=True)
    user_id: int | None = Field(default=None, foreign_key="users.id")
    number: int | None = None
    planned: int | None = None
    boundary: float | None = None
    information: float | None = None
