"""A worker: which stage does which kind of job, each in a workspace of its own."""

import secrets
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from app.analyse import work as analyse
from app.confirming import mend, refuse_damaged
from app.database import Database
from app.enrol import work as enrol
from app.errors import problem_of
from app.jobs.service import LEDGER_WRITERS, Answer, recover
from app.jobs.worker import Check, Handler, Progress, Together, Worker
from app.record import correcting_work as correcting
from app.record import work as record
from app.record.posts import Kept, run_together
from app.record.watched import Watched
from app.settings import Settings, utc_now
from app.tables import JobKind, JobRow
from app.upkeep.daily import keep_up
from app.upkeep.leases import leased
from app.upkeep.scrub import look_at_logs
from app.workspace import KeptWorkspace, Workspace, open_ledger, open_workspace
from experiments.errors import DamagedLedger


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
    JobKind.CORRECT: correcting.run,
    JobKind.ANALYSE: analyse.run,
}
# What recording writes to; looking at every pilot's enrolment as well would slow small posts.
RECORDED: Final = ("behavior", "directory", "withdrawn")
# Entries of each log: a checkpoint stands for those before the last hundred.
LOOKED_AT: Final = 200
_log = structlog.get_logger()


def work(settings: Settings, database: Database, *, stop: threading.Event) -> None:
    """Do the jobs that come, until told to stop: the ledger's and analyses side by side.

    What a power cut left of the ledger is mended before.
    """
    with database.writing() as session:
        recover(session, now=utc_now(), problem_of=as_answer)
        session.commit()
        ledger = open_ledger(settings)
        mend(session, ledger, now=utc_now())
    try:
        look_at_logs(database, ledger, clock=utc_now, most=LOOKED_AT)
    except DamagedLedger as damaged:
        _log.error("the ledger is damaged", damages=damaged.damages)
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
    threads.append(
        threading.Thread(
            target=keep_up,
            args=(database, ledger),
            kwargs={
                "worker": f"{socket.gethostname()[:40]}-{secrets.token_hex(6)}",
                "clock": utc_now,
                "stop": stop,
            },
            name="care of the ledger",
        )
    )
    if settings.watch is not None:
        watched = Watched(settings, database, clock=utc_now)
        threads.append(threading.Thread(target=watched.run, args=(stop,), name="watch a folder"))
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
        together={JobKind.ROWS: _together(settings, database, clock)},
        name=name,
        problem_of=as_answer,
        clock=clock,
        kinds=kinds,
    )


def hand(settings: Settings, database: Database) -> Callable[[], bool]:
    """What does one job of the ledger that waits; for who waits for one, and no worker runs."""
    worker = open_worker(
        settings, database, name="command line", clock=utc_now, kinds=LEDGER_WRITERS
    )
    return worker.run_one


def as_answer(error: Exception) -> Answer:
    """An error as the answer of a job: its problem document."""
    problem = problem_of(error)
    return Answer(problem.status, problem.as_json())


def _together(settings: Settings, database: Database, clock: Callable[[], datetime]) -> Together:
    opened = KeptWorkspace(settings)
    kept: Kept | None = None

    def handle(jobs: Sequence[JobRow], check: Check) -> list[Answer | Exception]:
        nonlocal kept
        try:
            with database.writing() as session, opened.used(session) as workspace:
                if kept is None:
                    mend(session, workspace.ledger, now=clock(), tables=RECORDED)
                    kept = Kept()
                with database.reading() as looking:
                    refuse_damaged(looking, workspace.ledger)
                return run_together(workspace, jobs, now=clock(), kept=kept, check=check)
        except BaseException:
            kept = None  # who knows how far it came
            raise

    return handle


def _handler(
    stage: Stage, settings: Settings, database: Database, clock: Callable[[], datetime]
) -> Handler:
    def handle(job: JobRow, progress: Progress) -> Answer:
        with (
            database.writing() as session,
            open_workspace(settings, session) as workspace,
        ):
            if job.kind in LEDGER_WRITERS:
                tables = RECORDED if job.kind == JobKind.RECORD else None
                mend(session, workspace.ledger, now=clock(), tables=tables, thorough=False)
            refuse_damaged(session, workspace.ledger)
            run = partial(stage, job=job, now=clock(), files=settings.files, progress=progress)
            if job.kind in LEDGER_WRITERS:
                return run(workspace)
            holder = f"{job.kind} {job.id}"
            # Reads what is the newest, not what was pinned: a batch that came between would count,
            # and its rows be missing. Files newer than the lease stay for a week anyway.
            with leased(database, workspace.ledger, holder=holder, clock=clock):
                return run(workspace)

    return handle
