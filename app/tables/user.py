"""Users: who may sign in, and as what."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class Role(StrEnum):
    """What a user is to the company's pilots."""

    MANAGER = "manager"
    ANALYST = "analyst"
    EXECUTIVE = "executive"
    ADMIN = "admin"


class UserRow(Table, table=True):
    """A person; the e-mail address is the sign-in, kept in lower case."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(one_of("role", Role), name="role"),)

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, max_length=254)
    role: str = Field(max_length=16)
    password_hash: str
    created_at: datetime
    disabled_at: datetime | None = None
