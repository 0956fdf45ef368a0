"""What the checks need to know beyond the estimates, brought back from the engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.analyse.variables import CLUSTER, CUSTOMERS, cluster_of
from experiments.behavior.accounts import AccountColumns, Attribute, Enrolment
from experiments.behavior.census import Census
from experiments.behavior.clusters import by_cluster
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.signs import (
    ABSOLUTE,
    LOST,
    MONEY,
    OTHERS,
    SEEN_BEFORE,
    Weeks,
    any_of,
    column_of,
    contacts_by_others,
    counts,
    late_of,
    measures_of,
    months_of,
    shares_of,
    signs,
)
from experiments.behavior.summaries import Summary
from experiments.behavior.sums import Sums
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
    census: Census,
    enrolment: Enrolment,
    accounts: ir.Table,
    columns: AccountColumns,
    as_of: date,
) -> Signs:
    """Ask the engine for everything that the checks need.

    Args:
        engine: Runs the queries.
        plan: Says measures, windows and clusters.
        census: Knows the newest rows.
        enrolment: The enrolled customers.
        accounts: As the analysis reads them, with what was read for the checks.
        columns: Which column is which.
        as_of: The day of the analysis.
    """
    cluster = cluster_of(plan, enrolment)
    found = signs(plan, enrolment=enrolment, accounts=accounts, columns=columns, as_of=as_of)
    months = months_of(plan, last_enrolled_on=enrolment.last_enrolled_on, as_of=as_of)
    of_money = {name: found[name] for name in (MONEY, ABSOLUTE, *months)}
    families = [(MONEY,), (ABSOLUTE,), *([months] if months else [])]
    counts_for_money = counts(accounts, columns, plan.money_metric)
    counted = accounts.filter(counts_for_money)
    money = _sums(engine, counted, of_money, families, cluster=cluster)
    of_customers = (
        money
        if cluster is None
        else _sums(engine, counted, of_money, [(MONEY,), (ABSOLUTE,)], cluster=None)
    )
    return Signs(
        sums=_shares(engine, plan, accounts, found, cluster=cluster),
        money=money,
        months=months,
        arrivals=_arrivals(
            engine, plan, Weeks.of(plan, enrolment, as_of=as_of), accounts, census=census
        ),
        largest=_largest(engine, counted, found[MONEY], of_customers)
        if plan.money_metric.kind in AMOUNTS_OF_MONEY
        else {},
        clusters={}
        if cluster is None
        else _cluster_totals(engine, counted, found[MONEY], money, cluster=cluster),
    )


def _shares(
    engine: Engine,
    plan: Plan,
    accounts: ir.Table,
    found: Mapping[str, ir.Value],
    *,
    cluster: Attribute | None,
) -> dict[Arm, Sums]:
    """Sums of the variables that are 0 or 1, and of the pairs of which one lies in the other."""
    nested = [(any_of(one), late_of(one)) for one in measures_of(plan)] + [(LOST, SEEN_BEFORE)]
    shares = {name: found[name] for name in shares_of(plan)}
    if cluster is not None:
        families = [*((name,) for name in shares), *nested]
        return _sums(engine, accounts, shares, families, cluster=cluster)
    totals = {column_of(at): value.sum() for at, value in enumerate(shares.values())}
    rows = engine.fetch(accounts.group_by("arm").agg(n=accounts.count(), **totals)).to_pylist()
    taken = {}
    for row in sorted(rows, key=lambda row: str(row["arm"])):
        total = {name: Decimal(row[column_of(at)]) for at, name in enumerate(shares)}
        products = {(name, name): of for name, of in total.items()}
        for pair in nested:
            one, other = sorted(pair)
            products[one, other] = min(total[one], total[other])
        taken[str(row["arm"])] = Sums(n=row["n"], totals=total, products=products, cubes={})
    return taken


def read_contacts_by_others(
    engine: Engine, plan: Plan, *, seen: ir.Table | None, enrolment: Enrolment
) -> dict[Arm, Sums]:
    """Sums of the contacts by other programs, per arm; empty where there is none.

    These are no outcome, and may show while outcomes are veiled.
    """
    if seen is None:
        return {}
    with engine.held(contacts_by_others(plan, behavior=seen, enrolment=enrolment)) as customers:
        if not engine.fetch(customers.aggregate(any=(customers.others > 0).any()))["any"][
            0
        ].as_py():
            return {}
        return _sums(
            engine,
            customers,
            {OTHERS: customers.others},
            [(OTHERS,)],
            cluster=cluster_of(plan, enrolment),
        )


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
    customers: ir.Table,
    values: Mapping[str, ir.Value],
    families: Sequence[tuple[str, ...]],
    *,
    cluster: Attribute | None,
) -> dict[Arm, Sums]:
    """Sums per arm over customers, or over clusters with their size."""
    size = () if cluster is None else (CUSTOMERS,)
    column = {name: column_of(at) for at, name in enumerate(values)} | {CUSTOMERS: CUSTOMERS}
    summary = Summary(tuple(tuple(column[name] for name in (*one, *size)) for one in families))
    rows = _numbered(customers, values, cluster=cluster)
    if cluster is not None:
        wanted = [name for name in summary.variables if name != CUSTOMERS]
        rows = by_cluster(rows, cluster=CLUSTER, keys=["arm"], variables=wanted, size=CUSTOMERS)
    found = summary.of(engine, rows, by=["arm"])
    name_of = {there: name for name, there in column.items()}
    return {arm: _renamed(sums, name_of) for (arm,), sums in found.items()}


def _numbered(
    customers: ir.Table, values: Mapping[str, ir.Value], *, cluster: Attribute | None
) -> ir.Table:
    """Customers with the values in numbered columns."""
    keys = [] if cluster is None else [customers[cluster.column].name(CLUSTER)]
    columns = [
        value.cast(AMOUNT_TYPE).name(column_of(at)) for at, value in enumerate(values.values())
    ]
    return customers.select([customers.customer, customers.arm, *keys, *columns])


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
    engine: Engine, plan: Plan, weeks: Weeks, accounts: ir.Table, *, census: Census
) -> dict[str, dict[Arm, Arrivals]]:
    bits = {
        (measure, at): weeks.week(accounts, measure, at)
        for measure in measures_of(plan)
        for at in range(weeks.many)
    }
    totals = {column_of(at): bit.sum() for at, bit in enumerate(bits.values())}
    rows = engine.fetch(accounts.group_by("arm").agg(**totals)).to_pylist() if totals else []
    per_arm = {row["arm"]: row for row in rows}
    found: dict[str, dict[Arm, Arrivals]] = {}
    for measure in measures_of(plan):
        for arm in plan.design.arms:
            counted = {
                week + weeks.first: per_arm[arm][column_of(at)]
                for at, (name, week) in enumerate(bits)
                if name == measure and arm in per_arm and per_arm[arm][column_of(at)]
            }
            found.setdefault(measure, {})[arm] = Arrivals(counted, census.newest(measure, arm))
    return found


def _largest(
    engine: Engine, customers: ir.Table, money: ir.Value, sums: Mapping[Arm, Sums]
) -> dict[Arm, Amounts]:
    """Per arm the distinct amounts that may belong to the top of two arms together."""
    counts = customers.group_by(["arm", money.name("value")]).agg(n=lambda t: t.count())
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
    engine: Engine,
    customers: ir.Table,
    money: ir.Value,
    sums: Mapping[Arm, Sums],
    *,
    cluster: Attribute,
) -> dict[Arm, ClusterTotals]:
    """A row per cluster, where an arm has so few that chance itself is asked."""
    if min((total.n for total in sums.values()), default=0) >= FEW_CLUSTERS:
        return {}
    named = _numbered(customers, {MONEY: money}, cluster=cluster).rename({MONEY: column_of(0)})
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
