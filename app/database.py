"""The registry's database: SQLite by default, PostgreSQL in production.

On SQLite a writing transaction begins with BEGIN IMMEDIATE: a deferred one that turns from reading
to writing is refused as soon as another writes, and no time-out helps it. Reading transactions are
deferred, so that they wait for nobody.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlmodel import Session

ROOT: Final = Path(__file__).resolve().parent.parent
PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
PATIENCE: Final = 30  # seconds that a writer waits for another
CONNECTIONS: Final = 8
MIGRATING: Final = 7_208_410  # names the PostgreSQL lock under which tables are made


@dataclass(frozen=True, slots=True)
class Database:
    """The registry, opened for writing and for reading.

    Attributes:
        writes: Its transactions change the registry, one at a time on SQLite.
        reads: Its transactions only read.
    """

    writes: Engine
    reads: Engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that may write; whoever writes commits."""
        with Session(self.writes, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads."""
        with Session(self.reads, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.writes.dispose()
        self.reads.dispose()


def open_database(address: str | Path) -> Database:
    """Open the registry at an address, or in a SQLite file; `migrate` makes its tables."""
    if isinstance(address, Path):
        # Built from its parts: in a text, `?` and `%` of the path would have a meaning.
        url = URL.create("sqlite", database=str(address))
    else:
        url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return Database(
            _sqlite(url, begin="BEGIN IMMEDIATE", pragmas=PRAGMAS),
            _sqlite(url, begin="BEGIN", pragmas=(*PRAGMAS, "query_only=ON")),
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), pool_size=CONNECTIONS, pool_pre_ping=True
    )
    return Database(engine, engine)


def migrate(database: Database, *, to: str = "head") -> None:
    """Bring the tables to a schema, the newest unless told otherwise."""
    with database.writes.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Processes that start together would make the same tables; SQLite has one writer.
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({MIGRATING})")
        command.upgrade(migrations(connection), to)


def undo_migrations(database: Database, *, to: str = "base") -> None:
    """Bring the tables back to an earlier schema."""
    with database.writes.begin() as connection:
        command.downgrade(migrations(connection), to)


def migrations(connection: Connection) -> Config:
    """How Alembic finds the migrations, and runs them over a connection."""
    config = Config(ROOT / "alembic.ini")
    # Doubled, because the configuration takes a single % for the name of another option.
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _sqlite(url: URL, *, begin: str, pragmas: Sequence[str]) -> Engine:
    if url.database not in (None, "", ":memory:"):
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": PATIENCE, "check_same_thread": False},
        pool_size=CONNECTIONS,
    )
    event.listen(engine, "connect", lambda connection, _: _set_up(connection, pragmas))
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _set_up(connection: Any, pragmas: Sequence[str]) -> None:
    connection.isolation_level = None  # the driver must not emit a BEGIN of its own
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
