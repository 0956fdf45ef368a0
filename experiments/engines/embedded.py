"""DuckDB inside this process: intake, recording and enrolment always, analyses by default."""

import glob
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from experiments.engines.address import DUCKDB
from experiments.engines.overflow import too_large

STREAMED_ROWS, SCANNED_ROWS = 100_000, 65_536


@dataclass(frozen=True, slots=True)
class Embedded:
    """A connection to DuckDB that runs Ibis expressions; an `Engine`.

    Attributes:
        connection: The Ibis backend.
        name: How results name the engine that made them.
    """

    connection: Backend
    name: str = DUCKDB

    def table_of(self, files: Sequence[str], schema: pa.Schema) -> ir.Table:
        """Read Parquet files as one table; no file is a table without rows."""
        if not files:
            return ibis.memtable(schema.empty_table())
        # A path is a path: `*` in it is no pattern, and a folder `customer=7` above the files is
        # no column.
        # Under s3a DuckDB reads through the file system of `read_objects_through`; for s3 Ibis
        # would have DuckDB download an extension.
        paths = [glob.escape(re.sub("^s3://", "s3a://", file)) for file in files]
        return self.connection.read_parquet(paths, hive_partitioning=False)

    def read_objects_through(self, files: Any) -> None:
        """Read s3 addresses through a file system of fsspec from now on."""
        self.connection.con.register_filesystem(files)

    def keep(self, expression: ir.Table) -> ir.Table:
        """Compute a table once and hold it for later questions, as long as the engine is open."""
        with _explained():
            return self.connection.create_table(gen_name("kept"), expression, temp=True)

    def lend(self, rows: pa.Table) -> ir.Table:
        """Let questions read a table of this process, as long as the engine is open."""
        name = gen_name("lent")
        self.connection.con.register(name, rows)
        return self.connection.table(name)

    @contextmanager
    def held(self, expression: ir.Table) -> Iterator[ir.Table]:
        """Compute a table once and hold it for the questions of a block."""
        table = self.keep(expression)
        try:
            yield table
        finally:
            self._drop(table)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Bring a result back as an Arrow table."""
        with _explained():
            return self.connection.to_pyarrow(expression)

    def stream(self, expression: ir.Table) -> pa.RecordBatchReader:
        """Bring a result back in batches, for results that may be large.

        Runs the statement itself: `to_pyarrow_batches` of Ibis 12 calls a method that DuckDB 2
        has no longer. The copy that it reads from goes with the last batch.
        """
        kept = self.keep(expression)
        reader = self.connection.con.sql(self.connection.compile(kept)).to_arrow_reader(
            STREAMED_ROWS
        )

        def batches() -> Iterator[pa.RecordBatch]:
            yield from reader
            self._drop(kept)

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def scan(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """Read a result where it is made, decimals of at most 18 digits as 64-bit numbers.

        Nothing else may be asked until the last batch is read.
        """
        # What is small and in memory DuckDB has to be told of first, which `keep` does.
        in_memory = expression.op().find(ops.InMemoryTable)
        rows = self.keep(expression) if in_memory else expression
        raw = self.connection.con
        try:
            with _explained():
                # Since this version of Arrow's format, decimals need not be 128 bits wide.
                raw.execute("set arrow_output_version = '1.5'")
                yield from raw.sql(self.connection.compile(rows)).to_arrow_reader(SCANNED_ROWS)
        finally:
            raw.execute("reset arrow_output_version")
            if in_memory:
                self._drop(rows)

    def write(self, expression: ir.Table, path: Path) -> None:
        """Write a result into a file: .csv with a header, or .parquet, by its ending."""
        with _explained():
            if path.suffix == ".csv":
                self.connection.to_csv(expression, path)
            else:
                self.connection.to_parquet(expression, path)

    def _drop(self, kept: ir.Table) -> None:
        # Not by `get_name`, which puts catalog and schema into the name.
        self.connection.drop_table(kept.op().name)


@contextmanager
def open_embedded(*, threads: int | None = None, scratch: Path | None = None) -> Iterator[Embedded]:
    """Open DuckDB for a piece of work, and close it afterwards.

    Args:
        threads: How many threads it may use; all cores where None.
        scratch: Folder for what does not fit into memory.
    """
    settings: dict[str, str | int] = {}
    if threads is not None:
        settings["threads"] = threads
    if scratch is not None:
        settings["temp_directory"] = str(scratch)
    connection = ibis.duckdb.connect(**settings)
    try:
        yield Embedded(connection)
    finally:
        connection.disconnect()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        raise too_large(str(error)) from None
