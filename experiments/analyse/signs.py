"""What the checks need to know beyond the estimates, brought back from the engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.analyse.variables import CLUSTER, CUSTOMERS, cluster_of
from experiments.behavior.accounts import AccountColumns, Enrolment
from experiments.behavior.clusters import by_cluster
from experiments.behavior.signs import (
    ABSOLUTE,
    LOST,
    MONEY,
    OTHERS,
    SEEN_BEFORE,
    any_of,
    arrivals,
    column_of,
    contacts_by_others,
    late_of,
    measures_of,
    months_of,
    names_of,
    signs,
)
from experiments.behavior.summaries import Summary, Sums
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.stats.dominance import TOP, Amounts
from experiments.terms import MetricKind

Arm = str
FEW_CLUSTERS = 10  # in an arm; with fewer the t distribution is not to be relied upon
AMOUNTS_OF_MONEY = (MetricKind.MEAN, MetricKind.COUNT)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When rows of a measure arrived from the customers of an arm.

    Attributes:
        weeks: Per week of the pilot, from 0, its customers with a row.
        newest: Day of the newest row; None where there is none.
    """

    weeks: Mapping[int, int]
    newest: date | None


@dataclass(frozen=True, slots=True)
class ClusterTotals:
    """The clusters of an arm: money and customers of each, in the same order."""

    money: tuple[float, ...]
    customers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells whether the numbers can be trusted, by arm; outcomes among it.

    Attributes:
        sums: Of the variables of `experiments.behavior.signs`, over all enrolled customers, or
            their clusters.
        money: Of the money metric and its months, over the customers who count for it.
        months: The variables of its months, in order; none where it has none.
        arrivals: Per measure and arm.
        largest: Per arm, the customers with the largest amounts of money; empty where the money
            metric is a share.
        clusters: Per arm where clusters were assigned and an arm has few of them.
    """

    sums: Mapping[Arm, Sums]
    money: Mapping[Arm, Sums]
    months: tuple[str, ...]
    arrivals: Mapping[str, Mapping[Arm, Arrivals]]
    largest: Mapping[Arm, Amounts]
    clusters: Mapping[Arm, ClusterTotals]

    @property
    def has_history(self) -> bool:
        """Whether the ledger holds a row of any enrolled customer from before the enrolment."""
        return any(sums.totals[SEEN_BEFORE] for sums in self.sums.values())


def read_signs(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    seen: ir.Table,
    enrolment: Enrolment,
    accounts: ir.Table,
    columns: AccountColumns,
    as_of: date,
) -> Signs:
    """Ask the engine for everything that the checks need.

    Args:
        engine: Runs the queries.
        plan: Says measures, windows and clusters.
        behavior: Rows of the ledger that may be read, of every measure.
        seen: Of them, those that the analysis reads.
        enrolment: The enrolled customers.
        accounts: As the analysis reads them.
        columns: Which column is which.
        as_of: The day of the analysis.
    """
    cluster = cluster_of(plan, enrolment)
    table = signs(
        plan,
        behavior=behavior,
        enrolment=enrolment,
        accounts=accounts,
        columns=columns,
        as_of=as_of,
        keeping={} if cluster is None else {CLUSTER: accounts[cluster.column]},
    )
    months = months_of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    is_clustered = cluster is not None
    names = names_of(plan, months)
    together = [(any_of(one), late_of(one)) for one in measures_of(plan)]
    together.append((LOST, SEEN_BEFORE))
    alone = [(name,) for name in names if name not in {MONEY, ABSOLUTE, *months}]
    with engine.held(table) as rows:
        counted = rows.filter(rows.counts)
        money = _sums(engine, counted, names, [(MONEY,), (ABSOLUTE,), months], is_clustered)
        of_customers = (
            _sums(engine, counted, names, [(MONEY,), (ABSOLUTE,)], is_clustered=False)
            if is_clustered
            else money
        )
        return Signs(
            sums=_sums(engine, rows, names, [*alone, *together], is_clustered),
            money=money,
            months=months,
            arrivals=_arrivals(engine, plan, seen=seen, enrolment=enrolment, as_of=as_of),
            largest=_largest(engine, counted, names, of_customers)
            if plan.money_metric.kind in AMOUNTS_OF_MONEY
            else {},
            clusters=_cluster_totals(engine, counted, names, money) if is_clustered else {},
        )


def read_contacts_by_others(
    engine: Engine, plan: Plan, *, seen: ir.Table, enrolment: Enrolment
) -> dict[Arm, Sums]:
    """Sums of the contacts by other programs, per arm; empty where there is none.

    These are no outcome, and may show while outcomes are veiled.
    """
    with engine.held(contacts_by_others(plan, seen=seen, enrolment=enrolment)) as customers:
        if not engine.fetch(customers.aggregate(any=(customers.others > 0).any()))["any"][
            0
        ].as_py():
            return {}
        cluster = cluster_of(plan, enrolment)
        keeping = {} if cluster is None else {CLUSTER: customers[cluster.column]}
        rows = customers.select("customer", "arm", **keeping, **{column_of(0): customers.others})
        return _sums(engine, rows, (OTHERS,), [(OTHERS,)], cluster is not None)


def count_clusters(engine: Engine, plan: Plan, enrolment: Enrolment) -> dict[Arm, int]:
    """Clusters per arm; a customer of whom the cluster is not known is one alone.

    Returns:
        Empty where customers were assigned one by one.
    """
    cluster = cluster_of(plan, enrolment)
    if cluster is None:
        return {}
    rows = enrolment.rows
    named, alone = rows[cluster.column].nunique(), rows[cluster.column].isnull().sum()
    found = engine.fetch(rows.group_by("arm").agg(n=named + alone)).to_pylist()
    counts = {row["arm"]: int(row["n"]) for row in found}
    return {arm: counts.get(arm, 0) for arm in plan.design.arms}


def _sums(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    families: list[tuple[str, ...]],
    is_clustered: bool,
) -> dict[Arm, Sums]:
    """Sums per arm over customers, or over clusters with their size."""
    size = (CUSTOMERS,) if is_clustered else ()
    column = {name: column_of(at) for at, name in enumerate(names)} | {CUSTOMERS: CUSTOMERS}
    summary = Summary(tuple(tuple(column[name] for name in (*one, *size)) for one in families))
    if is_clustered:
        wanted = [name for name in summary.variables if name != CUSTOMERS]
        rows = by_cluster(rows, cluster=CLUSTER, keys=["arm"], variables=wanted, size=CUSTOMERS)
    found = summary.read(engine.fetch(summary.expression(rows, by=["arm"])), by=["arm"])
    name_of = {there: name for name, there in column.items()}
    return {arm: _renamed(sums, name_of) for (arm,), sums in found.items()}


def _renamed(sums: Sums, name_of: Mapping[str, str]) -> Sums:
    """The sums by the names of their variables, whose columns are numbered."""
    products: dict[tuple[str, str], Decimal] = {}
    for (one, other), product in sums.products.items():
        first, second = sorted([name_of[one], name_of[other]])
        products[first, second] = product
    return Sums(
        n=sums.n,
        totals={name_of[there]: total for there, total in sums.totals.items()},
        products=products,
        cubes={},
    )


def _arrivals(
    engine: Engine, plan: Plan, *, seen: ir.Table, enrolment: Enrolment, as_of: date
) -> dict[str, dict[Arm, Arrivals]]:
    table = arrivals(plan, seen=seen, enrolment=enrolment, as_of=as_of)
    rows = engine.fetch(table).to_pylist()
    found: dict[str, dict[Arm, Arrivals]] = {}
    for measure in measures_of(plan):
        for arm in plan.design.arms:
            its = [row for row in rows if (row["measure"], row["arm"]) == (measure, arm)]
            weeks = {row["week"]: row["customers"] for row in sorted(its, key=lambda r: r["week"])}
            newest = max((row["newest"] for row in its), default=None)
            found.setdefault(measure, {})[arm] = Arrivals(weeks, newest)
    return found


def _largest(
    engine: Engine, customers: ir.Table, names: tuple[str, ...], sums: Mapping[Arm, Sums]
) -> dict[Arm, Amounts]:
    """Per arm the distinct amounts that may belong to the top of two arms together."""
    column = customers[column_of(names.index(MONEY))]
    counts = customers.group_by(["arm", column.name("value")]).agg(n=lambda t: t.count())
    by_size = ibis.window(
        group_by=counts.arm, order_by=[ibis.desc(counts.value.abs()), counts.value]
    )
    # Twice as many, because an amount and its opposite are equally large.
    ranked = counts.mutate(place=ibis.row_number().over(by_size))
    kept = engine.fetch(ranked.filter(ranked.place < 2 * TOP).order_by(["arm", "place"]))
    found = {}
    for arm, total in sums.items():
        rows = [row for row in kept.to_pylist() if row["arm"] == arm]
        found[arm] = Amounts(
            everybody=total.moments([MONEY]).sample(MONEY),
            absolute=float(total.totals[ABSOLUTE]),
            values=tuple(float(row["value"]) for row in rows),
            counts=tuple(float(row["n"]) for row in rows),
            rest=float(total.n - sum(row["n"] for row in rows)),
            rest_total=float(total.totals[MONEY] - _added(row["value"] * row["n"] for row in rows)),
            rest_absolute=float(
                total.totals[ABSOLUTE] - _added(abs(row["value"]) * row["n"] for row in rows)
            ),
        )
    return found


def _cluster_totals(
    engine: Engine, customers: ir.Table, names: tuple[str, ...], sums: Mapping[Arm, Sums]
) -> dict[Arm, ClusterTotals]:
    """A row per cluster, where an arm has so few that chance itself is asked."""
    if min((total.n for total in sums.values()), default=0) >= FEW_CLUSTERS:
        return {}
    named = customers.select(
        "customer", "arm", CLUSTER, **{MONEY: customers[column_of(names.index(MONEY))]}
    )
    totals = by_cluster(named, cluster=CLUSTER, keys=["arm"], variables=[MONEY], size=CUSTOMERS)
    rows = engine.fetch(totals.order_by(["arm", CUSTOMERS, MONEY])).to_pylist()
    return {
        arm: ClusterTotals(
            tuple(float(row[MONEY]) for row in rows if row["arm"] == arm),
            tuple(float(row[CUSTOMERS]) for row in rows if row["arm"] == arm),
        )
        for arm in sums
    }


def _added(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))
