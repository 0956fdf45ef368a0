"""The query engine that turns ledger rows into accounts and summaries: DuckDB, embedded."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from experiments.errors import BadInput, NotSupported

STREAMED_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Engine:
    """A connection that runs Ibis expressions.

    Attributes:
        connection: The Ibis backend.
        name: How results name the engine that made them.
    """

    connection: Backend
    name: str = "duckdb"

    def table_of(self, files: Sequence[str], schema: pa.Schema) -> ir.Table:
        """Read Parquet files as one table; no file is a table without rows."""
        if not files:
            return ibis.memtable(schema.empty_table())
        # A path is a path: `*` in it is no pattern, and a folder `customer=7` above the files is
        # no column.
        paths = [glob.escape(file) for file in files]
        return self.connection.read_parquet(paths, hive_partitioning=False)

    def keep(self, expression: ir.Table) -> ir.Table:
        """Compute a table once and hold it for later questions, as long as the engine is open."""
        with overflow_explained():
            return self.connection.create_table(gen_name("kept"), expression, temp=True)

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
        with overflow_explained():
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

    def _drop(self, kept: ir.Table) -> None:
        # Not by `get_name`, which puts catalog and schema into the name.
        self.connection.drop_table(kept.op().name)


@contextmanager
def open_engine(
    address: str = "duckdb", *, threads: int | None = None, scratch: Path | None = None
) -> Iterator[Engine]:
    """Open an engine for a piece of work, and close it afterwards.

    Args:
        address: `duckdb`; a cluster's `spark://host:port` is not supported by this version.
        threads: How many threads it may use; all cores where None.
        scratch: Folder for what does not fit into memory.

    Raises:
        NotSupported: The address names an engine that this version does not have.
    """
    if address != "duckdb":
        raise NotSupported(f"Engine {address!r} is not available in this version; use duckdb.")
    settings: dict[str, str | int] = {}
    if threads is not None:
        settings["threads"] = threads
    if scratch is not None:
        settings["temp_directory"] = str(scratch)
    connection = ibis.duckdb.connect(**settings)
    try:
        yield Engine(connection)
    finally:
        connection.disconnect()


@contextmanager
def overflow_explained() -> Iterator[None]:
    """Say in words that exact sums ran out of digits; they never wrap around."""
    try:
        yield
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        raise BadInput(
            "Values are too large to be added up exactly: a customer's total must stay below "
            "100,000,000,000,000. Record the measure in a larger unit, such as thousands. "
            f"({str(error).splitlines()[0]})"
        ) from None
