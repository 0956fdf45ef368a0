"""The accounts as an analyst downloads them: names instead of column numbers, no customer ids."""

from collections.abc import Sequence

import ibis.expr.types as ir
import pyarrow as pa

from experiments.analyse.analysis import Analysed
from experiments.behavior.accounts import AMOUNT_TYPE, Attribute
from experiments.behavior.engine import Engine
from experiments.pilot import Plan


def accounts_table(
    engine: Engine, plan: Plan, analysed: Analysed, attributes: Sequence[Attribute]
) -> pa.Table:
    """One row per enrolled customer, by customer number.

    Columns: `customer`, `arm`, `tier`, `enrolled_at`, each attribute (numbers as decimals), each
    metric, `<metric>_before` where the ledger holds its pre-period, and `contacts`. A name that
    is taken already gets `attribute_` in front. While veiled there is no outcome.
    """
    accounts, columns = analysed.accounts, analysed.columns
    chosen: dict[str, ir.Value] = {
        name: accounts[name] for name in ("customer", "arm", "tier", "enrolled_at")
    }
    outcomes: dict[str, ir.Value] = {}
    if columns is not None:
        for metric in plan.metrics:
            outcomes[metric.name] = accounts[columns.outcomes[metric.name]]
            if metric.name in columns.before:
                outcomes[f"{metric.name}_before"] = accounts[columns.before[metric.name]]
        outcomes["contacts"] = accounts[columns.contacts]
    taken = {name.casefold() for name in (*chosen, *outcomes)}
    for attribute in attributes:
        text = accounts[attribute.column]
        name = attribute.name
        if name == "tier":
            continue  # it stands there already
        if name.casefold() in taken:
            name = f"attribute_{name}"
        chosen[name] = text.try_cast(AMOUNT_TYPE) if attribute.numeric else text
    return engine.fetch(accounts.select(**chosen, **outcomes).order_by("customer"))
