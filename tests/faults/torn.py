"""D4 and D7: what a power cut leaves of the last commit, and bits that flip on the disk."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlmodel import col, select

from app.confirming import damages_of, mend, refuse_damaged
from app.jobs.service import recover
from app.tables import DataFileRow, JobState
from app.upkeep.scrub import scrub
from app.work import as_answer
from app.workspace import open_ledger
from experiments.errors import DamagedLedger
from experiments.ledger.log import entry_path, versions_logged
from tests.faults.books import SEED, Book, clock, copied_book, open_history, work_through


class PowerCut(BaseException):
    """The machine stops here."""


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _halve(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


HARMS: Final[dict[str, Callable[[Path], None]]] = {
    "empty": _empty,
    "half": _halve,
    "NUL": _blank,
    "missing": Path.unlink,
}
PARTS: Final = ("log", "data")


def d4(*, tries: int = 10) -> dict[str, Any]:
    """Harm the newest log entry or data file, before and after its commit was confirmed.

    Before, the start of a worker names the file, and every post is there once afterwards. After,
    nothing is read any more, and the file is named.
    """
    mended = refused = 0
    with open_history() as book:
        for part in PARTS:
            for harm in HARMS:
                for at in range(tries):
                    with copied_book(book) as copy:
                        _mended(copy, part, harm, table=("behavior", "directory")[at % 2])
                        mended += 1
                with copied_book(book) as copy:
                    _refused(copy, part, harm)
                    refused += 1
    return {"mended": mended, "refused": refused}


def d7(*, files: int = 20) -> dict[str, Any]:
    """Flip a bit in each of some files: the scrub names them all, and no other."""
    drawn = random.Random(SEED)  # noqa: S311
    with open_history() as book:
        for at in range(files):
            book.send_file(f"more{at}")
            work_through(book.settings, book.database)
        ledger = open_ledger(book.settings)
        whole = scrub(book.database, ledger, clock=clock)
        with book.database.reading() as session:
            live = session.exec(
                select(DataFileRow).where(col(DataFileRow.removed_in).is_(None))
            ).all()
        harmed = {f"{one.table_name}/{one.path}" for one in drawn.sample(live, files)}
        for path in harmed:
            _flip(ledger.root / path, drawn)
        try:
            scrub(book.database, ledger, clock=clock)
        except DamagedLedger as error:
            named = {path for path in harmed if path in str(error)}
            others = [f"{one.table_name}/{one.path}" for one in live]
            wrongly = [path for path in others if path not in harmed and path in str(error)]
        else:
            named, wrongly = set(), []
    if named != harmed or wrongly:
        raise AssertionError(f"not named: {harmed - named}; wrongly named: {wrongly}")
    return {"files": whole.files, "flipped": files, "named": len(named)}


def _flip(path: Path, drawn: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    path.write_bytes(content)


def _mended(book: Book, part: str, harm: str, *, table: str) -> None:
    """A power cut between commit and confirmation."""
    jobs = [book.send_file("cut"), book.send_rows("also cut")]
    with _power_cut():
        work_through(book.settings, book.database)
    path = _newest(book, table, part)
    HARMS[harm](path)
    ledger = open_ledger(book.settings)
    with book.database.writing() as session:
        recover(session, now=clock(), problem_of=as_answer)
        session.commit()
        found = mend(session, ledger, now=clock())
    said = " ".join((*found.torn, *found.set_aside))
    # An entry that never came to be leaves nothing to name: its data files are swept up.
    if path.name not in said and (part, harm) != ("log", "missing"):
        raise AssertionError(f"{table}: {part} {harm}: {path.name} is not named in {said!r}")
    work_through(book.settings, book.database)
    if any(book.state(job)[0] is not JobState.DONE for job in jobs):
        raise AssertionError(f"{table}: {part} {harm}: the jobs were not done afterwards")
    book.check({*book.sent})


def _refused(book: Book, part: str, harm: str) -> None:
    """The same of a commit that was confirmed: a loss, which must never go unsaid."""
    path = _newest(book, "behavior", part)
    HARMS[harm](path)
    ledger = open_ledger(book.settings)
    with book.database.writing() as session:
        mend(session, ledger, now=clock())
        damages = damages_of(session, ledger)
    if part == "log":
        with book.database.writing() as session:
            try:
                refuse_damaged(session, ledger)
            except DamagedLedger:
                pass
            else:
                raise AssertionError(f"a log that is {harm} was read on")
    else:
        try:
            scrub(book.database, ledger, clock=clock)
        except DamagedLedger as error:
            damages = (str(error),)
    if not any(path.name in damage for damage in damages):
        raise AssertionError(f"{part} {harm}: {path.name} is not named in {damages}")


def _newest(book: Book, table: str, part: str) -> Path:
    """The newest log entry of a table, or a data file that it adds."""
    ledger = open_ledger(book.settings)
    version = versions_logged(ledger.location, table)[-1]
    entry = ledger.root / table / entry_path(version)
    if part == "log":
        return entry
    files = (ledger.root / table).rglob("part-*.parquet")
    return max(files, key=lambda path: path.stat().st_mtime_ns)


@contextmanager
def _power_cut() -> Iterator[None]:
    """The machine stops after the next commit, before it is synced and confirmed."""
    with (
        patch("app.record.service.confirm", side_effect=PowerCut),
        patch("app.record.posts.confirm", side_effect=PowerCut),
        suppress(PowerCut),
    ):
        yield
