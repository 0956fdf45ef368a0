"""Register, enrol, record, analyse: the services in a workspace of their own."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app.analyse.conclusion import conclude, result_of
from app.analyse.service import analyse_pilot, inputs_of, keep, same_analysis
from app.batches import ledger_through, reverse
from app.enrol.service import enrol_file
from app.plan.service import frozen_plan, register
from app.record.service import receipts_for, record_file
from app.refusals import NotNow
from app.stored import from_text
from app.tables import AnalysisRow, BatchRow, EnrolmentRow, PilotRow
from app.workspace import Workspace, throwaway_workspace
from experiments.errors import BadFile, BadPlan, MissingMeasure
from experiments.plan.pilot_file import PilotFile, read_pilot_file
from experiments.plan.registration import Registration
from experiments.report.report import PilotReport
from tests.app.pilots import ENDS_ON, STARTS_ON, Wide, write_long

pytestmark = pytest.mark.live

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
            finding = analyse_pilot(workspace, pilot, today=TODAY)
            kept = conclude(workspace, pilot, finding, now=AFTER).row
            seen.add((kept.result_json, kept.report_json, kept.inputs_sha256))
    assert len(seen) == 1


def test_analyses_are_kept_under_their_own_numbers(workspace: Workspace, tmp_path: Path) -> None:
    pilot = prepared(workspace, Wide().write(tmp_path))
    for today in (ENDS_ON, TODAY):
        conclude(workspace, pilot, analyse_pilot(workspace, pilot, today=today), now=AFTER)
    rows = workspace.session.exec(select(AnalysisRow)).all()
    assert [(row.number, row.status) for row in rows] == [(1, "veiled"), (2, "proved")]


def test_the_same_inputs_are_the_same_analysis(workspace: Workspace, tmp_path: Path) -> None:
    """Answered by the registry: nothing is computed, and nobody looks once more."""
    session, pilot = workspace.session, prepared(workspace, Wide().write(tmp_path))
    inputs = inputs_of(session, pilot, today=TODAY, engine="duckdb")
    assert same_analysis(session, pilot, inputs) is None
    finding = analyse_pilot(workspace, pilot, today=TODAY)
    assert finding.analysed.analysis.inputs == inputs
    kept = conclude(workspace, pilot, finding, now=AFTER)
    later = inputs_of(session, pilot, today=TODAY + timedelta(days=9), engine="duckdb")
    found = same_analysis(session, pilot, later)
    assert found is not None
    assert found.number == kept.row.number
    assert conclude(workspace, pilot, finding, now=AFTER).row.number == kept.row.number
    (tmp_path / "more.csv").write_text("who,spend,visit\n00001,5,1\n")
    columns = read_pilot_file(tmp_path / "wide.toml").behavior[0]
    record_file(workspace, tmp_path / "more.csv", columns, complete_through=None, now=AFTER)
    assert same_analysis(session, pilot, replace(inputs, ledger_through=3)) is None
    assert inputs_of(session, pilot, today=TODAY, engine="duckdb").ledger_through == 3


def test_analyses_kept_at_the_same_time_get_numbers_of_their_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Six workers keep six analyses: numbers 1 to 6."""
    pilot = prepared(workspace, Wide().write(tmp_path))
    finding = analyse_pilot(workspace, pilot, today=TODAY)
    found, analysis = result_of(finding), finding.analysed.analysis
    bind, gate, numbers = workspace.session.get_bind(), threading.Barrier(6), []

    def keep_one(as_of: date) -> None:
        with Session(bind, expire_on_commit=False) as session:
            gate.wait()
            row = keep(
                replace(workspace, session=session), pilot, found,
                analysis=replace(analysis, inputs=replace(analysis.inputs, as_of=as_of)),
                report_json="{}", now=AFTER,
            )  # fmt: skip
            numbers.append(row.number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(keep_one, [TODAY + timedelta(days=at) for at in range(6)]))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_an_analysis_is_kept_for_scripts_and_for_people(
    workspace: Workspace, tmp_path: Path
) -> None:
    pilot = prepared(workspace, write_long(tmp_path))
    finding = analyse_pilot(workspace, pilot, today=TODAY)
    kept = conclude(workspace, pilot, finding, now=AFTER)
    assert from_text(PilotReport, kept.row.report_json) == kept.report
    assert json.loads(kept.row.result_json)["verdict"] == kept.result["verdict"]


