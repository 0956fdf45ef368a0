"""The accounts as an analyst downloads them: names instead of column numbers, no customer ids."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.analyse.analysis import Analysed
from experiments.behavior.accounts import AccountColumns, Attribute
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.engines.engine import Engine
from experiments.pilot import Metric, Plan
from experiments.terms import MetricKind

FIXED = ("customer", "arm", "tier", "enrolled_at")
CONTACTS = "contacts"


def accounts_table(
    engine: Engine,
    plan: Plan,
    analysed: Analysed,
    attributes: Sequence[Attribute],
    *,
    tier: str | None,
) -> pa.Table:
    """One row per enrolled customer, by customer number.

    Columns: `customer`, `arm`, `tier`, `enrolled_at`, each attribute (numbers as decimals), each
    metric (null for a customer who does not count yet, or gave no score), of a ratio also the
    lower number as `<metric>_over`, `<metric>_before` where the ledger holds its pre-period, and
    `contacts`. While veiled there is no outcome.

    Columns of the plan come first in line for their names, then metrics, pre-periods and
    attributes. A name that is taken, in capitals or not, gets `metric_` or `attribute_` in front,
    and `_2`, `_3` behind where that is taken too.

    Args:
        engine: Runs the query.
        plan: Names the metrics.
        analysed: Holds the accounts.
        attributes: What the enrolment knows of its customers.
        tier: Name of the attribute that stands there as `tier` already, if any.
    """
    accounts, columns = analysed.accounts, analysed.columns
    names = _Names([*FIXED, CONTACTS])
    # Named also while veiled, so that a column has the same name before and after.
    metrics = [names.give(metric.name, prefix="metric") for metric in plan.metrics]
    outcomes = [] if columns is None else _outcomes(plan, accounts, columns, metrics, names)
    known = [
        _value(accounts, attribute).name(names.give(attribute.name, prefix="attribute"))
        for attribute in attributes
        if not (attribute.name == tier and attribute.name.casefold() == "tier")
    ]
    # A list, because as keywords some names have a meaning, and one would replace another.
    chosen = accounts.select([*(accounts[name] for name in FIXED), *known, *outcomes])
    return engine.fetch(chosen.order_by("customer"))


class _Names:
    """Gives every column a name of its own; the engine does not heed capitals."""

    def __init__(self, taken: Sequence[str]) -> None:
        self.taken = {name.casefold() for name in taken}

    def give(self, wanted: str, *, prefix: str) -> str:
        """The name that was wanted, or the first free one like it."""
        name, number = wanted, 1
        while name.casefold() in self.taken:
            name = f"{prefix}_{wanted}" if number == 1 else f"{prefix}_{wanted}_{number}"
            number += 1
        self.taken.add(name.casefold())
        return name


def _outcomes(
    plan: Plan, accounts: ir.Table, columns: AccountColumns, metrics: Sequence[str], names: _Names
) -> list[ir.Value]:
    """Each metric with its pre-period behind it, and the contacts."""
    found = []
    for metric, name in zip(plan.metrics, metrics, strict=True):
        counts = _counts(metric, accounts, columns)
        lower = columns.denominators.get(metric.name)
        kept = [columns.outcomes[metric.name]]
        given = [name]
        if metric.kind is MetricKind.RATIO and lower is not None:
            kept.append(lower)
            given.append(names.give(f"{metric.name}_over", prefix="metric"))
        for column, as_named in zip(kept, given, strict=True):
            value = accounts[column]
            if counts is not None:
                value = ibis.ifelse(counts, value, ibis.null(AMOUNT_TYPE))
            found.append(value.name(as_named))
        for suffix, column in zip(
            ("before", "over_before"), columns.before.get(metric.name, ()), strict=False
        ):
            before = names.give(f"{metric.name}_{suffix}", prefix="metric")
            found.append(accounts[column].name(before))
    return [*found, accounts[columns.contacts].name(CONTACTS)]


def _counts(metric: Metric, accounts: ir.Table, columns: AccountColumns) -> ir.BooleanValue | None:
    """Customers who count for a metric: whose window is over, and who gave a score; None: all."""
    asked = []
    if metric.name in columns.complete:
        asked.append(accounts[columns.complete[metric.name]])
    if metric.kind is MetricKind.LATEST:
        asked.append(accounts[columns.denominators[metric.name]] > 0)
    return ibis.and_(*asked) if asked else None


def _value(accounts: ir.Table, attribute: Attribute) -> ir.Value:
    text = accounts[attribute.column]
    return text.try_cast(AMOUNT_TYPE) if attribute.numeric else text
