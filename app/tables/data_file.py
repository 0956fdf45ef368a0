"""Data files: what each file of the ledger held when it was written, for the scrub."""

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from app.tables.base import Table


class DataFileRow(Table, table=True):
    """A Parquet file of a table of the ledger; `removed_in` is the version that no longer reads it.

    `path` is relative to the table's folder.
    """

    __tablename__ = "data_files"
    __table_args__ = (UniqueConstraint("table_name", "path"),)

    id: int | None = Field(default=None, primary_key=True)
    table_name: str = Field(max_length=160)
    path: str
    size: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    added_in: int
    removed_in: int | None = None
