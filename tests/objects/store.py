"""An object store on loopback: moto's S3 server in a process of its own.

`python -m tests.objects.store` prints its port. What S3 promises and moto does not is added: a put
under a condition is one step. And a connection can be lost: after `PUT /-/lose?of=TEXT&when=before`
the next put to an address that holds the text is cut off, before or after it was stored.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

Environ = dict[str, Any]
Start = Callable[..., Any]
CONTROL = "/-/lose"


class Store:
    """The server's application."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = threading.Lock()
        self._lose: tuple[str, str] | None = None

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer a request."""
        if environ["PATH_INFO"] == CONTROL:
            asked = parse_qs(environ["QUERY_STRING"])
            self._lose = asked["of"][0], asked["when"][0]
            start("204 No Content", [])
            return []
        if environ["REQUEST_METHOD"] not in ("PUT", "POST"):
            return self._app(environ, start)  # type: ignore[no-any-return]
        with self._one_at_a_time:
            lost = self._lose if self._lose and self._lose[0] in environ["PATH_INFO"] else None
            if lost:
                self._lose = None
            if lost and lost[1] == "before":
                return self._cut(environ, start)
            answer = [*self._app(environ, lambda *_: None if lost else start(*_))]
            return self._cut(environ, start) if lost else answer

    @staticmethod
    def _cut(environ: Environ, start: Start) -> list[bytes]:
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start("500 Lost", [])
        return []


def lose_next_put(address: str, *, of: str, when: str) -> None:
    """Let the store at an address lose the connection of the next put to a path with a text."""
    url = f"{address}{CONTROL}?of={of}&when={when}"
    urlopen(Request(url, method="PUT")).close()  # noqa: S310 - our own server


@contextmanager
def running_store() -> Iterator[str]:
    """A store for as long as a block lasts; its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.objects.store"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


if __name__ == "__main__":
    opened = make_server("127.0.0.1", 0, Store(), threaded=True, request_handler=MotoRequestHandler)
    print(opened.port, flush=True)
    opened.serve_forever()
