"""Apache Spark on a cluster: analyses of a ledger that one machine no longer reads in time.

The same Ibis expressions as on DuckDB. Only summaries, and what is asked for row by row, come back.
Whatever else a cluster needs (memory, credentials) is written in its `spark-defaults.conf`, which
Spark finds through SPARK_CONF_DIR. pyspark is an extra, imported where it is first needed.
"""

import logging
import re
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.util import gen_name

from experiments.engines.address import SPARK, Address
from experiments.engines.overflow import too_large
from experiments.errors import BadInput, NotSupported

STREAMED_ROWS = 100_000
SECONDS_TO_REACH = 5.0
SECONDS_TO_GET_A_WORKER = 60.0
TASKS_PER_CORE = 3

# What Spark says where exact numbers run out of digits; in ANSI mode it never wraps around.
_OVERFLOWS = ("ARITHMETIC_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE", "CAST_OVERFLOW")
_UNSEEN = re.compile(r"FAILED_READ_FILE|FileNotFoundException|PATH_NOT_FOUND")
_GONE = re.compile(r"stopped SparkContext|SparkContext was shut down|All masters are unresponsive")


@dataclass(slots=True)
class Cluster:
    """A connection to a Spark cluster that runs Ibis expressions; an `Engine`.

    It connects with the first question, so that work which asks none needs no cluster.

    Attributes:
        address: The cluster's master.
        scratch: Folder for what this side of the cluster writes; Spark's own where None.
        name: How results name the engine that made them.
    """

    address: Address
    scratch: Path | None = None
    name: str = SPARK
    _opened: list[Any] = field(default_factory=list, repr=False)
    _lifted: set[str] = field(default_factory=set, repr=False)

    def table_of(self, files: Sequence[str], schema: pa.Schema) -> ir.Table:
        """Read Parquet files as one table; no file is a table without rows."""
        if not files:
            return ibis.memtable(schema.empty_table())
        # A path is a path: `*` in it is no pattern, and a folder `year=2026` above the files is no
        # column.
        reader = self._session.read.options(__globPaths__="false", recursiveFileLookup="true")
        if schema.names:
            reader = reader.schema(_spark_schema(schema))
        with _explained():
            # Hadoop calls S3 s3a; its package hadoop-aws and the keys are the cluster's own.
            paths = [re.sub("^s3://", "s3a://", file) for file in files]
            return self._named(reader.parquet(*paths))

    def keep(self, expression: ir.Table) -> ir.Table:
        """Hold a table for later questions, as long as the engine is open.

        The first question computes it, on disk where the workers' memory is short; what a lost
        worker held is computed again.
        """
        with _explained():
            return self._named(self._frame(expression).persist())

    def lend(self, rows: pa.Table) -> ir.Table:
        """Send a table of this process to the cluster, for as long as the engine is open."""
        return self.keep(ibis.memtable(rows))

    @contextmanager
    def held(self, expression: ir.Table) -> Iterator[ir.Table]:
        """Hold a table for the questions of a block."""
        table = self.keep(expression)
        try:
            yield table
        finally:
            name = table.op().name
            with suppress(Exception):  # a cluster that is gone holds nothing
                self._session.table(name).unpersist()
                self._session.catalog.dropTempView(name)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Bring a result back as an Arrow table."""
        with _explained():
            found = self._frame(expression).toArrow()
        wanted = expression.schema().to_pyarrow()
        # Ibis forgets that a time of Spark is one of UTC.
        kinds = [
            there if pa.types.is_timestamp(there.type) else field
            for field in wanted
            for there in [found.schema.field(field.name)]
        ]
        return found.select(wanted.names).cast(pa.schema(kinds))

    def stream(self, expression: ir.Table) -> pa.RecordBatchReader:
        """Bring a result back in batches; this process holds all of it."""
        return self.fetch(expression).to_reader(STREAMED_ROWS)

    def scan(self, expression: ir.Table) -> None:
        """Nothing: the rows stay on the cluster."""

    def close(self) -> None:
        """Give the cluster's cores back; nothing that was kept remains."""
        while self._opened:
            self._opened.pop().disconnect()

    @property
    def _connection(self) -> Any:
        if not self._opened:
            self._opened.append(ibis.pyspark.connect(_session(self.address, self.scratch)))
        return self._opened[0]

    @property
    def _session(self) -> Any:
        return self._connection._session

    def _frame(self, expression: ir.Table) -> Any:
        """Spark's own table of an expression; small tables in it are sent to the cluster first."""
        for small in expression.op().find(ops.InMemoryTable):
            if small.name not in self._lifted:
                # Ibis would go through pandas, where a whole number that is unknown is a float.
                rows = small.data.to_pyarrow(small.schema)
                self._session.createDataFrame(rows).createTempView(small.name)
                self._lifted.add(small.name)
        return self._session.sql(self._connection.compile(expression))

    def _named(self, frame: Any) -> ir.Table:
        name = gen_name("kept")
        frame.createTempView(name)
        return self._connection.table(name)


