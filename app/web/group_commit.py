"""Group commit: small changes of the registry that come at once share a transaction and its sync.

A change that comes while others are being written waits for the next transaction, which takes all
that came meanwhile. So nobody waits for a timer, and the more there is to do, the more is shared.
Small questions share a look at the registry in the same way, which begins after each was asked.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlmodel import Session

from app.database import Database

Item = TypeVar("Item")
Result = TypeVar("Result")
# Writes items of one sort in a transaction that it leaves open; a result for each, in order. It may
# be called again for some of them, where another change of the same transaction failed.
Writer = Callable[[Session, Sequence[Item]], Sequence[Result]]
MOST: Final = 500  # changes in a transaction
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="group commit")


@dataclass(frozen=True, slots=True)
class _Change:
    write: Writer[Any, Any]
    item: Any
    future: Future[Any]


class GroupCommit:
    """The changes of one registry that wait in this process; or the questions to it."""

    def __init__(self, *, asks: bool = False) -> None:
        self._asks = asks
        self._lock = threading.Lock()
        self._waiting: list[_Change] = []
        self._writes = False

    def submit(self, database: Database, write: Writer[Item, Result], item: Item) -> Future[Result]:
        """Have something written; its result once it is committed.

        Args:
            database: The registry.
            write: Writes it, together with others for the same function.
            item: What is written.
        """
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()  # whoever stops waiting does not stop it
        with self._lock:
            self._waiting.append(_Change(write, item, future))
            if not self._writes:
                self._writes = True
                _threads.submit(self._write_on, database)
        return future

    def _write_on(self, database: Database) -> None:
        begin = database.reading if self._asks else database.writing
        while True:
            with self._lock:
                changes, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                if not changes:
                    self._writes = False
                    return
            if not _written(begin, changes):
                for change in changes:
                    _written(begin, [change])


def _written(
    begin: Callable[[], AbstractContextManager[Session]], changes: Sequence[_Change]
) -> bool:
    """Write changes in one transaction; False where that failed, and may not for each alone."""
    by_writer: dict[Writer[Any, Any], list[_Change]] = {}
    for change in changes:
        by_writer.setdefault(change.write, []).append(change)
    results: list[tuple[_Change, Any]] = []
    try:
        with begin() as session:
            for write, its in by_writer.items():
                results += zip(its, write(session, [c.item for c in its]), strict=True)
            session.commit()
    except Exception as error:
        if len(changes) > 1:
            return False
        changes[0].future.set_exception(error)
        return True
    for change, result in results:
        change.future.set_result(result)
    return True


_commits: WeakKeyDictionary[Engine, GroupCommit] = WeakKeyDictionary()
_questions: WeakKeyDictionary[Engine, GroupCommit] = WeakKeyDictionary()
_making = threading.Lock()


def group_commit(database: Database) -> GroupCommit:
    """The one group commit of a registry in this process."""
    with _making:
        return _commits.setdefault(database.writes, GroupCommit())


async def write_together(database: Database, write: Writer[Item, Result], item: Item) -> Result:
    """Write something down together with what else is to be written; no thread waits for it."""
    return await asyncio.wrap_future(group_commit(database).submit(database, write, item))


async def ask_together(database: Database, ask: Writer[Item, Result], item: Item) -> Result:
    """Ask the registry something together with what else is asked; no thread waits for it."""
    with _making:
        questions = _questions.setdefault(database.reads, GroupCommit(asks=True))
    return await asyncio.wrap_future(questions.submit(database, ask, item))
