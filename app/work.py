"""A worker: which stage does which kind of job, each in a workspace of its own."""

import socket
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from app.analyse import work as analyse
from app.database import Database
from app.enrol import work as enrol
from app.errors import problem_of
from app.jobs.service import LEDGER_WRITERS, Answer, recover
from app.jobs.worker import Handler, Progress, Worker
from app.record import work as record
from app.settings import Settings, utc_now
from app.tables import JobKind, JobRow
from app.workspace import Workspace, open_workspace


class Stage(Protocol):
    """What a stage does for a job."""

    def __call__(
        self, workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
    ) -> Answer:
        """Do the job, and say what a request would have been answered."""


STAGES: Final[Mapping[JobKind, Stage]] = {
    JobKind.ENROL: enrol.run,
    JobKind.ASSIGN: enrol.draw,
    JobKind.RECORD: record.run,
    JobKind.ANALYSE: analyse.run,
}


def work(settings: Settings, database: Database, *, stop: threading.Event) -> None:
    """Do the jobs that come, until told to stop: the ledger's and analyses side by side."""
    with database.writing() as session:
        recover(session, now=utc_now(), problem_of=as_answer)
        session.commit()
    threads = [
        threading.Thread(
            target=open_worker(
                settings, database, name=socket.gethostname(), clock=utc_now, kinds=kinds
            ).run,
            args=(stop,),
            name=f"work on {', '.join(sorted(kinds))}",
        )
        for kinds in (LEDGER_WRITERS, STAGES.keys() - LEDGER_WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def open_worker(
    settings: Settings,
    database: Database,
    *,
    name: str,
    clock: Callable[[], datetime],
    kinds: Collection[JobKind] | None = None,
) -> Worker:
    """A worker for some kinds of jobs; for all where None."""
    return Worker(
        database,
        {kind: _handler(stage, settings, database, clock) for kind, stage in STAGES.items()},
        name=name,
        problem_of=as_answer,
        clock=clock,
        kinds=kinds,
    )


def as_answer(error: Exception) -> Answer:
    """An error as the answer of a job: its problem document."""
    problem = problem_of(error)
    return Answer(problem.status, problem.as_json())


def _handler(
    stage: Stage, settings: Settings, database: Database, clock: Callable[[], datetime]
) -> Handler:
    def handle(job: JobRow, progress: Progress) -> Answer:
        with (
            database.writing() as session,
            open_workspace(settings, session) as workspace,
        ):
            return stage(workspace, job, now=clock(), files=settings.files, progress=progress)

    return handle
