"""The demonstration: a company's ledger and three pilots, from plan to verdict.

The company's days pass inside the demonstration: plans are frozen a week before their pilots
begin, and behavior arrives when all of them are over, so that registration is prospective.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

import ibis
import pyarrow as pa

from app.analyse.service import analyse_pilot, keep
from app.demo.files import WrittenPilot, write_demo
from app.demo.pilots import Pilot
from app.enrol.service import enrol_file
from app.plan.service import register
from app.record.service import record_file
from app.report.service import report_of, result_of
from app.road.run import Journey, Stage
from app.tables import PilotRow
from app.workspace import Workspace, throwaway_workspace
from experiments.behavior.engine import Engine
from experiments.enrol.assignment import assign
from experiments.plan.pilot_file import PilotFile, read_pilot_file
from experiments.record.recording import Receipt


def tour(*, at: Callable[[Stage], None]) -> list[Journey]:
    """Build the company, run its pilots, and return what each led to.

    Args:
        at: Told each stage as it begins.
    """
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        at(Stage.PLAN)
        written = write_demo(
            workspace.scratch / "company",
            assign=lambda pilot, ids: drawn_arms(workspace.engine, pilot, ids),
        )
        files = {one.pilot.program.slug: read_pilot_file(one.plan_file) for one in written}
        rows = [_enrol(workspace, one, files[one.pilot.program.slug], at=at) for one in written]
        at(Stage.RECORD)
        receipt = _record_behavior(workspace, written, files)
        found = []
        for row in rows:
            at(Stage.ANALYSE)
            found.append(_read(workspace, row, receipt))
        at(Stage.REPORT)
        return found


def drawn_arms(engine: Engine, pilot: Pilot, ids: list[str]) -> Mapping[str, str]:
    """Draw arms as the enrolment will: the effects of the program have to know them."""
    shares = {pilot.program.control: Fraction(1, 2), pilot.program.treatment: Fraction(1, 2)}
    customers = ibis.memtable(pa.table({"customer_id": ids, "stratum": [""] * len(ids)}))
    arms = engine.fetch(assign(engine, customers, seed=pilot.program.seed, shares=shares))
    return {row["customer_id"]: row["arm"] for row in arms.to_pylist()}


def _enrol(
    workspace: Workspace, one: WrittenPilot, pilot_file: PilotFile, *, at: Callable[[Stage], None]
) -> PilotRow:
    """Freeze the plan a week before the start, and enrol."""
    eve = datetime.combine(one.pilot.starts_on - timedelta(days=7), time(9), tzinfo=UTC)
    row = register(workspace.session, pilot_file.plan(), now=eve)
    at(Stage.ENROL)
    enrol_file(workspace, row, one.customers_file, pilot_file.customers, now=eve)
    return row


def _record_behavior(
    workspace: Workspace, written: tuple[WrittenPilot, ...], files: Mapping[str, PilotFile]
) -> Receipt:
    """The company's behavior arrives once, the day after its last pilot is over."""
    last = max(one.pilot.ends_on for one in written)
    columns = files[written[0].pilot.program.slug].behavior[0]
    return record_file(
        workspace,
        written[0].plan_file.parent / columns.file,
        columns,
        complete_through=last,
        now=datetime.combine(last + timedelta(days=1), time(6), tzinfo=UTC),
    )


def _read(workspace: Workspace, row: PilotRow, receipt: Receipt) -> Journey:
    """Analyse and decide, the day after the behavior arrived."""
    today = (receipt.last or row.created_at.date()) + timedelta(days=1)
    finding = analyse_pilot(workspace, row, today=today)
    found = result_of(finding, (receipt,))
    keep(workspace, row, found, now=datetime.combine(today, time(8), tzinfo=UTC))
    return Journey(finding.enrolment, (receipt,), finding, found, report_of(finding, (receipt,)))
