"""A worker process whose first job never ends: `python -m tests.jobs.slow_worker ADDRESS FILE`.

The file says that the job has begun; a job that comes again is done at once.
"""

import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from app.database import open_database
from app.jobs.service import Answer
from app.jobs.worker import Handler, Progress, Worker
from app.tables import JobKind, JobRow
from tests.jobs.queueing import clock, problem_of

LEASE = timedelta(seconds=2)


def slow(begun: Path) -> Handler:
    def handle(job: JobRow, progress: Progress) -> Answer:
        progress("reading", 0.25)
        if job.attempts == 0:
            begun.touch()
            time.sleep(600)
        return Answer(201, {"attempts": job.attempts})

    return handle


if __name__ == "__main__":
    Worker(
        open_database(sys.argv[1]), {JobKind.RECORD: slow(Path(sys.argv[2]))},
        name="slow", problem_of=problem_of, clock=clock, lease=LEASE,
    ).run(threading.Event())  # fmt: skip
