"""The same request sent again gets the first answer again (header `Idempotency-Key`)."""

import base64
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database import Database
from app.dependencies import caller_or_nobody
from app.errors import ProblemDocument
from app.tables import IdempotencyKeyRow, JobRow
from app.web.api import PREFIX
from app.web.group_commit import write_together
from app.web.process import is_gone, own_process

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
        caller = await _caller(scope)
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
            once = _job_id(scope, caller, key, digest)
            asked = _Asked(caller, key, digest, state.clock(), once)
            try:
                found = await write_together(database, _begin, asked)
            except IntegrityError:  # the same key came to another process at the same time
                found = _still_running()
            if isinstance(found, Response):
                return await found(scope, receive, send)
            scope.setdefault("state", {})["once"] = once
            answer = _Answer(send)
            try:
                await self.app(scope, _replay(body), answer.send)
            except BaseException:
                await write_together(database, _keep, (found, None))
                raise
            await write_together(database, _keep, (found, answer))
        return None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that came under a key; `once` is the id of the job that it may become."""

    caller: str
    key: str
    digest: str
    now: datetime
    once: str


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


def _begin(session: Session, asked: Sequence[_Asked]) -> list[int | Response]:
    """For each, the number of the row that waits for its answer, or the answer known already."""
    keys = {one.key for one in asked}
    query = select(IdempotencyKeyRow).where(col(IdempotencyKeyRow.key).in_(keys))
    known = {(row.caller, row.key): row for row in session.exec(query).all()}
    found: list[IdempotencyKeyRow | Response] = []
    for one in asked:
        row = known.get((one.caller, one.key))
        if row is None:
            row = IdempotencyKeyRow(
                caller=one.caller, key=one.key, request_sha256=one.digest, created_at=one.now
            )
        elif not _was_cut_off(session, row, one):
            found.append(_known(row, one.digest))
            continue
        row.request_sha256, row.created_at, row.process = one.digest, one.now, own_process()
        session.add(row)
        known[one.caller, one.key] = row
        found.append(row)
    session.flush()
    return [row if isinstance(row, Response) else row.id or 0 for row in found]


def _was_cut_off(session: Session, row: IdempotencyKeyRow, asked: _Asked) -> bool:
    """Whether the first request got no answer and never will, so that it may be made again.

    Its process may be gone, or its job have ended without it: that has the answer.
    """
    if row.status is not None or row.id is None:
        return False
    if asked.now - row.created_at > GIVEN_UP or is_gone(row.process):
        return True
    if row.request_sha256 != asked.digest:
        return False
    job = session.get(JobRow, asked.once)
    return job is not None and job.ended_at is not None


def _known(row: IdempotencyKeyRow, digest: str) -> Response:
    if row.request_sha256 != digest:
        what = "This Idempotency-Key was used for another request; choose a new one."
        return ProblemDocument(422, "key-used", what).as_answer()
    if row.status is None:
        return _still_running()
    headers = dict(json.loads(row.headers_json or "[]"))
    return Response(row.body or b"", row.status, headers=headers)


def _keep(session: Session, answers: Sequence[tuple[int, _Answer | None]]) -> list[None]:
    """Keep what was answered; forget a request that was not, or that may go better again."""
    forgotten = [
        number
        for number, one in answers
        if one is None or one.status >= FAULTS or one.status in NOT_KEPT
    ]
    kept = [
        {
            "id": number,
            "status": one.status,
            "body": one.body,
            "headers_json": json.dumps(one.headers),
        }
        for number, one in answers
        if one is not None and number not in forgotten
    ]
    if kept:
        session.execute(update(IdempotencyKeyRow), kept)
    if forgotten:
        session.execute(delete(IdempotencyKeyRow).where(col(IdempotencyKeyRow.id).in_(forgotten)))
    return [None] * len(answers)


def _job_id(scope: Scope, caller: str, key: str, digest: str) -> str:
    """The id of the job that a request under a key becomes; nobody without the site's key knows it.

    So the same request is one job, also where the site was stopped before it kept the answer.
    """
    said = json.dumps([caller, key, digest]).encode()
    secret: str = scope["app"].state.secret_key
    made = hmac.new(secret.encode(), said, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


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
        if body.tell() + len(piece) <= IN_MEMORY:
            body.write(piece)  # into memory
        else:
            await run_in_threadpool(body.write, piece)
        more = message.get("more_body", False)
    body.seek(0)
    return digest.hexdigest()


def _replay(body: "tempfile.SpooledTemporaryFile[bytes]") -> Receive:
    size = body.seek(0, os.SEEK_END)
    body.seek(0)

    async def receive() -> Message:
        # What is in memory needs no thread.
        piece = body.read() if size <= IN_MEMORY else await run_in_threadpool(body.read, IN_MEMORY)
        return {
            "type": "http.request",
            "body": piece,
            "more_body": size > IN_MEMORY and len(piece) == IN_MEMORY,
        }

    return receive


async def _caller(scope: Scope) -> str | None:
    """Who asks; a key belongs to a person, whichever token or browser they use."""
    caller = await caller_or_nobody(Request(scope))
    return None if caller is None else str(caller.user_id)


def _still_running() -> Response:
    what = "The first request with this key is still running."
    return ProblemDocument(409, "still-running", what).as_answer()
