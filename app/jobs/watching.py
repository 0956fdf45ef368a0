"""Watch for jobs to end: one look at the registry for all that a process waits for.

Looking once for each that waits, at every pause, would take more of the registry than the jobs do.
"""

import threading
import time
from concurrent.futures import Future
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from app.database import Database
from app.tables import JobRow, JobState

SHORTEST: Final = 0.01  # seconds between two looks, right after something happened
LONGEST: Final = 0.05
_ENDED: Final = (JobState.DONE, JobState.FAILED)


class Watcher:
    """Looks after jobs that somebody waits for; its thread lives while somebody does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Future[JobRow]]] = {}
        self._watches = False

    def watch(self, database: Database, job_id: str) -> Future[JobRow]:
        """The job, once it has ended; cancel it to wait no longer."""
        future: Future[JobRow] = Future()
        with self._lock:
            self._waiting.setdefault(job_id, []).append(future)
            if not self._watches:
                self._watches = True
                threading.Thread(
                    target=self._look_on, args=(database,), name="watch jobs", daemon=True
                ).start()
        return future

    def _look_on(self, database: Database) -> None:
        pause = SHORTEST
        while True:
            time.sleep(pause)
            with self._lock:
                left = {one: [f for f in its if not f.done()] for one, its in self._waiting.items()}
                self._waiting = {one: its for one, its in left.items() if its}
                wanted = list(self._waiting)
                if not wanted:
                    self._watches = False
                    return
            found = self._ended(database, wanted)
            pause = SHORTEST if found else min(2 * pause, LONGEST)
            for job in found:
                with self._lock:
                    futures = self._waiting.pop(job.id, [])
                for future in futures:
                    if future.set_running_or_notify_cancel():
                        future.set_result(job)

    @staticmethod
    def _ended(database: Database, wanted: list[str]) -> list[JobRow]:
        """Those that have ended; none where the registry does not answer, to be asked again."""
        query = select(JobRow).where(col(JobRow.id).in_(wanted), col(JobRow.state).in_(_ENDED))
        try:
            with database.reading() as session:
                return list(session.exec(query).all())
        except SQLAlchemyError:
            return []


_watchers: WeakKeyDictionary[Engine, Watcher] = WeakKeyDictionary()
_making = threading.Lock()


def watcher_of(database: Database) -> Watcher:
    """The one watcher of a registry in this process."""
    with _making:
        return _watchers.setdefault(database.reads, Watcher())
