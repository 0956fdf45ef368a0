"""Signatures: who put a name under what, and when."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class SignedWhat(StrEnum):
    """What a signature stands under."""

    PLAN = "plan"
    DECISION = "decision"
    SECOND = "second"


class SignatureRow(Table, table=True):
    """A signature; `fingerprint` is that of what was shown to the signer."""

    __tablename__ = "signatures"
    __table_args__ = (CheckConstraint(one_of("what", SignedWhat), name="what"),)

    id: int | None = Field(default=None, primary_key=True)
    pilot_id: int = Field(foreign_key="pilots.id", index=True)
    user_id: int = Field(foreign_key="users.id", index=True)
    what: str = Field(max_length=16)
    fingerprint: str = Field(max_length=64)
    signed_at: datetime
