"""Enrol customers: settle the arms, give numbers, keep the list, and fingerprint it."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.behavior.accounts import Attribute, Enrolment
from experiments.engines.engine import Engine
from experiments.enrol.assignment import draw
from experiments.enrol.clusters import assign_clusters, cluster_attribute, clusters_per_arm
from experiments.enrol.customers import Customers
from experiments.enrol.naming import personal_attributes, planned_attributes
from experiments.errors import BadInput
from experiments.ledger.directory import number_in_order
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
        personal: Those of the attributes that say who somebody is: on lists, in no analysis.
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
    personal: tuple[str, ...] = ()

    @property
    def analysed(self) -> tuple[Attribute, ...]:
        """The attributes that analyses and accounts hold: all but the personal ones."""
        return tuple(one for one in self.attributes if one.name not in self.personal)


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
    rows = customers.rows
    assigned = rows["arm"].null_count > 0
    if assigned:
        drawn = _drawn(engine, customers, plan=plan)
        rows = rows.set_column(rows.column_names.index("arm"), "arm", drawn)
    counted = rows["arm"].value_counts().flatten()
    arms = dict(zip(counted[0].to_pylist(), counted[1].to_pylist(), strict=True))
    _refuse_empty_arms(plan, arms)
    cluster = cluster_attribute(plan)
    clusters: dict[str, int] = {}
    if cluster is not None:
        named = pa.table({"arm": rows["arm"], "cluster": rows[_column(customers, cluster)]})
        found = clusters_per_arm(engine, ibis.memtable(named))
        clusters = {arm: found[arm] for arm in plan.design.arms}
    receipt = EnrolmentReceipt(
        batch_no=batch_no,
        fingerprint=_fingerprint(rows),
        arms={arm: arms.get(arm, 0) for arm in plan.design.arms},
        counted=customers.counted,
        left_out=customers.left_out,
        assigned=assigned,
        tier=tier,
        attributes=known_attributes(customers),
        last_enrolled_on=pc.max(rows["enrolled_at"]).as_py(),
        seed=plan.design.seed if assigned else None,
        strata=plan.design.strata if assigned else (),
        cluster=cluster,
        clusters=clusters,
        personal=personal_attributes(customers, planned=planned_attributes(plan, tier=tier)),
    )
    _keep(engine, ledger, rows, pilot=plan.pilot.slug, batch_no=batch_no)
    return receipt


def enrolment_of(
    engine: Engine, ledger: Ledger, pilot: str, receipt: EnrolmentReceipt
) -> Enrolment:
    """The enrolled customers that a receipt stands for, without what says who somebody is."""
    return Enrolment(
        rows=ledger.enrolment(engine, pilot, batch_no=receipt.batch_no).drop("batch_no"),
        attributes=receipt.analysed,
        last_enrolled_on=receipt.last_enrolled_on,
    )


def _refuse_empty_arms(plan: Plan, customers: Mapping[str, int]) -> None:
    empty = [arm for arm in plan.design.arms if not customers.get(arm)]
    if empty:
        raise BadInput(
            f"Nobody is in {' nor in '.join(repr(arm) for arm in empty)}; every arm of the plan "
            f"needs customers. Compare the arms of the file with those of the plan."
        )


def _drawn(engine: Engine, customers: Customers, *, plan: Plan) -> pa.ChunkedArray:
    """An arm for every row: customers one by one, or with all of their cluster."""
    design, strata, rows = plan.design, _strata(plan, customers), customers.rows
    seed, shares = design.seed or 0, design.planned_shares()
    cluster = cluster_attribute(plan)
    if cluster is None:
        arms = draw(engine, rows["customer_id"], strata, seed=seed, shares=shares)
        return pa.chunked_array([arms])
    units = {
        "customer_id": rows["customer_id"],
        "cluster": rows[_column(customers, cluster)],
        "stratum": strata,
    }
    table = ibis.memtable(pa.table(units))
    drawn = assign_clusters(engine, table, name=cluster, seed=seed, shares=shares)
    return pc.dictionary_encode(engine.fetch(drawn.order_by("customer_id"))["arm"])


def _column(customers: Customers, attribute: str) -> str:
    return f"attribute_{customers.attributes.index(attribute)}"


def _strata(plan: Plan, customers: Customers) -> pa.DictionaryArray:
    """The values of the strata, joined, for every row; one stratum where the plan has none."""
    mixed, names = np.zeros(customers.rows.num_rows, np.int64), [""]
    for name in plan.design.strata:
        column = customers.rows[_column(customers, name)].combine_chunks()
        levels = [*column.dictionary.to_pylist(), ""]
        codes = column.indices.fill_null(len(levels) - 1).to_numpy()
        used = pc.dictionary_encode(pa.array(mixed * len(levels) + codes))
        mixed = used.indices.to_numpy().astype(np.int64)
        names = [
            f"{names[at // len(levels)]}{levels[at % len(levels)]}{STRATUM_JOINT}"
            for at in used.dictionary.to_pylist()
        ]
    # An empty text and none at all are the same stratum.
    told = pc.dictionary_encode(pa.array(names, pa.string()))
    return pa.DictionaryArray.from_arrays(told.indices.take(pa.array(mixed)), told.dictionary)


def _fingerprint(rows: pa.Table) -> str:
    """One text per customer, sorted, hashed: independent of order and of numbers.

    Rows in the order of their ids are in the order of their lines: no id holds a character that
    comes before a tab.
    """

    def lines(batch: pa.RecordBatch) -> memoryview:
        day = pc.binary_join_element_wise(batch["enrolled_at"].cast(pa.string()), "", "\n")
        arm = batch["arm"].cast(pa.string())
        joined = pc.binary_join_element_wise(batch["customer_id"], arm, day, "\t")
        _, offsets, text = joined.buffers()
        return memoryview(text)[: np.frombuffer(offsets, np.int32)[len(joined)]]

    digest = hashlib.sha256()
    with ThreadPoolExecutor() as pool:
        for text in pool.map(lines, rows.to_batches()):
            digest.update(text)
    return digest.hexdigest()


def _keep(engine: Engine, ledger: Ledger, rows: pa.Table, *, pilot: str, batch_no: int) -> None:
    """Write the list under customer numbers; ids stay in the directory."""
    numbers = number_in_order(engine, ledger, rows["customer_id"], batch_no=batch_no)
    # Plain texts: a dictionary is a matter of memory, not of the ledger.
    columns = {
        field.name: rows[field.name].cast(field.type.value_type)
        if pa.types.is_dictionary(field.type)
        else rows[field.name]
        for field in rows.schema
        if field.name != "customer_id"
    }
    columns["customer"] = pa.chunked_array([numbers])
    columns["batch_no"] = pa.chunked_array([pa.repeat(pa.scalar(batch_no), rows.num_rows)])
    table = pa.table(columns)
    if (np.diff(numbers.to_numpy()) < 0).any():
        table = table.sort_by("customer")
    ledger.append_enrolment(pilot, table, batch_no=batch_no)
