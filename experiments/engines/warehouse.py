"""Behavior that lies in a table of the company's warehouse, read in the ledger's shape.

Nothing is recorded: the rows are read once, in one statement, so that they are of one moment, and
kept for as long as the work lasts. A warehouse changes, so that whoever reads it is told what it
held: rows, days, and a fingerprint of the counts and exact sums per measure and day.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.engines.embedded import STREAMED_ROWS, Embedded, open_embedded
from experiments.errors import BadInput, Problem

AMOUNT: Final = pa.decimal128(18, 4)
ROWS: Final = pa.schema(
    [
        pa.field("customer_id", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("occurred_at", pa.date32()),
        pa.field("value", AMOUNT),
        pa.field("item", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("source", pa.string()),
    ]
)
NEEDED: Final = ("customer_id", "measure", "occurred_at", "value")
LIMIT: Final = Decimal(10**14)
SECONDS_TO_REACH: Final = 10
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://")


@dataclass(frozen=True, slots=True)
class WarehouseTable:
    """A table with a row per event.

    Attributes:
        address: As Ibis connects to it: `duckdb:///folder/company.duckdb`, `postgresql://host/db`.
        table: Its name, with that of its schema before a dot where it has one.
        columns: Per column of the ledger (`customer_id`, `measure`, `occurred_at`, `value`, and
            where there are `item`, `event_id`, `source`), the table's own.
    """

    address: str
    table: str
    columns: Mapping[str, str]

    @property
    def place(self) -> str:
        """The address as results may show it: without user, password and options."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of a warehouse's table as they were when they were read.

    Attributes:
        file: Parquet with the columns of `ROWS`; goes with the folder that it is in.
        place: Of the warehouse.
        table: Which table.
        rows: How many.
        measures: Which there are, in order.
        first_on: Day of the first row; None where there is no row.
        last_on: Day of the last.
        fingerprint: SHA-256 of rows, customers and sum per measure and day.
    """

    file: Path
    place: str
    table: str
    rows: int
    measures: tuple[str, ...]
    first_on: date | None
    last_on: date | None
    fingerprint: str


def read_warehouse(source: WarehouseTable, *, into: Path) -> Snapshot:
    """Read a table once.

    Args:
        source: Which, and what its columns mean.
        into: A file that does not exist yet.

    Raises:
        BadInput: The warehouse cannot be reached, there is no such table or column, or rows cannot
            be read as behavior; every problem is named.
    """
    problems: dict[tuple[str, str], int] = {}
    with _connected(source) as connection, pq.ParquetWriter(into, ROWS) as writer:
        for batch in _streamed(connection, _projected(connection, source)):
            writer.write_batch(_as_behavior(batch, problems))
    with open_embedded() as engine:
        rows = engine.table_of([str(into)], ROWS)
        if repeated := _repeated_events(engine, rows):
            problems["event_id", "tell of an event a second time"] = repeated
        if problems:
            raise BadInput(
                f"Table {source.table} of {source.place} cannot be read as behavior; correct it, "
                f"or name a view that leaves these rows out:",
                [
                    Problem(f"column {source.columns.get(name, name)!r}", f"{many:,} rows {what}")
                    for (name, what), many in problems.items()
                ],
            )
        return _told(engine, rows, source, into)


@contextmanager
def _connected(source: WarehouseTable) -> Iterator[Any]:
    if not _ADDRESS.match(source.address):
        raise BadInput(
            f"{source.place!r} is no address of a warehouse; write one such as "
            f"duckdb:///folder/company.duckdb or postgresql://host/database."
        )
    kind, _, path = source.address.partition("://")
    if kind == "duckdb" and not Path(path).is_file():
        raise BadInput(f"There is no DuckDB file {path}; check the path of the warehouse.")
    try:
        if kind == "duckdb":
            connection = ibis.duckdb.connect(path, read_only=True)
        elif kind in ("postgres", "postgresql"):
            connection = ibis.connect(source.address, connect_timeout=SECONDS_TO_REACH)
        else:
            connection = ibis.connect(source.address)
    except Exception as error:
        # Each driver has errors of its own, and their texts may hold the password.
        raise BadInput(
            f"The warehouse {source.place} cannot be opened ({type(error).__name__}): check its "
            f"address, that it runs and lets this machine in, and that its driver is installed."
        ) from None
    try:
        yield connection
    finally:
        connection.disconnect()


def _projected(connection: Any, source: WarehouseTable) -> ir.Table:
    """The named columns of the table; those that it lacks are empty."""
    schema, _, name = source.table.rpartition(".")
    try:
        table = connection.table(name, database=schema or None)
    except Exception:
        raise BadInput(
            f"The warehouse {source.place} has no table {source.table!r} that this user may read; "
            f"check its name, with its schema before a dot."
        ) from None
    absent = [column for column in source.columns.values() if column not in table.columns]
    if absent:
        there = ", ".join(table.columns)
        raise BadInput(
            f"Table {source.table} of {source.place} lacks columns:",
            [Problem(repr(column), f"not among {there}") for column in absent],
        )
    return table.select([table[column].name(name) for name, column in source.columns.items()])


def _streamed(connection: Any, rows: ir.Table) -> Iterator[pa.RecordBatch]:
    if connection.name == "duckdb":  # whose batches Ibis 12 asks for by a name that is gone
        statement = connection.con.sql(connection.compile(rows))
        yield from statement.to_arrow_reader(STREAMED_ROWS)
    else:
        yield from connection.to_pyarrow_batches(rows, chunk_size=STREAMED_ROWS)


def _as_behavior(batch: pa.RecordBatch, problems: dict[tuple[str, str], int]) -> pa.RecordBatch:
    """The batch in the ledger's types; what cannot be is counted in `problems`."""
    columns = []
    for column in ROWS:
        if column.name not in batch.schema.names:
            columns.append(pa.nulls(len(batch), column.type))
            continue
        given = batch[column.name]
        found, what = _converted(given, column.type)
        wrong = pc.sum(pc.and_(given.is_valid(), found.is_null())).as_py() or 0
        if column.name in NEEDED:
            wrong, what = found.null_count, f"are empty, or {what}"
        elif column.type == pa.string():
            wrong = 0  # blank is nothing
        if wrong:
            key = (column.name, what)
            problems[key] = problems.get(key, 0) + wrong
        columns.append(found)
    return pa.RecordBatch.from_arrays(columns, schema=ROWS)


