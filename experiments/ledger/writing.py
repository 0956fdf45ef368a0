"""Write rows into Parquet files of a table, and commit them at once.

Files are written and synced before a commit names them, so that a commit never refers to a file
which is not whole; `durable` then makes the commit itself safe. Rows keep the order in which they
come, which is that of customers: a group-by of sorted rows is several times faster.
"""

import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from experiments.ledger.location import Location

APP: Final = "pilotbook"
YEAR: Final = "year"
DAY: Final = "occurred_at"
ROWS_OF_GROUP: Final = 122_880  # what DuckDB gives to one thread at a time
# Never a column that may be empty: of one without a dictionary, whose few values are all the same,
# DuckDB 2.0 takes every row for empty where it is asked for empty ones.
MOSTLY_UNIQUE: Final = frozenset({"customer", "value", "customer_id"})
ROWS_OF_FILE: Final = 4_000_000
# Only upkeep removes old log entries, once a checkpoint that replaces them is safe on disk.
HOOKS: Final = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class Written:
    """A Parquet file that no commit names yet.

    Attributes:
        path: Within the table.
        year: Of its rows; None in a table that is not divided by year.
        size: Bytes.
        at_ms: When it was finished, in milliseconds of the epoch, by the clock of its store.
        metadata: Its footer.
    """

    path: str
    year: int | None
    size: int
    at_ms: int
    metadata: pq.FileMetaData

    def to_add(self, *, data_change: bool) -> AddAction:
        """The entry of the log that adds it."""
        values = {} if self.year is None else {YEAR: str(self.year)}
        return AddAction(
            self.path, self.size, values, self.at_ms, data_change, _stats(self.metadata)
        )


def write_files(
    location: Location, table: str, rows: Iterable[pa.RecordBatch], *, by_year: bool
) -> tuple[Written, ...]:
    """Write rows into new files, in their order, and sync these to disk.

    Args:
        location: Of the ledger.
        table: Its folder exists.
        rows: Batches of one schema.
        by_year: Whether each year of `occurred_at` has files of its own.
    """
    open_files: dict[int | None, _File] = {}
    written: list[Written] = []
    try:
        for batch in rows:
            for year, part in _by_year(batch) if by_year else [(None, batch)]:
                if not part.num_rows:
                    continue
                file = open_files.get(year)
                if file is None:
                    file = open_files[year] = _File.begin(location, table, year, part.schema)
                file.add(part)
                if file.rows >= ROWS_OF_FILE:
                    written.append(file.end())
                    del open_files[year]
        written += [open_files[year].end() for year in sorted(open_files, key=str)]
    except BaseException:
        for file in open_files.values():
            file.give_up()
        discard(location, table, written)
        raise
    return tuple(written)


