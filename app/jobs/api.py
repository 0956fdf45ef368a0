"""Jobs over HTTP: how far long work has come, and what its answer is."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from app.dependencies import ReadingDep, allow
from app.people.rights import Right
from app.refusals import NotFound
from app.tables import JobKind, JobRow, JobState
from app.web.api import api_router
from app.web.jobs import answer_of

router = api_router("jobs")
JobId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="As `Location` named it.")
]


class Job(BaseModel):
    """Long work.

    Attributes:
        id: Its id.
        kind: What is done.
        state: How far it is.
        step: What is being done now, in words.
        share_done: From 0 to 1.
        created_at: When it was asked for.
        ended_at: When it ended.
        status: The status that the request would have been answered with.
        answer: Its body; a problem document where the job failed.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "k3JvQ0c2v0l1m8wq6Yx2dA",
                    "kind": "record",
                    "state": "running",
                    "step": "writing the ledger",
                    "share_done": 0.5,
                    "created_at": "2026-04-01T09:00:00Z",
                    "ended_at": None,
                    "status": None,
                    "answer": None,
                }
            ]
        }
    )

    id: str
    kind: JobKind
    state: JobState
    step: str
    share_done: float = Field(ge=0, le=1)
    created_at: datetime
    ended_at: datetime | None
    status: int | None
    answer: dict[str, Any] | None


@router.get("/jobs/{job}", dependencies=[allow(Right.FOLLOW)])
def job(job: JobId, session: ReadingDep) -> Job:
    """How far long work has come; its answer once it has ended."""
    row = found_job(session, job)
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        step=row.step,
        share_done=row.share_done,
        created_at=row.created_at,
        ended_at=row.ended_at,
        status=row.answer_status,
        answer=answer_of(row) if row.ended_at else None,
    )


def found_job(session: ReadingDep, job_id: str) -> JobRow:
    """A job.

    Raises:
        NotFound: There is none of that id.
    """
    row = session.get(JobRow, job_id)
    if row is None:
        raise NotFound("job of that id")
    return row
