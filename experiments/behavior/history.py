"""What do customers typically do in so many days? From the company's own ledger."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import AMOUNT_TYPE
from experiments.behavior.engine import Engine
from experiments.behavior.summaries import Summary
from experiments.errors import Undefined
from experiments.terms import MetricKind
from experiments.words import day

LATELY = Summary((("lately", "before"),))


@dataclass(frozen=True, slots=True)
class Typical:
    """A metric over a stretch of days, all customers of the directory counted.

    Attributes:
        customers: How many; who has no rows counts as 0.
        mean: Per customer.
        sd: Between customers.
        correlation: With the same customer's value in as many days before.
    """

    customers: int
    mean: float
    sd: float
    correlation: float | Undefined


def typical(
    engine: Engine,
    *,
    behavior: ir.Table,
    directory: ir.Table,
    measure: str,
    kind: MetricKind,
    at_least: int = 1,
    days: int,
    until: date,
) -> Typical | Undefined:
    """What customers did in the last days before `until`, and how like the days before it was.

    Args:
        engine: Runs the query.
        behavior: Rows of the ledger that may be read.
        directory: The company's customers, a row each.
        measure: Which behavior.
        kind: `rate` asks whether the sum reaches `at_least`; else the sum itself.
        at_least: For a rate.
        days: Length of the stretch.
        until: First day that counts no more.
    """
    lately, before = until - timedelta(days=days), until - timedelta(days=2 * days)
    rows = behavior.filter(behavior.measure == measure)
    first = engine.fetch(rows.aggregate(first=rows.occurred_at.min()))["first"][0].as_py()
    if first is None or first > lately:
        since = "no row" if first is None else f"rows from {day(first)} on only"
        return Undefined(f"the ledger has {since} of {measure!r}, not {days} days of it")
    totals = rows.group_by("customer").agg(
        lately=rows.value.sum(where=rows.occurred_at.between(lately, until - timedelta(days=1))),
        before=rows.value.sum(where=rows.occurred_at.between(before, lately - timedelta(days=1))),
    )
    joined = directory.select("customer").left_join(totals, "customer")
    numbers = {}
    for name in ("lately", "before"):
        number = joined[name].fill_null(Decimal(0))
        if kind is MetricKind.RATE:
            number = ibis.ifelse(number >= at_least, 1, 0)
        numbers[name] = number.cast(AMOUNT_TYPE)
    everybody = joined.mutate(**numbers, group=ibis.literal("all"))
    found = LATELY.read(engine.fetch(LATELY.expression(everybody, by=["group"])), by=["group"])
    if not found or (n := found[("all",)].n) < 2:
        return Undefined("the directory has fewer than 2 customers, and a spread needs at least 2")
    moments = found[("all",)].moments(["lately", "before"])
    spread = [math.sqrt(moments.covariance(name, name)) for name in ("lately", "before")]
    correlation: float | Undefined = Undefined(f"the ledger does not reach back {2 * days} days")
    if first <= before and min(spread) > 0:
        correlation = moments.covariance("lately", "before") / (spread[0] * spread[1])
    return Typical(n, moments.mean("lately"), spread[0], correlation)
