"""Idempotency keys: the first answer to a request, for when it is sent again."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.tables.base import Table


class IdempotencyKeyRow(Table, table=True):
    """A key that a caller chose for a request; `status` is empty while the request is running.

    `process` names who answers it, where the system can tell.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("caller", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    caller: str = Field(max_length=64)
    key: str = Field(max_length=255)
    request_sha256: str = Field(max_length=64)
    created_at: datetime
    process: str | None = Field(default=None, max_length=128)
    status: int | None = None
    headers_json: str | None = None
    body: bytes | None = None
