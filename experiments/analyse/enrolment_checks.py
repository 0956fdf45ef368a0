"""Are the groups as large as planned, and alike? Known as soon as customers are enrolled."""

from collections.abc import Mapping

from experiments.analyse import checks
from experiments.analyse.checks import Check
from experiments.analyse.cluster_checks import clusters
from experiments.analyse.signs import count_clusters
from experiments.analyse.variables import CLUSTER, CUSTOMERS, attributes_by_arm
from experiments.behavior.accounts import Enrolment
from experiments.behavior.clusters import by_cluster
from experiments.behavior.summaries import Summary
from experiments.behavior.sums import Sums
from experiments.engines.engine import Engine
from experiments.pilot import Plan


def enrolment_checks(
    engine: Engine, plan: Plan, *, customers: Mapping[str, int], enrolment: Enrolment
) -> tuple[Check, ...]:
    """Are the groups as large as planned, and alike? Known as soon as customers are enrolled.

    Args:
        engine: Runs the queries.
        plan: Names arms and shares.
        customers: Enrolled customers per arm.
        enrolment: What is known of them.
    """
    counts = count_clusters(engine, plan, enrolment)
    return (
        checks.split(plan, customers, clusters=counts),
        *checks.balance(plan, *attribute_sums(engine, plan, enrolment)),
        *([clusters(plan, counts)] if counts else []),
    )


def attribute_sums(
    engine: Engine, plan: Plan, enrolment: Enrolment, *, over_customers: bool = False
) -> tuple[Mapping[str, Sums], tuple[str, ...]]:
    """Sums of the attributes per arm, without a look at the ledger, and which variables these are.

    Args:
        engine: Runs the query.
        plan: Says what was assigned.
        enrolment: What is known of the customers.
        over_customers: Whether over customers, though clusters were assigned.
    """
    rows, names = attributes_by_arm(engine, plan, enrolment)
    if CLUSTER in rows.columns and not over_customers:
        rows = by_cluster(rows, cluster=CLUSTER, keys=["arm"], variables=names, size=CUSTOMERS)
        names = (*names, CUSTOMERS)
    summary = Summary((names,))
    found = summary.of(engine, rows, by=["arm"])
    return {arm: sums for (arm,), sums in found.items()}, names
