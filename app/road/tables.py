"""Behavior that a pilot file takes from tables of a warehouse: read once, recorded nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from app.workspace import Workspace
from experiments.engines.warehouse import NEEDED, ROWS, Snapshot, WarehouseTable, read_warehouse
from experiments.ledger.beside import LedgerBeside
from experiments.plan.pilot_file import BehaviorFile, PilotFile
from experiments.report.plain import Json


@dataclass(frozen=True, slots=True)
class Beside:
    """A workspace whose ledger is read together with tables of warehouses.

    Attributes:
        workspace: The workspace; the one that was given where the file names no table.
        snapshots: What each table held.
        declared: Per measure of a table, the day through which its rows are declared complete.
    """

    workspace: Workspace
    snapshots: tuple[Snapshot, ...]
    declared: Mapping[str, date]


def read_tables(
    workspace: Workspace, pilot_file: PilotFile, *, files: Path, now: datetime
) -> Beside:
    """Read the tables that a pilot file names.

    Args:
        workspace: Where the pilot is.
        pilot_file: The pilot file.
        files: Folder that the path of a DuckDB file is relative to.
        now: When it happens.

    Raises:
        BadInput: A warehouse or a table cannot be read.
    """
    snapshots: list[Snapshot] = []
    declared: dict[str, date] = {}
    for at, columns in enumerate(pilot_file.behavior):
        if columns.warehouse is None or columns.table is None:
            continue
        source = WarehouseTable(_address(columns.warehouse, files), columns.table, _named(columns))
        snapshot = read_warehouse(source, into=workspace.scratch / f"warehouse-{at}.parquet")
        snapshots.append(snapshot)
        through = columns.complete_through(ends_on=pilot_file.pilot.ends_on)
        if through is not None:
            for measure in snapshot.measures:
                declared[measure] = max(through, declared.get(measure, through))
    if not snapshots:
        return Beside(workspace, (), {})
    ledger = LedgerBeside(workspace.ledger, snapshots, read_at=now)
    return Beside(replace(workspace, ledger=ledger), tuple(snapshots), declared)


def source_as_json(snapshot: Snapshot) -> Json:
    """What a result says of a table: a warehouse changes, and this is what it held."""
    return {
        "warehouse": snapshot.place,
        "table": snapshot.table,
        "rows": snapshot.rows,
        "first": None if snapshot.first_on is None else snapshot.first_on.isoformat(),
        "last": None if snapshot.last_on is None else snapshot.last_on.isoformat(),
        "sha256": snapshot.fingerprint,
    }


def _address(warehouse: str, files: Path) -> str:
    """The address, in which the path of a file is no longer relative."""
    kind, _, path = warehouse.partition("://")
    return f"duckdb://{(files / path).absolute()}" if kind == "duckdb" else warehouse


def _named(columns: BehaviorFile) -> dict[str, str]:
    """Per column of the ledger, the one of the table."""
    given = {name: getattr(columns, name) for name in ROWS.names}
    return {name: column for name, column in given.items() if column or name in NEEDED}
