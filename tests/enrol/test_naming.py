"""Attributes that say who somebody is: found by name and values, on lists, in no analysis."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from experiments.engines.engine import open_engine
from experiments.enrol.customers import read_customers
from experiments.enrol.enrolment import enrol, enrolment_of
from experiments.enrol.naming import says_who
from experiments.ledger.ledger import Ledger
from experiments.plan.pilot_file import CustomersFile
from tests.behavior.ledgers import small_plan

N = 40


@pytest.mark.parametrize(
    ("name", "values", "known", "expected"),
    [
        ("contact", [f"{491700000000 + at}" for at in range(N)], N, True),
        ("phone", [f"{70000 + at}" for at in range(N)], N, True),
        ("Telefon", [f"+49 170 {at:07}" for at in range(N)], N, True),
        ("Telefonnummer", [f"0170{at:07}" for at in range(N // 2)], N, True),
        ("account", [f"{at:05}" for at in range(N)], N, True),
        ("remark", [f"spoke to number {at} at the till" for at in range(8)], 8, True),
        ("birthdate", [f"1980-{1 + at % 12:02}-{1 + at // 12:02}" for at in range(30)], N, True),
        ("spend", [f"{1000 + at}.50" for at in range(N)], N, False),
        ("revenue", [f"{1_250_000 + at}" for at in range(N)], N, False),
        ("age", [f"{20 + at}" for at in range(N)], N, False),
        ("mobile", ["0", "1"], N, False),
        ("mobile visits", [f"{at}" for at in range(N)], N, False),
        ("address type", ["home", "work"], N, False),
        ("city", ["Berlin", "Lyon", "Kraków"], N, False),
        ("postcode", ["10115", "69001", "30001"], N, False),
        ("channel", ["shop", "online"], 2, False),
        ("nothing", [], 0, False),
    ],
)
def test_name_and_values_tell(
    name: str, values: Sequence[str], known: int, *, expected: bool
) -> None:
    assert says_who(name, pa.array(values, pa.string()), known=known) is expected


def test_lists_keep_what_analyses_do_not_read(tmp_path: Path) -> None:
    plan = small_plan()
    lines = [f"C{at},{plan.design.arms[at % 2]},{600000000 + at},{20 + at % 9}" for at in range(N)]
    path = tmp_path / "c.csv"
    path.write_text("\n".join(["id,arm,phone,age", *lines]) + "\n", encoding="utf-8")
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", attributes=("phone", "age"))
    ledger = Ledger(tmp_path / "ledger")
    with open_engine() as engine:
        customers = read_customers(engine, path, source, plan=plan, zone="UTC")
        receipt = enrol(engine, ledger, customers, plan=plan, tier=None, batch_no=1)
        enrolment = enrolment_of(engine, ledger, plan.pilot.slug, receipt)
        kept = engine.fetch(enrolment.rows)["attribute_0"].to_pylist()
    assert receipt.personal == ("phone",)
    assert [one.name for one in receipt.attributes] == ["phone", "age"]
    assert [one.name for one in enrolment.attributes] == ["age"]
    assert "600000000" in kept


def test_what_the_plan_asks_for_is_read(tmp_path: Path) -> None:
    plan = small_plan()
    metric = plan.metrics[0].model_copy(update={"covariates": ("turnover",)})
    plan = plan.model_copy(update={"metrics": (metric, *plan.metrics[1:])})
    lines = [f"C{at},{plan.design.arms[at % 2]},{90000000 + at}" for at in range(N)]
    path = tmp_path / "c.csv"
    path.write_text("\n".join(["id,arm,turnover", *lines]) + "\n", encoding="utf-8")
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", attributes=("turnover",))
    with open_engine() as engine:
        customers = read_customers(engine, path, source, plan=plan, zone="UTC")
        receipt = enrol(
            engine, Ledger(tmp_path / "ledger"), customers, plan=plan, tier=None, batch_no=1
        )
    assert receipt.personal == ()
