"""Cut customers' numbers at a percentile of all arms together.

Never of one arm: its own percentile would cut the very customers whom the program made large. The
percentile is the smallest number that at least so many per cent of the customers do not exceed,
Hyndman and Fan (1996), American Statistician 50:361-365, definition 1, so that it is a number
that some customer has, whatever the engine.
"""

import math
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import AccountColumns
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.engines.engine import Engine
from experiments.pilot import Plan


def capped(engine: Engine, plan: Plan, accounts: ir.Table, columns: AccountColumns) -> ir.Table:
    """The accounts with every metric that has a percentile cap cut there, pre-periods too.

    Args:
        engine: Runs the queries.
        plan: Says which metrics are cut, and where.
        accounts: As `accounts` gave them, kept by the engine.
        columns: Which column is which.
    """
    cut: dict[str, ir.Value] = {}
    for metric in plan.metrics:
        if metric.cap is None or metric.cap.percentile is None:
            continue
        counted = accounts
        if metric.name in columns.complete:
            counted = accounts.filter(accounts[columns.complete[metric.name]])
        for name in (columns.outcomes[metric.name], *columns.before.get(metric.name, ())):
            at = percentile(engine, counted, name, per_cent=metric.cap.percentile)
            if at is not None:
                cut[name] = ibis.least(accounts[name], ibis.literal(at, AMOUNT_TYPE))
    return engine.keep(accounts.mutate(**cut)) if cut else accounts


def percentile(
    engine: Engine, accounts: ir.Table, name: str, *, per_cent: Decimal
) -> Decimal | None:
    """The smallest number that at least so many per cent of the customers do not exceed.

    Args:
        engine: Runs the query.
        accounts: A row per customer.
        name: Column of the numbers.
        per_cent: Between 0 and 100.

    Returns:
        None where there is no customer.
    """
    customers = int(engine.fetch(accounts.aggregate(n=accounts.count()))["n"][0].as_py())
    if customers == 0:
        return None
    place = max(1, math.ceil(per_cent / 100 * customers))
    # From the nearer end, and without an offset, which a cluster has to count on one machine.
    value = accounts.select(value=accounts[name]).value
    from_above = customers - place + 1
    if place < from_above:
        at = value.as_table().order_by("value").limit(place).value.max()
    else:
        at = value.as_table().order_by(ibis.desc("value")).limit(from_above).value.min()
    return Decimal(engine.fetch(at.name("at").as_table())["at"][0].as_py())
