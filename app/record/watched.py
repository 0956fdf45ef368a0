"""A folder that is watched: files that come to lie there are recorded, each once.

Beside a file `sales.csv`, or in the folder, a TOML file says what its columns mean, with the
keys of `[[behavior]]` in a pilot file. A file that has not changed for some seconds becomes a job
whose id follows from its bytes and its time, so that a crash at any moment makes no second one.
Then it is moved to `taken` with its receipt, or to `refused` with what is wrong.
"""

import asyncio
import fnmatch
import hashlib
import json
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import UploadFile

from app.batches import sha256_of
from app.database import Database
from app.errors import problem_of
from app.jobs.service import Json
from app.record.command import first_admin, rejects_of, write_refused
from app.record.ledger import behavior_batch
from app.record.request import ask_to_record_file
from app.record.service import receipt_of
from app.settings import Settings
from app.tables import JobRow, JobState
from app.web.inbox import inbox_of
from app.web.jobs import answer_of
from app.web.uploads import ENDINGS, store_upload
from experiments.errors import BadInput, PilotError, Problem
from experiments.plan.pilot_file import BehaviorFile, read_columns

QUIET: Final = 5.0  # seconds without a change, after which a file is whole
PAUSE: Final = 2.0  # seconds between two looks
MEANINGS: Final = "behavior.toml"
TAKEN: Final = "taken"
REFUSED: Final = "refused"
_log = structlog.get_logger()


@dataclass(slots=True)
class Watched:
    """The watched folder of an installation.

    Attributes:
        settings: Name the folder.
        database: The registry.
        clock: Says what time it is.
        quiet: Seconds without a change, after which a file is whole.
    """

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    quiet: float = QUIET
    _sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            try:
                self.look()
            except (OSError, SQLAlchemyError, PilotError) as error:
                _log.warning("the watched folder cannot be taken in", error=str(error))
            stop.wait(PAUSE)

    def look(self) -> None:
        """Send what is new to be recorded, and move away what was."""
        folder = self.settings.watch
        if folder is None or not folder.is_dir():
            return
        sizes: dict[Path, tuple[int, int]] = {}
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or not ENDINGS.search(path.name) or not path.is_file():
                continue
            found = path.stat()
            sizes[path] = found.st_size, found.st_mtime_ns
            lies_still = self._sizes.get(path) == sizes[path]
            if lies_still and self.clock().timestamp() - found.st_mtime >= self.quiet:
                self._take(path, mtime_ns=found.st_mtime_ns)
        self._sizes = sizes

    def _take(self, path: Path, *, mtime_ns: int) -> None:
        """Go one step on with a file: to its job, or from its job to where it belongs."""
        said = f"{path.name} {mtime_ns} {sha256_of(path)}"
        job_id = hashlib.sha256(said.encode()).hexdigest()[:32]
        with self.database.reading() as session:
            job = session.get(JobRow, job_id)
        try:
            if job is None:
                self._send(path, job_id)
            elif job.ended_at is not None:
                self._put_away(path, job)
        except BadInput as error:
            self._refuse(path, problem_of(error).as_json(), job_id=job_id)

    def _send(self, path: Path, job_id: str) -> None:
        columns = _meaning_of(path)
        if columns is None:
            if path not in self._told:
                self._told.add(path)
                _log.warning("nothing says what the columns mean", file=path.name)
            return
        now = self.clock()
        with self.database.reading() as session:
            by = first_admin(session)
        with path.open("rb") as file:
            upload = asyncio.run(
                store_upload(
                    UploadFile(file, filename=path.name), inbox=inbox_of(self.settings.files)
                )
            )
        today = now.astimezone(ZoneInfo(self.settings.timezone)).date()
        ask_to_record_file(self.database, upload, columns, by=by, now=now, today=today, once=job_id)

    def _put_away(self, path: Path, job: JobRow) -> None:
        answer = answer_of(job)
        if job.state == JobState.FAILED:
            self._refuse(path, answer, job_id=job.id)
            return
        with self.database.reading() as session:
            receipt = receipt_of(behavior_batch(session, answer["batch"]))
        into = self._beside(path, TAKEN, f"{receipt.batch_no:06}-{path.name}")
        _write_json(into.with_name(f"{into.name}.receipt.json"), answer)
        if receipt.rejects:
            write_refused(
                into.with_name(f"{into.name}.refused.csv"), receipt.rejects, file=path.name
            )
        _move(path, into)

    def _refuse(self, path: Path, problem: Json, *, job_id: str) -> None:
        into = self._beside(path, REFUSED, f"{job_id[:8]}-{path.name}")
        _write_json(into.with_name(f"{into.name}.problem.json"), problem)
        rejects = rejects_of(problem)
        if rejects:
            write_refused(into.with_name(f"{into.name}.refused.csv"), rejects, file=path.name)
        _log.warning("a watched file was refused", file=path.name, reason=problem.get("detail"))
        _move(path, into)

    @staticmethod
    def _beside(path: Path, folder: str, name: str) -> Path:
        into = path.parent / folder
        into.mkdir(exist_ok=True)
        return into / name


def _meaning_of(path: Path) -> BehaviorFile | None:
    """What the columns of a file mean; None where nothing says so yet.

    Raises:
        BadInput: What is said cannot be read.
    """
    for told in (path.with_name(f"{path.name}.toml"), path.with_name(MEANINGS)):
        if told.is_file():
            given = _entry_for(path.name, told)
            if given is not None:
                return _columns(given, file=path.name, told=told.name)
    return None


def _entry_for(name: str, told: Path) -> Mapping[str, Any] | None:
    try:
        said = tomllib.loads(told.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{told.name} cannot be read as TOML: {error}.") from None
    entries = said.get("behavior", [said])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise BadInput(f"{told.name}: behavior should be written as [[behavior]].")
    fitting = (one for one in entries if fnmatch.fnmatchcase(name, str(one.get("file", "*"))))
    return next(fitting, None)


def _columns(given: Mapping[str, Any], *, file: str, told: str) -> BehaviorFile:
    said = {"complete": False, **given, "file": file}
    if said["complete"] is True:
        raise BadInput(
            f"{told}: nobody knows through which day {file} is complete.",
            [Problem("complete", "write the day, such as 2026-04-27, or leave it out")],
        )
    return read_columns(BehaviorFile, said, name=told)


def _write_json(path: Path, said: Json) -> None:
    text = json.dumps(said, ensure_ascii=False, indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")


def _move(path: Path, into: Path) -> None:
    """Move a file, and its own description with it; nothing happens where somebody else did."""
    own = path.with_name(f"{path.name}.toml")
    if own.is_file():
        own.replace(into.with_name(f"{into.name}.toml"))
    if path.exists():
        path.replace(into)
