"""Everything that an analysis needs to know, brought back from the engine as a few numbers.

Past this point no stage touches rows: estimates, checks and verdicts are functions of `Evidence`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import ibis.expr.types as ir

from experiments.analyse.over_time import Period, periods
from experiments.analyse.rows import Arm, Reach
from experiments.analyse.variables import (
    CLUSTER,
    CUSTOMERS,
    Outcome,
    Variables,
    refuse_many_levels,
    summed_families,
    variables,
)
from experiments.analyse.weighted import Chosen
from experiments.behavior.accounts import (
    AccountColumns,
    Enrolment,
    Recorded,
    accounts,
)
from experiments.behavior.calendar import Calendar
from experiments.behavior.caps import capped
from experiments.behavior.clusters import by_cluster
from experiments.behavior.lapse import lapses
from experiments.behavior.reading import Reading, read_behavior
from experiments.behavior.summaries import Summary
from experiments.behavior.sums import Sums, add_up
from experiments.behavior.windows import MetricWindow
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.stats.survival import DayCounts

Level = str
MOST_STRATUM_ARMS, MOST_CELLS = 5_000, 500


@dataclass(frozen=True, slots=True)
class Measured:
    """The sums over the customers whose window is complete, and over everybody at the end.

    Attributes:
        sums: Exact sums per arm, over customers or, in a clustered design, over clusters.
        by_segment: The same per attribute, level and arm.
        by_stratum: Of the outcomes alone, per stratum and arm; empty without strata, for clusters,
            and where there are more strata than are worth their sums.
    """

    sums: Mapping[Arm, Sums]
    by_segment: Mapping[str, Mapping[Level, Mapping[Arm, Sums]]]
    by_stratum: Mapping[Level, Mapping[Arm, Sums]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured, by arm.

    Attributes:
        reach: Customers and contacted customers per arm.
        known: Per metric, what the ledger holds.
        everybody: Over all enrolled customers, with products of every pair of the baseline.
        partly: Per metric whose windows are not all over, over those customers whose is.
        over_time: The money metric's measure per period and arm; empty where all of it happened
            in one period.
        outcomes: Per metric, what it compares.
        covariates: Per metric, the variables that adjust it.
        baseline: Everything known before enrolment.
        clustered: Whether clusters were assigned, so that the sums are over them.
        earlier: The money metric as of each earlier look at the same customers.
        chosen: Where people chose the groups, the control customers weighted to be like the
            treated; None where chance chose.
        lapses: Per metric of retention and arm, customers who lapsed on each day since enrolment.
    """

    reach: Mapping[Arm, Reach]
    known: Mapping[str, Recorded]
    everybody: Measured
    partly: Mapping[str, Measured]
    over_time: tuple[Period, ...]
    outcomes: Mapping[str, Outcome]
    covariates: Mapping[str, tuple[str, ...]]
    baseline: tuple[str, ...]
    clustered: bool = False
    earlier: tuple[Outcome, ...] = ()
    chosen: Chosen | None = None
    lapses: Mapping[str, Mapping[Arm, DayCounts]] = field(default_factory=dict)

    def of(self, metric: str) -> Measured:
        """The sums over the customers who count for a metric."""
        return self.partly.get(metric, self.everybody)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence, and the accounts that it was taken from."""

    evidence: Evidence
    accounts: ir.Table
    columns: AccountColumns


def gather(
    engine: Engine,
    plan: Plan,
    *,
    seen: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
    reached: Mapping[Arm, Reach],
    tier: str | None,
    as_of: date,
    earlier: Sequence[date] = (),
    reading: Reading | None = None,
    has_contacts: bool = True,
) -> Gathered:
    """Compute accounts and take every sum that the methods need.

    Args:
        engine: Runs the queries.
        plan: Says metrics, windows, covariates and segments.
        seen: As `rows_seen` gave them.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric.
        reached: Customers and contacted customers per arm.
        tier: Name of the attribute that holds the value tier, if any.
        as_of: The day of the analysis.
        earlier: Days of earlier looks at the same customers, whose window grows.
        reading: What was read of the rows, with what the checks need; None where they are still
            to be read, for the sums alone.
        has_contacts: Whether the ledger holds a contact with any of them.

    Raises:
        BadInput: An attribute that the plan uses has too many different values.
    """
    refuse_many_levels(engine, plan, enrolment, tier=tier)
    read = reading or read_behavior(
        engine,
        plan,
        behavior=seen,
        enrolment=enrolment,
        as_of=as_of,
        earlier=earlier,
        with_checks=False,
    )
    uncut, columns = accounts(
        engine,
        plan,
        customers=read.customers,
        behavior=seen,
        enrolment=enrolment,
        known=known,
        as_of=as_of,
        earlier=earlier,
        has_contacts=has_contacts,
    )
    kept = capped(engine, plan, uncut, columns)
    laid_out = variables(plan, engine, kept, columns, enrolment=enrolment, tier=tier)
    everybody = _measured(engine, laid_out.rows, plan, laid_out, with_baseline=True)
    windows = {
        metric.name: MetricWindow.of(metric, plan).end_day
        for metric in plan.metrics
        if metric.name in laid_out.complete
    }
    # Metrics with the same window have the same customers.
    of_window = {
        end_day: _measured(
            engine, laid_out.rows.filter(laid_out.rows[laid_out.complete[name]]), plan, laid_out
        )
        for name, end_day in windows.items()
    }
    evidence = Evidence(
        reach=reached,
        known=known,
        everybody=everybody,
        partly={name: of_window[end_day] for name, end_day in windows.items()},
        over_time=()
        if reading is None
        else periods(
            Calendar.of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of),
            reading.periods,
            customers={arm: reached[arm].customers for arm in plan.design.arms},
        ),
        outcomes=laid_out.outcomes,
        covariates=laid_out.covariates,
        baseline=laid_out.baseline,
        clustered=laid_out.cluster is not None,
        earlier=laid_out.earlier,
        lapses={}
        if reading is None
        else lapses(engine, plan, behavior=seen, enrolment=enrolment, as_of=as_of),
    )
    return Gathered(evidence, kept, columns)


def _measured(
    engine: Engine,
    customers: ir.Table,
    plan: Plan,
    laid_out: Variables,
    *,
    with_baseline: bool = False,
) -> Measured:
    """Take every sum that the methods need, per arm and per level of each segment."""
    families = summed_families(plan, laid_out)
    cubed = tuple(outcome.variable for outcome in laid_out.outcomes.values())
    baseline = (*laid_out.baseline, *((CUSTOMERS,) if laid_out.cluster else ()))
    overall = [*families, baseline] if with_baseline and baseline else families

    summary = Summary(tuple(overall), cubed=cubed)
    if laid_out.cluster is None:
        return _added_up(engine, customers, summary, laid_out)

    def summed(summary: Summary, keys: list[str]) -> dict[tuple[str, ...], Sums]:
        rows = by_cluster(
            customers,
            cluster=CLUSTER,
            keys=keys,
            variables=summary.variables,
            size=CUSTOMERS,
        )
        return summary.of(engine, rows, by=keys)

    by_segment: dict[str, dict[Level, dict[Arm, Sums]]] = {}
    for attribute, column in laid_out.segments.items():
        levels = by_segment.setdefault(attribute, {})
        found = summed(Summary(tuple(families), cubed=cubed), [column, "arm"])
        for (level, arm), sums in found.items():
            levels.setdefault(level, {})[arm] = sums
    by_arm = summed(summary, ["arm"])
    return Measured({arm: sums for (arm,), sums in by_arm.items()}, by_segment)


def _added_up(
    engine: Engine, customers: ir.Table, summary: Summary, laid_out: Variables
) -> Measured:
    """The same over customers: summed once per combination of levels, and added up from there."""
    segments, strata = laid_out.segments, laid_out.strata
    keys = ["arm", *dict.fromkeys([*segments.values(), *strata])]
    if _count(engine, customers, keys) > MOST_CELLS:
        return _one_by_one(engine, customers, summary, laid_out)
    cells = _cells(engine, customers, summary, laid_out, keys=keys)

    def along(*wanted: str) -> dict[tuple[str, ...], Sums]:
        parts: dict[tuple[str, ...], list[Sums]] = {}
        for levels, sums in cells.items():
            parts.setdefault(tuple(levels[keys.index(key)] for key in wanted), []).append(sums)
        return {key: add_up(found) for key, found in sorted(parts.items())}

    return Measured(
        {arm: sums for (arm,), sums in along("arm").items()},
        {name: _by_level(along(column, "arm")) for name, column in segments.items()},
        _by_level(along(*strata, "arm")) if strata else {},
    )


def _cells(
    engine: Engine,
    customers: ir.Table,
    summary: Summary,
    laid_out: Variables,
    *,
    keys: Sequence[str],
) -> dict[tuple[str, ...], Sums]:
    """Sums per combination of levels; an indicator of a level is the same for all of a cell."""
    fixed = {name: of for name, of in laid_out.indicators.items() if name in summary.variables}
    free = tuple(pair for pair in summary.pairs if not fixed.keys() & {*pair})
    alone = tuple((name,) for name in summary.variables if name not in fixed)
    asked = Summary((*free, *alone), cubed=summary.cubed)
    found = {}
    for levels, sums in asked.of(engine, customers, by=keys).items():
        value = {
            name: int(levels[keys.index(column)] == level)
            for name, (column, level) in fixed.items()
        }
        totals = dict(sums.totals) | {name: Decimal(sums.n * one) for name, one in value.items()}
        products = dict(sums.products)
        for one, other in summary.pairs:
            if one in value:
                products[one, other] = totals[other] * value[one]
            elif other in value:
                products[one, other] = totals[one] * value[other]
        found[levels] = Sums(n=sums.n, totals=totals, products=products, cubes=sums.cubes)
    return found


def _by_level(
    sums: Mapping[tuple[str, ...], Sums],
) -> dict[Level, dict[Arm, Sums]]:
    found: dict[Level, dict[Arm, Sums]] = {}
    for (*levels, arm), one in sums.items():
        found.setdefault(" / ".join(levels), {})[arm] = one
    return found


def _one_by_one(
    engine: Engine, customers: ir.Table, summary: Summary, laid_out: Variables
) -> Measured:
    """The same with a question per attribute, where combinations of levels are too many."""
    strata = [*laid_out.strata, "arm"]
    return Measured(
        {arm: sums for (arm,), sums in summary.of(engine, customers, by=["arm"]).items()},
        {
            name: _by_level(summary.of(engine, customers, by=[column, "arm"]))
            for name, column in laid_out.segments.items()
        },
        {}
        if not laid_out.strata or _count(engine, customers, strata) > MOST_STRATUM_ARMS
        else _by_level(summary.of(engine, customers, by=strata)),
    )


def _count(engine: Engine, customers: ir.Table, keys: Sequence[str]) -> int:
    different = customers.select(list(keys)).distinct()
    return int(engine.fetch(different.aggregate(n=different.count()))["n"][0].as_py())
