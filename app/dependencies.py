"""The vocabulary of routes: who asks, for which pilot, in which transaction, and by what right.

Every route declares exactly one `allow(...)`, or that it is `public`; a test walks them all.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, select

from app.database import Database
from app.people.caller import Caller
from app.people.rights import RIGHTS, Reach, Right
from app.people.sign_ins import IDLE, caller_of_sign_in
from app.people.tokens import callers_of_tokens
from app.refusals import NotAllowed, NotFound, NotSignedIn
from app.settings import Settings
from app.tables import BatchRow, JobRow, PilotRow
from app.web.cookies import read_cookie
from app.web.group_commit import ask_together
from app.web.same_origin import SAFE

LARGEST_ID = 2**63 - 1
LONGEST_NUMBER = 19  # digits, above which SQLite cannot hold it
Slug = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]


# What neither waits nor computes is async: a route would else take a thread for each of them.


async def settings_of(request: Request) -> Settings:
    """The installation's settings."""
    settings: Settings = request.app.state.settings
    return settings


async def database_of(request: Request) -> Database:
    """The registry."""
    database: Database = request.app.state.database
    return database


async def now_of(request: Request) -> datetime:
    """The time, from the clock that the application was given."""
    now: datetime = request.app.state.clock()
    return now


SettingsDep = Annotated[Settings, Depends(settings_of)]
DatabaseDep = Annotated[Database, Depends(database_of)]
NowDep = Annotated[datetime, Depends(now_of)]


async def today_of(now: NowDep, settings: SettingsDep) -> date:
    """The day in the company's time zone."""
    return now.astimezone(ZoneInfo(settings.timezone)).date()


async def reading(database: DatabaseDep) -> AsyncIterator[Session]:
    """A session that reads."""
    with database.reading() as session:
        yield session


def writing(request: Request, database: DatabaseDep) -> Iterator[Session]:
    """A session that writes: committed before the answer is sent, undone after any error."""
    with database.writing() as session:
        request.state.writing = session  # ended by the route before it writes the journal
        yield session
        session.commit()


TodayDep = Annotated[date, Depends(today_of)]
ReadingDep = Annotated[Session, Depends(reading, scope="function")]
WritingDep = Annotated[Session, Depends(writing, scope="function")]


async def caller_or_nobody(request: Request) -> Caller | None:
    """Who asks: the bearer of a token, or else the browser's user; looked up once a request."""
    if not hasattr(request.state, "caller"):
        database, now = await database_of(request), await now_of(request)
        said = request.headers.get("authorization")
        if said is None:
            caller = await run_in_threadpool(_browser_user, request, database, now)
        else:
            kind, _, secret = said.partition(" ")
            known = kind.lower() == "bearer"
            asked = (secret.strip(), now)
            caller = await ask_together(database, callers_of_tokens, asked) if known else None
        request.state.caller = caller
    found: Caller | None = request.state.caller
    return found


async def caller_of(caller: Annotated[Caller | None, Depends(caller_or_nobody)]) -> Caller:
    """Who asks.

    Raises:
        NotSignedIn: Nobody does.
    """
    if caller is None:
        raise NotSignedIn
    return caller


VisitorDep = Annotated[Caller | None, Depends(caller_or_nobody)]
CallerDep = Annotated[Caller, Depends(caller_of)]


def pilot_of(slug: Slug, session: ReadingDep) -> PilotRow:
    """The pilot that the address names.

    Raises:
        NotFound: There is none.
    """
    pilot = session.exec(select(PilotRow).where(PilotRow.slug == slug)).first()
    session.commit()  # a rollback would make the pilot be read again
    if pilot is None:
        raise NotFound(f"pilot {slug!r}")
    return pilot


PilotDep = Annotated[PilotRow, Depends(pilot_of)]


@dataclass(frozen=True, slots=True)
class Allow:
    """Lets a caller pass who has a right on what the address names."""

    right: Right

    async def __call__(self, request: Request, caller: CallerDep) -> None:
        """Check the caller.

        Raises:
            NotAllowed: The caller has no such right here.
        """
        reach = RIGHTS[self.right][caller.role]
        own = None
        if reach is Reach.OWN:
            own = await run_in_threadpool(_is_own, request, caller, await database_of(request))
        if not caller.may(self.right, own=own, safe=request.method in SAFE):
            whose = " of this one" if own is False else ""
            raise NotAllowed(
                f"{caller.email} ({caller.role}) has no right to {self.right}{whose}. "
                f"Ask its owner or an admin."
            )


@dataclass(frozen=True, slots=True)
class Public:
    """Lets everybody pass; for sign-in, assets and probes alone."""

    async def __call__(self, _: VisitorDep) -> None:
        """Everybody passes; pages still show who is signed in."""


def allow(right: Right) -> Any:
    """The declaration of a route's right: `dependencies=[allow(Right.READ)]`."""
    return Depends(Allow(right))


public: Any = Depends(Public())


def _browser_user(request: Request, database: Database, now: datetime) -> Caller | None:
    with database.reading() as session:
        cookie = read_cookie(request, key=request.app.state.secret_key, idle=IDLE, now=now)
        return caller_of_sign_in(session, cookie, now=now) if cookie else None


def _is_own(request: Request, caller: Caller, database: Database) -> bool | None:
    """Whether pilot, batch or job of the address is the caller's; None where it names none."""
    with database.reading() as session:
        match request.path_params:
            case {"slug": str(slug)}:
                query = select(PilotRow.owner_id).where(PilotRow.slug == _storable(slug))
                owner = session.exec(query).first()
            case {"batch": str(batch)}:
                number = int(batch) if batch.isdecimal() and len(batch) < LONGEST_NUMBER else 0
                owner = session.exec(
                    select(BatchRow.user_id).where(BatchRow.batch_no == number)
                ).first()
            case {"job": str(job)}:
                owner = session.exec(
                    select(JobRow.user_id).where(JobRow.id == _storable(job))
                ).first()
            case _:
                return None
    return owner == caller.user_id


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL, not even in a question; the route says what is wrong with it."""
    return text.replace("\x00", "")
