"""Which uploads are still needed: those that no receipt stands for yet.

An upload is kept until a verified backup holds what became of it. What nobody confirmed yet, a list
that waits for its draw, and whatever a job that is not over reads, is kept longer.
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic_core import from_json
from sqlalchemy import update
from sqlmodel import Session, col, select

from app.database import Database
from app.tables import BatchRow, BatchState, CustomerListRow, JobKind, JobRow
from app.web.inbox import TAKEN, WAITING, inbox_of
from app.web.jobs import OPEN

EMPTIED: Final = '{"rows": []}'  # arguments of a small post, once a backup stands for it
AT_ONCE: Final = 5_000  # jobs in one transaction, so that nobody waits for it


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in its folder.

    Attributes:
        folder: Its own.
        batch: What it became; None where it became nothing yet.
        waits: Whether a person, a draw or a job still needs it.
    """

    folder: Path
    batch: int | None
    waits: bool

    @property
    def path(self) -> Path | None:
        """The file; None where it is gone."""
        return next((one for one in self.folder.glob("upload*")), None)


def uploads(files: Path, *, needed: Collection[str]) -> Iterator[Upload]:
    """The uploads of an installation.

    Args:
        files: Its folder of files.
        needed: Names of the folders that lists and jobs refer to, as `needed_uploads` finds them.
    """
    inbox = inbox_of(files)
    for folder in sorted(inbox.iterdir()) if inbox.is_dir() else []:
        if folder.is_dir():
            batch = _batch_of(folder)
            waits = folder.name in needed or (batch is None and (folder / WAITING).exists())
            yield Upload(folder, batch, waits)


def needed_uploads(session: Session) -> frozenset[str]:
    """Names of the folders of uploads that a waiting list or a job that is not over refers to."""
    lists = session.exec(select(CustomerListRow.upload)).all()
    jobs = session.exec(select(JobRow.arguments_json).where(col(JobRow.state).in_(OPEN))).all()
    return folders_named([*lists, *(upload_named(text) for text in jobs)])


def upload_named(arguments_json: str) -> str:
    """The upload that a job's arguments name; empty where they name none."""
    return str(from_json(arguments_json).get("upload") or "")


def folders_named(paths: Collection[str]) -> frozenset[str]:
    """Names of the folders in which uploads lie."""
    return frozenset(Path(path).parent.name for path in paths if path)


def accepted_batches(session: Session) -> frozenset[int]:
    """Numbers of the batches that were accepted."""
    numbers = select(BatchRow.batch_no).where(BatchRow.state == BatchState.ACCEPTED)
    return frozenset(number for number in session.exec(numbers).all() if number is not None)


def remove_rows(database: Database, *, before: datetime) -> int:
    """Empty the jobs of small posts that were over before a verified backup; how many.

    Whatever a backup holds of such a job, it is enough: what it became, or the rows themselves.

    Args:
        database: The registry.
        before: When the backup began.
    """
    full = (
        select(JobRow.id)
        .where(
            JobRow.kind == JobKind.ROWS,
            col(JobRow.ended_at) < before,
            JobRow.arguments_json != EMPTIED,
        )
        .limit(AT_ONCE)
    )
    emptied = 0
    while True:
        with database.writing() as session:
            some = update(JobRow).where(col(JobRow.id).in_(full)).values(arguments_json=EMPTIED)
            changed = session.exec(some, execution_options={"synchronize_session": False})
            session.commit()
        emptied += changed.rowcount
        if changed.rowcount < AT_ONCE:
            return emptied


def remove_uploads(
    files: Path, *, contained: Collection[int], needed: Collection[str]
) -> tuple[int, int]:
    """Remove the uploads of batches that a verified backup contains.

    Args:
        files: The installation's folder of files.
        contained: Numbers of these batches.
        needed: As for `uploads`.

    Returns:
        How many uploads, and how many bytes.
    """
    count = size = 0
    for upload in uploads(files, needed=needed):
        if upload.batch in contained and not upload.waits:
            size += sum(file.stat().st_size for file in upload.folder.iterdir())
            count += 1
            shutil.rmtree(upload.folder)
    return count, size


def _batch_of(folder: Path) -> int | None:
    try:
        text = (folder / TAKEN).read_text(encoding="utf-8")
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
