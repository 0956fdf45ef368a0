"""The same request sent again gets the first answer again (header `Idempotency-Key`)."""

import hashlib
import hmac
import json
import tempfile
from datetime import datetime, timedelta
from typing import Final

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database import Database
from app.dependencies import caller_or_nobody
from app.errors import ProblemDocument
from app.tables import IdempotencyKeyRow
from app.web.api import PREFIX

IN_MEMORY: Final = 1024**2  # bytes of a body, above which it waits on disk
LONGEST_KEY: Final = 255
GIVEN_UP: Final = timedelta(minutes=5)  # after which a request without an answer was cut off
# Answers that say nothing of the request itself: the next try may go better.
NOT_KEPT: Final = frozenset({401, 403, 409, 429})
FAULTS: Final = 500


class Idempotency:
    """Middleware that keeps answers to POST under the caller's key."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        key = headers.get("idempotency-key")
        if key is None or not scope["path"].startswith(PREFIX):
            return await self.app(scope, receive, send)
        # Who may not come in any more, may not have an old answer either: the route refuses them.
        caller = await run_in_threadpool(_caller, scope)
        if caller is None:
            return await self.app(scope, receive, send)
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            what = f"Idempotency-Key must be 1 to {LONGEST_KEY} characters."
            refused = ProblemDocument(422, "bad-input", what).as_answer()
            return await refused(scope, receive, send)
        return await self._once(scope, receive, send, key=key, caller=caller)

    async def _once(
        self, scope: Scope, receive: Receive, send: Send, *, key: str, caller: str
    ) -> None:
        state = scope["app"].state
        database: Database = state.database
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            digest = await _spool(scope, receive, body)
            found = await run_in_threadpool(
                _begin, database, caller=caller, key=key, digest=digest, now=state.clock()
            )
            if isinstance(found, Response):
                return await found(scope, receive, send)
            answer = _Answer(send)
            try:
                await self.app(scope, _replay(body), answer.send)
            except BaseException:
                await run_in_threadpool(_forget, database, found)
                raise
            await run_in_threadpool(_keep, database, found, answer)
        return None


class _Answer:
    """What was answered, on its way to the caller."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = FAULTS
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name.lower() in (b"content-type", b"location", b"pilotbook-repeated")
            ]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        await self._send(message)


def _begin(
    database: Database, *, caller: str, key: str, digest: str, now: datetime
) -> int | Response:
    """Number of the row that waits for the answer, or the answer that is known already."""
    with database.writing() as session:
        row = _row(session, caller=caller, key=key)
        if row is not None and row.status is None and now - row.created_at > GIVEN_UP:
            session.delete(row)
            session.flush()
            row = None
        if row is not None:
            return _known(row, digest)
        row = IdempotencyKeyRow(caller=caller, key=key, request_sha256=digest, created_at=now)
        session.add(row)
        try:
            session.commit()
        except IntegrityError:  # the same key came twice at the same time
            return _still_running()
        return row.id or 0


def _row(session: Session, *, caller: str, key: str) -> IdempotencyKeyRow | None:
    query = select(IdempotencyKeyRow).where(
        IdempotencyKeyRow.caller == caller, IdempotencyKeyRow.key == key
    )
    return session.exec(query).first()


def _known(row: IdempotencyKeyRow, digest: str) -> Response:
    if row.request_sha256 != digest:
        what = "This Idempotency-Key was used for another request; choose a new one."
        return ProblemDocument(422, "key-used", what).as_answer()
    if row.status is None:
        return _still_running()
    headers = dict(json.loads(row.headers_json or "[]"))
    return Response(row.body or b"", row.status, headers=headers)


def _keep(database: Database, number: int, answer: _Answer) -> None:
    if answer.status >= FAULTS or answer.status in NOT_KEPT:
        return _forget(database, number)
    with database.writing() as session:
        row = session.get(IdempotencyKeyRow, number)
        if row is not None:
            row.status, row.body = answer.status, answer.body
            row.headers_json = json.dumps(answer.headers)
            session.add(row)
            session.commit()
    return None


def _forget(database: Database, number: int) -> None:
    with database.writing() as session:
        row = session.get(IdempotencyKeyRow, number)
        if row is not None:
            session.delete(row)
            session.commit()


async def _spool(
    scope: Scope, receive: Receive, body: "tempfile.SpooledTemporaryFile[bytes]"
) -> str:
    """Write the body down; its hash covers what is asked and where."""
    headers = Headers(scope=scope)
    # Without the parameters: the boundary of a form is another one each time.
    kind = headers.get("content-type", "").partition(";")[0]
    asked = f"{scope['path']}?{scope['query_string'].decode('latin-1')} {kind}\n"
    # With the site's key: a body may hold a password, which nobody must try from its digest.
    digest = hmac.new(scope["app"].state.secret_key.encode(), asked.encode(), hashlib.sha256)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        piece = message.get("body", b"")
        digest.update(piece)
        await run_in_threadpool(body.write, piece)
        more = message.get("more_body", False)
    body.seek(0)
    return digest.hexdigest()


def _replay(body: "tempfile.SpooledTemporaryFile[bytes]") -> Receive:
    async def receive() -> Message:
        piece = await run_in_threadpool(body.read, IN_MEMORY)
        return {"type": "http.request", "body": piece, "more_body": len(piece) == IN_MEMORY}

    return receive


def _caller(scope: Scope) -> str | None:
    """Who asks; a key belongs to a person, whichever token or browser they use."""
    request = Request(scope)
    state = scope["app"].state
    caller = caller_or_nobody(request, state.database, state.clock())
    return None if caller is None else str(caller.user_id)


def _still_running() -> Response:
    what = "The first request with this key is still running."
    return ProblemDocument(409, "still-running", what).as_answer()
