"""The commands that administer an installation."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from app.database import Database, migrations, open_database
from app.people.sign_ins import user_id
from app.people.tokens import DAYS, add_token
from app.people.users import add_user, find_user
from app.settings import Settings, utc_now
from app.tables import Role, TokenScope
from experiments.errors import BadInput


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
