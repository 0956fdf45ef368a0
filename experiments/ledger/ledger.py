"""Where behavior, directory and enrolments are kept: Delta tables under one location.

Every row of behavior carries the number of the batch that brought it. A read names the highest
batch that it may see, so that an analysis repeats whatever is appended later, and the batches that
do not count. Rows are never changed: a correction withdraws some, in a table beside them.

Behavior is divided by the year in which it occurred, and sorted by customer, measure and day within
each file.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.fs as arrow_fs
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from experiments.engines.engine import Engine
from experiments.errors import BadInput
from experiments.ledger.location import Location
from experiments.ledger.log import names_in_log
from experiments.ledger.writing import APP, HOOKS, YEAR, append, full_disk_told, write_files

AMOUNT: Final = pa.decimal128(18, 4)

BEHAVIOR: Final = pa.schema(
    [
        pa.field("customer", pa.int64(), nullable=False),
        pa.field("measure", pa.string(), nullable=False),
        pa.field("occurred_at", pa.date32(), nullable=False),
        pa.field("value", AMOUNT, nullable=False),
        pa.field("item", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("batch_no", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
DIRECTORY: Final = pa.schema(
    [
        pa.field("customer", pa.int64(), nullable=False),
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("batch_no", pa.int64(), nullable=False),
    ]
)
# The row that no longer counts, by all that tells it from others, and the batch that says so.
WITHDRAWN: Final = pa.schema(
    [
        *(BEHAVIOR.field(name) for name in ("customer", "measure", "occurred_at", "value")),
        *(BEHAVIOR.field(name) for name in ("item", "event_id", "source")),
        pa.field("withdrawn_batch", pa.int64(), nullable=False),
        pa.field("batch_no", pa.int64(), nullable=False),
    ]
)
# Numbers whose customers were erased; no other customer gets one of them.
ERASED: Final = pa.schema([pa.field("customer", pa.int64(), nullable=False)])
CERTAIN: Final = ("customer", "measure", "occurred_at", "value")
MAYBE_EMPTY: Final = ("item", "event_id", "source")

_YEAR_OF_ROWS: Final = pa.field(YEAR, pa.int32(), nullable=False)
# Opening, following and committing list the whole log. Who reads an older version leases it.
LOG_KEPT: Final = "interval 10 minutes"
# Of these tables no row is ever deleted; Delta refuses it as well.
_APPEND_ONLY: Final = frozenset({"behavior", "withdrawn"})


class Ledger:
    """The company's ledger.

    Attributes:
        location: Folder or address that holds the tables; made with the first append.
        versions: Version of each table that is read; the newest where it is not named.
    """

    __slots__ = ("location", "versions")

    def __init__(
        self,
        place: Location | Path | str,
        *,
        versions: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.location = place if isinstance(place, Location) else Location.of(place)
        self.versions = MappingProxyType(dict(versions))

    @property
    def root(self) -> Path:
        """The folder of a local ledger."""
        return self.location.folder

    def behavior(
        self,
        engine: Engine,
        *,
        through: int | None = None,
        without: Collection[int] = frozenset(),
        days: tuple[date, date] | None = None,
        with_withdrawn: bool = False,
    ) -> ir.Table:
        """Rows of behavior.

        Args:
            engine: Reads them.
            through: Up to and including this batch; all where None.
            without: Batches that do not count, nor what they withdraw.
            days: First and last day of the rows; files that hold no such rows are not opened.
            with_withdrawn: Also rows that a correction withdrew.
        """
        rows = self._read(engine, "behavior", BEHAVIOR, days=days, through=through, without=without)
        if days is not None:
            rows = rows.filter(rows.occurred_at.between(*days))
        if with_withdrawn or not self.live_files("withdrawn"):
            return rows
        gone = self.withdrawn(engine, through=through, without=without)
        # Only rows of these customers are looked at as a whole; of the others no more than what is
        # asked for has to be read.
        whose = gone.select("customer").distinct()
        theirs = rows.semi_join(whose, "customer")
        same = [theirs[name] == gone[name] for name in CERTAIN]
        same += [theirs[name].identical_to(gone[name]) for name in MAYBE_EMPTY]
        kept = theirs.anti_join(gone, [*same, theirs.batch_no == gone.withdrawn_batch])
        return rows.anti_join(whose, "customer").union(kept)

    def withdrawn(
        self, engine: Engine, *, through: int | None = None, without: Collection[int] = frozenset()
    ) -> ir.Table:
        """Rows that batches up to `through` withdrew; arguments as for `behavior`."""
        return self._read(engine, "withdrawn", WITHDRAWN, through=through, without=without)

    def directory(self, engine: Engine) -> ir.Table:
        """Which number stands for which of the company's customer ids."""
        return self._read(engine, "directory", DIRECTORY)

    def erased(self, engine: Engine) -> ir.Table:
        """Numbers that stood for customers who were erased."""
        return self._read(engine, "erased", ERASED)

    def enrolment(self, engine: Engine, pilot: str, *, batch_no: int) -> ir.Table:
        """The enrolled customers of a pilot, as one batch left them."""
        rows = self._read(engine, f"enrolments/{pilot}", pa.schema([]))
        return rows.filter(rows.batch_no == batch_no)

    def append_behavior(self, rows: pa.RecordBatchReader, *, batch_no: int) -> None:
        """Append rows of behavior in one commit.

        Args:
            rows: Sorted by customer, measure and day.
            batch_no: The batch; the highest where they are of several.
        """
        self._append("behavior", rows.schema, rows, batch_no=batch_no, by_year=True)

    def append_withdrawn(self, rows: pa.Table, *, batch_no: int) -> None:
        """Let rows count no more.

        Rows that are the same in every column of `WITHDRAWN` are withdrawn together: whoever means
        one of them enters the others anew.
        """
        self._append("withdrawn", rows.schema, rows.to_batches(), batch_no=batch_no)

    def append_directory(self, rows: pa.Table, *, batch_no: int) -> None:
        """Append numbers given to new customers."""
        self._append("directory", rows.schema, rows.to_batches(), batch_no=batch_no)

    def append_erased(self, rows: pa.Table) -> None:
        """Append numbers of customers who are erased; they come in no batch."""
        target = self.open("erased") or self._create("erased", ERASED, by_year=False)
        written = write_files(self.location, "erased", rows.to_batches(), by_year=False)
        append(target, written, batch_no=None)

    def append_enrolment(self, pilot: str, rows: pa.Table, *, batch_no: int) -> None:
        """Append the enrolled customers of a pilot."""
        self._append(f"enrolments/{pilot}", rows.schema, rows.to_batches(), batch_no=batch_no)

    def tables(self) -> tuple[str, ...]:
        """The tables that exist, readable or not, such as `behavior` and `enrolments/spring`."""
        files = self.location.files()
        found = []
        for folder in ("", "enrolments"):
            listed = files.get_file_info(arrow_fs.FileSelector(folder, allow_not_found=True))
            found += [info.path for info in listed if info.type == arrow_fs.FileType.Directory]
        return tuple(sorted(table for table in found if names_in_log(self.location, table)))

    def open(self, table: str) -> DeltaTable | None:
        """A table of the ledger at its version; None where it does not exist.

        Raises:
            BadInput: It was made by an earlier Pilotbook, which did not divide behavior by year.
        """
        address, options = self.location.of_table(table), dict(self.location.options)
        if not DeltaTable.is_deltatable(address, options):
            return None
        opened = DeltaTable(address, version=self.versions.get(table), storage_options=options)
        if table == "behavior" and opened.metadata().partition_columns != [YEAR]:
            raise BadInput(
                f"The ledger in {self.location.root} was made by Pilotbook 0.1, which did not "
                f"divide behavior by year. Keep it, name an empty folder in PILOTBOOK_LEDGER, and "
                f"record the files again."
            )
        return opened

    def live_files(self, table: str) -> tuple[tuple[str, int], ...]:
        """Path within the table, and bytes, of every file that a table consists of."""
        opened = self.open(table)
        if opened is None:
            return ()
        rows = pa.table(opened.get_add_actions()).select(["path", "size_bytes"]).to_pylist()
        return tuple(sorted((unquote(row["path"]), row["size_bytes"]) for row in rows))

    def pinned(self, tables: Iterable[str] | None = None) -> "Ledger":
        """The ledger with tables, all where None, at the version that is the newest now."""
        names = self.tables() if tables is None else tables
        opened = {table: self.open(table) for table in names}
        return Ledger(
            self.location,
            versions={table: one.version() for table, one in opened.items() if one is not None},
        )

    def _read(
        self,
        engine: Engine,
        table: str,
        schema: pa.Schema,
        *,
        days: tuple[date, date] | None = None,
        through: int | None = None,
        without: Collection[int] = frozenset(),
    ) -> ir.Table:
        # Nullable, as columns of files are, so that a table without files joins one with files.
        as_read = pa.schema([column.with_nullable(True) for column in schema])
        opened = self.open(table)
        if opened is None:
            return engine.table_of([], as_read)
        rows = engine.table_of(_files_of(opened, days=days), as_read)
        newest = opened.transaction_version(APP)
        # Where this version holds no later batch, no row has to be asked for its batch.
        if through is not None and (newest is None or newest > through):
            rows = rows.filter(rows.batch_no <= through)
        return rows.filter(rows.batch_no.notin(sorted(without))) if without else rows

    def _append(
        self,
        table: str,
        schema: pa.Schema,
        rows: Iterable[pa.RecordBatch],
        *,
        batch_no: int,
        by_year: bool = False,
    ) -> None:
        """Append once: a batch that the log already names is not written again.

        Check and commit use the same `DeltaTable`; by path, two writers would both succeed.
        """
        target = self.open(table) or self._create(table, schema, by_year=by_year)
        done = target.transaction_version(APP)
        if done is not None and done >= batch_no:
            return
        written = write_files(self.location, table, rows, by_year=by_year)
        if written:
            try:
                append(target, written, batch_no=batch_no)
            except CommitFailedError:
                # A store that lost its answer has the commit: the second try met the first.
                now = self.open(table)
                if now is None or now.transaction_version(APP) != batch_no:
                    raise

    def _create(self, table: str, schema: pa.Schema, *, by_year: bool) -> DeltaTable:
        if self.location.is_local:
            (self.root / table).mkdir(parents=True, exist_ok=True)
        configuration = {"delta.logRetentionDuration": LOG_KEPT}
        if table in _APPEND_ONLY:
            configuration["delta.appendOnly"] = "true"
        with full_disk_told():
            return DeltaTable.create(
                self.location.of_table(table),
                schema=schema.append(_YEAR_OF_ROWS) if by_year else schema,
                partition_by=[YEAR] if by_year else None,
                configuration=configuration,
                storage_options=dict(self.location.options),
                post_commithook_properties=HOOKS,
            )


def _files_of(opened: DeltaTable, *, days: tuple[date, date] | None = None) -> list[str]:
    """Addresses of the files of a table, or of those that may hold rows of these days."""
    wanted = None
    if days is not None:
        first, last = days
        wanted = [
            (YEAR, ">=", first.year),
            (YEAR, "<=", last.year),
            ("occurred_at", ">=", first),
            ("occurred_at", "<=", last),
        ]
    files = opened.file_uris(file_pruning_predicate=wanted)
    # Sorted, because the log's own order differs from one opening to the next.
    return sorted(unquote(file) for file in files)