@contextmanager
def open_cluster(address: Address, *, scratch: Path | None = None) -> Iterator[Cluster]:
    """A cluster for a piece of work; leave it afterwards.

    Args:
        address: The cluster's master.
        scratch: Folder for what this side of the cluster writes.

    Raises:
        NotSupported: Java or pyspark is missing on this machine.
    """
    if find_spec("pyspark") is None:
        raise NotSupported(
            "A Spark cluster needs the package pyspark on this machine; install "
            "pilotbook[spark], or use --engine duckdb (PILOTBOOK_ENGINE=duckdb)."
        )
    if shutil.which("java") is None:
        raise NotSupported(
            "A Spark cluster needs Java 17 on this machine and there is no `java` on the path; "
            "install it (Debian: openjdk-17-jre-headless), or use --engine duckdb "
            "(PILOTBOOK_ENGINE=duckdb)."
        )
    cluster = Cluster(address, scratch)
    try:
        yield cluster
    finally:
        cluster.close()


def _session(address: Address, scratch: Path | None) -> Any:
    """A session on the cluster that has a worker for it.

    Raises:
        BadInput: The master does not answer, or has no worker to give.
    """
    # Every failure is raised as well, and is told in a sentence.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    builder = (
        import_module("pyspark.sql")
        .SparkSession.builder.master(address.master)
        .appName("Pilotbook")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "OFF")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.session.timeZone", "UTC")
    )
    if address.hosts:
        # The address by which this machine reaches the master is the one that workers can reach.
        own = _own_address(address)
        builder = builder.config("spark.driver.host", own).config("spark.driver.bindAddress", own)
    if scratch is not None:
        builder = builder.config("spark.local.dir", str(scratch)).config(
            "spark.sql.warehouse.dir", str(scratch / "warehouse")
        )
    with _explained():
        session = builder.getOrCreate()
    try:
        if address.hosts:
            _wait_for_a_worker(session, address)
        cores = session.sparkContext.defaultParallelism
        session.conf.set("spark.sql.shuffle.partitions", str(TASKS_PER_CORE * cores))
    except BaseException:
        session.stop()
        raise
    return session


def _own_address(address: Address) -> str:
    """The address of this machine towards the first master that answers."""
    refused = []
    for host, port in address.hosts:
        try:
            with socket.create_connection((host, port), timeout=SECONDS_TO_REACH) as connection:
                return str(connection.getsockname()[0])
        except OSError as error:
            refused.append(f"{host}:{port} ({error.strerror or error})")
    raise BadInput(
        f"The Spark cluster cannot be reached: no answer from {', '.join(refused)}. Start its "
        f"master, correct the address {address.master}, or use the engine duckdb."
    )


def _wait_for_a_worker(session: Any, address: Address) -> None:
    context = session.sparkContext._jsc.sc()
    until = time.monotonic() + SECONDS_TO_GET_A_WORKER
    while time.monotonic() < until and not context.isStopped():
        if context.getExecutorMemoryStatus().size() > 1:  # one of them is this process
            return
        time.sleep(0.1)
    raise BadInput(
        f"The Spark cluster at {address.master} gave no worker within "
        f"{SECONDS_TO_GET_A_WORKER:.0f} seconds: it has none, all are busy, they have too little "
        f"memory (spark.executor.memory), or it is no Spark master of this version. Its own page "
        f"shows which."
    )


def _spark_schema(schema: pa.Schema) -> Any:
    return import_module("pyspark.sql.pandas.types").from_arrow_schema(schema)


@contextmanager
def _explained() -> Iterator[None]:
    """Say in words what a cluster reports by the name of a class and a page of Java."""
    failures: tuple[type[Exception], ...] = (
        import_module("pyspark.errors").PySparkException,
        import_module("py4j.protocol").Py4JError,
    )
    try:
        yield
    except failures as error:
        said = str(error)
        if any(name in said for name in _OVERFLOWS):
            raise too_large(said) from None
        if _UNSEEN.search(said):
            raise BadInput(
                "The cluster cannot read the ledger's files. Every worker must see the ledger "
                "under the same path as this machine: put it on a shared folder or an object "
                f"store (PILOTBOOK_LEDGER). ({said.splitlines()[0].strip()})"
            ) from None
        if _GONE.search(said):
            raise BadInput(
                "The Spark cluster went away during the work; start it again and repeat."
            ) from None
        raise
