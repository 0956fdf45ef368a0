"""People, for admins: users, their sessions and tokens, and the journal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select

from app.dependencies import CallerDep, NowDep, Number, ReadingDep, WritingDep, allow
from app.people.journal import first_broken
from app.people.rights import Right
from app.people.sign_ins import end_sign_ins, open_sign_ins
from app.people.tokens import revoke_token, tokens_of
from app.people.users import add_user, disable_user, list_users
from app.refusals import NotFound
from app.tables import JournalRow, Role, UserRow
from app.web.api import Cursor, read_cursor, write_cursor
from app.web.forms import Said, after, errors_of
from app.web.pages import show
from app.web.route import BookRoute, note
from experiments.errors import BadInput, Problem

LABELS: Final = {"email": "E-mail", "role": "Role", "password": "First password"}
ROLES: Final = (
    (Role.MANAGER.value, "Manager", "Plans and runs pilots."),
    (Role.ANALYST.value, "Analyst", "Runs analyses and pulls accounts by customer number."),
    (Role.EXECUTIVE.value, "Executive", "Signs plans and decisions."),
    (Role.ADMIN.value, "Admin", "Whatever managers and analysts may, and people."),
)
NEW_USER: Final = {"email": "", "role": Role.MANAGER.value}
PAGE: Final = 50

router = APIRouter(prefix="/people", route_class=BookRoute, dependencies=[allow(Right.ADMINISTER)])


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the journal as the page shows it."""

    number: int
    at: datetime
    who: str
    action: str
    subject: str
    status: int
    detail: Mapping[str, Any]


@router.get("")
def people_page(request: Request, session: ReadingDep) -> Response:
    """Everybody who may sign in, or once could."""
    return _people(request, session)


@router.post("", name="add_user")
def add_person(
    request: Request,
    *,
    session: WritingDep,
    now: NowDep,
    email: Said = "",
    role: Said = "",
    password: Said = "",
) -> Response:
    """Add a user with a first password."""
    try:
        user = add_user(session, email=email, role=_role(role), password=password, now=now)
    except BadInput as error:
        typed = {"email": email, "role": role}
        return _people(request, session, 422, errors=errors_of(error, LABELS), typed=typed)
    note(request, after={"email": user.email, "role": user.role})
    return after("/people", f"{user.email} may sign in now, and should change the password.")


@router.get("/journal")
def journal_page(
    request: Request,
    *,
    session: ReadingDep,
    cursor: Cursor = None,
    who: Annotated[str, Query(max_length=254)] = "",
    action: Annotated[str, Query(max_length=64)] = "",
    refused: Annotated[bool, Query()] = False,
    check: Annotated[bool, Query()] = False,
) -> Response:
    """Who did, or was refused, what; the newest first."""
    users = {user.id: user.email for user in list_users(session)}
    query = select(JournalRow).order_by(col(JournalRow.id).desc()).limit(PAGE + 1)
    if cursor is not None:
        query = query.where(col(JournalRow.id) < read_cursor(cursor))
    if who:
        query = query.where(JournalRow.user_id == _number_of(users, who))
    if action:
        query = query.where(JournalRow.action == action.replace("\0", ""))
    if refused:
        query = query.where(col(JournalRow.status) >= 400)
    rows = session.exec(query).all()
    actions = select(JournalRow.action).distinct().order_by(JournalRow.action)
    filters = {"who": who, "action": action, **({"refused": "true"} if refused else {})}
    return show(
        request,
        "people/journal.html",
        entries=[_entry(row, users) for row in rows[:PAGE]],
        users=[(email, email) for email in users.values()],
        actions=[(action, action.replace("_", " ")) for action in session.exec(actions).all()],
        filters=filters,
        older=write_cursor(rows[PAGE - 1].id or 0) if len(rows) > PAGE else "",
        checked=check,
        broken=first_broken(session) if check else None,
    )


@router.get("/{user}")
def person_page(request: Request, user: Number, session: ReadingDep, now: NowDep) -> Response:
    """One user: sessions and tokens."""
    row = _user(session, user)
    return show(
        request,
        "people/person.html",
        user=row,
        tokens=tokens_of(session, user),
        sign_ins=open_sign_ins(session, user, now=now),
        now=now,
    )


@router.post("/{user}/disable", name="disable_user")
def disable_person(
    request: Request, user: Number, caller: CallerDep, session: WritingDep, now: NowDep
) -> Response:
    """Let a user sign in no more."""
    row = disable_user(session, user, by=caller.user_id, now=now)
    note(request, email=row.email, before="enabled", after="disabled")
    return after(f"/people/{user}", f"{row.email} is disabled: no session and no token works.")


@router.post("/{user}/sign-ins/end", name="end_sign_ins_of")
def end_sessions_of(request: Request, user: Number, session: WritingDep, now: NowDep) -> Response:
    """End all sessions of a user."""
    row = _user(session, user)
    end_sign_ins(session, user, now=now)
    note(request, email=row.email)
    return after(f"/people/{user}", f"All sessions of {row.email} have ended.")


@router.post("/{user}/tokens/{token}/revoke", name="revoke_token_of")
def revoke_token_of(
    request: Request, user: Number, token: Number, session: WritingDep, now: NowDep
) -> Response:
    """Revoke a user's token."""
    row = _user(session, user)
    revoke_token(session, token, user=user, now=now)
    note(request, email=row.email)
    return after(f"/people/{user}", "The token is revoked.")


def _people(
    request: Request,
    session: Session,
    status: int = 200,
    *,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] = NEW_USER,
) -> Response:
    return show(
        request,
        "people/people.html",
        status=status,
        users=list_users(session),
        roles=ROLES,
        errors=errors or {},
        typed=typed,
    )


def _user(session: Session, user: int) -> UserRow:
    row = session.get(UserRow, user)
    if row is None:
        raise NotFound(f"user {user}")
    return row


def _role(said: str) -> Role:
    try:
        return Role(said)
    except ValueError:
        raise BadInput("This user cannot be added.", [Problem("role", "choose one")]) from None


def _number_of(users: Mapping[int | None, str], email: str) -> int:
    return next((user for user, known in users.items() if known == email and user), 0)


def _entry(row: JournalRow, users: Mapping[int | None, str]) -> Entry:
    return Entry(
        number=row.id or 0,
        at=row.at,
        who=users.get(row.user_id, "nobody signed in"),
        action=row.action.replace("_", " "),
        subject=row.subject,
        status=row.status,
        detail=json.loads(row.detail_json),
    )
