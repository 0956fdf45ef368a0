"""Analyse a pilot as a job: once for the same inputs, with its accounts in a file beside."""

import json
import os
from collections.abc import Sequence
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from sqlmodel import select

from app.analyse.conclusion import conclude
from app.analyse.kept import Head, accounts_path, heads, summary_of
from app.analyse.request import refuse_later
from app.analyse.service import Finding, analyse_pilot, inputs_of, same_analysis
from app.jobs.service import Answer
from app.jobs.worker import Progress
from app.tables import JobRow, PilotRow
from app.workspace import Workspace
from experiments.analyse.download import accounts_table
from experiments.errors import BadInput, Problem


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
    inputs = inputs_of(session, pilot, today=as_of, engine=workspace.engine.name)
    same = same_analysis(session, pilot, inputs)
    session.commit()
    if same is not None and accounts_path(files, pilot.slug, same.number).is_file():
        return Answer(HTTPStatus.OK, summary_of(same, slug=pilot.slug))
    if same is None:
        _refuse_earlier(heads(session, pilot, limit=1), as_of=inputs.as_of)
        session.commit()
    progress("reading behavior", 0.1)
    finding = analyse_pilot(workspace, pilot, today=as_of)
    progress("writing accounts", 0.7)
    accounts = _accounts(workspace, finding)
    progress("keeping the result", 0.9)
    amendment = asked.get("amendment") or ""
    row = conclude(workspace, pilot, finding, now=now, amendment=amendment).row
    _write(accounts, accounts_path(files, pilot.slug, row.number))
    status = HTTPStatus.CREATED if same is None else HTTPStatus.OK
    return Answer(status, summary_of(row, slug=pilot.slug))


def _refuse_earlier(newest: Sequence[Head], *, as_of: date) -> None:
    """Stop before an analysis that would know less than the newest one, and stand in its place."""
    for head in newest:
        if as_of < head.as_of:
            wrong = (
                f"{as_of} is before {head.as_of}, of which analysis {head.number} speaks already"
            )
            raise BadInput("The analysis was not run.", [Problem("as_of", wrong)])


def _accounts(workspace: Workspace, finding: Finding) -> pa.Table:
    return accounts_table(
        workspace.engine,
        finding.plan,
        finding.analysed,
        finding.enrolment.attributes,
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
