"""What do customers typically do in so many days? From the company's own ledger."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np

from experiments.behavior.clusters import by_cluster
from experiments.behavior.kinds import (
    AMOUNT_TYPE,
    Stretch,
    days_of_last_scores,
    denominator,
    has_denominator,
    number,
    numerator,
)
from experiments.behavior.summaries import Summary
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.stats.moments import Moments
from experiments.terms import MetricKind, Role
from experiments.words import day

STRETCHES = ("lately", "before")
NUMBERS = ("lately", "lately_below", "before", "before_below")
SUMMARY = Summary((NUMBERS,))


@dataclass(frozen=True, slots=True)
class TypicalDenominator:
    """The lower sum of a ratio, per customer.

    Attributes:
        mean: Per customer.
        sd: Between customers.
        correlation: With the numerator; 0 where either does not vary.
    """

    mean: float
    sd: float
    correlation: float


@dataclass(frozen=True, slots=True)
class TypicalClusters:
    """The clusters to which customers belong.

    Attributes:
        size: Customers of a cluster, on average.
        variation: Standard deviation of the sizes over their mean.
        icc: Share of the metric's variance between clusters, from an analysis of variance, at
            least 0; Undefined where clusters or their customers are too few.
    """

    size: float
    variation: float
    icc: float | Undefined


@dataclass(frozen=True, slots=True)
class Typical:
    """A metric over a stretch of days, all customers of the directory counted.

    Attributes:
        customers: How many; who has no rows counts as 0.
        mean: Per customer; of a ratio the sum over the sum, of a last score that of who gave one.
        sd: Between customers; of a ratio, of its numerator; of a last score, of who gave one.
        correlation: With the same customer's value in as many days before.
        denominator: Of a ratio.
        response_rate: Share of customers with a score; 1 for every other kind.
        clusters: Where somebody said who belongs to which.
    """

    customers: int
    mean: float
    sd: float
    correlation: float | Undefined
    denominator: TypicalDenominator | None = None
    response_rate: float = 1.0
    clusters: TypicalClusters | None = None


def typical(
    engine: Engine,
    *,
    behavior: ir.Table,
    directory: ir.Table,
    measure: str,
    kind: MetricKind,
    at_least: int = 1,
    below: str | None = None,
    active_days: int | None = None,
    days: int,
    until: date,
    clusters: ir.Table | None = None,
) -> Typical | Undefined:
    """What customers did in the last days before `until`, and how like the days before it was.

    Args:
        engine: Runs the query.
        behavior: Rows of the ledger that may be read.
        directory: The company's customers, a row each.
        measure: Which behavior.
        kind: How a customer's rows become the customer's number.
        at_least: For a rate: what the sum must reach.
        below: For a ratio: the measure that it is divided by.
        active_days: For retention: at the stretch's end; all of it where nobody said.
        days: Length of the stretch.
        until: First day that counts no more.
        clusters: Columns `customer` and `cluster`; a customer of none is a cluster alone.
    """
    metric = Metric(
        name=measure,
        kind=kind,
        measure=measure,
        role=Role.SECONDARY,
        at_least=at_least if kind is MetricKind.RATE else None,
        denominator=below,
        active_days=(active_days or days) if kind is MetricKind.RETENTION else None,
    )
    lately, before = until - timedelta(days=days), until - timedelta(days=2 * days)
    rows = behavior.filter(behavior.measure.isin([measure, *([below] if below else [])]))
    oldest = rows.occurred_at.min(where=rows.measure == measure)
    first = engine.fetch(rows.aggregate(first=oldest))["first"][0].as_py()
    if first is None or first > lately:
        since = "no row" if first is None else f"rows from {day(first)} on only"
        return Undefined(f"the ledger has {since} of {measure!r}, not {days} days of it")
    stretches = dict(
        zip(STRETCHES, (_stretch(lately, until), _stretch(before, lately)), strict=True)
    )
    everybody = _numbers(metric, rows, stretches, directory=directory)
    grouped = everybody.mutate(group=ibis.literal("all"))
    found = SUMMARY.of(engine, grouped, by=["group"])
    if not found or (n := found[("all",)].n) < 2:
        return Undefined("the directory has fewer than 2 customers, and a spread needs at least 2")
    moments = found[("all",)].moments(NUMBERS)
    ratios = [_over(moments, name) for name in STRETCHES]
    if isinstance(ratios[0], Undefined):
        return ratios[0]
    lower = [(ratio or 0.0) if has_denominator(kind) else 0.0 for ratio in ratios]
    linear = moments.combine(
        {
            name: {name: 1.0, f"{name}_below": -ratio}
            for name, ratio in zip(STRETCHES, lower, strict=True)
        }
    )
    spread = [math.sqrt(max(0.0, linear.covariance(name, name))) for name in STRETCHES]
    correlation: float | Undefined = Undefined(f"the ledger does not reach back {2 * days} days")
    if first <= before and min(spread) > 0:
        correlation = linear.covariance(*STRETCHES) / (spread[0] * spread[1])
    mean, sd, share = moments.mean("lately"), math.sqrt(moments.covariance("lately", "lately")), 1.0
    if has_denominator(kind):
        mean = ratios[0]
    if kind is MetricKind.LATEST:
        share = moments.mean("lately_below")
        if n * share < 2:
            return Undefined("fewer than 2 customers gave a score, and a spread needs at least 2")
        # Who gave no score has 0 in both numbers, so that the sum of squares is that of who did.
        sd = math.sqrt(linear.covariance("lately", "lately") * (n - 1) / (n * share - 1))
    return Typical(
        customers=n,
        mean=mean,
        sd=sd,
        correlation=correlation,
        denominator=_denominator(moments) if kind is MetricKind.RATIO else None,
        response_rate=share,
        clusters=None
        if clusters is None
        else _clusters(engine, everybody, clusters, linear=linear, ratio=lower[0]),
    )


def _stretch(first: date, end: date) -> Stretch:
    """The days from `first` to the one before `end`, the same for every customer."""
    last = end - timedelta(days=1)
    return Stretch.of_days(
        lambda rows: rows.occurred_at.between(first, last),
        lambda rows, days: rows.occurred_at.between(end - timedelta(days=days), last),
    )


def _numbers(
    metric: Metric, rows: ir.Table, stretches: dict[str, Stretch], *, directory: ir.Table
) -> ir.Table:
    """A row per customer, with upper and lower number of each stretch; the lower is 1 if none."""
    for name, stretch in stretches.items():
        rows = rows.mutate(days_of_last_scores(metric, rows, stretch, name=f"{name}_day"))
    has_lower = has_denominator(metric.kind)
    totals: dict[str, ir.Value] = {}
    for name, stretch in stretches.items():
        totals[name] = numerator(metric, rows, stretch, last_day=f"{name}_day")
        if has_lower:
            totals[f"{name}_below"] = denominator(metric, rows, stretch)
    joined = directory.select("customer").left_join(
        rows.group_by("customer").agg(totals), "customer"
    )
    numbers: dict[str, ir.Value] = {}
    for name in stretches:
        numbers[name] = number(metric, joined[name])
        numbers[f"{name}_below"] = (
            joined[f"{name}_below"].fill_null(0).cast(AMOUNT_TYPE)
            if has_lower
            else ibis.literal(1).cast(AMOUNT_TYPE)
        )
    return joined.mutate(numbers)


def _over(moments: Moments, name: str) -> float | Undefined:
    """The sum of the upper numbers over that of the lower."""
    if moments.mean(f"{name}_below") == 0:
        return Undefined("nobody has anything to divide by, so that there is no ratio")
    return moments.mean(name) / moments.mean(f"{name}_below")


def _denominator(moments: Moments) -> TypicalDenominator:
    names = ("lately", "lately_below")
    spread = [math.sqrt(moments.covariance(name, name)) for name in names]
    correlation = moments.covariance(*names) / (spread[0] * spread[1]) if min(spread) > 0 else 0.0
    # Rounding may say that one is the other to more than the last digit.
    correlation = min(max(correlation, -1.0), 1.0)
    return TypicalDenominator(moments.mean("lately_below"), spread[1], correlation)


def _clusters(
    engine: Engine, customers: ir.Table, clusters: ir.Table, *, linear: Moments, ratio: float
) -> TypicalClusters:
    """Sizes, and the intraclass correlation of what each customer adds to the metric."""
    belonging = clusters.select("customer", "cluster")
    joined = customers.select("customer", *NUMBERS[:2]).left_join(belonging, "customer")
    totals = by_cluster(joined, cluster="cluster", keys=[], variables=NUMBERS[:2], size="size")
    found = engine.fetch(totals)
    columns = [np.array(found[name].to_pylist(), dtype=float) for name in ("size", *NUMBERS[:2])]
    sizes, sums = columns[0], columns[1] - ratio * columns[2]
    n, units = float(sizes.sum()), len(sizes)
    mean, sd = n / units, float(np.std(sizes, ddof=1)) if units > 1 else 0.0
    if units < 2 or n <= units:
        missing = Undefined("likeness needs two clusters, and one with two customers or more")
        return TypicalClusters(mean, sd / mean, missing)
    deviations = sums - sizes * sums.sum() / n
    between = float(np.sum(deviations**2 / sizes))
    within = max(0.0, (linear.n - 1) * linear.covariance("lately", "lately") - between) / (
        n - units
    )
    between /= units - 1
    usual = (n - float(np.sum(sizes**2)) / n) / (units - 1)
    total = between + (usual - 1) * within
    icc = max(0.0, (between - within) / total) if total > 0 else Undefined("nobody differs")
    return TypicalClusters(mean, sd / mean, icc)
