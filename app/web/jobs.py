"""Hand long work to a worker, and answer with what came of it or with where to look."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from app.database import Database
from app.errors import PROBLEM_TYPE
from app.jobs.watching import watcher_of
from app.tables import JobKind, JobRow, JobState
from app.web.api import PREFIX

Json = dict[str, Any]
SECONDS: Final = 2.0  # that a request waits for its answer
OPEN: Final = (JobState.WAITING, JobState.RUNNING)
DONE_PAGES: Final = {
    JobKind.ENROL: "/pilots/{slug}/enrol",
    JobKind.ASSIGN: "/pilots/{slug}/enrol",
    JobKind.RECORD: "/ledger/{batch}",
    JobKind.ROWS: "/ledger/{batch}",
    JobKind.CORRECT: "/ledger/{batch}",
    JobKind.ANALYSE: "/pilots/{slug}/analyse",
}
BACK_PAGES: Final = DONE_PAGES | dict.fromkeys(
    (JobKind.RECORD, JobKind.ROWS, JobKind.CORRECT), "/ledger"
)


class Accepted(BaseModel):
    """Long work that is under way; its answer is kept at the address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"job": "k3JvQ0c2v0l1m8wq6Yx2dA", "address": "/api/v1/jobs/k3JvQ0c2v0l1m8wq6Yx2dA"}
            ]
        }
    )

    job: str
    address: str


ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Accepted, "description": "Under way; the answer will be at the address."}
}


def awaited(session: Session, database: Database, job: JobRow) -> JobRow:
    """Commit a job, and wait for it a little; as it stands then."""
    session.commit()
    future = watcher_of(database).watch(database, job.id)
    try:
        return future.result(SECONDS)
    except TimeoutError:
        future.cancel()
        return _as_it_stands(database, job.id)


async def ended(database: Database, job_id: str) -> JobRow:
    """A job once it has ended, or as it stands after a little; no thread waits meanwhile."""
    watched = asyncio.wrap_future(watcher_of(database).watch(database, job_id))
    try:
        return await asyncio.wait_for(watched, SECONDS)
    except TimeoutError:
        return await run_in_threadpool(_as_it_stands, database, job_id)


def _as_it_stands(database: Database, job_id: str) -> JobRow:
    with database.reading() as session:
        return session.get_one(JobRow, job_id)


def answer_call(job: JobRow) -> JSONResponse:
    """What a call answers: the answer of its job, or where that will be.

    An answer of status 201 says in its `address` what was made.
    """
    if job.state in OPEN:
        address = f"{PREFIX}/jobs/{job.id}"
        accepted = {"job": job.id, "address": address}
        return JSONResponse(accepted, HTTPStatus.ACCEPTED, headers={"Location": address})
    status, body = job.answer_status or HTTPStatus.INTERNAL_SERVER_ERROR, answer_of(job)
    if job.state == JobState.FAILED:
        return JSONResponse(body, status, media_type=PROBLEM_TYPE)
    made = status == HTTPStatus.CREATED and "address" in body
    return JSONResponse(body, status, headers={"Location": body["address"]} if made else None)


def answer_page(job: JobRow) -> RedirectResponse:
    """Where a page leads: to what came of its job, or to the page that shows how far it is."""
    address = done_page(job) if job.state == JobState.DONE else f"/jobs/{job.id}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def answer_of(job: JobRow) -> Json:
    """The body of a job's answer; empty before there is one."""
    found: Json = json.loads(job.answer_json or "{}")
    return found


def done_page(job: JobRow) -> str:
    """The page that shows what came of a job.

    The job's arguments may name it as `done`, where {slug} and {batch} stand for what they are. A
    file that was recorded before leads to a page that says so.
    """
    place = _place(job, "done", DONE_PAGES[JobKind(job.kind)])
    if job.kind == JobKind.RECORD and job.answer_status == HTTPStatus.OK:
        return f"{place}{'&' if '?' in place else '?'}again=yes"
    return place


def back_page(job: JobRow) -> str:
    """The page to which somebody returns after a failure; arguments may name it as `back`."""
    return _place(job, "back", BACK_PAGES[JobKind(job.kind)])


def _place(job: JobRow, key: str, usual: str) -> str:
    arguments: Json = json.loads(job.arguments_json)
    place: str = arguments.get(key) or usual
    batch = str(answer_of(job).get("batch", ""))
    return place.replace("{slug}", str(arguments.get("slug", ""))).replace("{batch}", batch)
