"""The registry's database, SQLite by default.

Every transaction begins with BEGIN IMMEDIATE: a deferred one that turns from reading to writing
is refused as soon as another writes, and no time-out helps it.
"""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event

ROOT = Path(__file__).resolve().parent.parent
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
PATIENCE = 30  # seconds that a writer waits for another


def open_database(file: Path) -> Engine:
    """Open the registry in a SQLite file; `migrate` makes its tables."""
    # Built from its parts: in a text, `?` and `%` of the path would have a meaning.
    address = URL.create("sqlite", database=str(file))
    engine = create_engine(address, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest schema."""
    config = Config(ROOT / "alembic.ini")
    # Doubled, because the configuration takes a single % for the name of another option.
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not emit a BEGIN of its own
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
