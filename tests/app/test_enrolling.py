"""Enrolment in one step and in two, and what is known of it: lists, overlaps, balance."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from sqlmodel import select

from app.analyse.conclusion import report_of
from app.analyse.service import analyse_pilot
from app.enrol import service as enrol_service
from app.enrol.kept import keep
from app.enrol.lists import Overlap, assignment, harmless, overlaps, write_list
from app.enrol.service import (
    CustomerList,
    draw_arms,
    enrol_file,
    enrolment_receipt,
    list_customers,
    take_customers,
    waiting_list,
)
from app.plan.service import register
from app.record.service import record_file
from app.refusals import NotNow
from app.stored import from_text
from app.tables import BatchRow, CustomerListRow, EnrolmentRow, PilotRow
from app.workspace import Workspace, throwaway_workspace
from experiments.analyse.variables import label
from experiments.enrol.assignment import assign
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.errors import BadFile, BadInput, BadPlan
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile, PilotFile, read_pilot_file
from experiments.words import cell_text
from tests.app.pilots import STARTS_ON, Wide, write_long

NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
LATER = datetime(2026, 4, 2, 9, tzinfo=UTC)


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with throwaway_workspace(engine="duckdb", timezone="UTC") as opened:
        yield opened


@pytest.fixture
def pilot_file(tmp_path: Path) -> PilotFile:
    """The pilot in long form, whose plan has neither seed nor strata."""
    read = read_pilot_file(write_long(tmp_path))
    design = read.design.model_copy(update={"seed": None, "strata": ()})
    return read.model_copy(update={"design": design})


@pytest.fixture
def pilot(workspace: Workspace, pilot_file: PilotFile) -> PilotRow:
    return register(workspace.session, pilot_file.plan(), now=NOW)


def another(plan: Plan, slug: str, **header: object) -> Plan:
    """The same plan under another slug."""
    changed = plan.pilot.model_copy(update={"slug": slug, **header})
    return plan.model_copy(update={"pilot": changed})


def arms(workspace: Workspace, pilot: PilotRow) -> dict[str, str]:
    table = workspace.engine.fetch(assignment(workspace, pilot, arm=None))
    return dict(zip(table["customer_id"].to_pylist(), table["arm"].to_pylist(), strict=True))


def test_customers_without_arms_wait_and_are_drawn_as_anybody_can_repeat(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    source, upload = pilot_file.customers, tmp_path / "customers.csv"
    listed = take_customers(workspace, pilot, upload, source, now=NOW, name="März.csv")
    assert listed == CustomerList("März.csv", 300, ("tier",))
    assert not workspace.session.exec(select(BatchRow)).all()
    receipt = draw_arms(workspace, pilot, seed=5, strata=("tier",), now=NOW)
    assert (receipt.seed, receipt.strata, receipt.assigned) == (5, ("tier",), True)
    assert receipt.arms == {"hold": 150, "call": 150}
    assert waiting_list(workspace.session, pilot) is None
    batch = workspace.session.exec(select(BatchRow)).one()
    assert (batch.file_name, batch.state) == ("März.csv", "accepted")
    ids = [f"c{at:03}" for at in range(300)]
    strata = [f"{('gold', 'silver')[at % 2]}\x1f" for at in range(300)]
    drawn = assign(
        workspace.engine, ibis.memtable(pa.table({"customer_id": ids, "stratum": strata})),
        seed=5, shares=pilot_file.design.planned_shares(),
    )  # fmt: skip
    expected = {row["customer_id"]: row["arm"] for row in workspace.engine.fetch(drawn).to_pylist()}
    assert arms(workspace, pilot) == expected


def test_analysis_and_report_know_the_seed_and_strata_of_the_draw(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    """Strata are adjusted for, as if the plan had named them."""
    take_customers(workspace, pilot, tmp_path / "customers.csv", pilot_file.customers, now=NOW)
    draw_arms(workspace, pilot, seed=5, strata=("tier",), now=NOW)
    for columns in pilot_file.behavior:
        record_file(
            workspace, tmp_path / columns.file, columns,
            complete_through=pilot_file.pilot.ends_on, now=LATER,
        )  # fmt: skip
    finding = analyse_pilot(workspace, pilot, today=LATER.date())
    adjusted = [name for e in finding.analysed.analysis.estimates for name in e.adjusted_for]
    assert any(name.startswith("tier") for name in map(label, adjusted))
    done = {line.label: line.text for line in report_of(finding).done}
    assert done["How chosen"] == "Drawn by Pilotbook with seed 5, within tier"


def test_a_plan_with_a_seed_or_a_file_with_arms_is_enrolled_at_once(
    workspace: Workspace, tmp_path: Path
) -> None:
    for path, slug in ((write_long(tmp_path), "drawn"), (Wide().write(tmp_path), "given")):
        read = read_pilot_file(path)
        row = register(workspace.session, another(read.plan(), slug), now=NOW)
        taken = take_customers(
            workspace, row, tmp_path / read.customers.file, read.customers, now=NOW
        )
        assert isinstance(taken, EnrolmentReceipt)
        assert (taken.seed, taken.strata) == ((2026, ("tier",)) if slug == "drawn" else (None, ()))
        assert enrolment_receipt(workspace.session, row) == taken


def test_a_receipt_of_before_there_were_seeds_can_be_read() -> None:
    stored = (
        '{"batch_no":1,"fingerprint":"f","arms":{"a":1},"counted":1,"left_out":0,'
        '"assigned":true,"tier":null,"attributes":[],"last_enrolled_on":"2026-03-01"}'
    )
    receipt = from_text(EnrolmentReceipt, stored)
    assert (receipt.seed, receipt.strata) == (None, ())


def test_a_newer_list_replaces_the_one_that_waits(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("id,tier\na,gold\nb,gold\n")
    second.write_text("id,tier\nc,gold\nd,gold\ne,gold\n")
    for upload in (first, second, second):
        list_customers(workspace, pilot, upload, pilot_file.customers, now=NOW)
    row = workspace.session.exec(select(CustomerListRow)).one()
    assert (row.upload, row.customers) == (str(second), 3)
    assert (first.exists(), second.exists()) == (False, True)
    draw_arms(workspace, pilot, seed=1, strata=(), now=NOW)
    assert set(arms(workspace, pilot)) == {"c", "d", "e"}


def test_a_list_is_checked_before_it_waits(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    upload = tmp_path / "c.csv"
    upload.write_text("id,tier\na,gold\n,gold\na,silver\n")
    with pytest.raises(BadFile, match="2 of 3 rows are wrong; nobody was enrolled") as caught:
        list_customers(workspace, pilot, upload, pilot_file.customers, now=NOW)
    assert {reject.line for reject in caught.value.rejects} == {3, 4}
    assert waiting_list(workspace.session, pilot) is None
    spend = pilot_file.metrics[0].model_copy(update={"covariates": ("age",)})
    plan = another(pilot_file.plan(), "other").model_copy(update={"metrics": (spend,)})
    row = register(workspace.session, plan, now=NOW)
    with pytest.raises(BadPlan, match="'age' is no attribute of the customers"):
        list_customers(workspace, row, upload, pilot_file.customers, now=NOW)


def test_what_cannot_be_drawn_is_refused_in_words(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    upload = tmp_path / "customers.csv"
    with pytest.raises(NotNow, match="No customers of pilot 'spring-call' wait"):
        draw_arms(workspace, pilot, seed=1, strata=(), now=NOW)
    list_customers(workspace, pilot, upload, pilot_file.customers, now=NOW)
    with pytest.raises(BadInput, match="'city' is no attribute of the customers; known are tier"):
        draw_arms(workspace, pilot, seed=1, strata=("city",), now=NOW)
    draw_arms(workspace, pilot, seed=1, strata=(), now=NOW)
    with pytest.raises(NotNow, match="has its customers already"):
        draw_arms(workspace, pilot, seed=1, strata=(), now=NOW)
    with pytest.raises(NotNow, match="has its customers already"):
        list_customers(workspace, pilot, upload, pilot_file.customers, now=NOW)


def test_a_draw_keeps_to_the_strata_of_the_plan(
    workspace: Workspace, pilot_file: PilotFile, tmp_path: Path
) -> None:
    upload = tmp_path / "c.csv"
    upload.write_text("id,tier,city\n" + "".join(f"c{at},t{at % 2},x\n" for at in range(8)))
    design = pilot_file.design.model_copy(update={"strata": ("tier",)})
    plan = pilot_file.plan().model_copy(update={"design": design})
    row = register(workspace.session, plan, now=NOW)
    source = CustomersFile(file="c", customer_id="id", attributes=("tier", "city"))
    list_customers(workspace, row, upload, source, now=NOW)
    with pytest.raises(BadInput, match="the plan draws within tier; leave it out"):
        draw_arms(workspace, row, seed=1, strata=("city",), now=NOW)
    assert draw_arms(workspace, row, seed=1, strata=(), now=NOW).strata == ("tier",)


def test_strata_that_no_analysis_could_use_are_refused_before_the_draw(
    workspace: Workspace, pilot: PilotRow, tmp_path: Path
) -> None:
    """A pilot is enrolled once; found out by its analysis, it would be too late."""
    upload = tmp_path / "c.csv"
    upload.write_text("id,city\n" + "".join(f"c{at},city {at}\n" for at in range(60)))
    source = CustomersFile(file="c", customer_id="id", attributes=("city",))
    list_customers(workspace, pilot, upload, source, now=NOW)
    with pytest.raises(BadInput, match="has 60 different values"):
        draw_arms(workspace, pilot, seed=1, strata=("city",), now=NOW)
    assert draw_arms(workspace, pilot, seed=1, strata=(), now=NOW).arms == {"hold": 30, "call": 30}


def test_a_fault_between_ledger_and_receipt_enrols_nobody_twice(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_pilot_file(Wide().write(tmp_path))
    row = register(workspace.session, read.plan(), now=NOW)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(enrol_service, "accept", fail)
        with pytest.raises(OSError, match="no space"):
            enrol_file(workspace, row, tmp_path / "wide.csv", read.customers, now=NOW)
    assert not workspace.session.exec(select(EnrolmentRow)).all()
    receipt = enrol_file(workspace, row, tmp_path / "wide.csv", read.customers, now=NOW)
    assert (receipt.batch_no, receipt.arms) == (2, {"hold": 200, "mail": 200})
    assert len(arms(workspace, row)) == 400


def test_the_list_of_an_arm_goes_out_sorted(workspace: Workspace, tmp_path: Path) -> None:
    read = read_pilot_file(Wide().write(tmp_path))
    row = register(workspace.session, read.plan(), now=NOW)
    with pytest.raises(NotNow, match="no customers yet"):
        assignment(workspace, row, arm=None)
    enrol_file(workspace, row, tmp_path / "wide.csv", read.customers, now=NOW)
    mailed = workspace.engine.fetch(assignment(workspace, row, arm="mail"))
    assert mailed["customer_id"].to_pylist() == [f"{at:05}" for at in range(1, 400, 2)]
    assert mailed.column_names == ["customer_id", "arm", "tier", "owner", "enrolled_at"]
    assert set(mailed["arm"].to_pylist()) == {"mail"}
    with pytest.raises(BadInput, match="'e-mail' is none of the arms: hold, mail"):
        assignment(workspace, row, arm="e-mail")


def test_a_list_runs_nothing_in_a_spreadsheet(workspace: Workspace, tmp_path: Path) -> None:
    starts = ["=1+1", "007", "+1", "-1", "@x", "\tx", "\rx", "a=1"]
    table = pa.table({"id": starts, "tier": [None, "@x", *"123456"], "day": [STARTS_ON] * 8})
    workspace.engine.write(harmless(ibis.memtable(table)), tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["id", "tier", "day"]
    assert [row[0] for row in rows] == [cell_text(start) for start in starts]
    assert rows[0] == ["'=1+1", "", "2026-03-01"]
    assert rows[1] == ["007", "'@x", "2026-03-01"]


def test_a_list_has_the_headers_of_the_company_each_once(
    workspace: Workspace, pilot: PilotRow, pilot_file: PilotFile, tmp_path: Path
) -> None:
    """A column `Group` of the file is beside the groups that were drawn."""
    upload = tmp_path / "c.csv"
    upload.write_text("id,tier,Group,seen\nb,gold,=north,\na,,south,\n")
    source = pilot_file.customers.model_copy(update={"attributes": ("Group", "seen", "tier")})
    list_customers(workspace, pilot, upload, source, now=NOW)
    draw_arms(workspace, pilot, seed=5, strata=(), now=NOW)
    write_list(workspace, pilot, arm=None, path=tmp_path / "list.csv")
    drawn = arms(workspace, pilot)
    assert (tmp_path / "list.csv").read_text().splitlines() == [
        "id,group,Group (2),tier",
        f"a,{drawn['a']},south,",
        f"b,{drawn['b']},'=north,gold",
    ]


def test_customers_of_several_pilots_are_counted_per_arm(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Of 400 customers, 100 are in the second pilot, too: 50 of each arm; none in the third."""
    read = read_pilot_file(Wide().write(tmp_path))
    plan, source = read.plan(), read.customers
    lines = (tmp_path / "wide.csv").read_text().splitlines()
    (tmp_path / "some.csv").write_text("\n".join([*lines[:101], "new,hold,30,1,1"]) + "\n")
    ends_before = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 2, 28)}
    rows = {}
    for slug, file, header in (
        ("first", "wide.csv", {}), ("second", "some.csv", {}), ("third", "wide.csv", ends_before),
    ):  # fmt: skip
        rows[slug] = register(workspace.session, another(plan, slug, **header), now=NOW)
        enrol_file(workspace, rows[slug], tmp_path / file, source, now=NOW)
    assert overlaps(workspace, rows["first"]) == [Overlap("second", 100, {"hold": 50, "mail": 50})]
    assert overlaps(workspace, rows["third"]) == []


def test_balance_is_known_as_soon_as_customers_are_enrolled(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The same checks as the veiled analysis gives, which reads no outcome."""
    read = read_pilot_file(Wide().write(tmp_path))
    row = register(workspace.session, read.plan(), now=NOW)
    enrol_file(workspace, row, tmp_path / "wide.csv", read.customers, now=NOW)
    found = keep(workspace, row, files=tmp_path).alike.checks
    assert [(check.name, check.outcome) for check in found] == [
        ("split", "passed"), ("balance", "passed"),
    ]  # fmt: skip
    record_file(workspace, tmp_path / "wide.csv", read.behavior[0], complete_through=None, now=NOW)
    veiled = analyse_pilot(replace(workspace), row, today=STARTS_ON).analysed.analysis
    assert veiled.checks[: len(found)] == found
