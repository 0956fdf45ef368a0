"""Customers who are assigned together stay together, and are counted as one."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from experiments.engines.engine import open_engine
from experiments.enrol.assignment import assign
from experiments.enrol.clusters import assign_clusters
from experiments.enrol.customers import Customers, read_customers, refuse_unknown_attributes
from experiments.enrol.enrolment import EnrolmentReceipt, enrol, enrolment_of
from experiments.errors import BadInput, BadPlan
from experiments.ledger.ledger import Ledger
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile
from experiments.terms import DesignKind
from tests.behavior.ledgers import small_plan

DRAWN = CustomersFile(file="c.csv", customer_id="id")
WITH_ARMS = CustomersFile(file="c.csv", customer_id="id", arm="arm")
HALVES = {"control": Fraction(1, 2), "mail": Fraction(1, 2)}


def by_branch(**design: object) -> Plan:
    plan = small_plan()
    clustered = {"kind": DesignKind.CLUSTERED, "cluster": "branch", "seed": 5, **design}
    return plan.model_copy(update={"design": plan.design.model_copy(update=clustered)})


def read(
    folder: Path, lines: Sequence[str], source: CustomersFile, plan: Plan | None = None
) -> Customers:
    path = folder / "c.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with open_engine() as engine:
        return read_customers(engine, path, source, plan=plan or by_branch(), zone="UTC")


def branches(count: int, size: int) -> list[str]:
    return ["id,branch,town", *(f"c{at},b{at % count},t{at % 2}" for at in range(count * size))]


def enrolled(
    folder: Path, customers: Customers, plan: Plan
) -> tuple[EnrolmentReceipt, dict[str, set[str]]]:
    """The receipt, and the arms that each branch's customers are in."""
    with open_engine() as engine:
        ledger = Ledger(folder)
        receipt = enrol(engine, ledger, customers, plan=plan, tier=None, batch_no=1)
        enrolment = enrolment_of(engine, ledger, plan.pilot.slug, receipt)
        branch = enrolment.attribute("branch")
        assert branch is not None
        arms: dict[str, set[str]] = {}
        for row in engine.fetch(enrolment.rows).to_pylist():
            arms.setdefault(row[branch.column], set()).add(row["arm"])
    return receipt, arms


def test_a_cluster_is_in_one_arm_and_the_receipt_counts_clusters(tmp_path: Path) -> None:
    plan = by_branch()
    receipt, arms = enrolled(tmp_path, read(tmp_path, branches(20, 7), DRAWN), plan)
    assert all(len(found) == 1 for found in arms.values())
    assert receipt.clusters == dict.fromkeys(plan.design.arms, 10)
    assert receipt.cluster == "branch"
    assert sum(receipt.arms.values()) == 140


def test_the_cluster_is_kept_though_the_file_does_not_list_it(tmp_path: Path) -> None:
    customers = read(tmp_path, branches(4, 2), DRAWN)
    assert customers.attributes == ("branch",)


def test_clusters_are_drawn_as_customers_would_be_whose_ids_they_are() -> None:
    clusters = [f"branch {at}" for at in range(40)]
    alone = pa.table({"customer_id": clusters, "stratum": [""] * 40})
    two = pa.table(
        {
            "customer_id": [f"{name} {at}" for at in (1, 2) for name in clusters],
            "cluster": clusters * 2,
            "stratum": [""] * 80,
        }
    )
    with open_engine() as engine:
        expected = engine.fetch(assign(engine, ibis.memtable(alone), seed=9, shares=HALVES))
        found = engine.fetch(
            assign_clusters(engine, ibis.memtable(two), name="branch", seed=9, shares=HALVES)
        )
    arms = {row["customer_id"]: row["arm"] for row in expected.to_pylist()}
    assert found.num_rows == 80
    assert all(arms[row["customer_id"][:-2]] == row["arm"] for row in found.to_pylist())


def test_a_cluster_in_two_strata_is_named(tmp_path: Path) -> None:
    lines = ["id,branch,town", "a,north,Linz", "b,north,Graz", "c,south,Linz", "d,east,Graz"]
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("town",))
    plan = by_branch(strata=("town",))
    customers = read(tmp_path, lines, source, plan)
    with pytest.raises(BadInput, match="more than one stratum") as refused, open_engine() as engine:
        enrol(engine, Ledger(tmp_path), customers, plan=plan, tier=None, batch_no=1)
    (problem,) = refused.value.problems
    assert str(problem) == "branch 'north': has 1 in 'Graz' and 1 in 'Linz'"


def test_clusters_are_drawn_within_their_strata(tmp_path: Path) -> None:
    plan = by_branch(strata=("town",))
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("town",))
    _, arms = enrolled(tmp_path, read(tmp_path, branches(20, 3), source, plan), plan)
    even = [arms[f"b{at}"] for at in range(0, 20, 2)]
    assert sum("control" in found for found in even) == 5


def test_a_blank_cluster_is_refused_with_its_line_and_what_to_do(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,branch", "a,north", "b, ", "c,", "d,south"], DRAWN)
    assert [(one.line, one.column) for one in customers.rejects] == [(3, "branch"), (4, "branch")]
    assert "give a customer who belongs to none a value of their own" in customers.rejects[0].reason


def test_arms_that_part_a_cluster_are_refused_with_their_counts(tmp_path: Path) -> None:
    lines = ["id,branch,arm", "a,north,mail", "b,north,control", "c,north,mail", "d,south,mail"]
    with pytest.raises(BadInput, match="A value of 'branch' in more than one arm") as refused:
        read(tmp_path, lines, WITH_ARMS)
    (problem,) = refused.value.problems
    assert str(problem) == "branch 'north': has 1 in 'control' and 2 in 'mail'"


def test_of_many_parted_clusters_twenty_are_named(tmp_path: Path) -> None:
    rows = [f"c{at},b{at // 2},{('mail', 'control')[at % 2]}" for at in range(50)]
    with pytest.raises(BadInput, match="25 values of 'branch'") as refused:
        read(tmp_path, ["id,branch,arm", *rows], WITH_ARMS)
    assert len(refused.value.problems) == 21
    assert "and 5 more" in str(refused.value.problems[-1])


def test_arms_that_keep_clusters_whole_are_taken(tmp_path: Path) -> None:
    lines = ["id,branch,arm", "a,north,mail", "b,north,mail", "c,south,control"]
    customers = read(tmp_path, lines, WITH_ARMS)
    assert customers.rows.num_rows == 3
    assert not customers.rejects


def test_a_cluster_that_is_the_column_of_ids_is_refused() -> None:
    with pytest.raises(BadPlan, match=r"'id' is the column of customer_id"):
        refuse_unknown_attributes(by_branch(cluster="id"), DRAWN)
