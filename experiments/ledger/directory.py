"""Which number stands for which customer id; ledger, arms and accounts hold the number only."""

import ibis
import ibis.expr.types as ir

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
    highest = directory.customer.max().fill_null(0).as_scalar()
    numbered = new.select(
        customer=(ibis.row_number().over(order_by=new.customer_id) + 1 + highest).cast("int64"),
        customer_id=new.customer_id,
        batch_no=ibis.literal(batch_no, "int64"),
    )
    rows = engine.fetch(numbered).cast(DIRECTORY)
    if rows.num_rows:
        ledger.append_directory(rows, batch_no=batch_no)
    return ledger.directory(engine).select("customer", "customer_id")