def _converted(given: pa.Array, kind: pa.DataType) -> tuple[pa.Array, str]:
    """The values in a type of the ledger, null where they do not fit, and what it takes to fit."""
    has = given.type
    if kind == pa.string():
        if pa.types.is_floating(has):
            return pa.nulls(len(given), kind), "are fractions, not text or whole numbers"
        text = pc.utf8_trim(given.cast(kind), " \t")
        return pc.if_else(pc.equal(text, ""), None, text), "are blank"
    if pa.types.is_date32(kind):
        if pa.types.is_date(has) or (pa.types.is_timestamp(has) and has.tz is None):
            return given.cast(kind, safe=False), "are no days"
        return pa.nulls(len(given), kind), f"are {has}, not days; make them dates in a view"
    return _amounts(given), "are no numbers with at most four decimals below 100,000,000,000,000"


def _amounts(given: pa.Array) -> pa.Array:
    """Amounts of the ledger; null what would lose a digit, is no finite number, or is too large."""
    if pa.types.is_floating(given.type):
        wide = given.cast(pa.float64())
        few = pc.if_else(pc.less(pc.abs(wide), float(LIMIT)), wide, None)  # NaN is not less
        found = few.cast(AMOUNT)
        return pc.if_else(pc.equal(found.cast(pa.float64()), few), found, None)
    if not (pa.types.is_integer(given.type) or pa.types.is_decimal(given.type)):
        return pa.nulls(len(given), AMOUNT)
    scale = given.type.scale if pa.types.is_decimal(given.type) else 0
    all_digits = pa.decimal256(76, max(scale, AMOUNT.scale))
    wide = given.cast(all_digits)
    few = pc.if_else(pc.less(pc.abs(wide), pa.scalar(LIMIT, all_digits)), wide, None)
    found = few.cast(AMOUNT, safe=False)
    return pc.if_else(pc.equal(found.cast(all_digits), few), found, None)


def _repeated_events(engine: Embedded, rows: ir.Table) -> int:
    named = rows.filter(rows.event_id.notnull())
    counts = named.group_by(["source", "event_id", "measure", "item"]).agg(n=named.count())
    found = engine.fetch(counts.aggregate(again=(counts.n - 1).sum()))["again"][0].as_py()
    return int(found or 0)


def _told(engine: Embedded, rows: ir.Table, source: WarehouseTable, file: Path) -> Snapshot:
    days = rows.group_by(["measure", "occurred_at"]).agg(
        rows=rows.count(), customers=rows.customer_id.nunique(), total=rows.value.sum()
    )
    found = engine.fetch(days.order_by(["measure", "occurred_at"])).to_pylist()
    lines = "".join(
        f"{one['measure']}\t{one['occurred_at']}\t{one['rows']}\t{one['customers']}\t{one['total']}\n"
        for one in found
    )
    dates = [one["occurred_at"] for one in found]
    return Snapshot(
        file=file,
        place=source.place,
        table=source.table,
        rows=sum(one["rows"] for one in found),
        measures=tuple(dict.fromkeys(one["measure"] for one in found)),
        first_on=min(dates, default=None),
        last_on=max(dates, default=None),
        fingerprint=hashlib.sha256(lines.encode()).hexdigest(),
    )
