"""A ledger with rows beside it that lie in a warehouse, for analyses that copy nothing."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from experiments.engines.engine import Engine
from experiments.engines.warehouse import ROWS, Snapshot
from experiments.ledger.ledger import Ledger


class LedgerBeside(Ledger):
    """A ledger whose behavior is read together with that of warehouse tables.

    Attributes:
        snapshots: What the warehouse held.
        read_at: When it was read.
    """

    __slots__ = ("read_at", "snapshots")

    def __init__(self, ledger: Ledger, snapshots: Sequence[Snapshot], *, read_at: datetime) -> None:
        super().__init__(ledger.location, versions=ledger.versions)
        self.snapshots = tuple(snapshots)
        self.read_at = read_at

    def behavior(
        self,
        engine: Engine,
        *,
        through: int | None = None,
        without: Collection[int] = frozenset(),
        days: tuple[date, date] | None = None,
        with_withdrawn: bool = False,
    ) -> ir.Table:
        """Rows of behavior, those of the warehouse too; arguments as of `Ledger.behavior`.

        A customer whom the ledger does not know has no number: such a row tells no more than
        through which day its measure arrived.
        """
        own = super().behavior(
            engine, through=through, without=without, days=days, with_withdrawn=with_withdrawn
        )
        rows = engine.table_of([str(one.file) for one in self.snapshots], ROWS)
        if days is not None:
            rows = rows.filter(rows.occurred_at.between(*days))
        directory = self.directory(engine).select("customer", "customer_id")
        numbered = rows.left_join(directory, "customer_id").mutate(
            batch_no=ibis.literal(0, "int64"), recorded_at=ibis.literal(self.read_at)
        )
        kinds = own.schema()
        return own.union(
            numbered.select([numbered[name].cast(kinds[name]).name(name) for name in own.columns])
        )
