"""The page on which an admin erases a customer, and sees where traces remain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select

from app.database import Database
from app.dependencies import CallerDep, DatabaseDep, NowDep, ReadingDep, SettingsDep, allow
from app.people.caller import Caller
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.people.sign_ins import check_password
from app.refusals import NotNow, TooManyTries
from app.stored import from_text
from app.tables import UpkeepKind, UpkeepRow, UserRow
from app.upkeep.backup import BackedUp
from app.upkeep.erasable import look_up
from app.upkeep.erase import REFUSED, Erased, erase
from app.upkeep.erased_words import known_sentences, sentences
from app.upkeep.round_words import megabytes
from app.web.forms import Said, after, errors_of, said_of
from app.web.pages import show
from app.web.route import BookRoute, note
from app.workspace import open_ledger
from experiments.errors import BadInput, DamagedLedger, PilotError, Problem

ADDRESS: Final = "/ledger/upkeep/erase"
LABELS: Final = {
    "customer_id": "Customer id",
    "reason": "Who asked for it, and when",
    "password": "Your password",
}
SHOWN: Final = 50

router = APIRouter(route_class=BookRoute, dependencies=[allow(Right.ADMINISTER)])


@dataclass(frozen=True, slots=True)
class ErasureLine:
    """An erasure in the list.

    Attributes:
        at: When.
        who: The admin; empty where it came from the command line.
        reason: Why.
        told: What was done, and where traces remain.
    """

    at: datetime
    who: str
    reason: str
    told: list[str]


@dataclass(frozen=True, slots=True)
class BackupLine:
    """A backup in the list."""

    at: datetime
    made: BackedUp
    size: str


@router.get(ADDRESS, name="erase_page")
def erase_page(request: Request, session: ReadingDep, settings: SettingsDep) -> Response:
    """Who was erased, which backups there are, and a form."""
    return _page(request, session, zone=settings.timezone)


@router.post(ADDRESS, name="erase_customer")
def erase_customer(
    request: Request,
    *,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
    customer_id: Said = "",
    reason: Said = "",
    password: Said = "",
) -> Response:
    """Erase a customer, and show where traces remain."""
    try:
        with slow_guessing(request, caller):
            _check_password(database, caller, password)
        found = erase(
            database,
            open_ledger(settings),
            files=settings.files,
            customer_id=customer_id.strip(),
            reason=reason,
            clock=lambda: now,
            by=caller.user_id,
        )
    except (BadInput, NotNow, TooManyTries, DamagedLedger) as error:
        errors = errors_of(error, LABELS) if isinstance(error, BadInput) else {"": said_of(error)}
        statuses: dict[type[PilotError], int] = {NotNow: 409, TooManyTries: 429, DamagedLedger: 503}
        with database.reading() as session:
            return _page(
                request,
                session,
                zone=settings.timezone,
                status=statuses.get(type(error), 422),
                errors=errors,
                typed={"customer_id": customer_id, "reason": reason},
            )
    note(request, customer=found.customer, reason=found.reason)
    return after(ADDRESS, "The customer is erased. Where traces remain, and until when, is below.")


@router.post(f"{ADDRESS}/look", name="look_up_customer")
def look_up_customer(
    request: Request,
    *,
    database: DatabaseDep,
    settings: SettingsDep,
    customer_id: Said = "",
    reason: Said = "",
) -> Response:
    """Show what is known of a customer, before anybody is erased."""
    wanted = customer_id.strip()
    errors = {} if wanted else {"customer_id": "Say whom you look for."}
    told: list[str] = []
    if wanted:
        try:
            ledger = open_ledger(settings)
            known = look_up(database, ledger, files=settings.files, customer_id=wanted)
            told = known_sentences(known)
        except DamagedLedger as error:
            errors = {"": said_of(error)}
    with database.reading() as session:
        return _page(
            request,
            session,
            zone=settings.timezone,
            status=422 if errors else 200,
            errors=errors,
            typed={"customer_id": customer_id, "reason": reason},
            told=told,
        )


def erasures(session: Session, *, zone: str) -> list[ErasureLine]:
    """Who was erased, by number, the newest first."""
    return [
        ErasureLine(row.started_at, email or "", found.reason, sentences(found, timezone=zone))
        for row, email, said in _rounds(session, UpkeepKind.ERASE)
        for found in [from_text(Erased, said)]
    ]


def backups(session: Session) -> list[BackupLine]:
    """The backups that were made, the newest first."""
    return [
        BackupLine(row.started_at, made, megabytes(made.size))
        for row, _, said in _rounds(session, UpkeepKind.BACKUP)
        for made in [from_text(BackedUp, said)]
    ]


def _rounds(session: Session, kind: UpkeepKind) -> list[tuple[UpkeepRow, str | None, str]]:
    query = (
        select(UpkeepRow, UserRow.email)
        .join(UserRow, col(UserRow.id) == UpkeepRow.user_id, isouter=True)
        .where(UpkeepRow.kind == kind, col(UpkeepRow.result_json).is_not(None))
        .order_by(col(UpkeepRow.id).desc())
        .limit(SHOWN)
    )
    found = session.exec(query).all()
    return [(row, email, row.result_json) for row, email in found if row.result_json]


def _check_password(database: Database, caller: Caller, password: str) -> None:
    try:
        with database.reading() as session:
            check_password(session, email=caller.email, password=password)
    except BadInput:
        wrong = Problem("password", "is not yours; type the one that you sign in with")
        raise BadInput(REFUSED, [wrong]) from None


def _page(
    request: Request,
    session: Session,
    *,
    zone: str,
    status: int = 200,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    told: Sequence[str] = (),
) -> Response:
    return show(
        request,
        "upkeep/erase.html",
        status=status,
        erasures=erasures(session, zone=zone),
        backups=backups(session),
        told=told,
        errors=errors or {},
        typed=typed or {"customer_id": "", "reason": ""},
    )
