"""Enrol customers: settle the arms, give numbers, keep the list, and fingerprint it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.behavior.accounts import Attribute, Enrolment
from experiments.engines.engine import Engine
from experiments.enrol.assignment import assign
from experiments.enrol.clusters import assign_clusters, cluster_attribute, clusters_per_arm
from experiments.enrol.customers import Customers
from experiments.errors import BadInput
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import Ledger
from experiments.pilot import Plan

STRATUM_JOINT = "\x1f"  # cannot stand inside an attribute, so joined strata cannot be confused


@dataclass(frozen=True, slots=True)
class EnrolmentReceipt:
    """What an enrolment left behind.

    Attributes:
        batch_no: The batch that holds it.
        fingerprint: SHA-256 over the sorted lines `customer_id, arm, enrolled_at`.
        arms: Customers per arm, in the order of the plan.
        counted: Records in the file.
        left_out: Records whose arm the plan does not name.
        assigned: Whether Pilotbook drew the arms.
        seed: What they were drawn with, if they were drawn; so anybody can repeat the draw.
        strata: Attributes within whose values they were drawn.
        cluster: Attribute by which customers were assigned together; None where one by one.
        clusters: Clusters per arm, in the order of the plan; empty where there are none.
        tier: Name of the attribute that holds the value tier, if any.
        attributes: What the enrolment knows of its customers.
        last_enrolled_on: Day of the last.
    """

    batch_no: int
    fingerprint: str
    arms: dict[str, int]
    counted: int
    left_out: int
    assigned: bool
    tier: str | None
    attributes: tuple[Attribute, ...]
    last_enrolled_on: date
    seed: int | None = None
    strata: tuple[str, ...] = ()
    cluster: str | None = None
    clusters: dict[str, int] = field(default_factory=dict)


def as_drawn(plan: Plan, *, seed: int | None, strata: tuple[str, ...]) -> Plan:
    """A plan with the seed and strata of a draw, where it left them open."""
    design = plan.design
    if design.seed is None:
        design = design.model_copy(update={"seed": seed})
    if not design.strata:
        design = design.model_copy(update={"strata": strata})
    return plan.model_copy(update={"design": design})


def known_attributes(customers: Customers) -> tuple[Attribute, ...]:
    """What a file says of its customers, and where the enrolment keeps it."""
    pairs = zip(customers.attributes, customers.numeric, strict=True)
    return tuple(
        Attribute(name, f"attribute_{at}", numeric) for at, (name, numeric) in enumerate(pairs)
    )


def enrol(
    engine: Engine,
    ledger: Ledger,
    customers: Customers,
    *,
    plan: Plan,
    tier: str | None,
    batch_no: int,
) -> EnrolmentReceipt:
    """Enrol the customers of a file, drawing their arms where the file has none.

    Args:
        engine: Runs the queries.
        ledger: Keeps the list.
        customers: As read and checked.
        plan: Names arms, shares, seed and strata.
        tier: Name of the attribute that holds the value tier, if any.
        batch_no: The batch that the list becomes.

    Raises:
        BadInput: An arm is left without customers, or a cluster lies in several strata; nothing
            was kept.
    """
    rows = ibis.memtable(customers.rows)
    assigned = customers.rows["arm"].null_count > 0
    if assigned:
        drawn = _drawn(engine, customers, rows, plan=plan)
        rows = rows.drop("arm").inner_join(drawn, "customer_id")
    rows = engine.keep(rows)
    days = engine.fetch(
        rows.aggregate(first=rows.enrolled_at.min(), last=rows.enrolled_at.max())
    ).to_pylist()[0]
    arms = {
        row["arm"]: row["n"]
        for row in engine.fetch(rows.group_by("arm").agg(n=lambda t: t.count())).to_pylist()
    }
    _refuse_empty_arms(plan, arms)
    cluster = cluster_attribute(plan)
    clusters: dict[str, int] = {}
    if cluster is not None:
        named = rows.select("arm", cluster=rows[_column(customers, cluster)])
        counted = clusters_per_arm(engine, named)
        clusters = {arm: counted[arm] for arm in plan.design.arms}
    receipt = EnrolmentReceipt(
        batch_no=batch_no,
        fingerprint=_fingerprint(engine, rows),
        arms={arm: arms.get(arm, 0) for arm in plan.design.arms},
        counted=customers.counted,
        left_out=customers.left_out,
        assigned=assigned,
        tier=tier,
        attributes=known_attributes(customers),
        last_enrolled_on=days["last"],
        seed=plan.design.seed if assigned else None,
        strata=plan.design.strata if assigned else (),
        cluster=cluster,
        clusters=clusters,
    )
    _keep(engine, ledger, rows, pilot=plan.pilot.slug, batch_no=batch_no)
    return receipt


def enrolment_of(
    engine: Engine, ledger: Ledger, pilot: str, receipt: EnrolmentReceipt
) -> Enrolment:
    """The enrolled customers that a receipt stands for."""
    return Enrolment(
        rows=ledger.enrolment(engine, pilot, batch_no=receipt.batch_no).drop("batch_no"),
        attributes=receipt.attributes,
        last_enrolled_on=receipt.last_enrolled_on,
    )


def _refuse_empty_arms(plan: Plan, customers: Mapping[str, int]) -> None:
    empty = [arm for arm in plan.design.arms if not customers.get(arm)]
    if empty:
        raise BadInput(
            f"Nobody is in {' nor in '.join(repr(arm) for arm in empty)}; every arm of the plan "
            f"needs customers. Compare the arms of the file with those of the plan."
        )


def _drawn(engine: Engine, customers: Customers, rows: ir.Table, *, plan: Plan) -> ir.Table:
    """Columns `customer_id` and `arm`: customers one by one, or with all of their cluster."""
    design, stratum = plan.design, _stratum(plan, customers, rows)
    seed, shares = design.seed or 0, design.planned_shares()
    cluster = cluster_attribute(plan)
    if cluster is None:
        units = rows.select("customer_id", stratum=stratum)
        return assign(engine, units, seed=seed, shares=shares)
    units = rows.select("customer_id", cluster=rows[_column(customers, cluster)], stratum=stratum)
    return assign_clusters(engine, units, name=cluster, seed=seed, shares=shares)


def _column(customers: Customers, attribute: str) -> str:
    return f"attribute_{customers.attributes.index(attribute)}"


def _stratum(plan: Plan, customers: Customers, rows: ir.Table) -> ir.StringValue:
    """The values of the strata, joined; one stratum where the plan has none."""
    stratum: ir.StringValue = ibis.literal("")
    for name in plan.design.strata:
        column = rows[_column(customers, name)]
        stratum = stratum + column.fill_null("") + STRATUM_JOINT
    return stratum


def _fingerprint(engine: Engine, rows: ir.Table) -> str:
    """One text per customer, sorted, hashed: independent of order and of numbers."""
    lines = rows.select(
        line=rows.customer_id + "\t" + rows.arm + "\t" + rows.enrolled_at.cast("string") + "\n"
    ).order_by("line")
    digest = hashlib.sha256()
    for batch in engine.stream(lines):
        digest.update("".join(batch.column("line").to_pylist()).encode())
    return digest.hexdigest()


def _keep(engine: Engine, ledger: Ledger, rows: ir.Table, *, pilot: str, batch_no: int) -> None:
    """Write the list under customer numbers; ids stay in the directory."""
    directory = number_customers(engine, ledger, rows.select("customer_id"), batch_no=batch_no)
    numbered = rows.inner_join(directory, "customer_id").drop("customer_id")
    ordered = numbered.mutate(batch_no=ibis.literal(batch_no, "int64")).order_by("customer")
    table: pa.Table = engine.fetch(ordered)
    ledger.append_enrolment(pilot, table, batch_no=batch_no)
