"""Keep a correction: what it withdraws, what it enters instead, and its receipt.

Nothing in the ledger changes until the batch is accepted: reads leave out what a batch that does
not count brought, and what it withdrew.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from experiments.engines.engine import Engine
from experiments.errors import Reject
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import BEHAVIOR, WITHDRAWN, Ledger
from experiments.record.recording import Receipt

# What people know of a row; in the ledger a number stands in the place of `customer_id`.
CONTENTS: Final = ("customer_id", *BEHAVIOR.names[1:7])
ROW: Final = ("batch_no", *CONTENTS)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction did.

    Attributes:
        receipt: Of its batch.
        withdrawn: Per batch whose rows it withdrew, how many.
        measures: Of the rows that it withdrew or entered.
        touched: Per pilot, how many of its customers had a row withdrawn or entered; none of 0.
    """

    receipt: Receipt
    withdrawn: dict[int, int]
    measures: tuple[str, ...]
    touched: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the receipt of a correction says beside its rows; as in `Receipt`."""

    counted: int
    rejects: tuple[Reject, ...] = ()
    rejected: int = 0
    repeated: int = 0
    rounded: int = 0
    blank: int = 0


def standing(
    engine: Engine,
    ledger: Ledger,
    *,
    without: Collection[int],
    days: tuple[date, date] | None = None,
) -> ir.Table:
    """Rows that count, with columns `customer` and `ROW`.

    Args:
        engine: Reads them.
        ledger: Holds them.
        without: Batches that do not count.
        days: First and last day; all where None.
    """
    behavior = ledger.behavior(engine, without=without, days=days)
    return with_ids(engine, ledger, behavior).select("customer", *ROW)


def with_ids(engine: Engine, ledger: Ledger, rows: ir.Table) -> ir.Table:
    """Rows with the company's customer ids beside the numbers."""
    directory = ledger.directory(engine).select("customer", "customer_id")
    return rows.inner_join(directory, "customer")


def keep_correction(
    engine: Engine,
    ledger: Ledger,
    *,
    withdrawn: ir.Table,
    entries: ir.Table,
    counts: Counts,
    name: str,
    batch_no: int,
    recorded_at: datetime,
    enrolled: Mapping[str, ir.Table],
) -> Corrected:
    """Withdraw rows and enter others, as one batch.

    Args:
        engine: Runs the queries.
        ledger: Takes the rows.
        withdrawn: Columns `customer` and `ROW`, and `copies`: how many rows are alike in these.
        entries: Columns `CONTENTS`.
        counts: For the receipt.
        name: How the receipt calls the correction.
        batch_no: Its batch.
        recorded_at: When it is recorded.
        enrolled: Per pilot, its customers.
    """
    directory = number_customers(engine, ledger, entries.select("customer_id"), batch_no=batch_no)
    numbered = entries.inner_join(directory, "customer_id").select(
        *BEHAVIOR.names[:7],
        batch_no=ibis.literal(batch_no, "int64"),
        recorded_at=ibis.literal(recorded_at, "timestamp('UTC', 6)"),
    )
    gone = withdrawn.mutate(withdrawn_batch=withdrawn.batch_no)
    gone = gone.mutate(batch_no=ibis.literal(batch_no, "int64")).select(*WITHDRAWN.names)
    with engine.held(numbered) as brought:
        ledger.append_withdrawn(engine.fetch(gone).cast(WITHDRAWN), batch_no=batch_no)
        ordered = engine.stream(brought.order_by(["customer", "measure", "occurred_at"]))
        ledger.append_behavior(ordered.cast(BEHAVIOR), batch_no=batch_no)
        measures = _per(engine, brought, "measure", brought.count())
        span = _first(
            engine,
            brought.aggregate(first=brought.occurred_at.min(), last=brought.occurred_at.max()),
        )
        strangers = brought
        for pilot in enrolled.values():
            strangers = strangers.anti_join(pilot, "customer")
        unknown = _first(
            engine,
            strangers.aggregate(entries=strangers.count(), people=strangers.customer.nunique()),
        )
        of_both = _whose(brought).union(_whose(withdrawn), distinct=True)
        touched = {slug: _people(engine, of_both, pilot) for slug, pilot in enrolled.items()}
        all_measures = _per(engine, of_both, "measure", of_both.count())
    receipt = Receipt(
        batch_no=batch_no,
        file=name,
        counted=counts.counted,
        accepted=counts.counted - counts.rejected,
        rejected=counts.rejected,
        entries=sum(measures.values()),
        repeated=counts.repeated,
        rounded=counts.rounded,
        blank=counts.blank,
        unmatched=unknown["entries"],
        first=span["first"],
        last=span["last"],
        measures=measures,
        rejects=counts.rejects,
        unmatched_customers=unknown["people"],
        withdrawn=_per(engine, withdrawn, "measure", withdrawn.copies.sum()),
    )
    return Corrected(
        receipt,
        withdrawn=_per(engine, withdrawn, "batch_no", withdrawn.copies.sum()),
        measures=tuple(all_measures),
        touched={slug: count for slug, count in touched.items() if count},
    )


def _whose(rows: ir.Table) -> ir.Table:
    # Said anew, because a union wants both sides to say alike whether a column may be empty.
    return rows.select("customer", "measure").cast({"customer": "int64", "measure": "string"})


def _per(engine: Engine, rows: ir.Table, key: str, count: ir.IntegerScalar) -> dict[Any, int]:
    """A count per value of a column, in the order of the values."""
    found = engine.fetch(rows.group_by(key).agg(n=count).order_by(key))
    return {row[key]: int(row["n"]) for row in found.to_pylist()}


def _people(engine: Engine, rows: ir.Table, pilot: ir.Table) -> int:
    known = rows.semi_join(pilot, "customer")
    return int(_first(engine, known.aggregate(n=known.customer.nunique()))["n"])


def _first(engine: Engine, rows: ir.Table) -> dict[str, Any]:
    found: dict[str, Any] = engine.fetch(rows).to_pylist()[0]
    return found
