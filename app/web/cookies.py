"""The cookie of a signed-in browser; its signature says when it was last renewed."""

from datetime import datetime, timedelta
from typing import Final

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import Response

RENEWED_AFTER: Final = timedelta(minutes=5)


def cookie_name(request: Request) -> str:
    """Under https a name that browsers let no other host and no plain page set."""
    return "__Host-pilotbook" if request.url.scheme == "https" else "pilotbook"


def read_cookie(request: Request, *, key: str, idle: timedelta, now: datetime) -> str | None:
    """The secret that the browser carries; None where there is none, or it idled too long."""
    value = request.cookies.get(cookie_name(request))
    if value is None:
        return None
    try:
        secret, signed_at = TimestampSigner(key).unsign(value, return_timestamp=True)
    except BadSignature:
        return None
    if now - signed_at > idle:
        return None
    if now - signed_at > RENEWED_AFTER:
        request.state.renew = secret.decode()
    return secret.decode()


def set_cookie(request: Request, response: Response, secret: str, *, key: str) -> None:
    """Give the browser its secret, signed now; the server says when it ends."""
    response.set_cookie(
        cookie_name(request),
        TimestampSigner(key).sign(secret).decode(),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
        path="/",
    )


def clear_cookie(request: Request, response: Response) -> None:
    """Take the secret away."""
    response.delete_cookie(
        cookie_name(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
        path="/",
    )
