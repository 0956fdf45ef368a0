"""Tokens: how scripts say who they are."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class TokenScope(StrEnum):
    """What a token may do, within its user's rights."""

    READ = "read"
    RECORD = "record"
    MANAGE = "manage"


class TokenRow(Table, table=True):
    """A token of a user; the secret is shown once, and only its hash is kept."""

    __tablename__ = "tokens"
    __table_args__ = (CheckConstraint(one_of("scope", TokenScope), name="scope"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", index=True)
    name: str = Field(max_length=100)
    scope: str = Field(max_length=16)
    secret_hash: str = Field(unique=True, max_length=64)
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
