"""Everything that an analysis needs to know, brought back from the engine as a few numbers.

Past this point no stage touches rows: estimates, checks and verdicts are functions of `Evidence`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import ibis.expr.types as ir

from experiments.analyse.over_time import Period, periods
from experiments.analyse.variables import (
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
    is_contact,
    joined,
    read_recorded,
    recorded,
)
from experiments.behavior.caps import capped
from experiments.behavior.clusters import by_cluster
from experiments.behavior.engine import Engine
from experiments.behavior.lapse import lapses
from experiments.behavior.summaries import Summary, Sums
from experiments.behavior.windows import MetricWindow
from experiments.errors import BadInput, MissingMeasure
from experiments.pilot import Plan
from experiments.stats.survival import DayCounts
from experiments.terms import CONTACT, MetricKind

Level = str
Arm = str
MOST_STRATUM_ARMS = 5_000


@dataclass(frozen=True, slots=True)
class Reach:
    """Who was contacted by this program, by arm; may show while outcomes are veiled.

    Attributes:
        customers: Enrolled customers.
        contacted: Of them, customers with at least one contact.
    """

    customers: int
    contacted: int


@dataclass(frozen=True, slots=True)
class RowsUsed:
    """Rows of a measure by enrolled customers: inside the window, before it, and altogether."""

    inside: int
    before: int
    total: int

    def __str__(self) -> str:
        other = self.total - self.inside - self.before
        return f"{self.inside:,} in the window, {self.before:,} before it, {other:,} at other times"


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


def reach(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment
) -> dict[Arm, Reach]:
    """Count customers and contacted customers per arm."""
    rows = joined(behavior, enrolment.rows)
    contacts = rows.filter(is_contact(plan, rows) & (rows.value > 0))
    contacted = _per_arm(engine, contacts.group_by("arm").agg(n=contacts.customer.nunique()))
    enrolled = _per_arm(engine, enrolment.rows.group_by("arm").agg(n=lambda t: t.count()))
    return {arm: Reach(enrolled.get(arm, 0), contacted.get(arm, 0)) for arm in plan.design.arms}


def _per_arm(engine: Engine, counts: ir.Table) -> dict[Arm, int]:
    return {row["arm"]: row["n"] for row in engine.fetch(counts).to_pylist()}


def known_rows(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment
) -> dict[str, Recorded]:
    """What the ledger holds for each metric: counts and days, no outcome."""
    row = engine.fetch(recorded(plan, behavior=behavior, enrolment=enrolment.rows)).to_pylist()[0]
    return read_recorded(plan, row)


def refuse_silence(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    known: Mapping[str, Recorded],
    reached: Mapping[Arm, Reach],
) -> None:
    """Silence is not zero: a measure that nobody recorded is an error, and so is a misuse.

    Raises:
        MissingMeasure: No enrolled customer has a row of a metric's measure inside its window,
            or a cost per contact has no contact to count.
        BadInput: A metric counts events, but its measure holds fractions.
    """
    for metric in plan.metrics:
        found = known[metric.name]
        if found.rows == 0:
            raise MissingMeasure(metric.name, metric.measure, _measures(engine, behavior))
        if metric.denominator is not None and found.rows_of_denominator == 0:
            raise MissingMeasure(metric.name, metric.denominator, _measures(engine, behavior))
        if metric.kind is MetricKind.BREADTH and found.with_item == 0:
            raise BadInput(
                f"Metric {metric.name!r} counts different items, but no row of "
                f"{metric.measure!r} names one. Record the measure with its item, such as the "
                f"product or its category."
            )
        if metric.kind is MetricKind.COUNT and found.fractional:
            raise BadInput(
                f"Metric {metric.name!r} counts events, but {found.fractional:,} rows of "
                f"{metric.measure!r} are not whole numbers. An event measure holds how many "
                f'events a row stands for, usually 1; for amounts use kind = "mean".'
            )
    costs = (plan.value.pilot, plan.value.rollout_costs())
    if any(cost.cost_per_contact for cost in costs) and not any(
        arm.contacted for arm in reached.values()
    ):
        raise MissingMeasure("cost_per_contact", CONTACT, _measures(engine, behavior))


def _measures(engine: Engine, behavior: ir.Table) -> list[str]:
    names = engine.fetch(behavior.select("measure").distinct().order_by("measure"))
    return [str(name) for name in names["measure"].to_pylist()]


def rows_used(
    engine: Engine,
    plan: Plan,
    behavior: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
) -> dict[str, RowsUsed]:
    """Per metric, where the rows of its measure by enrolled customers lie."""
    rows = behavior.semi_join(enrolment.rows, "customer")
    counts = engine.fetch(rows.group_by("measure").agg(n=lambda t: t.count())).to_pylist()
    totals = {row["measure"]: row["n"] for row in counts}
    return {
        metric.name: RowsUsed(
            known[metric.name].rows, known[metric.name].rows_before, totals.get(metric.measure, 0)
        )
        for metric in plan.metrics
    }


def rows_seen(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment, as_of: date
) -> ir.Table:
    """The rows that an analysis reads: of enrolled customers, of its measures, before its day."""
    measures = {name for metric in plan.metrics for name in metric.measures} | {CONTACT}
    wanted = behavior.filter(
        (behavior.occurred_at < as_of) & behavior.measure.isin(sorted(measures))
    )
    return engine.keep(wanted.semi_join(enrolment.rows, "customer"))


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

    Raises:
        BadInput: An attribute that the plan uses has too many different values.
    """
    refuse_many_levels(engine, plan, enrolment, tier=tier)
    expression, columns = accounts(
        plan, behavior=seen, enrolment=enrolment, known=known, as_of=as_of, earlier=earlier
    )
    kept = capped(engine, plan, engine.keep(expression), columns)
    laid_out = variables(plan, engine, kept, columns, enrolment=enrolment, tier=tier)
    with engine.held(laid_out.rows) as rows:
        everybody = _measured(engine, rows, plan, laid_out, with_baseline=True)
        windows = {
            metric.name: MetricWindow.of(metric, plan).end_day
            for metric in plan.metrics
            if metric.name in laid_out.complete
        }
        # Metrics with the same window have the same customers.
        of_window = {
            end_day: _measured(engine, rows.filter(rows[laid_out.complete[name]]), plan, laid_out)
            for name, end_day in windows.items()
        }
    evidence = Evidence(
        reach=reached,
        known=known,
        everybody=everybody,
        partly={name: of_window[end_day] for name, end_day in windows.items()},
        over_time=periods(engine, plan, behavior=seen, enrolment=enrolment, as_of=as_of),
        outcomes=laid_out.outcomes,
        covariates=laid_out.covariates,
        baseline=laid_out.baseline,
        clustered=laid_out.cluster is not None,
        earlier=laid_out.earlier,
        lapses=lapses(engine, plan, behavior=seen, enrolment=enrolment, as_of=as_of),
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

    def summed(summary: Summary, keys: list[str]) -> dict[tuple[str, ...], Sums]:
        rows = customers
        if laid_out.cluster is not None:
            rows = by_cluster(
                customers,
                cluster=laid_out.cluster,
                keys=keys,
                variables=summary.variables,
                size=CUSTOMERS,
            )
        return summary.read(engine.fetch(summary.expression(rows, by=keys)), by=keys)

    by_segment: dict[str, dict[Level, dict[Arm, Sums]]] = {}
    for attribute, column in laid_out.segments.items():
        levels = by_segment.setdefault(attribute, {})
        found = summed(Summary(tuple(families), cubed=cubed), [column, "arm"])
        for (level, arm), sums in found.items():
            levels.setdefault(level, {})[arm] = sums
    by_arm = summed(Summary(tuple(overall), cubed=cubed), ["arm"])
    return Measured(
        {arm: sums for (arm,), sums in by_arm.items()},
        by_segment,
        {} if laid_out.cluster else _by_stratum(engine, customers, laid_out),
    )


def _by_stratum(
    engine: Engine, customers: ir.Table, laid_out: Variables
) -> dict[Level, dict[Arm, Sums]]:
    """The sums of the outcomes within each combination of the strata's levels."""
    keys = [*laid_out.strata, "arm"]
    if not laid_out.strata or _count(engine, customers, keys) > MOST_STRATUM_ARMS:
        return {}
    summary = Summary(tuple(outcome.variables for outcome in laid_out.outcomes.values()))
    found: dict[Level, dict[Arm, Sums]] = {}
    rows = engine.fetch(summary.expression(customers, by=keys))
    for (*levels, arm), sums in summary.read(rows, by=keys).items():
        found.setdefault(" / ".join(levels), {})[arm] = sums
    return found


def _count(engine: Engine, customers: ir.Table, keys: Sequence[str]) -> int:
    different = customers.select(list(keys)).distinct()
    return int(engine.fetch(different.aggregate(n=different.count()))["n"][0].as_py())
