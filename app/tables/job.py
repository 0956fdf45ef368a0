"""Jobs: long work, and how far it has come."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.tables.base import Table, one_of


class JobKind(StrEnum):
    """What a worker is asked to do; `rows` are a small post, recorded together with others."""

    ENROL = "enrol"
    ASSIGN = "assign"
    RECORD = "record"
    ROWS = "rows"
    CORRECT = "correct"
    ANALYSE = "analyse"


class JobState(StrEnum):
    """How far a job has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class JobRow(Table, table=True):
    """A piece of long work.

    While `running`, the worker renews `lease_until`; a lease that has run out belongs to a worker
    that is gone. `answer_json` is the body of the answer, `answer_status` its status; a job that
    failed has a problem document there.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("kind", JobKind), name="kind"),
        CheckConstraint(one_of("state", JobState), name="state"),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    user_id: int = Field(foreign_key="users.id")
    pilot_id: int | None = Field(default=None, foreign_key="pilots.id", index=True)
    arguments_json: str
    step: str = ""
    share_done: float = 0.0
    attempts: int = 0
    worker: str | None = Field(default=None, max_length=64)
    lease_until: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = Field(default=None, index=True)
    answer_status: int | None = None
    answer_json: str | None = None
