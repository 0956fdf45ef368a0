"""Register, enrol, record, analyse: the services in a workspace of their own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.analyse.service import analyse_pilot, keep
from app.enrol.service import enrol_file
from app.plan.service import frozen_plan, register
from app.record.service import record_file
from app.report.service import result_of
from app.tables import AnalysisRow, BatchRow, EnrolmentRow, PilotRow
from app.workspace import Workspace, throwaway_workspace
from experiments.errors import BadFile, BadPlan
from experiments.plan.pilot_file import PilotFile, read_pilot_file
from experiments.plan.registration import Registration
from tests.app.pilots import ENDS_ON, STARTS_ON, Wide, write_long

BEFORE = datetime(2026, 2, 20, 9, tzinfo=UTC)
AFTER = datetime(2026, 4, 2, 9, tzinfo=UTC)
TODAY = AFTER.date()
UNREADABLE = Path("/proc/self/mem")  # opens, and fails at the first byte, also for root


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with throwaway_workspace(engine="duckdb", timezone="UTC") as opened:
        yield opened


def prepared(workspace: Workspace, path: Path, *, planned: datetime = BEFORE) -> PilotRow:
    """Plan, enrol and record a pilot file."""
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=planned)
    enrol(workspace, pilot, read, path)
    for columns in read.behavior:
        record_file(
            workspace, path.parent / columns.file, columns,
            complete_through=columns.complete_through(ends_on=read.pilot.ends_on), now=AFTER,
        )  # fmt: skip
    return pilot


def enrol(workspace: Workspace, pilot: PilotRow, read: PilotFile, path: Path) -> None:
    enrol_file(workspace, pilot, path.parent / read.customers.file, read.customers, now=BEFORE)


def test_a_wide_pilot_travels_from_plan_to_analysis(workspace: Workspace, tmp_path: Path) -> None:
    pilot = prepared(workspace, Wide().write(tmp_path))
    finding = analyse_pilot(workspace, pilot, today=TODAY)
    assert finding.registration is Registration.PROSPECTIVE
    assert finding.analysed.analysis.customers == {"hold": 200, "mail": 200}
    assert finding.analysed.analysis.inputs.as_of == date(2026, 3, 29)
    assert finding.analysed.analysis.inputs.ledger_through == 2
    spend = next(e for e in finding.analysed.analysis.estimates if e.metric == "spend")
    rows = [line.split(",") for line in Wide().customers()]
    means = [sum(float(row[3]) for row in rows if row[1] == arm) / 200 for arm in ("mail", "hold")]
    assert spend.method == "welch"
    assert spend.mean_treatment == pytest.approx(means[0])
    assert spend.mean_control == pytest.approx(means[1])


def test_a_long_pilot_is_drawn_and_adjusted_by_its_own_history(
    workspace: Workspace, tmp_path: Path
) -> None:
    pilot = prepared(workspace, write_long(tmp_path))
    finding = analyse_pilot(workspace, pilot, today=TODAY)
    assert finding.enrolment.assigned
    assert finding.enrolment.arms == {"hold": 150, "call": 150}
    methods = {e.method for e in finding.analysed.analysis.estimates if e.metric == "revenue"}
    assert methods == {"welch", "lin"}
    contamination = next(c for c in finding.analysed.analysis.checks if c.name == "contamination")
    assert "control customers were contacted" in contamination.sentence


def test_an_analysis_repeats_to_the_last_byte(tmp_path: Path) -> None:
    path, seen = write_long(tmp_path), set()
    for _ in range(2):
        with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
            pilot = prepared(workspace, path)
            found = result_of(analyse_pilot(workspace, pilot, today=TODAY))
            seen.add(keep(workspace, pilot, found, now=AFTER).result_json)
    assert len(seen) == 1


def test_analyses_are_kept_under_their_own_numbers(workspace: Workspace, tmp_path: Path) -> None:
    pilot = prepared(workspace, Wide().write(tmp_path))
    found = result_of(analyse_pilot(workspace, pilot, today=TODAY))
    keep(workspace, pilot, found, now=AFTER)
    keep(workspace, pilot, found, now=AFTER)
    rows = workspace.session.exec(select(AnalysisRow)).all()
    assert [(row.number, row.status) for row in rows] == [(1, "proved"), (2, "proved")]


def test_a_plan_is_read_back_as_it_was_frozen(workspace: Workspace, tmp_path: Path) -> None:
    read = read_pilot_file(write_long(tmp_path))
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    plan, row = frozen_plan(workspace.session, pilot)
    assert plan == read.plan()
    assert row.frozen_at == BEFORE


def test_a_slug_is_registered_once(workspace: Workspace, tmp_path: Path) -> None:
    plan = read_pilot_file(Wide().write(tmp_path)).plan()
    register(workspace.session, plan, now=BEFORE)
    with pytest.raises(BadPlan, match="already"):
        register(workspace.session, plan, now=BEFORE)


def test_a_pilot_is_enrolled_once(workspace: Workspace, tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    enrol(workspace, pilot, read, path)
    with pytest.raises(BadPlan, match="has its customers already"):
        enrol(workspace, pilot, read, path)
    assert len(workspace.session.exec(select(BatchRow)).all()) == 1


def test_a_refused_enrolment_counts_rows_and_leaves_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    """One row with two bad cells is one bad row."""
    path = Wide(rows=(",,30,1,1",)).write(tmp_path)
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    with pytest.raises(BadFile, match="1 of 401 rows are wrong; nobody was enrolled") as caught:
        enrol(workspace, pilot, read, path)
    assert len(caught.value.rejects) == 2
    assert not workspace.session.exec(select(BatchRow)).all()
    assert not workspace.session.exec(select(EnrolmentRow)).all()
    assert not workspace.ledger.root.exists()


def test_refused_behavior_leaves_ledger_registry_and_scratch_as_they_were(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = Wide(rows=("zzz,hold,30,many,1",)).write(tmp_path)
    read = read_pilot_file(path)
    before = set(workspace.scratch.iterdir())
    with pytest.raises(BadFile, match="1 of 401 rows are wrong; nothing was recorded"):
        record_file(
            workspace, path.parent / "wide.csv", read.behavior[0], complete_through=None, now=AFTER
        )
    assert not workspace.session.exec(select(BatchRow)).all()
    assert not workspace.ledger.root.exists()
    assert set(workspace.scratch.iterdir()) == before


def test_a_file_is_recorded_once_for_a_measure(workspace: Workspace, tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    prepared(workspace, path)
    columns = read_pilot_file(path).behavior[0]
    copy = tmp_path / "copy.csv"
    copy.write_bytes((tmp_path / "wide.csv").read_bytes())
    ledger = sorted(workspace.ledger.root.rglob("*"))
    said = (
        "copy.csv: the same file was recorded before, as 'wide.csv' in batch 2, and brought spend"
    )
    with pytest.raises(BadFile, match=f"{said}, visit;"):
        record_file(workspace, copy, columns, complete_through=None, now=AFTER)
    assert len(workspace.session.exec(select(BatchRow)).all()) == 2
    assert sorted(workspace.ledger.root.rglob("*")) == ledger
    other = columns.model_copy(update={"measures": ("age",)})
    assert record_file(workspace, copy, other, complete_through=None, now=AFTER).entries == 400


def test_a_long_file_is_recorded_once_too(workspace: Workspace, tmp_path: Path) -> None:
    """Its measures stand in its rows, not in the pilot file."""
    path = write_long(tmp_path)
    prepared(workspace, path)
    columns = read_pilot_file(path).behavior[0]
    with pytest.raises(BadFile, match="brought order, revenue"):
        record_file(workspace, tmp_path / "orders.csv", columns, complete_through=None, now=AFTER)


def test_a_receipt_counts_entries_of_customers_who_are_in_no_pilot(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = Wide().write(tmp_path)
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    columns, file = read.behavior[0], tmp_path / "more.csv"
    file.write_text("who,spend,visit\n00001,5,1\nstranger,5,1\nother,0,1\n")
    receipt = record_file(workspace, file, columns, complete_through=None, now=AFTER)
    assert (receipt.file, receipt.entries, receipt.unmatched) == ("more.csv", 6, 6)
    enrol(workspace, pilot, read, path)
    file.write_text("who,spend,visit\n00001,6,1\nstranger,5,1\nother,0,1\n")
    receipt = record_file(workspace, file, columns, complete_through=None, now=AFTER)
    assert (receipt.entries, receipt.unmatched) == (6, 4)


@pytest.mark.skipif(not UNREADABLE.exists(), reason="a file that nobody can read is needed")
def test_a_file_that_cannot_be_read_is_refused_in_words(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = Wide().write(tmp_path)
    (tmp_path / "wide.csv").unlink()
    (tmp_path / "wide.csv").symlink_to(UNREADABLE)
    columns = read_pilot_file(path).behavior[0]
    with pytest.raises(BadFile, match=r"wide.csv cannot be read \("):
        record_file(workspace, tmp_path / "wide.csv", columns, complete_through=None, now=AFTER)


def test_the_day_of_registration_is_the_companys(workspace: Workspace, tmp_path: Path) -> None:
    """20:00 UTC on the first day is the second day in Auckland: the plan came too late there."""
    frozen_at = datetime(2026, 3, 1, 20, tzinfo=UTC)
    pilot = prepared(workspace, Wide().write(tmp_path), planned=frozen_at)
    here = analyse_pilot(workspace, pilot, today=TODAY)
    there = analyse_pilot(replace(workspace, timezone="Pacific/Auckland"), pilot, today=TODAY)
    assert here.registration is Registration.PROSPECTIVE
    assert there.registration is Registration.RETROSPECTIVE


def test_a_plan_frozen_after_the_outcome_is_retrospective(
    workspace: Workspace, tmp_path: Path
) -> None:
    pilot = prepared(workspace, Wide().write(tmp_path), planned=AFTER + timedelta(days=1))
    assert analyse_pilot(workspace, pilot, today=TODAY).registration is Registration.RETROSPECTIVE


@pytest.mark.parametrize("today", [STARTS_ON, ENDS_ON])
def test_outcomes_are_veiled_until_the_day_after_the_last_window(
    workspace: Workspace, tmp_path: Path, today: date
) -> None:
    pilot = prepared(workspace, Wide().write(tmp_path))
    assert analyse_pilot(workspace, pilot, today=today).analysed.analysis.veiled
    opened = analyse_pilot(workspace, pilot, today=ENDS_ON + timedelta(days=1))
    assert not opened.analysed.analysis.veiled
