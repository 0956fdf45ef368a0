"""D2, D3 and D6: system calls of an intake that never return, that fail, and their order.

Needs strace. It counts the calls of each thread by themselves, so that the same number may hit
another call in another run; every one of them is a point at which a machine may stop.
"""

import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.tables import JobState
from tests.faults.books import (
    SEED,
    Book,
    copied_book,
    environment_of,
    open_history,
    work_through,
)
from tests.faults.intake import MARK

CALLS: Final = ("rename", "linkat", "unlink", "fsync", "fdatasync")
# Writes of the registry, and syncs, at which a disk tells of what it could not write before. Not
# `write`: strace would fail what wakes a thread of deltalake as well (an eventfd is in memory, and
# never fails), and that library then waits for ever. A disk that takes no write is D5.
FAILING: Final = ("pwrite64", "fsync", "rename", "linkat")
MOST_POINTS: Final = 200
LONGEST: Final = 300.0  # seconds of a process, on a busy machine
KILLED: Final = (-9, 137)
_SYNC: Final = re.compile(r"(?:fsync|fdatasync)\(\d+<([^>]*)>")
_MARKED: Final = re.compile(rf'"{MARK}(\d+)"')


def d2(*, repeats: int = 20, most: int | None = None) -> dict[str, Any]:
    """Stop the process at each rename, linkat, unlink and sync of an intake.

    Args:
        repeats: How often at each point.
        most: Points in all, drawn; every one where None.
    """
    figures: Counter[str] = Counter(dict.fromkeys(CALLS, 0))
    with open_history() as book:
        points = [(call, at) for call in CALLS for at in range(1, MOST_POINTS + 1)]
        if most is not None:
            likely = [(call, at) for call, at in points if at <= most]
            points = sorted(random.Random(SEED).sample(likely, most))  # noqa: S311
        over: set[str] = set()
        for call, at in points:
            if call in over:
                continue
            for _ in range(repeats):
                if not _stopped(book, f"{call}:signal=KILL:when={at}"):
                    if most is None:
                        over.add(call)
                    break
                figures[call] += 1
    if not figures.total():
        raise AssertionError("no process was stopped")
    return dict(figures)


def d3(*, ingests: int = 50) -> dict[str, Any]:
    """Before an answer: upload, folder and registry are on disk, then data, log and folders."""
    with tempfile.TemporaryDirectory(prefix="pilotbook-faults-") as name:
        folder = Path(name) / "site"
        log = Path(name) / "strace.log"
        calls = "fsync,fdatasync,stat,newfstatat,statx"
        run = _traced(folder, log, ["-y", "-e", f"trace={calls}"], posts=ingests)
        if run.returncode:
            raise AssertionError(run.stderr[-2000:])
        windows = _windows(log, str(folder))
        if len(windows) != ingests:
            raise AssertionError(f"{len(windows)} answers of {ingests} are in the log")
        for at, synced in enumerate(windows):
            _check_order(synced, first=at == 0)
    return {"ingests": ingests, "syncs": sum(len(one) for one in windows)}


def d6(*, tries: int = 20) -> dict[str, Any]:
    """An error of the disk at a write, sync, rename or link: it is said, and no row doubles."""
    figures: Counter[str] = Counter()
    with open_history() as book:
        for call in FAILING:
            for at in range(1, tries + 1):
                # After the first few links nothing is left to fail: these fail again.
                when = 1 + at % 3 if call in ("rename", "linkat") else at
                with copied_book(book) as copy:
                    jobs = [copy.send_file("file"), copy.send_rows("rows")]
                    _run(copy, ["-e", f"inject={call}:error=EIO:when={when}"])
                    work_through(copy.settings, copy.database)
                    for name, job in zip(("file", "rows"), jobs, strict=True):
                        state, status = copy.state(job)
                        if state is JobState.FAILED:
                            figures[f"{call}: {status}"] += 1
                            again = copy.send_file if name == "file" else copy.send_rows
                            again(name)
                    work_through(copy.settings, copy.database)
                    copy.check({*copy.sent})
                    figures[call] += 1
    return dict(figures)


def _stopped(book: Book, spoilt: str) -> bool:
    """Whether the process was stopped; whatever happened, every post is there once afterwards."""
    with copied_book(book) as copy:
        jobs = [copy.send_file("file"), copy.send_rows("rows")]
        run = _run(copy, ["-e", f"inject={spoilt}"])
        if run.returncode not in (0, *KILLED):
            raise AssertionError(f"{spoilt}: {run.returncode}: {run.stderr[-2000:]}")
        work_through(copy.settings, copy.database)
        states = [copy.state(job) for job in jobs]
        if any(state is not JobState.DONE for state, _ in states):
            raise AssertionError(f"{spoilt}: the jobs ended as {states}")
        rows = copy.check({*copy.sent})
        copy.send_file("file")
        work_through(copy.settings, copy.database)
        if copy.check({*copy.sent}) != rows:
            raise AssertionError(f"{spoilt}: the retry added rows")
        return run.returncode != 0


def _run(book: Book, options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    with tempfile.NamedTemporaryFile() as log:
        return _traced(book.folder, Path(log.name), options)


def _traced(
    folder: Path, log: Path, options: Sequence[str], *, posts: int = 0
) -> subprocess.CompletedProcess[str]:
    intake = [sys.executable, "-B", "-m", "tests.faults.intake", str(folder), "--posts", str(posts)]
    return subprocess.run(
        ["strace", "-f", "-qq", "-o", str(log), *options, *intake],
        env=environment_of(folder), check=False, capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip


def _windows(log: Path, folder: str) -> list[list[str]]:
    """What was synced before each answer, in order, as paths within the installation."""
    windows: list[list[str]] = [[]]
    for line in log.read_text(errors="replace").splitlines():
        if _MARKED.search(line):
            windows.append([])
        elif (synced := _SYNC.search(line)) and synced[1].startswith(folder):
            windows[-1].append(synced[1].removeprefix(folder).lstrip("/") or ".")
    return windows[:-1]


def _check_order(synced: Sequence[str], *, first: bool) -> None:
    """Upload, then its folder, then the job; then all that a commit wrote; then that it counts."""
    registry = r"registry\.db(-wal)?"
    upload = _place(synced, r"files/inbox/\w+/upload\.csv")
    folder = _place(synced, r"files/inbox/\w+", after=upload)
    if first:
        _place(synced[:upload], "files")
        _place(synced[:upload], r"\.")
    job = _place(synced, registry, after=folder)
    accepted = max(at for at, path in enumerate(synced) if re.fullmatch(registry, path))
    for table, data in (("behavior", r"/year=\d+"), ("directory", "")):
        for pattern in (
            rf"ledger/{table}{data}/part-\w+\.parquet",
            rf"ledger/{table}/_delta_log/\d+\.json",
            rf"ledger/{table}/_delta_log",
            rf"ledger/{table}{data}",
            *(["ledger", r"\."] if first else []),
        ):
            _place(synced[:accepted], pattern, after=job)


def _place(synced: Sequence[str], pattern: str, *, after: int = -1) -> int:
    for at, path in enumerate(synced):
        if at > after and re.fullmatch(pattern, path):
            return at
    raise AssertionError(f"{pattern} was not synced when it had to be: {synced}")
