"""One's own account: password, tokens, open sessions."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from app.dependencies import CallerDep, NowDep, Number, ReadingDep, WritingDep, allow
from app.people.guessing import guessing_of
from app.people.rights import Right
from app.people.sign_ins import end_sign_ins, open_sign_ins
from app.people.tokens import DAYS, LONGEST_DAYS, add_token, revoke_token, tokens_of
from app.people.users import change_password
from app.refusals import TooManyTries
from app.tables import TokenScope
from app.web.forms import Said, after, errors_of
from app.web.pages import show
from app.web.route import BookRoute, note
from experiments.errors import BadInput, Problem

LABELS: Final = {
    "password": "New password",
    "old_password": "Present password",
    "name": "Name",
    "days": "Days",
    "scope": "What it may do",
}
SCOPES: Final = (
    (TokenScope.READ.value, "Read", "Whatever you may look at."),
    (TokenScope.RECORD.value, "Read and record", "Also send behavior and add measures."),
    (
        TokenScope.MANAGE.value,
        "Whatever you may do",
        "Except changing your account, or administering people.",
    ),
)
NEW_TOKEN: Final = {"name": "", "scope": TokenScope.READ.value, "days": str(DAYS)}

router = APIRouter(route_class=BookRoute, dependencies=[allow(Right.OWN_ACCOUNT)])


@router.get("/account")
def account_page(request: Request, caller: CallerDep, session: ReadingDep, now: NowDep) -> Response:
    """The account of whoever asks."""
    return _page(request, caller, session, now)


@router.post("/account/password", name="change_password")
def change_own_password(
    request: Request,
    *,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    old_password: Said = "",
    password: Said = "",
) -> Response:
    """Change the own password, which ends all other sessions."""
    guessing = guessing_of(request)
    try:
        guessing.count(request, caller.email)
        change_password(
            session,
            email=caller.email,
            old=old_password,
            new=password,
            keep_sign_in=caller.sign_in_id,
            now=now,
        )
    except TooManyTries as error:
        errors = {"old_password": str(error)}
        return _page(request, caller, session, now, status=429, errors=errors)
    except BadInput as error:
        errors = errors_of(error, LABELS)
        if "old_password" in errors:
            guessing.was_wrong(request)
        else:
            guessing.was_right(request, caller.email)
        return _page(request, caller, session, now, status=422, errors=errors)
    guessing.was_right(request, caller.email)
    return after("/account", "Your password is changed, and all your other sessions have ended.")


@router.post("/account/tokens", name="add_token")
def add_own_token(
    request: Request,
    *,
    caller: CallerDep,
    session: WritingDep,
    now: NowDep,
    name: Said = "",
    scope: Said = "",
    days: Said = "",
) -> Response:
    """Make a token, and show its secret this once."""
    try:
        token, secret = add_token(
            session,
            user=caller.user_id,
            name=name,
            scope=_scope(scope),
            days=_days(days),
            now=now,
        )
    except BadInput as error:
        typed = {"name": name, "scope": scope, "days": days}
        errors = errors_of(error, LABELS)
        return _page(request, caller, session, now, status=422, errors=errors, typed=typed)
    session.flush()
    note(request, name=token.name, scope=scope, expires_at=token.expires_at.isoformat())
    return _page(request, caller, session, now, secret=secret)


@router.post("/account/tokens/{token}/revoke", name="revoke_token")
def revoke_own_token(
    token: Number, caller: CallerDep, session: WritingDep, now: NowDep
) -> Response:
    """Revoke one of the own tokens."""
    revoke_token(session, token, user=caller.user_id, now=now)
    return after("/account", "The token is revoked; whatever uses it is refused from now on.")


@router.post("/account/sign-ins/end", name="end_sign_ins")
def end_other_sessions(caller: CallerDep, session: WritingDep, now: NowDep) -> Response:
    """End all own sessions but this."""
    end_sign_ins(session, caller.user_id, now=now, but=caller.sign_in_id)
    return after("/account", "All your other sessions have ended.")


@router.post("/account/sign-ins/{number}/end", name="end_sign_in")
def end_own_session(
    number: Number, caller: CallerDep, session: WritingDep, now: NowDep
) -> Response:
    """End one of the own sessions."""
    end_sign_ins(session, caller.user_id, now=now, only=number)
    return after("/account", "That session has ended.")


def _page(
    request: Request,
    caller: CallerDep,
    session: Session,
    now: NowDep,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] = NEW_TOKEN,
    secret: str = "",
) -> Response:
    return show(
        request,
        "people/account.html",
        status=status,
        tokens=tokens_of(session, caller.user_id),
        sign_ins=open_sign_ins(session, caller.user_id, now=now),
        own_sign_in=caller.sign_in_id,
        now=now,
        scopes=SCOPES,
        longest_days=LONGEST_DAYS,
        site=str(request.base_url).rstrip("/"),
        errors=errors or {},
        typed=typed,
        secret=secret,
    )


def _scope(said: str) -> TokenScope:
    try:
        return TokenScope(said)
    except ValueError:
        raise BadInput("A token needs a scope.", [Problem("scope", "choose one")]) from None


def _days(said: str) -> int:
    try:
        return int(said)
    except ValueError:
        raise BadInput(
            "A token ends some day.", [Problem("days", f"{said!r} is no number of days")]
        ) from None
