"""What stages ask of the engine that turns ledger rows into accounts and summaries.

Intake, recording and enrolment run on the embedded engine always; analyses on the one of the
settings. Both run the same Ibis expressions and give the same digits.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from experiments.engines.address import DUCKDB, read_address
from experiments.engines.cluster import open_cluster
from experiments.engines.embedded import open_embedded


class Engine(Protocol):
    """Runs Ibis expressions.

    Every question may raise BadInput: totals too large for exact digits, or a cluster that cannot
    be reached or cannot read the ledger.
    """

    @property
    def name(self) -> str:
        """How results name the engine that made them."""
        ...

    def table_of(self, files: Sequence[str], schema: pa.Schema) -> ir.Table:
        """Read Parquet files as one table; no file is a table without rows."""
        ...

    def keep(self, expression: ir.Table) -> ir.Table:
        """Hold a table, computed once, for later questions, as long as the engine is open."""
        ...

    def lend(self, rows: pa.Table) -> ir.Table:
        """Let questions read a table of this process, as long as the engine is open."""
        ...

    def held(self, expression: ir.Table) -> AbstractContextManager[ir.Table]:
        """Hold a table, computed once, for the questions of a block."""
        ...

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Bring a result back as an Arrow table."""
        ...

    def stream(self, expression: ir.Table) -> pa.RecordBatchReader:
        """Bring a result back in batches, for results that may be large."""
        ...

    def scan(self, expression: ir.Table) -> Iterator[pa.RecordBatch] | None:
        """Read a result where it is made, decimals of at most 18 digits as 64-bit numbers.

        Nothing else may be asked until the last batch is read.

        Returns:
            None where the rows are not in this process: the engine has to add them up itself.
        """
        ...


@contextmanager
def open_engine(
    address: str = DUCKDB, *, threads: int | None = None, scratch: Path | None = None
) -> Iterator[Engine]:
    """Open an engine for a piece of work, and close it afterwards.

    Args:
        address: `duckdb`, or a Spark cluster's `spark://host:port`.
        threads: How many threads of this machine it may use; all cores where None.
        scratch: Folder for what does not fit into memory.

    Raises:
        BadInput: The address names no engine.
        NotSupported: What a cluster needs is not installed here.
    """
    found = read_address(address)
    if found.name == DUCKDB:
        with open_embedded(threads=threads, scratch=scratch) as embedded:
            yield embedded
    else:
        with open_cluster(found, scratch=scratch) as cluster:
            yield cluster
