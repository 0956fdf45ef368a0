"""The commands that run and administer an installation."""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from app.database import Database, migrations, open_database
from app.main import create_app
from app.people.sign_ins import user_id
from app.people.tokens import DAYS, add_token
from app.people.users import add_user, find_user
from app.settings import Settings, utc_now
from app.tables import Role, TokenScope
from experiments.errors import BadInput

RESTART: Final = 1.0  # seconds before a worker that stopped is started again
GOODBYE: Final = 30.0  # seconds that a worker has to finish what it does


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve the site, with a worker beside it, until interrupted.

    Raises:
        BadInput: The registry's schema is not the newest.
    """
    with opened(settings) as database:
        refuse_old_schema(database)
    app = create_app(settings)
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


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The registry of an installation."""
    database = open_database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


def refuse_old_schema(database: Database) -> None:
    """Stop where the registry's tables are not those of this version.

    Raises:
        BadInput: Says how to migrate.
    """
    with database.writes.connect() as connection:
        script = ScriptDirectory.from_config(migrations(connection))
        current = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
    if current != script.get_current_head():
        raise BadInput(
            "The registry's tables are not those of this version of Pilotbook; make a backup, "
            "then run `pilotbook migrate`."
        )


def new_user(settings: Settings, *, email: str, role: Role, password: str) -> None:
    """Add a user.

    Raises:
        BadInput: The address is taken or none, or the password is too weak.
    """
    with opened(settings) as database, database.writing() as session:
        add_user(session, email=email, role=role, password=password, now=utc_now())
        session.commit()


def new_token(settings: Settings, *, email: str, scope: TokenScope, name: str) -> str:
    """Add a token for a user, and return its secret.

    Raises:
        BadInput: There is no such user.
    """
    with opened(settings) as database, database.writing() as session:
        user = find_user(session, email)
        if user is None or user.disabled_at is not None:
            raise BadInput(f"There is no user {email!r} who may sign in; add one first.")
        _, secret = add_token(
            session, user=user_id(user), name=name, scope=scope, days=DAYS, now=utc_now()
        )
        session.commit()
    return secret


def with_secret_key(settings: Settings) -> Settings:
    """The settings with a key made for this run alone, after which everybody signs in again."""
    return settings.model_copy(update={"secret_key": SecretStr(secrets.token_urlsafe(32))})
