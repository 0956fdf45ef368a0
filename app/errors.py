"""What went wrong, as an answer: the only place that knows status codes.

Under `/api/` an error is a problem document (RFC 9457), elsewhere a page.
"""

import errno
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app import refusals
from app.jobs.service import WorkerStopped
from app.web.pages import show
from experiments.errors import (
    BadFile,
    BadInput,
    DamagedLedger,
    MissingMeasure,
    NotSupported,
    PilotError,
)

Json = dict[str, Any]
STATUSES: Final[Mapping[type[PilotError], tuple[int, str]]] = {
    refusals.NotFound: (404, "not-found"),
    refusals.NotSignedIn: (401, "not-signed-in"),
    refusals.NotAllowed: (403, "not-allowed"),
    refusals.OutcomesVeiled: (409, "outcomes-veiled"),
    refusals.NotNow: (409, "not-now"),
    refusals.Stale: (412, "stale"),
    refusals.WrongType: (415, "wrong-type"),
    refusals.TooLarge: (413, "too-large"),
    refusals.TooManyTries: (429, "too-many-tries"),
    refusals.NoRoom: (507, "no-room"),
    WorkerStopped: (500, "worker-stopped"),
    DamagedLedger: (503, "damaged-ledger"),
    MissingMeasure: (422, "missing-measure"),
    NotSupported: (422, "not-supported"),
    BadInput: (422, "bad-input"),
    PilotError: (422, "bad-input"),
}
PROBLEM_TYPE: Final = "application/problem+json"
POSTGRES_FULL: Final = "53100"  # disk_full, in PostgreSQL's table of error codes
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """An error as RFC 9457 writes it.

    Attributes:
        status: HTTP status.
        name: Short name, last part of the problem's type.
        detail: What happened, where, and what to do.
        errors: Each thing that is wrong: `field`, or `line`, `column` and `value`, with `reason`.
        more: Further members.
    """

    status: int
    name: str
    detail: str
    errors: tuple[Json, ...] = ()
    more: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """The document."""
        document: Json = {
            "type": f"urn:pilotbook:problem:{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return document

    def as_answer(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The document as an answer."""
        return JSONResponse(self.as_json(), self.status, dict(headers or {}), PROBLEM_TYPE)


def problem_of(error: Exception) -> ProblemDocument:
    """The problem document of an error; a fault of Pilotbook's own tells nothing of itself."""
    if isinstance(error, PilotError):
        kinds = type(error).__mro__
        status, name = next(STATUSES[kind] for kind in kinds if kind in STATUSES)
        what = error.what if isinstance(error, BadInput) else str(error)
        return ProblemDocument(status, name, what, _places(error), _more(error))
    if _is_full_disk(error):
        return ProblemDocument(507, "no-room", "The disk is full, so that nothing was kept.")
    if isinstance(error, RequestValidationError):
        errors = tuple(
            {"field": ".".join(str(part) for part in said["loc"]), "reason": said["msg"]}
            for said in error.errors()
        )
        return ProblemDocument(422, "bad-input", "The request cannot be read.", errors)
    if isinstance(error, HTTPException):
        return ProblemDocument(error.status_code, _name(error.status_code), str(error.detail))
    return ProblemDocument(
        500, "fault", "Pilotbook has a fault. It was written down; please report its number."
    )


def _is_full_disk(error: Exception) -> bool:
    """Whether there was no room for a file, or for what the registry writes."""
    if isinstance(error, DBAPIError):
        full = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return full or getattr(error.orig, "sqlstate", None) == POSTGRES_FULL
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def answer_of(request: Request, error: Exception) -> Response:
    """The answer that an error becomes."""
    problem = problem_of(error)
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.name == "fault":
        number = uuid.uuid4().hex
        problem.more["number"] = number
        _log.error("fault", number=number, path=request.url.path, exc_info=error)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_of(request))
    if request.url.path.startswith("/api/"):
        if problem.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return problem.as_answer(headers)
    if isinstance(error, refusals.NotSignedIn):
        return _to_sign_in(request)
    return show(request, "error.html", status=problem.status, headers=headers, problem=problem)


def install(app: FastAPI) -> None:
    """Make the application answer errors in this way."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer_of(request, error)

    for kind in (PilotError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, handle)

    async def unheard(request: Request, error: Exception) -> Response:
        # A page that saves while it is typed is often left in the middle of it: that is no fault.
        return Response(status_code=HTTPStatus.BAD_REQUEST)

    app.add_exception_handler(ClientDisconnect, unheard)


def _to_sign_in(request: Request) -> Response:
    path = request.url.path if request.method == "GET" else "/"
    target = str(request.url_for("sign_in_page").include_query_params(next=path))
    if request.headers.get("HX-Request"):
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": target})
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)


def _methods_of(request: Request) -> list[str]:
    """What may be done with an address; each of its routes knows of its own method alone."""
    found = set()
    for route in iter_route_contexts(request.app.routes):
        fits = getattr(route, "path_regex", None)
        if fits is not None and fits.match(request.url.path):
            found |= route.methods or set()
    return sorted(found)


def _places(error: PilotError) -> tuple[Json, ...]:
    if not isinstance(error, BadInput):
        return ()
    rejects = error.rejects if isinstance(error, BadFile) else ()
    others = error.problems[: len(error.problems) - len(rejects)]
    return (
        *({"field": problem.where, "reason": problem.what} for problem in others),
        *(
            {
                "line": reject.line,
                "column": reject.column,
                "value": reject.value,
                "reason": reject.reason,
            }
            for reject in rejects
        ),
    )


def _more(error: PilotError) -> Json:
    if isinstance(error, refusals.OutcomesVeiled):
        until = error.visible_from
        return {"visible_from": until.isoformat() if until else None}
    return {}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "-")
