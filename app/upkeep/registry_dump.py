"""The registry as files: for each table a compressed file with a line per row.

It is read from one snapshot and knows tables by what the database says of them, so that any schema
is dumped, and what SQLite held is loaded into PostgreSQL and back. Rows stand in the order of their
keys: the same rows are the same bytes.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic.migration import MigrationContext

from app.database import Database

ENDING: Final = ".jsonl.gz"
SCHEMA: Final = "alembic_version"  # Alembic's own table, which migrations fill
# Who reads which version now; nobody does after a restore.
LEFT_OUT: Final = frozenset({SCHEMA, "leases"})
AT_ONCE: Final = 500  # rows
LEVEL: Final = 3  # of compression: higher ones take many times as long for a tenth of the size


@dataclass(frozen=True, slots=True)
class Dumped:
    """A table in its file.

    Attributes:
        name: Of the table.
        rows: How many.
    """

    name: str
    rows: int


@contextmanager
def snapshot(database: Database) -> Iterator[sa.Connection]:
    """A connection on which every query sees the registry as of the first one."""
    with database.reads.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


def schema_of(connection: sa.Connection) -> str | None:
    """The schema of a registry; None before its first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def tables_of(connection: sa.Connection) -> list[sa.Table]:
    """The tables as the database has them, each after those that it refers to."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in LEFT_OUT]


def dump_registry(connection: sa.Connection, folder: Path) -> list[Dumped]:
    """Write every table into a folder.

    Args:
        connection: In a `snapshot`.
        folder: For the files; is there.
    """
    return [_dump(connection, table, _file(folder, table.name)) for table in tables_of(connection)]


def load_registry(connection: sa.Connection, folder: Path) -> dict[str, int]:
    """Fill the empty tables of the same schema from a dump; how many rows each took."""
    return {
        table.name: _load(connection, table, _file(folder, table.name))
        for table in tables_of(connection)
        if _file(folder, table.name).exists()
    }


def rows_of(folder: Path, table: str) -> Iterator[Mapping[str, Any]]:
    """The rows of a dumped table, by the names of its columns."""
    with gzip.open(_file(folder, table), "rt", encoding="utf-8", newline="\n") as file:
        columns: dict[str, str] = json.loads(file.readline())
        read = [_READ.get(kind, _as_is) for kind in columns.values()]
        for line in file:
            cells = zip(columns, read, json.loads(line), strict=True)
            yield {name: None if cell is None else as_(cell) for name, as_, cell in cells}


def _dump(connection: sa.Connection, table: sa.Table, path: Path) -> Dumped:
    kinds = {column.name: _kind(column.type) for column in table.columns}
    written = [_WRITTEN.get(kind, _as_is) for kind in kinds.values()]
    query = sa.select(table).order_by(*table.primary_key.columns)
    rows = 0
    # Without a time or a name in its head, so that the same rows are the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as file,
    ):
        file.write(_line(kinds))
        for row in connection.execute(query.execution_options(yield_per=AT_ONCE)):
            cells = zip(written, row, strict=True)
            file.write(_line([None if cell is None else as_(cell) for as_, cell in cells]))
            rows += 1
    return Dumped(table.name, rows)


def _load(connection: sa.Connection, table: sa.Table, path: Path) -> int:
    aware = {column.name: getattr(column.type, "timezone", None) for column in table.columns}
    waiting: list[dict[str, Any]] = []
    rows = 0
    for row in rows_of(path.parent, table.name):
        waiting.append({name: _timed(cell, aware=aware[name]) for name, cell in row.items()})
        rows += 1
        if len(waiting) == AT_ONCE:
            connection.execute(table.insert(), waiting)
            waiting.clear()
    if waiting:
        connection.execute(table.insert(), waiting)
    if rows and connection.dialect.name == "postgresql":
        _go_on_counting(connection, table)
    return rows


def _go_on_counting(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL counts apart from what is inserted; SQLite goes on from the highest number."""
    for column in table.primary_key.columns:
        counter = connection.scalar(
            sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
        )
        if counter is not None:
            connection.execute(sa.select(sa.func.setval(counter, sa.func.max(column))))


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}{ENDING}"


def _line(said: object) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _kind(type_: sa.types.TypeEngine[Any]) -> str:
    if isinstance(type_, sa.DateTime):
        return "datetime"
    if isinstance(type_, sa.Date):
        return "date"
    return "bytes" if isinstance(type_, sa.LargeBinary) else "plain"


def _timed(cell: object, *, aware: bool | None) -> object:
    """A moment as the database takes it: SQLite has no time zones, and keeps what is UTC."""
    return cell.replace(tzinfo=None) if isinstance(cell, datetime) and not aware else cell


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_is(cell: Any) -> Any:
    return cell


_WRITTEN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "datetime": lambda moment: _utc(moment).isoformat(),
    "date": date.isoformat,
    "bytes": lambda cell: base64.b64encode(cell).decode(),
}
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "bytes": base64.b64decode,
}
