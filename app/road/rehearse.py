"""Rehearse a pilot file in a workspace of its own, on what its customers did before the start."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.enrol.service import enrol_file
from app.plan.service import register
from app.record.service import record_file
from app.road.run import refuse_missing_files
from app.road.tables import read_tables
from app.workspace import Workspace
from experiments.enrol.enrolment import enrolment_of
from experiments.errors import BadInput
from experiments.plan.pilot_file import PilotFile
from experiments.rehearse.history import history
from experiments.rehearse.rehearsal import rehearse
from experiments.rehearse.result import Rehearsal
from experiments.rehearse.words import rehearsal_json
from experiments.report.plain import as_json


def rehearse_file(
    workspace: Workspace,
    pilot_file: PilotFile,
    *,
    files: Path,
    replicates: int,
    seed: int,
    contacts: float | None,
    now: datetime,
    at: Callable[[int], None],
) -> Rehearsal:
    """Rehearse the pilot of a file.

    Args:
        workspace: A fresh one.
        pilot_file: The pilot file.
        files: Folder that its paths are relative to.
        replicates: How many dry runs.
        seed: Of the draws.
        contacts: Expected contacts per treated customer, where a contact costs money.
        now: When it happens.
        at: Told how many dry runs are drawn.

    Raises:
        PilotError: With what is wrong, where, and what to do.
    """
    refuse_missing_files(pilot_file, files)
    plan = pilot_file.plan()
    pilot = register(workspace.session, plan, now=now)
    source = pilot_file.customers
    receipt = enrol_file(workspace, pilot, files / source.file, source, now=now)
    for columns in (one for one in pilot_file.behavior if one.table is None):
        record_file(
            workspace,
            files / columns.file,
            columns,
            complete_through=columns.complete_through(ends_on=plan.pilot.ends_on),
            now=now,
        )
    workspace = read_tables(workspace, pilot_file, files=files, now=now).workspace
    engine, ledger = workspace.analysis_engine, workspace.ledger
    past = history(
        engine,
        plan,
        behavior=ledger.behavior(engine),
        enrolment=enrolment_of(engine, ledger, pilot.slug, receipt),
    )
    return rehearse(past, plan, seed=seed, replicates=replicates, contacts=contacts, at=at)


def write_rehearsal(found: Rehearsal, path: Path) -> None:
    """Write what scripts read.

    Raises:
        BadInput: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_json(rehearsal_json(found)), encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written ({error.strerror}); name another file with --out."
        ) from None
