"""A ledger to record files into, and the columns of the files that tests write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.engines.embedded import Embedded
from experiments.ledger.ledger import Ledger
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt, record
from experiments.record.staging import stage_behavior

LONG = {
    "customer_id": "who", "occurred_at": "day", "measure": "what", "value": "amount",
    "item": "product", "event_id": "order",
}  # fmt: skip
WIDE = {"customer_id": "who", "occurred_at": "day", "measures": ["visit", "spend"]}
HEADER = "who,day,what,amount,product,order"
NOW = datetime(2026, 4, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@dataclass
class Book:
    """A ledger in a folder, and the next batch number."""

    folder: Path
    engine: Embedded
    batch_no: int = 0

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.folder / "ledger")

    def record(
        self, path: Path, columns: dict[str, Any], without: frozenset[int] = frozenset()
    ) -> Receipt:
        """Record a file as the next batch; those of `without` do not count."""
        self.batch_no += 1
        layout = BehaviorFile.model_validate({"file": path.name, **columns})
        staged = stage_behavior(path, layout, zone="Europe/Berlin", into=self.folder / "staged")
        receipt = record(
            self.engine, self.ledger, staged, name=path.name, batch_no=self.batch_no,
            recorded_at=NOW, strict=layout.strict, without=without,
        )  # fmt: skip
        assert receipt.accepted + receipt.rejected == receipt.counted
        assert receipt.file == path.name
        assert self.engine.connection.con.sql("from duckdb_tables()").fetchall() == []
        return receipt

    def send(self, lines: Sequence[str], columns: dict[str, Any]) -> Receipt:
        """Record a CSV file of these lines."""
        path = self.folder / "behavior.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.record(path, columns)

    def rows(self) -> list[dict[str, Any]]:
        """What the ledger holds, with the company's ids, in one order."""
        behavior, directory = self.ledger.behavior(self.engine), self.ledger.directory(self.engine)
        named = behavior.inner_join(directory.drop("batch_no"), "customer")
        found = self.engine.fetch(named.drop("customer")).to_pylist()
        return sorted(found, key=lambda row: repr(sorted(row.items(), key=repr)))

    def entries(self) -> list[tuple[Any, ...]]:
        """Customer, measure, day and value of each row."""
        return sorted(
            (row["customer_id"], row["measure"], row["occurred_at"], row["value"])
            for row in self.rows()
        )

    def files(self) -> set[Path]:
        """Every file of the ledger."""
        return {path for path in self.ledger.root.rglob("*") if path.is_file()}
