"""Where behavior, directory and enrolments are kept: Delta tables under one folder.

Every row of behavior carries the number of the batch that brought it. A read names the highest
batch that it may see, so that an analysis repeats whatever is appended later, and the batches that
do not count.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from experiments.engines.engine import Engine
from experiments.errors import BadInput

AMOUNT = pa.decimal128(18, 4)

BEHAVIOR = pa.schema(
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
DIRECTORY = pa.schema(
    [
        pa.field("customer", pa.int64(), nullable=False),
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("batch_no", pa.int64(), nullable=False),
    ]
)

# Delta takes a path for an address: it decodes %41, and stops at what an address cannot hold.
UNUSABLE = re.compile(r"[\[\]\\|^\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")


def refuse_unusable_folder(folder: Path) -> None:
    """Stop before any work where no ledger can be kept in a folder.

    Raises:
        BadInput: Names what stands in the folder's path.
    """
    found = UNUSABLE.search(str(folder.absolute()))
    if found:
        raise BadInput(
            f"A ledger cannot be kept in {str(folder)!r}, because {found[0]!r} stands in its path; "
            f"use another folder (TMPDIR names the folder for temporary files)."
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The company's ledger in a local folder.

    Attributes:
        root: Folder that holds the tables; made with the first append.
    """

    root: Path

    def behavior(
        self, engine: Engine, *, through: int | None = None, without: Collection[int] = frozenset()
    ) -> ir.Table:
        """Rows of behavior.

        Args:
            engine: Reads them.
            through: Up to and including this batch; all where None.
            without: Batches that do not count.
        """
        rows = self._read(engine, "behavior", BEHAVIOR)
        if through is not None:
            rows = rows.filter(rows.batch_no <= through)
        return rows.filter(rows.batch_no.notin(sorted(without))) if without else rows

    def directory(self, engine: Engine) -> ir.Table:
        """Which number stands for which of the company's customer ids."""
        return self._read(engine, "directory", DIRECTORY)

    def enrolment(self, engine: Engine, pilot: str, *, batch_no: int) -> ir.Table:
        """The enrolled customers of a pilot, as one batch left them."""
        rows = self._read(engine, f"enrolments/{pilot}", pa.schema([]))
        return rows.filter(rows.batch_no == batch_no)

    def append_behavior(self, rows: pa.RecordBatchReader, *, batch_no: int) -> None:
        """Append rows of behavior in one commit that names its batch."""
        self._append("behavior", rows, batch_no=batch_no)

    def append_directory(self, rows: pa.RecordBatchReader | pa.Table, *, batch_no: int) -> None:
        """Append numbers given to new customers."""
        self._append("directory", rows, batch_no=batch_no)

    def append_enrolment(self, pilot: str, rows: pa.Table, *, batch_no: int) -> None:
        """Append the enrolled customers of a pilot."""
        self._append(f"enrolments/{pilot}", rows, batch_no=batch_no)

    def _path(self, table: str) -> Path:
        return self.root / table

    def _read(self, engine: Engine, table: str, schema: pa.Schema) -> ir.Table:
        path = self._path(table)
        files = DeltaTable(path).file_uris() if DeltaTable.is_deltatable(str(path)) else []
        return engine.table_of([unquote(file) for file in files], schema)

    def _append(self, table: str, rows: pa.RecordBatchReader | pa.Table, *, batch_no: int) -> None:
        """Append once: a batch that the log already names is not written again.

        Check and write use the same `DeltaTable`; by path, two writers would both succeed.
        """
        path = self._path(table)
        if not DeltaTable.is_deltatable(str(path)):
            path.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(path, schema=rows.schema)
        target = DeltaTable(path)
        done = target.transaction_version("pilotbook")
        if done is not None and done >= batch_no:
            return
        write_deltalake(
            target,
            rows,
            mode="append",
            commit_properties=CommitProperties(
                app_transactions=[Transaction("pilotbook", batch_no)]
            ),
        )
