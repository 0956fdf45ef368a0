"""Customers files: who is taken, who is refused and why, and what the enrolment remembers."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from experiments.engines.engine import open_engine
from experiments.enrol.customers import Customers, read_customers, refuse_unknown_attributes
from experiments.enrol.enrolment import EnrolmentReceipt, enrol, enrolment_of
from experiments.errors import BadPlan
from experiments.ledger.ledger import Ledger
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile
from tests.behavior.ledgers import small_plan

WITH_ARMS = CustomersFile(file="c.csv", customer_id="id", arm="arm")
LEAVING_OUT = CustomersFile.model_validate(
    {"file": "c.csv", "customer_id": "id", "arm": "arm", "other_arms": "leave_out"}
)


def read(
    folder: Path,
    lines: Sequence[str],
    source: CustomersFile = WITH_ARMS,
    *,
    plan: Plan | None = None,
) -> Customers:
    path = folder / "c.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with open_engine() as engine:
        return read_customers(engine, path, source, plan=plan or small_plan(), zone="UTC")


def enrolled(folder: Path, customers: Customers, plan: Plan) -> EnrolmentReceipt:
    with open_engine() as engine:
        return enrol(engine, Ledger(folder), customers, plan=plan, tier=None, batch_no=1)


def seeded(plan: Plan, **design: object) -> Plan:
    return plan.model_copy(update={"design": plan.design.model_copy(update={"seed": 5, **design})})


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "0012,mail", "12,control", "1.0,mail", "1e3,control"])
    assert customers.rows["customer_id"].to_pylist() == ["0012", "1.0", "12", "1e3"]
    assert not customers.rejects


def test_a_row_number_can_be_the_id(tmp_path: Path) -> None:
    source = CustomersFile(file="c.csv", customer_id="#row", arm="arm")
    customers = read(tmp_path, ["name,arm", "x,mail", "y,control"], source)
    assert customers.rows["customer_id"].to_pylist() == ["1", "2"]


def test_a_blank_id_is_refused_with_its_line(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", " ,mail", "b,control"])
    assert [(r.line, r.column, r.reason) for r in customers.rejects] == [
        (3, "id", "is blank; fill it in")
    ]
    assert customers.rows["customer_id"].to_pylist() == ["a", "b"]


def test_a_customer_on_two_lines_is_refused_on_the_second(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "b,control", "a,mail", "a,mail"])
    assert [(r.line, r.column, r.value) for r in customers.rejects] == [
        (4, "id", "a"),
        (5, "id", "a"),
    ]
    assert "already on line 2" in customers.rejects[0].reason
    assert customers.rows["customer_id"].to_pylist() == ["a", "b"]


def test_a_customer_in_two_arms_is_refused_on_every_line(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "b,control", "a,control"])
    assert [r.line for r in customers.rejects] == [2, 4]
    assert "more than one arm" in customers.rejects[0].reason
    assert customers.rows["customer_id"].to_pylist() == ["b"]


def test_a_customer_who_is_in_a_left_out_arm_as_well_is_refused(tmp_path: Path) -> None:
    """Left out is the arm, not the knowledge that somebody was in it."""
    customers = read(
        tmp_path, ["id,arm", "a,mail", "a,womens", "b,control", "w,womens", "w,womens"], LEAVING_OUT
    )
    assert [r.line for r in customers.rejects] == [2]
    assert "more than one arm" in customers.rejects[0].reason
    assert customers.rows["customer_id"].to_pylist() == ["b"]


def test_an_arm_that_the_plan_does_not_name_is_refused(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "b,phone", "c,control"])
    (reject,) = customers.rejects
    assert (reject.line, reject.column, reject.value) == (3, "arm", "phone")
    assert 'other_arms = "leave_out" in [customers]' in reject.reason


def test_an_arm_in_other_capitals_or_with_odd_blanks_is_recognised(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,Mail", "b,mail\u00a0", "c,control"])
    assert [reject.reason for reject in customers.rejects] == ["did you mean 'mail'?"] * 2


def test_arms_that_the_plan_forgot_to_name_are_not_drawn_again(tmp_path: Path) -> None:
    source = CustomersFile(file="c.csv", customer_id="id")
    with pytest.raises(BadPlan, match="add arm = 'group'"):
        read(tmp_path, ["id,group", "a,mail", "b,control"], source, plan=seeded(small_plan()))


@pytest.mark.parametrize(
    ("values", "line", "reason"),
    [
        (["1.5", "2.5", "n/a", "4", "5", "6"], 4, "is not a number"),
        (["1,5", "2,5", "0,5", "1,5", "2,5", "3,5"], 2, "write 1.5"),
        (["251.67", "1", "2", "3", "4", "5 €"], 7, "is not a number"),
    ],
)
def test_a_covariate_that_is_nearly_a_number_names_the_cells_that_are_not(
    values: list[str], line: int, reason: str, tmp_path: Path
) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", attributes=("age",))
    plan = small_plan({"name": "m", "kind": "mean", "measure": "revenue", "covariates": ["age"]})
    lines = [f'c{at},{"mail" if at % 2 else "control"},"{v}"' for at, v in enumerate(values)]
    customers = read(tmp_path, ["id,arm,age", *lines], source, plan=plan)
    assert (customers.rejects[0].line, customers.rejects[0].column) == (line, "age")
    assert reason in customers.rejects[0].reason


@pytest.mark.parametrize(
    "values",
    [
        ("01234", "04567"),
        ("18-25", "26-35"),
        ("2025-11", "2025-12"),
        ("0-10 %", "10-20 %"),
        ("12345-6789", "12345-6780"),
    ],
)
def test_codes_bands_and_months_stay_covariates_of_text(
    values: tuple[str, str], tmp_path: Path
) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", attributes=("x",))
    plan = small_plan({"name": "m", "kind": "mean", "measure": "revenue", "covariates": ["x"]})
    lines = ["id,arm,x", f"a,mail,{values[0]}", f"b,control,{values[1]}"]
    customers = read(tmp_path, lines, source, plan=plan)
    assert (customers.rejects, customers.numeric) == ((), (False,))


def test_a_column_that_shares_words_with_the_arms_is_not_taken_for_them(tmp_path: Path) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("tier",))
    lines = ["id,tier,last", "a,mail,mail", "b,control,control", "c,mail,phone"]
    customers = read(tmp_path, lines, source, plan=seeded(small_plan()))
    assert customers.rows.num_rows == 3


def test_an_arm_that_the_plan_does_not_name_can_be_left_out(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "b,womens", "c,control"], LEAVING_OUT)
    assert (customers.counted, customers.left_out, customers.rejects) == (3, 1, ())
    assert customers.rows["customer_id"].to_pylist() == ["a", "c"]


def test_enrolment_outside_the_pilot_is_refused(tmp_path: Path) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", enrolled_at="joined")
    lines = ["id,arm,joined", "a,mail,2026-02-28", "b,mail,2026-03-01", "c,control,2026-03-31",
             "d,control,2026-04-01", "e,mail,", "f,mail,1 March"]  # fmt: skip
    customers = read(tmp_path, lines, source)
    assert [(r.line, r.column) for r in customers.rejects] == [
        (2, "joined"), (5, "joined"), (6, "joined"), (7, "joined"),
    ]  # fmt: skip
    assert customers.rows["enrolled_at"].to_pylist() == [date(2026, 3, 1), date(2026, 3, 31)]


def test_who_has_no_day_of_enrolment_was_enrolled_on_the_first_day(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail"])
    assert customers.rows["enrolled_at"].to_pylist() == [date(2026, 3, 1)]


def test_an_attribute_is_numeric_when_every_known_value_is_a_number(tmp_path: Path) -> None:
    source = CustomersFile(
        file="c.csv", customer_id="id", arm="arm", attributes=("age", "zip", "none"), tier="tier"
    )
    lines = ["id,arm,age,zip,none,tier", "a,mail,41,0012,,gold", "b,control,,12345,,"]
    customers = read(tmp_path, lines, source)
    assert customers.attributes == ("age", "zip", "none", "tier")
    assert customers.numeric == (True, False, False, False)
    assert customers.rows["tier"].to_pylist() == ["gold", None]


def test_a_hard_blank_around_a_number_does_not_make_it_unknown(tmp_path: Path) -> None:
    """Spreadsheets export no-break spaces; the engine would read the number as nothing."""
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", attributes=("age",))
    customers = read(tmp_path, ["id,arm,age", "a,mail,\u00a041", "b,control,42"], source)
    assert customers.numeric == (True,)
    assert customers.rows["attribute_0"].to_pylist() == ["41", "42"]


def test_attributes_that_the_file_does_not_supply_are_all_named() -> None:
    plan = small_plan({"name": "m", "kind": "mean", "measure": "revenue", "covariates": ["age"]})
    plan = plan.model_copy(
        update={"design": plan.design.model_copy(update={"strata": ("region",), "seed": None})}
    )
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("tier", "Tier"))
    with pytest.raises(BadPlan) as caught:
        refuse_unknown_attributes(plan, source)
    places = [problem.where for problem in caught.value.problems]
    assert places == ["metric 'm', covariates", "design.strata", "customers.arm",
                      "customers.attributes", "customers.attributes"]  # fmt: skip
    assert "supplied are tier, Tier" in str(caught.value)


def test_the_fingerprint_knows_no_order_and_no_numbers(tmp_path: Path) -> None:
    lines = [f"c{number},{'mail' if number % 3 else 'control'}" for number in range(200)]
    shuffled = lines.copy()
    random.Random(1).shuffle(shuffled)  # noqa: S311 - repeatable draws, no secrets
    plan = small_plan()
    one = enrolled(tmp_path / "1", read(tmp_path, ["id,arm", *lines]), plan)
    # Another ledger has numbered some of these customers before, so that all numbers differ.
    ledger = tmp_path / "2"
    others = read(tmp_path, ["id,arm", "zz,mail", "c7,mail", "a,control"])
    elsewhere = small_plan(slug="elsewhere")
    enrolled(ledger, others, elsewhere)
    with open_engine() as engine:
        again = read(tmp_path, ["id,arm", *shuffled])
        other = enrol(engine, Ledger(ledger), again, plan=plan, tier=None, batch_no=2)
    assert other.fingerprint == one.fingerprint
    assert other.arms == one.arms == {"control": 67, "mail": 133}


@pytest.mark.parametrize(
    "lines",
    [
        ["a,control,2026-03-01", "b,mail,2026-03-01"],
        ["a,mail,2026-03-02", "b,control,2026-03-01"],
        ["a,mail,2026-03-01", "c,control,2026-03-01"],
        ["a,mail,2026-03-01", "b,control,2026-03-01", "c,mail,2026-03-01"],
    ],
    ids=["arm", "day", "id", "one more"],
)
def test_the_fingerprint_sees_any_change(tmp_path: Path, lines: list[str]) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", arm="arm", enrolled_at="day")
    plan = small_plan()
    base = read(tmp_path, ["id,arm,day", "a,mail,2026-03-01", "b,control,2026-03-01"], source)
    other = read(tmp_path, ["id,arm,day", *lines], source)
    found = [enrolled(tmp_path / str(at), who, plan) for at, who in enumerate((base, other))]
    assert found[0].fingerprint != found[1].fingerprint


def test_what_the_ledger_keeps_is_what_the_file_said_without_ids(tmp_path: Path) -> None:
    source = CustomersFile(
        file="c.csv", customer_id="id", arm="arm", attributes=("age",), owner="rep"
    )
    customers = read(tmp_path, ["id,arm,age,rep", "z,mail,41,Ann", "0012,control,,"], source)
    plan = small_plan()
    with open_engine() as engine:
        ledger = Ledger(tmp_path / "ledger")
        receipt = enrol(engine, ledger, customers, plan=plan, tier=None, batch_no=3)
        rows = engine.fetch(
            enrolment_of(engine, ledger, "spring", receipt).rows.order_by("customer")
        )
    assert rows.to_pylist() == [
        {"arm": "control", "tier": None, "owner": None, "enrolled_at": date(2026, 3, 1),
         "attribute_0": None, "customer": 1},
        {"arm": "mail", "tier": None, "owner": "Ann", "enrolled_at": date(2026, 3, 1),
         "attribute_0": "41", "customer": 2},
    ]  # fmt: skip


def test_pilotbook_draws_within_strata_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("tier", "region"))
    tiers, regions = ["gold", "silver", ""], ["n", "s"]
    lines = [f"c{at},{tiers[at % 3]},{regions[at % 2]}" for at in range(120)]
    plan = seeded(small_plan(), strata=("tier", "region"))
    one = enrolled(tmp_path / "1", read(tmp_path, ["id,tier,region", *lines], source), plan)
    two = enrolled(tmp_path / "2", read(tmp_path, ["id,tier,region", *lines[::-1]], source), plan)
    assert one.assigned
    assert one.fingerprint == two.fingerprint
    assert one.arms == {"control": 60, "mail": 60}  # six strata of 20


def test_strata_cannot_be_confused_when_joined(tmp_path: Path) -> None:
    """("ab", "c") and ("a", "bc") are two strata: each of them is split in halves."""
    source = CustomersFile(file="c.csv", customer_id="id", attributes=("x", "y"))
    lines = [f"c{at},{'ab,c' if at % 2 else 'a,bc'}" for at in range(40)]
    plan = seeded(small_plan(), strata=("x", "y"))
    customers = read(tmp_path, ["id,x,y", *lines], source)
    with open_engine() as engine:
        ledger = Ledger(tmp_path / "ledger")
        receipt = enrol(engine, ledger, customers, plan=plan, tier=None, batch_no=1)
        rows = engine.fetch(enrolment_of(engine, ledger, "spring", receipt).rows)
    for first in ("ab", "a"):
        inside = [row["arm"] for row in rows.to_pylist() if row["attribute_0"] == first]
        assert inside.count("mail") == 10


def test_a_read_without_rejects_counts_every_row(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "b,control", "c,other"], LEAVING_OUT)
    assert customers.counted == customers.rows.num_rows + customers.left_out
    assert replace(customers, rows=pa.table({})).rejects == ()


def test_an_id_that_shows_a_spreadsheet_error_is_refused(tmp_path: Path) -> None:
    customers = read(tmp_path, ["id,arm", "a,mail", "#REF!,control", "b,control"])
    (reject,) = customers.rejects
    assert (reject.line, reject.column) == (3, "id")
    assert "error of the spreadsheet" in reject.reason
