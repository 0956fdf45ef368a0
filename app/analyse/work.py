"""Analyse a pilot as a job: once for the same inputs, with its accounts in a file beside."""

import json
import os
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from sqlmodel import select

from app.analyse.conclusion import conclude
from app.analyse.kept import Head, accounts_path, standing_head, summary_of
from app.analyse.looks import looks_of
from app.analyse.request import refuse_later
from app.analyse.service import Finding, analyse_pilot, inputs_of, same_analysis
from app.jobs.service import Answer
from app.jobs.worker import Progress
from app.refusals import NotNow
from app.tables import AnalysisRow, JobRow, LiftRow, PilotRow
from app.workspace import Workspace
from experiments.analyse.download import accounts_table
from experiments.errors import BadInput, Problem
from experiments.report.plain import Json
from experiments.terms import Look
from experiments.words import day


def run(
    workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
) -> Answer:
    """Analyse a pilot as of a day, and keep what was found.

    The same inputs are the same analysis: no new look.

    Raises:
        BadInput: The day is still to come, or before that of the newest analysis.
        NotSupported: The plan asks for what this version does not do.
        MissingMeasure: A metric's measure was never recorded.
        NotNow: Nobody is enrolled yet.
    """
    asked = json.loads(job.arguments_json)
    today = now.astimezone(ZoneInfo(workspace.timezone)).date()
    as_of = date.fromisoformat(asked["as_of"]) if asked.get("as_of") else today
    refuse_later(as_of, today=today)
    session = workspace.session
    pilot = session.exec(select(PilotRow).where(PilotRow.slug == asked["slug"])).one()
    lift = session.get_one(LiftRow, asked["lift"]) if asked.get("lift") else None
    engine = workspace.analysis_engine.name
    inputs = inputs_of(session, pilot, today=as_of, engine=engine, lifted=lift is not None)
    same = same_analysis(session, pilot, inputs, lift=lift)
    session.commit()
    if same is not None and accounts_path(files, pilot.slug, same.number).is_file():
        return Answer(HTTPStatus.OK, _summary(workspace, pilot, same))
    standing = standing_head(session, pilot)
    session.commit()
    if same is None:
        _refuse_earlier(standing, as_of=inputs.as_of)
    progress("reading behavior", 0.1)
    finding = analyse_pilot(workspace, pilot, today=as_of, lift=lift)
    _refuse_veiled_look(finding, standing)
    progress("writing accounts", 0.7)
    accounts = _accounts(workspace, finding)
    progress("keeping the result", 0.9)
    amendment = asked.get("amendment") or ""
    row = conclude(
        workspace, pilot, finding, now=now, amendment=amendment, asked_by=job.user_id, lift=lift
    ).row
    _write(accounts, accounts_path(files, pilot.slug, row.number))
    status = HTTPStatus.CREATED if same is None else HTTPStatus.OK
    return Answer(status, _summary(workspace, pilot, row))


def _summary(workspace: Workspace, pilot: PilotRow, row: AnalysisRow) -> Json:
    looks = looks_of(workspace.session, pilot, timezone=workspace.timezone)
    workspace.session.commit()
    return summary_of(row, slug=pilot.slug, look=looks.get(row.number))


def _refuse_earlier(standing: Head | None, *, as_of: date) -> None:
    """Stop before an analysis that would know less than the newest one, and stand in its place."""
    if standing is not None and as_of < standing.as_of:
        wrong = (
            f"{as_of} is before {standing.as_of}, of which analysis {standing.number} speaks "
            f"already"
        )
        raise BadInput("The analysis was not run.", [Problem("as_of", wrong)])


def _refuse_veiled_look(finding: Finding, standing: Head | None) -> None:
    """Stop where rows of a later look are missing: until they are there, the earlier one stands."""
    analysis = finding.analysed.analysis
    if finding.plan.design.look is Look.FIXED or not analysis.veiled:
        return
    if standing is not None and not standing.veiled:
        raise NotNow(
            f"The look as of {day(analysis.inputs.as_of)} cannot be taken yet, because "
            f"{analysis.veil}. Record them, or declare the file complete through the last of these "
            f"days. Until then the look as of {day(standing.as_of)} stands."
        )


def _accounts(workspace: Workspace, finding: Finding) -> pa.Table:
    return accounts_table(
        workspace.analysis_engine,
        finding.plan,
        finding.analysed,
        finding.enrolment.analysed,
        tier=finding.enrolment.tier,
    )


def _write(accounts: pa.Table, path: Path) -> None:
    """Write beside the target and move into place, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            pq.write_table(accounts, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
