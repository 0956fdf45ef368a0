"""The page that says how the ledger is: its files, the last scrub and backup, what was done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import func
from sqlmodel import Session, col, select

from app.dependencies import ReadingDep, allow
from app.people.rights import Right
from app.tables import DataFileRow, UpkeepKind, UpkeepRow, UserRow
from app.upkeep.scrub import last_scrub
from app.web.pages import show
from app.web.route import BookRoute
from experiments.ledger.writing import YEAR

ROUNDS_SHOWN: Final = 30
KINDS: Final[Mapping[str, str]] = {
    UpkeepKind.COMPACT: "compaction",
    UpkeepKind.SCRUB: "scrub",
    UpkeepKind.BACKUP: "backup",
    UpkeepKind.RESTORE: "restore",
    UpkeepKind.ERASE: "erasure",
}

router = APIRouter(route_class=BookRoute, dependencies=[allow(Right.ADMINISTER)])


@dataclass(frozen=True, slots=True)
class FilesLine:
    """The live files of a table, or of a year of it."""

    table: str
    files: int
    rows: int
    megabytes: float


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round of care; `problem` is why it failed, empty where it did not."""

    at: datetime
    kind: str
    who: str
    seconds: float | None
    problem: str


@router.get("/ledger/upkeep")
def upkeep_page(request: Request, session: ReadingDep) -> Response:
    """Show how the ledger is, and who cared for it."""
    return show(
        request,
        "upkeep/page.html",
        files=files_of(session),
        rounds=rounds_of(session),
        scrub=last_scrub(session),
        backed_up_at=_last_backup(session),
    )


def files_of(session: Session) -> list[FilesLine]:
    """The live files per table, those of behavior per year; enrolments together."""
    live = select(
        DataFileRow.table_name, DataFileRow.path, DataFileRow.rows, DataFileRow.size
    ).where(col(DataFileRow.removed_in).is_(None))
    files: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for table, path, held, long in session.exec(live).all():
        name = _called(table, path.rpartition("/")[0])
        files[name] += 1
        rows[name] += held
        size[name] += long
    return [FilesLine(name, files[name], rows[name], size[name] / 1e6) for name in sorted(files)]


def rounds_of(session: Session) -> list[RoundLine]:
    """The newest rounds first."""
    query = (
        select(UpkeepRow, UserRow.email)
        .join(UserRow, isouter=True)
        .order_by(col(UpkeepRow.id).desc())
        .limit(ROUNDS_SHOWN)
    )
    return [
        RoundLine(
            at=row.started_at,
            kind=KINDS[row.kind],
            who=email or "",
            seconds=(row.ended_at - row.started_at).total_seconds() if row.ended_at else None,
            problem=row.problem or "",
        )
        for row, email in session.exec(query).all()
    ]


def _called(table: str, folder: str) -> str:
    if folder.startswith(f"{YEAR}="):
        return f"{table}, {folder.removeprefix(f'{YEAR}=')}"
    return table.split("/", 1)[0]


def _last_backup(session: Session) -> datetime | None:
    done = select(func.max(UpkeepRow.ended_at)).where(
        UpkeepRow.kind == UpkeepKind.BACKUP, col(UpkeepRow.problem).is_(None)
    )
    return session.exec(done).one()
