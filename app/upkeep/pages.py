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

from app.confirming import refuse_damaged
from app.dependencies import ReadingDep, SettingsDep, allow
from app.people.rights import Right
from app.tables import DataFileRow, UpkeepKind, UpkeepRow, UserRow
from app.upkeep.round_words import megabytes, outcome
from app.upkeep.scrub import last_scrub
from app.web.pages import show
from app.web.route import BookRoute
from app.workspace import open_ledger
from experiments.errors import DamagedLedger
from experiments.ledger.writing import YEAR

ROUNDS_SHOWN: Final = 30
KINDS: Final[Mapping[str, str]] = {
    UpkeepKind.COMPACT: "compaction",
    UpkeepKind.SCRUB: "scrub",
    UpkeepKind.BACKUP: "backup",
    UpkeepKind.RESTORE: "restore",
    UpkeepKind.ERASE: "erasure",
}
# What the tables of the ledger hold.
HOLDS: Final[Mapping[str, str]] = {
    "behavior": "what customers did",
    "directory": "customer ids, and the numbers that stand for them",
    "enrolments": "who is in which pilot",
    "erased": "numbers that name nobody any more",
    "withdrawn": "rows that corrections took out",
}

router = APIRouter(route_class=BookRoute, dependencies=[allow(Right.ADMINISTER)])


@dataclass(frozen=True, slots=True)
class FilesLine:
    """The live files of a table, or of a year of it; `holds` says in words what stands there."""

    table: str
    holds: str
    files: int
    rows: int
    size: str


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round of care; `outcome` is what came of it, or why it failed."""

    at: datetime
    kind: str
    who: str
    seconds: float | None
    outcome: str


@router.get("/ledger/upkeep")
def upkeep_page(request: Request, session: ReadingDep, settings: SettingsDep) -> Response:
    """Show how the ledger is, and who cared for it."""
    damage = ""
    try:
        refuse_damaged(session, open_ledger(settings))
    except DamagedLedger as error:
        damage = str(error)
    return show(
        request,
        "upkeep/page.html",
        files=files_of(session),
        rounds=rounds_of(session),
        damage=damage,
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
    return [
        FilesLine(
            name,
            HOLDS.get(name.partition(",")[0], ""),
            files[name],
            rows[name],
            megabytes(size[name]),
        )
        for name in sorted(files)
    ]


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
            outcome=outcome(row),
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