def test_a_result_names_the_receipts_that_it_rests_on(workspace: Workspace, tmp_path: Path) -> None:
    """Contacts and measures of the plan up to the analysis; nothing else, nothing reversed."""
    session, pilot = workspace.session, prepared(workspace, write_long(tmp_path))
    plan, _ = frozen_plan(session, pilot)
    columns = read_pilot_file(Wide().write(tmp_path)).behavior[0]
    record_file(workspace, tmp_path / "wide.csv", columns, complete_through=None, now=AFTER)
    files = [receipt.file for receipt in receipts_for(session, plan, through=4)]
    assert files == ["orders.csv", "contacts.csv"]
    assert [receipt.file for receipt in receipts_for(session, plan, through=2)] == ["orders.csv"]
    reverse(session, 2, reason="wrong shop", by=None, now=AFTER)
    session.commit()
    assert [receipt.file for receipt in receipts_for(session, plan, through=5)] == ["contacts.csv"]
    assert len(receipts_for(session, plan, through=4)) == 2


def test_a_reversal_changes_the_next_analysis_and_no_earlier_one(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The corrected file says that the mail brought nothing."""
    pilot = prepared(workspace, Wide().write(tmp_path))
    first = analyse_pilot(workspace, pilot, today=TODAY)
    reverse(workspace.session, 2, reason="wrong column", by=None, now=AFTER)
    workspace.session.commit()
    with pytest.raises(MissingMeasure):
        analyse_pilot(workspace, pilot, today=TODAY)
    path = Wide(lift=0).write(tmp_path / "corrected")
    columns = read_pilot_file(path).behavior[0]
    record_file(workspace, path.parent / "wide.csv", columns, complete_through=ENDS_ON, now=AFTER)
    second = analyse_pilot(workspace, pilot, today=TODAY)
    assert first.decision.deciding.status == "proved"
    assert second.decision.deciding.status == "disproved"
    assert second.analysed.analysis.inputs.ledger_through == 4


def test_a_reversed_outcome_was_known_all_the_same(workspace: Workspace, tmp_path: Path) -> None:
    """Recorded, looked at, reversed, planned, recorded again: the plan did not come first."""
    path = Wide().write(tmp_path)
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    enrol(workspace, pilot, read, path)
    file, columns, seen = tmp_path / "wide.csv", read.behavior[0], BEFORE - timedelta(days=1)
    record_file(workspace, file, columns, complete_through=None, now=seen)
    reverse(workspace.session, 2, reason="never seen", by=None, now=seen)
    workspace.session.commit()
    record_file(workspace, file, columns, complete_through=ENDS_ON, now=AFTER)
    assert analyse_pilot(workspace, pilot, today=TODAY).registration is Registration.RETROSPECTIVE


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
    with pytest.raises(NotNow, match="has its customers already"):
        enrol(workspace, pilot, read, path)
    assert len(workspace.session.exec(select(BatchRow)).all()) == 1


def test_a_refused_enrolment_counts_rows_and_enrols_nobody(
    workspace: Workspace, tmp_path: Path
) -> None:
    """One row with two bad cells is one bad row."""
    path = Wide(rows=(",,30,1,1",)).write(tmp_path)
    read = read_pilot_file(path)
    pilot = register(workspace.session, read.plan(), now=BEFORE)
    with pytest.raises(BadFile, match="1 of 401 rows are wrong; nobody was enrolled") as caught:
        enrol(workspace, pilot, read, path)
    assert len(caught.value.rejects) == 2
    assert [row.state for row in workspace.session.exec(select(BatchRow)).all()] == ["discarded"]
    assert ledger_through(workspace.session) == 0
    assert not workspace.session.exec(select(EnrolmentRow)).all()
    assert not workspace.ledger.root.exists()


def test_refused_behavior_leaves_ledger_and_scratch_as_they_were(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = Wide(rows=("zzz,hold,30,many,1",)).write(tmp_path)
    read = read_pilot_file(path)
    before = set(workspace.scratch.iterdir())
    with pytest.raises(BadFile, match="1 of 401 rows are wrong; nothing was recorded"):
        record_file(
            workspace, path.parent / "wide.csv", read.behavior[0], complete_through=None, now=AFTER
        )
    assert [row.state for row in workspace.session.exec(select(BatchRow)).all()] == ["discarded"]
    assert ledger_through(workspace.session) == 0
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
    assert workspace.session.exec(select(BatchRow.state)).all() == ["accepted"] * 2 + ["discarded"]
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
