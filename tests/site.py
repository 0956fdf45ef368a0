"""A whole site for a test: registry, ledger, people of every role, and a worker."""

import copy
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fastapi import FastAPI
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner
from pydantic import SecretStr
from sqlmodel import select

from app.database import Database, migrate, open_database
from app.main import assemble, equip
from app.people.sign_ins import sign_in, user_id
from app.people.tokens import add_token
from app.settings import Settings
from app.tables import Role, TokenScope, UserRow
from app.work import open_worker

KEY: Final = "a secret key for tests, 32 characters or more"
ORIGIN: Final = "http://testserver"
NOW: Final = datetime(2026, 4, 1, 9, tzinfo=UTC)
PASSWORD: Final = "four words for a test"  # noqa: S105
# Of that password; hashing it for each user of each test would take most of the time.
HASHED: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$BCJNNzVI4PVDruEpgPZV2w$1qFa4A"
    "QfbJ64VhnKYYD9nsnpB297cvLAh2HUDddV18Y"
)
PEOPLE: Final = {
    "manager": Role.MANAGER,
    "colleague": Role.MANAGER,
    "analyst": Role.ANALYST,
    "executive": Role.EXECUTIVE,
    "director": Role.EXECUTIVE,
    "admin": Role.ADMIN,
}
EMAILS: Final = {"executive": "cfo@example.com"}  # the sponsor of the worked pilots


@dataclass
class Site:
    """A running site; `now` is its clock, which a test may set."""

    settings: Settings
    database: Database
    now: datetime = NOW
    users: dict[str, int] = field(default_factory=dict)
    app: FastAPI = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        # A copy has an installation of its own; the routes, which take a while, are shared.
        routes = copy.copy(_routes())
        self.app = equip(routes, self.settings, database=self.database, clock=self.clock)

    def clock(self) -> datetime:
        """The site's time."""
        return self.now

    def visitor(self) -> TestClient:
        """Somebody who is not signed in, with the headers that a browser sends."""
        client = TestClient(
            self.app,
            headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
        )
        return self._stack.enter_context(client)

    def browser(self, who: str) -> TestClient:
        """The browser of somebody of `PEOPLE`, signed in."""
        with self.database.writing() as session:
            user = session.get_one(UserRow, self.users[who])
            secret = sign_in(session, user, now=self.now)
            session.commit()
        client = self.visitor()
        client.cookies.set("pilotbook", TimestampSigner(KEY).sign(secret).decode())
        return client

    def script(self, who: str, scope: TokenScope = TokenScope.MANAGE) -> TestClient:
        """A script with a token of somebody of `PEOPLE`; its addresses begin at the contract's."""
        with self.database.writing() as session:
            _, secret = add_token(
                session, user=self.users[who], name="test", scope=scope, days=30, now=self.now
            )
            session.commit()
        client = TestClient(
            self.app,
            base_url=f"{ORIGIN}/api/v1",
            headers={"Authorization": f"Bearer {secret}"},
            follow_redirects=False,
        )
        return self._stack.enter_context(client)


@contextmanager
def open_site(
    folder: Path,
    *,
    database: Database | None = None,
    working: bool = True,
    ledger: str | None = None,
) -> Iterator[Site]:
    """A site in a folder, with its people and a worker; the registry is SQLite unless given.

    The ledger is in the folder too, unless it is at an address.
    """
    file = folder / "registry.db"
    if database is None and not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(_empty_registry().name) / "registry.db", file)
    registry = database or open_database(file)
    settings = Settings(
        ledger=ledger or folder / "ledger", files=folder / "files", secret_key=SecretStr(KEY)
    )
    site = Site(settings, registry, users=people_of(registry))
    stop = threading.Event()
    worker = open_worker(settings, registry, name="test", clock=site.clock)
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    if working:
        thread.start()
    try:
        with site._stack:
            yield site
    finally:
        stop.set()
        if working:
            thread.join()
        if database is None:
            registry.close()


@cache
def _routes() -> FastAPI:
    return assemble()


@cache
def _empty_registry() -> TemporaryDirectory[str]:
    """A folder with a registry of today's schema and its people, kept while the process lives.

    Migrating one for each test is slow.
    """
    folder = TemporaryDirectory(prefix="pilotbook-tests-")
    registry = open_database(Path(folder.name) / "registry.db")
    migrate(registry)
    people_of(registry)
    registry.close()
    return folder


def people_of(registry: Database) -> dict[str, int]:
    """The people of a registry by their names here; those who are missing are added."""
    found: dict[str, int] = {}
    with registry.writing() as session:
        for name, role in PEOPLE.items():
            email = EMAILS.get(name, f"{name}@example.com")
            user = session.exec(select(UserRow).where(UserRow.email == email)).first()
            if user is None:
                user = UserRow(
                    email=email,
                    role=role,
                    password_hash=HASHED,
                    created_at=NOW - timedelta(days=100),
                )
                session.add(user)
                session.flush()
            found[name] = user_id(user)
        session.commit()
    return found
