"""The page of a job: how far it is, and where it led."""

import csv
import io
import json
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.dependencies import ReadingDep, allow
from app.jobs.api import JobId, found_job
from app.people.rights import Right
from app.tables import JobKind, JobRow, JobState
from app.web.columns import PLAN_WORDS, on_screen
from app.web.jobs import answer_of, back_page, done_page
from app.web.pages import show
from app.web.route import BookRoute
from experiments.words import cell_text

router = APIRouter(route_class=BookRoute)
REJECTS_SHOWN: Final = 20
REFUSED: Final = HTTPStatus.UNPROCESSABLE_ENTITY
REJECT_KEYS: Final = ("line", "column", "value", "reason")
TITLES: Final = {
    JobKind.ENROL: "Enrolling {name}",
    JobKind.ASSIGN: "Drawing the groups",
    JobKind.RECORD: "Recording {name}",
    JobKind.ROWS: "Recording {name}",
    JobKind.CORRECT: "Correcting rows",
    JobKind.ANALYSE: "Running the analysis",
}
BACK: Final = {
    JobKind.ENROL: "Back to the columns",
    JobKind.ASSIGN: "Back to the draw",
    JobKind.RECORD: "Back to the columns",
    JobKind.ROWS: "Back to the ledger",
    JobKind.CORRECT: "Back to the batch",
    JobKind.ANALYSE: "Back to the analysis",
}


@router.get("/jobs/{job}", dependencies=[allow(Right.FOLLOW)])
def job_page(request: Request, job: JobId, session: ReadingDep) -> Response:
    """Show how far a job is; lead on once it is done. htmx gets what changes alone."""
    row = found_job(session, job)
    alone = "HX-Request" in request.headers
    if row.state == JobState.DONE:
        if alone:
            return Response(headers={"HX-Redirect": done_page(row)})
        return RedirectResponse(done_page(row), HTTPStatus.SEE_OTHER)
    if row.state == JobState.FAILED:
        if alone:
            return Response(headers={"HX-Redirect": f"/jobs/{row.id}"})
        return _show_failed(request, row)
    template = "jobs/progress.html" if alone else "jobs/job.html"
    return show(request, template, job=row, title=_title(row))


@router.get("/jobs/{job}/rejects", dependencies=[allow(Right.FOLLOW)])
def download_refused(job: JobId, session: ReadingDep) -> Response:
    """The refused rows of a file that came to nothing, to correct them."""
    row = found_job(session, job)
    _, rejects = _errors(row)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(REJECT_KEYS)
    for reject in rejects:
        writer.writerow([cell_text(str(reject[key])) for key in REJECT_KEYS])
    return Response(
        out.getvalue(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="refused-{row.id}.csv"'},
    )


def _errors(row: JobRow) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a failed job says is wrong: at fields or as a whole, and row by row."""
    errors = answer_of(row).get("errors", [])
    rejects = [error for error in errors if error.get("line") is not None]
    return [error for error in errors if error.get("line") is None], rejects


def _show_failed(request: Request, row: JobRow) -> Response:
    problem = answer_of(row)
    others, rejects = _errors(row)
    return show(
        request,
        "jobs/failed.html",
        title=_title(row),
        detail=problem.get("detail", "It failed.").removesuffix(":"),
        number=problem.get("number"),
        others=[_in_words(error) for error in others],
        rejects=rejects[:REJECTS_SHOWN],
        refused=len(rejects),
        takes_in=row.kind in (JobKind.ENROL, JobKind.RECORD) and problem.get("status") == REFUSED,
        rejects_url=f"/jobs/{row.id}/rejects" if rejects else "",
        back=back_page(row),
        way_back=BACK[JobKind(row.kind)],
    )


def _in_words(error: dict[str, Any]) -> dict[str, Any]:
    """An error whose keys of the plan are called as the forms call them."""
    return {**error, "field": on_screen(error.get("field") or "", PLAN_WORDS)}


def _title(row: JobRow) -> str:
    name = json.loads(row.arguments_json).get("name") or "the file"
    return TITLES[JobKind(row.kind)].format(name=name)
