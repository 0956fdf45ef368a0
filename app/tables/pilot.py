"""Pilots."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class PilotRow(Table, table=True):
    """A pilot; what is planned stands in its draft until the plan is frozen.

    `draft_json` is what was typed, complete or not; `draft_version` counts its changes, so that
    two editors notice each other. In a throw-away workspace nobody owns a pilot.
    """

    __tablename__ = "pilots"

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True, max_length=63)
    owner_id: int | None = Field(default=None, foreign_key="users.id", index=True)
    created_at: datetime
    draft_json: str = "{}"
    draft_version: int = 1
