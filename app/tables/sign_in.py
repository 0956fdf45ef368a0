"""Sign-ins: sessions of browsers, which the server can end."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class SignInRow(Table, table=True):
    """A browser that somebody signed in with; only a hash of its secret is kept."""

    __tablename__ = "sign_ins"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", index=True)
    secret_hash: str = Field(unique=True, max_length=64)
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