def append(target: DeltaTable, written: Iterable[Written], *, batch_no: int | None) -> None:
    """Commit files that `write_files` wrote; the commit names the batch, if they came in one.

    `target` is the very `DeltaTable` on which somebody saw that the batch is new: by path, two
    writers would both succeed.
    """
    with full_disk_told():
        target.create_write_transaction(
            [file.to_add(data_change=True) for file in written],
            mode="append",
            schema=target.schema(),
            partition_by=list(target.metadata().partition_columns),
            commit_properties=CommitProperties(
                app_transactions=None if batch_no is None else [Transaction(APP, batch_no)]
            ),
            post_commithook_properties=HOOKS,
        )


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Let a commit that finds no room fail as a write to a file does.

    Raises:
        OSError: The disk is full (ENOSPC).
    """
    try:
        yield
    except (DeltaError, OSError) as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def discard(location: Location, table: str, written: Iterable[Written]) -> None:
    """Remove files that no commit will name; what cannot be removed is swept up later."""
    files = location.files(table)
    for one in written:
        with suppress(OSError):
            files.delete_file(one.path)


@dataclass(slots=True)
class _File:
    """A Parquet file under way."""

    location: Location
    table: str
    path: str
    year: int | None
    sink: IO[bytes]
    writer: pq.ParquetWriter
    footer: list[pq.FileMetaData]
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    waiting_rows: int = 0
    rows: int = 0

    @classmethod
    def begin(cls, location: Location, table: str, year: int | None, schema: pa.Schema) -> "_File":
        """Open a new file under a name that nobody has."""
        folder = "" if year is None else f"{YEAR}={year}/"
        path = f"{folder}part-{secrets.token_hex(16)}.parquet"
        sink = _create(location, table, path)
        footer: list[pq.FileMetaData] = []
        writer = pq.ParquetWriter(
            sink,
            schema,
            **_encoded(schema),
            store_decimal_as_integer=True,
            write_page_checksum=True,
            metadata_collector=footer,
        )
        return cls(location, table, path, year, sink, writer, footer)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; they wait until a row group is full."""
        self.waiting.append(batch)
        self.waiting_rows += batch.num_rows
        self.rows += batch.num_rows
        if self.waiting_rows >= ROWS_OF_GROUP:
            self._write(self.waiting_rows - self.waiting_rows % ROWS_OF_GROUP)

    def end(self) -> Written:
        """Write what waits and the footer, and sync the file."""
        self._write(self.waiting_rows)
        self.writer.close()
        if self.location.is_local:
            self.sink.flush()
            os.fsync(self.sink.fileno())
        self.sink.close()
        [info] = self.location.files(self.table).get_file_info([self.path])
        at_ms = info.mtime_ns // 1_000_000
        return Written(self.path, self.year, info.size, at_ms, self.footer[0])

    def give_up(self) -> None:
        """Close and remove the file; what cannot be removed is swept up later."""
        for step in (self.writer.close, self.sink.close, self._delete):
            with suppress(OSError, RuntimeError, pa.ArrowException):
                step()
        self.writer.is_open = False  # or it would try once more, and complain, when it is let go

    def _delete(self) -> None:
        self.location.files(self.table).delete_file(self.path)

    def _write(self, rows: int) -> None:
        if rows:
            whole = pa.Table.from_batches(self.waiting)
            self.writer.write_table(whole.slice(0, rows), row_group_size=ROWS_OF_GROUP)
            rest = whole.slice(rows)
            self.waiting = rest.to_batches()
            self.waiting_rows = rest.num_rows


def _encoded(schema: pa.Schema) -> dict[str, Any]:
    """How columns are packed: numbers to be read fast, texts to be small.

    Measured on 4 million rows sorted by customer, in processor time of DuckDB: a bare scan takes
    0.065 s and a group-by 0.12 s, against 0.095 and 0.16 s with zstd throughout, at the same size.
    """
    texts = {column.name for column in schema if pa.types.is_string(column.type)}
    return {
        "compression": {
            column.name: "zstd" if column.name in texts else "snappy" for column in schema
        },
        "use_dictionary": [column.name for column in schema if column.name not in MOSTLY_UNIQUE],
        "column_encoding": {
            column.name: "DELTA_BINARY_PACKED" for column in schema if column.name == "customer"
        },
    }


def _create(location: Location, table: str, path: str) -> IO[bytes]:
    if location.is_local:
        file = location.folder / table / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("xb")
    return cast(IO[bytes], location.files(table).open_output_stream(path))


def _by_year(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    years = pc.year(batch.column(DAY))
    for year in sorted(pc.unique(years).to_pylist()):
        yield year, batch.filter(pc.equal(years, year))


def _stats(metadata: pq.FileMetaData) -> str:
    """What the log says of a file: rows, and the range of numbers and days."""
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            found = metadata.row_group(group).column(column)
            stats = found.statistics
            if stats is None or not stats.has_min_max or not _is_simple(stats.min):
                continue
            name = found.path_in_schema
            lowest[name] = min(lowest.get(name, stats.min), stats.min)
            highest[name] = max(highest.get(name, stats.max), stats.max)
    said = {"numRecords": metadata.num_rows, "minValues": lowest, "maxValues": highest}
    return json.dumps(said, default=date.isoformat)


def _is_simple(value: object) -> bool:
    return isinstance(value, int | date) and not isinstance(value, bool | datetime)
