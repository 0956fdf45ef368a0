"""Nobody else's page can make a signed-in browser change anything.

A request that changes something and is not made with a token must say, in headers that no script
can forge (Sec-Fetch-Site, Origin), that a page of this site sent it. A browser always says so.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ProblemDocument

_log = structlog.get_logger()
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_same_origin(headers: Headers) -> bool:
    """Whether a page of this site sent the request; no header at all says no."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    if site is not None and site != "same-origin":
        return False
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


class SameOrigin:
    """Middleware that refuses what another site's page sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "http" and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            # A token is never sent by a browser of its own accord, so it needs no such proof; a
            # call without either is nobody's, and is told so by its route.
            nobody = scope["path"].startswith("/api/") and "cookie" not in headers
            if "authorization" not in headers and not nobody and not is_same_origin(headers):
                _log.warning("cross-site request refused", path=scope["path"])
                what = "Only a page of this site may ask for that; a script needs a token."
                refused = ProblemDocument(HTTPStatus.FORBIDDEN, "cross-site", what)
                await refused.as_answer()(scope, receive, send)
                return
        await self.app(scope, receive, send)
