"""Intervals by resampling customers, where the plan asks: the one reading that needs rows."""

import ibis.expr.types as ir
import numpy as np

from experiments.analyse.chance import chance_of
from experiments.behavior.accounts import AccountColumns
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.bootstrap import BootstrapT, bootstrap_t
from experiments.stats.moments import Floats


def resampled(
    engine: Engine,
    plan: Plan,
    accounts: ir.Table,
    columns: AccountColumns,
    *,
    confidence: float,
    seed: str,
) -> dict[str, dict[str, BootstrapT | Undefined]]:
    """Per metric with `bootstrap = true`, each treatment against control by the bootstrap-t.

    Args:
        engine: Fetches the rows.
        plan: Says which metrics.
        accounts: A row per customer, capped.
        columns: Which column is which.
        confidence: Of the intervals.
        seed: Any text, such as the plan's fingerprint; the same text draws the same customers.
    """
    found: dict[str, dict[str, BootstrapT | Undefined]] = {}
    for metric in plan.metrics:
        if metric.bootstrap:
            values = _values(engine, metric, accounts, columns)
            nobody = np.zeros(0)
            found[metric.name] = {
                treatment: bootstrap_t(
                    treatment=values.get(treatment, nobody),
                    control=values.get(plan.design.control, nobody),
                    rng=chance_of(seed, metric.name, treatment),
                    confidence=confidence,
                )
                for treatment in plan.design.treatments
            }
    return found


def _values(
    engine: Engine, metric: Metric, accounts: ir.Table, columns: AccountColumns
) -> dict[str, Floats]:
    """Per arm the numbers of the customers who count, in order, which no engine's order changes."""
    counted = accounts
    if metric.name in columns.complete:
        counted = accounts.filter(accounts[columns.complete[metric.name]])
    value = counted[columns.outcomes[metric.name]].cast("float64").name("value")
    rows = engine.fetch(counted.select(counted.arm, value))
    arms, numbers = rows["arm"].to_numpy(zero_copy_only=False), rows["value"].to_numpy()
    return {str(arm): np.sort(numbers[arms == arm]) for arm in np.unique(arms)}
