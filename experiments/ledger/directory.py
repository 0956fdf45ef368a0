"""Which number stands for which customer id; ledger, arms and accounts hold the number only."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from experiments.engines.engine import Engine
from experiments.ledger.ledger import DIRECTORY, Ledger


def number_customers(engine: Engine, ledger: Ledger, ids: ir.Table, *, batch_no: int) -> ir.Table:
    """Give a number to every customer id, and remember the new ones.

    Numbers are dense and given in the order of the ids, so that the same upload to an empty
    ledger gives the same numbers whatever the order of its rows.

    Args:
        engine: Runs the queries.
        ledger: Holds the directory.
        ids: A table with a column `customer_id`; repeats are fine.
        batch_no: The batch that brings them.

    Returns:
        The directory, with columns `customer` and `customer_id`.
    """
    directory = ledger.directory(engine)
    new = ids.select("customer_id").distinct().anti_join(directory, "customer_id")
    # The number of somebody who was erased may be the highest, and is nobody else's.
    given = directory.select("customer").union(ledger.erased(engine))
    highest = given.customer.max().fill_null(0).as_scalar()
    numbered = new.select(
        customer=(ibis.row_number().over(order_by=new.customer_id) + 1 + highest).cast("int64"),
        customer_id=new.customer_id,
        batch_no=ibis.literal(batch_no, "int64"),
    )
    rows = engine.fetch(numbered).cast(DIRECTORY)
    if rows.num_rows:
        ledger.append_directory(rows, batch_no=batch_no)
    return ledger.directory(engine).select("customer", "customer_id")


def number_in_order(
    engine: Engine, ledger: Ledger, ids: pa.ChunkedArray, *, batch_no: int
) -> pa.Array:
    """Give a number to every customer id, as `number_customers` does, without sorting them.

    Args:
        engine: Runs the queries.
        ledger: Holds the directory.
        ids: In order, each once.
        batch_no: The batch that brings them.

    Returns:
        The number of each id.
    """
    directory = ledger.directory(engine)
    asked = ibis.memtable(pa.table({"customer_id": ids, "place": pa.array(np.arange(len(ids)))}))
    known = engine.fetch(asked.inner_join(directory, "customer_id").select("place", "customer"))
    numbers = np.zeros(len(ids), np.int64)
    numbers[known["place"].to_numpy()] = known["customer"].to_numpy()
    new = np.flatnonzero(numbers == 0)
    if len(new):
        given = directory.select("customer").union(ledger.erased(engine))
        highest = engine.fetch(given.aggregate(highest=given.customer.max().fill_null(0)))
        numbers[new] = highest["highest"][0].as_py() + 1 + np.arange(len(new))
        rows = {
            "customer": pa.array(numbers[new]),
            "customer_id": ids if len(new) == len(ids) else ids.take(pa.array(new)),
            "batch_no": pa.repeat(pa.scalar(batch_no), len(new)),
        }
        ledger.append_directory(pa.table(rows, schema=DIRECTORY), batch_no=batch_no)
    return pa.array(numbers)
