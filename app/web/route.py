"""Routes that write the journal and keep a browser's cookie fresh."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from sqlmodel import Session

from app.database import Database
from app.errors import problem_of
from app.people.caller import Caller
from app.people.journal import Entry, write_entries
from app.web.cookies import set_cookie
from app.web.group_commit import write_together
from app.web.same_origin import SAFE


class BookRoute(APIRoute):
    """A route of Pilotbook: each change and each refusal becomes an entry of the journal."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the journal around it."""
        handle = super().get_route_handler()

        async def handle_and_write(request: Request) -> Response:
            unsafe = request.method not in SAFE
            try:
                response = await handle(request)
            except Exception as error:
                if unsafe:
                    status = problem_of(error).status
                    await _write(request, self.name, status, failed=True)
                raise
            if unsafe:
                status = response.status_code
                await _write(request, self.name, status, failed=False)
            renew = getattr(request.state, "renew", None)
            if renew is not None and "set-cookie" not in response.headers:
                set_cookie(request, response, renew, key=request.app.state.secret_key)
            return response

        return handle_and_write


def note(request: Request, **detail: object) -> None:
    """Say in the journal what was before, what is after, or why."""
    request.state.journal = {**getattr(request.state, "journal", {}), **detail}


async def _write(request: Request, action: str, status: int, *, failed: bool) -> None:
    own: Session | None = getattr(request.state, "writing", None)
    if own is not None:
        # On SQLite one transaction writes at a time; the request's own is still open here.
        await run_in_threadpool(own.rollback if failed else own.commit)
    caller: Caller | None = getattr(request.state, "caller", None)
    database: Database = request.app.state.database
    entry = Entry(
        at=request.app.state.clock(),
        user=caller.user_id if caller else None,
        action=action,
        subject=" ".join(f"{key}={value}" for key, value in request.path_params.items()),
        status=status,
        detail=getattr(request.state, "journal", {}),
    )
    await write_together(database, write_entries, entry)
