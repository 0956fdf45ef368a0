"""Sign in and out."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.dependencies import (
    CallerDep,
    NowDep,
    VisitorDep,
    WritingDep,
    allow,
    public,
)
from app.people.caller import Caller
from app.people.guessing import guessing_of
from app.people.rights import Right
from app.people.sign_ins import (
    check_password,
    end_sign_ins,
    sign_in,
    user_id,
)
from app.people.users import find_user
from app.refusals import TooManyTries
from app.tables import Role
from app.web.cookies import clear_cookie, set_cookie
from app.web.forms import Said, after
from app.web.pages import show
from app.web.route import BookRoute, note
from experiments.errors import BadInput

HOME: Final = "/pilots"

router = APIRouter(route_class=BookRoute)


@router.get("/sign-in", dependencies=[public])
def sign_in_page(
    request: Request, caller: VisitorDep, target: Annotated[str, Query(alias="next")] = ""
) -> Response:
    """Ask for e-mail address and password."""
    if caller is not None:
        return RedirectResponse(path_of_this_site(target), 303)
    return _ask(request, email="", target=target)


@router.post("/sign-in", name="sign_in", dependencies=[public])
def begin_session(
    request: Request,
    *,
    caller: VisitorDep,
    session: WritingDep,
    now: NowDep,
    email: Said = "",
    password: Said = "",
    target: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Begin a session under a new secret; whatever session the browser had before ends."""
    guessing = guessing_of(request)
    try:
        guessing.count(request, email)
        user = check_password(session, email=email, password=password)
    except TooManyTries as error:
        answer = _ask(request, email=email, target=target, wrong=str(error), status=429)
        answer.headers["Retry-After"] = "60"
        return answer
    except BadInput as error:
        guessing.was_wrong(request)
        known = find_user(session, email)
        # Only addresses of users: what others type there may be a password.
        note(request, email=known.email if known else "unknown")
        return _ask(request, email=email, target=target, wrong=error.what, status=422)
    guessing.was_right(request, email)
    if caller is not None:
        end_sign_ins(session, caller.user_id, now=now, only=caller.sign_in_id)
    secret = sign_in(session, user, now=now)
    request.state.caller = Caller(user_id(user), user.email, Role(user.role))
    response = RedirectResponse(path_of_this_site(target), 303)
    set_cookie(request, response, secret, key=request.app.state.secret_key)
    return response


@router.post("/sign-out", name="sign_out", dependencies=[allow(Right.OWN_ACCOUNT)])
def end_session(request: Request, caller: CallerDep, session: WritingDep, now: NowDep) -> Response:
    """End this browser's session."""
    if caller.sign_in_id is not None:
        end_sign_ins(session, caller.user_id, now=now, only=caller.sign_in_id)
    response = after("/sign-in", "You are signed out.")
    clear_cookie(request, response)
    return response


def path_of_this_site(said: str) -> str:
    """Where to go after signing in: a path of this site, or the list of pilots.

    Example:
        >>> path_of_this_site("/pilots/spring"), path_of_this_site("//elsewhere.example")
        ('/pilots/spring', '/pilots')
    """
    # Browsers read a backslash as a slash, and pass over control characters.
    plain = said.isprintable() and "\\" not in said and " " not in said
    if not plain or not said.startswith("/") or said.startswith("//"):
        return HOME
    return said if said != "/sign-in" else HOME


def _ask(
    request: Request, *, email: str, target: str, wrong: str = "", status: int = 200
) -> Response:
    return show(
        request,
        "people/sign_in.html",
        status=status,
        email=email,
        target=path_of_this_site(target) if target else "",
        errors={"password": wrong} if wrong else {},
    )
