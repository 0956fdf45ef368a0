"""Leases: versions of the ledger that somebody is reading, so that no vacuum takes their files."""

from datetime import datetime

from sqlmodel import Field

from app.tables.base import Table


class LeaseRow(Table, table=True):
    """A version of a table that is read until further notice, at the longest until `until`."""

    __tablename__ = "leases"

    id: str = Field(primary_key=True, max_length=32)
    table_name: str = Field(max_length=160)
    version: int
    holder: str = Field(max_length=64)
    until: datetime
