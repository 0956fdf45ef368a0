"""From a row per customer to a row per cluster: what was assigned together is counted as one."""

from collections.abc import Sequence

import ibis.expr.types as ir

from experiments.behavior.kinds import AMOUNT_TYPE


def by_cluster(
    customers: ir.Table, *, cluster: str, keys: Sequence[str], variables: Sequence[str], size: str
) -> ir.Table:
    """Add up every variable over the customers of a cluster.

    Args:
        customers: A row per customer.
        cluster: Column that says which customers were assigned together; a customer of whom it is
            not known counts as a cluster of its own.
        keys: Columns that are the same for all customers of a row: the arm, and a segment.
        variables: Columns of numbers.
        size: What to call the number of customers.
    """
    alone = customers.customer.cast("string")
    named = customers.mutate(unit=customers[cluster].fill_null("customer " + alone))
    totals: dict[str, ir.Value] = {
        name: named[name].sum().cast(AMOUNT_TYPE) for name in variables if name != size
    }
    totals[size] = named.count().cast(AMOUNT_TYPE)
    grouped = named.group_by(["unit", *keys])
    return grouped.agg([value.name(name) for name, value in totals.items()]).drop("unit")
