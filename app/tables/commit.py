"""Commits: what the ledger's tables were seen to hold, synced to disk, version after version."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.tables.base import Table


class CommitRow(Table, table=True):
    """A version of a table of the ledger that is safe on disk.

    A version above the newest one here was never acknowledged. `batch_no` is the highest batch
    that it brought; None where it only moved rows. `sha256` is that of the entry in the log.
    """

    __tablename__ = "commits"
    __table_args__ = (UniqueConstraint("table_name", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    table_name: str = Field(max_length=160)
    version: int
    sha256: str = Field(max_length=64)
    batch_no: int | None = Field(default=None, foreign_key="batches.batch_no", index=True)
    confirmed_at: datetime
