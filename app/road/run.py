"""Travel the whole road with a pilot file, in a workspace of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from app.analyse.conclusion import conclude
from app.analyse.service import Finding, analyse_pilot
from app.enrol.service import enrol_file
from app.plan.service import register
from app.record.service import record_file
from app.report.service import (
    refuse_unwritable,
    remove_report,
    write_rejects,
    write_report,
    write_result,
)
from app.road.tables import read_tables, source_as_json
from app.workspace import Workspace
from experiments.analyse.analysis import refuse_unsupported
from experiments.engines.warehouse import Snapshot
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.errors import BadPlan, Problem
from experiments.plan.pilot_file import PilotFile
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.report.plain import Json
from experiments.report.report import PilotReport


class Stage(StrEnum):
    """The seven verbs of the road."""

    PLAN = "plan"
    ENROL = "enrol"
    RECORD = "record"
    ANALYSE = "analyse"
    VALUE = "value"
    DECIDE = "decide"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Journey:
    """What a pilot file led to.

    Attributes:
        enrolment: Who was enrolled.
        receipts: One per file of behavior.
        sources: One per table of a warehouse.
        finding: Checks, estimates and verdicts.
        result: As scripts read it.
        report: As people read it.
    """

    enrolment: EnrolmentReceipt
    receipts: tuple[Receipt, ...]
    sources: tuple[Snapshot, ...]
    finding: Finding
    result: Json
    report: PilotReport


def travel(
    workspace: Workspace,
    pilot_file: PilotFile,
    *,
    files: Path,
    now: datetime,
    today: date,
    at: Callable[[Stage], None],
    out: Path | None = None,
) -> Journey:
    """Plan, enrol, record, analyse, value, decide, and build the report.

    Args:
        workspace: A fresh one.
        pilot_file: The pilot file.
        files: Folder that its paths are relative to.
        now: When it happens.
        today: The day as of which outcomes are read.
        at: Told each stage as it begins.
        out: Folder that the results will be written to, if it is known.

    Raises:
        PilotError: With what is wrong, where, and what to do.
    """
    at(Stage.PLAN)
    plan = pilot_file.plan()
    refuse_unsupported(plan)
    refuse_missing_files(pilot_file, files)
    if out is not None:
        refuse_unwritable(out)
    pilot = register(workspace.session, plan, now=now)
    at(Stage.ENROL)
    source = pilot_file.customers
    enrolment = enrol_file(workspace, pilot, files / source.file, source, now=now)
    at(Stage.RECORD)
    receipts = tuple(
        record_file(
            workspace,
            files / columns.file,
            columns,
            complete_through=columns.complete_through(ends_on=plan.pilot.ends_on),
            now=now,
        )
        for columns in pilot_file.behavior
        if columns.table is None
    )
    beside = read_tables(workspace, pilot_file, files=files, now=now)
    workspace = beside.workspace
    at(Stage.ANALYSE)
    # A plan that reaches the registry together with its outcome was not there before it.
    finding = analyse_pilot(
        workspace,
        pilot,
        today=today,
        known_registration=Registration.RETROSPECTIVE,
        declared=beside.declared,
    )
    at(Stage.VALUE)
    at(Stage.DECIDE)
    concluded = conclude(workspace, pilot, finding, now=now, sources=beside.snapshots)
    at(Stage.REPORT)
    found = concluded.result
    if beside.snapshots:
        found["inputs"]["sources"] = [source_as_json(one) for one in beside.snapshots]
    return Journey(enrolment, receipts, beside.snapshots, finding, found, concluded.report)


def write_journey(
    workspace: Workspace, journey: Journey, *, folder: Path, with_report: bool
) -> None:
    """Write everything that `pilotbook run` leaves behind."""
    remove_report(folder=folder)
    write_result(workspace, journey.finding, journey.result, folder=folder)
    write_rejects(journey.receipts, folder=folder)
    if with_report:
        write_report(journey.report, folder=folder)


def refuse_missing_files(pilot_file: PilotFile, files: Path) -> None:
    """Stop before any work where a file is not there.

    Raises:
        BadPlan: Names each missing file.
    """
    named = [("customers.file", pilot_file.customers.file)]
    named += [
        (f"behavior[{at}].file", columns.file)
        for at, columns in enumerate(pilot_file.behavior, start=1)
        if columns.table is None
    ]
    problems = [
        Problem(key, f"there is no file {name!r} beside the pilot file; check the path")
        for key, name in named
        if not _is_file(files / name)
    ]
    if problems:
        raise BadPlan("The pilot file names files that are not there:", problems)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False
