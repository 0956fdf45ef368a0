"""Clusters of customers who are assigned together: branches, households, representatives.

Whoever draws or checks arms counts clusters, so that a cluster is in one arm and in one stratum,
and every customer belongs to one: Donner and Klar (2000), Design and Analysis of Cluster
Randomization Trials in Health Research, chapter 4.
"""

from collections.abc import Mapping
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from experiments.engines.engine import Engine
from experiments.enrol.assignment import assign
from experiments.errors import PROBLEMS_SHOWN, BadInput, Problem, Reject
from experiments.pilot import Plan


def cluster_attribute(plan: Plan) -> str | None:
    """The attribute by which customers are assigned together; None where they are one by one."""
    return plan.design.cluster


def without_cluster(rows: pa.Table, cluster: str, *, column: str) -> list[Reject]:
    """Customers of whom nobody said to which cluster they belong.

    Args:
        rows: Columns `customer_id`, `line` and that of the cluster.
        cluster: Column of the cluster.
        column: What the file calls it.
    """
    named = rows[cluster].cast(pa.string())
    blank = rows.filter(pc.or_kleene(pc.is_null(named), pc.equal(named, "")))
    reason = (
        f"is blank, and customers are assigned together by {column}; fill it in, give a customer "
        f"who belongs to none a value of their own, or leave them out of the file"
    )
    return [Reject(line, column, "", reason) for line in blank["line"].to_pylist()]


def refuse_split_clusters(engine: Engine, customers: ir.Table, *, name: str) -> None:
    """Stop where an arm column parts a cluster.

    Args:
        engine: Runs the query.
        customers: Columns `cluster` and `arm`.
        name: What the file calls the cluster.

    Raises:
        BadInput: Names up to 20 of them, with their customers per arm.
    """
    found = _parted(engine, customers, by="arm")
    if found:
        raise BadInput(
            f"{_counted(len(found))} of {name!r} in more than one arm, so that the pilot was not "
            f"assigned by {name!r}. Give each one arm, or choose another design:",
            _problems(name, found),
        )


def clusters_per_arm(engine: Engine, customers: ir.Table) -> dict[str, int]:
    """How many clusters each arm has; `customers` has columns `cluster` and `arm`."""
    counts = customers.group_by("arm").agg(n=customers.cluster.nunique())
    return {row["arm"]: row["n"] for row in engine.fetch(counts).to_pylist()}


def assign_clusters(
    engine: Engine,
    customers: ir.Table,
    *,
    name: str,
    seed: int,
    shares: Mapping[str, Fraction],
) -> ir.Table:
    """Draw an arm for every cluster, by the recipe that draws customers, and give it to them all.

    Args:
        engine: Runs the queries.
        customers: Columns `customer_id`, `cluster` and `stratum`, none of them blank.
        name: What the file calls the cluster.
        seed: Any whole number; the same seed gives the same arms.
        shares: Share of each arm of the clusters, in the order of the arms.

    Returns:
        Columns `customer_id` and `arm`.

    Raises:
        BadInput: A cluster has customers of several strata; names up to 20.
    """
    found = _parted(engine, customers, by="stratum")
    if found:
        raise BadInput(
            f"{_counted(len(found))} of {name!r} in more than one stratum. Draw within attributes "
            f"that are the same for all customers of a cluster:",
            _problems(name, {cluster: _readable(parts) for cluster, parts in found.items()}),
        )
    clusters = customers.select(customer_id=customers.cluster, stratum=customers.stratum).distinct()
    drawn = assign(engine, clusters, seed=seed, shares=shares).rename(drawn="customer_id")
    joined = customers.inner_join(drawn, customers.cluster == drawn.drawn)
    return joined.select("customer_id", "arm")


def _parted(engine: Engine, customers: ir.Table, *, by: str) -> dict[str, dict[str, int]]:
    """Per cluster that has several values of a column, the customers of each value."""
    values = ibis.window(group_by=customers.cluster)
    several = customers.mutate(values=customers[by].nunique().over(values)).filter(
        lambda t: t["values"] > 1
    )
    counts = several.group_by(["cluster", by]).agg(n=lambda t: t.count())
    found: dict[str, dict[str, int]] = {}
    for row in engine.fetch(counts.order_by(["cluster", by])).to_pylist():
        found.setdefault(row["cluster"], {})[row[by]] = row["n"]
    return found


def _counted(clusters: int) -> str:
    return "A value" if clusters == 1 else f"{clusters:,} values"


def _readable(parts: Mapping[str, int]) -> dict[str, int]:
    """Strata under the values that they are made of."""
    return {stratum.rstrip("\x1f").replace("\x1f", ", "): n for stratum, n in parts.items()}


def _problems(name: str, found: Mapping[str, Mapping[str, int]]) -> list[Problem]:
    shown = list(found.items())[:PROBLEMS_SHOWN]
    problems = [
        Problem(
            f"{name} {cluster!r}",
            "has " + " and ".join(f"{n:,} in {part!r}" for part, n in parts.items()),
        )
        for cluster, parts in shown
    ]
    if len(found) > len(shown):
        problems.append(Problem("", f"and {len(found) - len(shown):,} more"))
    return problems
