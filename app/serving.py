"""Serve the site, with a worker beside it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from app.administration import opened, refuse_old_schema
from app.logs import configure_logs
from app.main import create_app
from app.settings import Settings
from experiments.report.html import warm_up

RESTART: Final = 1.0  # seconds before a worker that stopped is started again
GOODBYE: Final = 30.0  # seconds that a worker has to finish what it does


def serve(settings: Settings, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the site, with a worker beside it, until interrupted.

    Args:
        settings: Of the installation.
        host: Address to listen on.
        port: Where.
        say: Told where the site is.

    Raises:
        BadInput: The registry's schema is not the newest, or there is no secret key.
    """
    with opened(settings) as database:
        refuse_old_schema(database)
    configure_logs()
    app = create_app(settings)
    say(f"Pilotbook is at http://{host}:{port}; stop it with Ctrl-C.")
    threading.Thread(target=warm_up, daemon=True, name="first chart").start()
    with worker_beside(settings):
        uvicorn.run(
            app, host=host, port=port, log_level="warning", server_header=False, date_header=True
        )


@contextmanager
def worker_beside(settings: Settings) -> Iterator[None]:
    """A worker in a process of its own, started again should it stop.

    Its own process, so that pages stay quick while a file is taken in.
    """
    stop = threading.Event()
    keeper = threading.Thread(
        target=_keep_working, args=(settings, stop), name="keeper of the worker"
    )
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep_working(settings: Settings, stop: threading.Event) -> None:
    environment = {**os.environ, **settings.as_environment()}
    while not stop.is_set():
        # Ends by itself when its standard input closes, also where this process is killed.
        worker = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "work", "--until-input-closes"],
            stdin=subprocess.PIPE,
            env=environment,
        )
        while worker.poll() is None and not stop.wait(0.2):
            pass
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            worker.wait(GOODBYE if stop.is_set() else None)
        except subprocess.TimeoutExpired:
            worker.kill()  # its job is taken up again at the next start
            worker.wait()
        if not stop.is_set():
            time.sleep(RESTART)
