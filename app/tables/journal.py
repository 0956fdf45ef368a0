"""The journal: who did, or was refused, what, and when."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class JournalRow(Table, table=True):
    """One change or refusal; its hash covers the entry before it, so that none can be edited.

    It holds no customer id, no password and no token.
    """

    __tablename__ = "journal"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    user_id: int | None = Field(default=None, foreign_key="users.id")
    action: str = Field(max_length=64)
    subject: str = Field(max_length=255)
    status: int
    detail_json: str = "{}"
    previous_hash: str = Field(max_length=64)
    hash: str = Field(unique=True, max_length=64)
