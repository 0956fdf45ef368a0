"""Does a backup open, and does it hold what the receipts promised? Asked of the copy itself."""

import glob
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import duckdb
from deltalake.exceptions import DeltaError
from pydantic_core import from_json

from app.tables import BatchKind, BatchState
from app.upkeep.backup_set import (
    LEDGER,
    REGISTRY,
    KeptTable,
    Manifest,
    Place,
    lay_out,
)
from app.upkeep.registry_dump import rows_of
from experiments.errors import Problem
from experiments.ledger.ledger import Ledger

BATCHES: Final = "batches"


def problems_of(place: Place, manifest: Manifest) -> list[Problem]:
    """What is wrong with a backup: each file read again, and if all are whole, each table counted.

    Args:
        place: Where its files are.
        manifest: What it consists of.
    """
    return place.problems(manifest.files) or _miscounted(place, manifest)


def promised(registry: Path) -> Iterator[tuple[BatchKind, int, int]]:
    """Kind, number and rows of each accepted batch, as the receipts of a dumped registry say."""
    for batch in rows_of(registry, BATCHES):
        if batch["state"] != BatchState.ACCEPTED or not batch["receipt_json"]:
            continue
        receipt: dict[str, Any] = from_json(batch["receipt_json"])
        if batch["kind"] == BatchKind.BEHAVIOR and "entries" in receipt:
            yield BatchKind.BEHAVIOR, batch["batch_no"], receipt["entries"]
        elif batch["kind"] == BatchKind.ENROLMENT and "arms" in receipt:
            yield BatchKind.ENROLMENT, batch["batch_no"], sum(receipt["arms"].values())


def _miscounted(place: Place, manifest: Manifest) -> list[Problem]:
    with tempfile.TemporaryDirectory(prefix="pilotbook-") as name:
        folder = Path(name)
        registry = folder / REGISTRY
        for part in (LEDGER, REGISTRY):
            lay_out(place, manifest.files, folder / part, within=part)
        found, counts = _open_tables(Ledger(folder / LEDGER), manifest.ledger)
        for dumped in manifest.registry:
            rows = sum(1 for _ in rows_of(registry, dumped.name))
            if rows != dumped.rows:
                said = f"holds {rows:,} rows of {dumped.rows:,}"
                found.append(Problem(f"{REGISTRY}/{dumped.name}", said))
        for kind, batch, rows in promised(registry):
            there = counts[kind][batch]
            if there != rows:
                said = f"has {there:,} rows in the ledger, and its receipt says {rows:,}"
                found.append(Problem(f"batch {batch}", said))
    return found


def _open_tables(
    copied: Ledger, tables: Sequence[KeptTable]
) -> tuple[list[Problem], Mapping[BatchKind, Counter[int]]]:
    """What is wrong with the tables, and how many rows of each batch they hold."""
    found: list[Problem] = []
    batches: dict[BatchKind, Counter[int]] = {kind: Counter() for kind in BatchKind}
    with duckdb.connect() as engine:
        for table in tables:
            try:
                counts = _rows_by_batch(engine, copied, table)
            except (DeltaError, duckdb.Error, OSError) as error:
                found.append(Problem(f"{LEDGER}/{table.name}", f"cannot be opened: {error}"))
                continue
            if sum(counts.values()) != table.rows:
                said = f"holds {sum(counts.values()):,} rows of {table.rows:,}"
                found.append(Problem(f"{LEDGER}/{table.name}", said))
            if table.name == "behavior":
                batches[BatchKind.BEHAVIOR].update(counts)
            elif table.name.startswith("enrolments/"):
                batches[BatchKind.ENROLMENT].update(counts)
    return found, batches


def _rows_by_batch(
    engine: duckdb.DuckDBPyConnection, copied: Ledger, table: KeptTable
) -> dict[int, int]:
    """How many rows of each batch a table holds; all under 0 where no row names its batch."""
    opened = copied.open(table.name)
    if opened is None or opened.version() != table.version:
        at = "missing" if opened is None else f"at version {opened.version()}"
        raise OSError(f"it is {at}, and should be at version {table.version}")
    files = [glob.escape(unquote(file)) for file in opened.file_uris()]
    if not files:
        return {}
    named = "batch_no" in {field.name for field in opened.schema().fields}
    query = (
        f"select {'batch_no' if named else '0'}, count(*) "  # noqa: S608 - one of two words
        f"from read_parquet($files, hive_partitioning = false) group by 1"
    )
    counts = engine.execute(query, {"files": files}).fetchall()
    return {int(number): int(rows) for number, rows in counts}
