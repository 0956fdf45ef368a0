"""The registry as files: exact, from one moment, from SQLite to PostgreSQL and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import SQLModel, select

from app.database import Database, open_database
from app.tables import (
    AnalysisRow,
    BatchRow,
    DataFileRow,
    IdempotencyKeyRow,
    JobRow,
    LookRow,
    PilotRow,
    UserRow,
)
from app.upkeep.registry_dump import (
    dump_registry,
    load_registry,
    rows_of,
    schema_of,
    snapshot,
)
from tests.postgres import fresh_database
from tests.site import HASHED

NOW = datetime(2026, 4, 1, 9, 30, 15, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
LARGE = st.integers(0, 2**63 - 1)


@contextmanager
def other_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty, migrated registry of a kind."""
    if kind == "sqlite":
        path = folder / "other.db"
        path.write_bytes(request.getfixturevalue("migrated_file").read_bytes())
        opened = open_database(path)
        yield opened
        opened.close()
    else:
        with fresh_database(request.getfixturevalue("postgres_url")) as address:
            opened = open_database(address)
            yield opened
            opened.close()


def filled(database: Database, **odd: Any) -> None:
    """Rows with every type of column; those before have to be there for those after."""
    user = UserRow(email="a@example.com", role="admin", password_hash=HASHED, created_at=NOW)
    pilot = PilotRow(slug="spring", owner_id=1, created_at=NOW, draft_json=odd.get("text", "{}"))
    batch = BatchRow(
        kind="behavior", state="accepted", file_name="f.csv", sha256="0", user_id=1,
        received_at=odd.get("moment", NOW), complete_through=odd.get("day"),
    )  # fmt: skip
    back = BatchRow(
        kind="reversal", state="accepted", file_name="f.csv", sha256="0", received_at=NOW,
        reverses=1, reason="wrong file",
    )  # fmt: skip
    key = IdempotencyKeyRow(
        caller="1", key="k", request_sha256="0", created_at=NOW, body=odd.get("bytes", b"")
    )
    job = JobRow(
        id="j", kind="record", state="done", user_id=1, arguments_json="{}", created_at=NOW,
        share_done=odd.get("share", 0.5),
    )  # fmt: skip
    file = DataFileRow(
        table_name="behavior", path="p", size=odd.get("large", 2**63 - 1), rows=1, sha256="0",
        added_in=1,
    )  # fmt: skip
    analysis = AnalysisRow(
        pilot_id=1, number=1, as_of=odd.get("day") or date(2026, 4, 1), ledger_through=1,
        status="proved", result_json="{}", report_json="{}", inputs_sha256="0", created_at=NOW,
    )  # fmt: skip
    look = LookRow(analysis_id=1, user_id=1, boundary=odd.get("share", 0.1))
    with database.writing() as session:
        for row in (user, pilot, batch, back, key, job, file, analysis, look):
            session.add(row)
            session.flush()
        session.commit()


def dumped(database: Database, folder: Path) -> dict[str, bytes]:
    """Each file of a dump."""
    folder.mkdir()
    with snapshot(database) as connection:
        dump_registry(connection, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_registry_moves_to_the_other_database_and_is_the_same(
    database: Database, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    filled(database, text="żółć — ☃", bytes=bytes(range(256)), share=0.1 + 0.2)
    first = dumped(database, tmp_path / "first")
    with other_database(kind, tmp_path, request) as other:
        with other.writes.begin() as connection:
            rows = load_registry(connection, tmp_path / "first")
        assert dumped(other, tmp_path / "second") == first
        with other.reading() as session:
            assert session.exec(select(BatchRow.received_at)).first() == NOW
    assert (rows["users"], rows["batches"], rows["looks"], rows["plans"]) == (1, 2, 1, 0)
    assert len(first) == len(SQLModel.metadata.tables) - 1  # leases are nobody's any more


def test_numbers_go_on_after_the_highest_and_are_never_given_twice(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    filled(database)
    dumped(database, tmp_path / "first")
    for kind in ("sqlite", "postgresql"):
        with other_database(kind, tmp_path, request) as other:
            with other.writes.begin() as connection:
                load_registry(connection, tmp_path / "first")
            with other.writing() as session:
                user = UserRow(email="b@e.com", role="admin", password_hash=HASHED, created_at=NOW)
                batch = BatchRow(
                    kind="behavior", state="pending", file_name="", sha256="", received_at=NOW
                )
                session.add_all([user, batch])
                session.commit()
                assert (user.id, batch.batch_no) == (2, 3)


@pytest.mark.live
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=TEXT,
    moment=MOMENTS,
    day=st.none() | st.dates(date(1900, 1, 1)),
    raw=st.binary(max_size=60),
    share=st.floats(allow_nan=False, allow_infinity=False),
    large=LARGE,
)
def test_every_value_comes_back_exactly(
    migrated_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    said: str,
    moment: datetime,
    day: date | None,
    raw: bytes,
    share: float,
    large: int,
) -> None:
    folder = tmp_path_factory.mktemp("dump")
    for name in ("one.db", "two.db"):
        (folder / name).write_bytes(migrated_file.read_bytes())
    one, two = open_database(folder / "one.db"), open_database(folder / "two.db")
    filled(one, text=said, moment=moment, day=day, bytes=raw, share=share, large=large)
    first = dumped(one, folder / "first")
    with two.writes.begin() as connection:
        load_registry(connection, folder / "first")
    assert dumped(two, folder / "second") == first
    with two.reading() as session:
        batch = session.get_one(BatchRow, 1)
        assert (batch.received_at, batch.complete_through) == (moment, day)
        assert session.exec(select(IdempotencyKeyRow.body)).one() == raw
        assert session.exec(select(LookRow.boundary)).one() == share
        assert session.exec(select(DataFileRow.size)).one() == large
        assert session.exec(select(PilotRow.draft_json)).one() == said
    one.close()
    two.close()


def test_a_dump_is_of_one_moment_however_much_is_written_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    filled(database)
    with snapshot(database) as connection:
        assert schema_of(connection) is not None  # the first question fixes the moment
        with database.writing() as session:
            session.execute(text("UPDATE users SET email = 'later@example.com'"))
            session.commit()
        dump_registry(connection, tmp_path)
    assert [row["email"] for row in rows_of(tmp_path, "users")] == ["a@example.com"]


def test_two_dumps_of_the_same_rows_are_the_same_bytes(database: Database, tmp_path: Path) -> None:
    filled(database)
    assert dumped(database, tmp_path / "first") == dumped(database, tmp_path / "second")
