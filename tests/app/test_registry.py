"""The registry, on SQLite and on PostgreSQL: migrations, transactions that lose nothing."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from app.batches import accept, complete_through, ledger_through, number_of, pending_batch
from app.database import PATIENCE, Database, migrate, open_database, undo_migrations
from app.stored import from_text, to_text
from app.tables import (
    BatchKind,
    BatchRow,
    BatchState,
    EnrolmentRow,
    JobRow,
    PilotRow,
    SignatureRow,
    UserRow,
)
from app.tables.base import Table
from experiments.behavior.accounts import Attribute
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.errors import BadInput

NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def left_behind(database: Database) -> set[str]:
    """Tables, and on PostgreSQL types, sequences and functions too."""
    if database.writes.dialect.name == "sqlite":
        return set(inspect(database.writes).get_table_names())
    with database.writes.connect() as connection:
        names = connection.execute(
            text(
                "select relname from pg_class where relnamespace = 'public'::regnamespace union "
                "select typname from pg_type where typnamespace = 'public'::regnamespace union "
                "select proname from pg_proc where pronamespace = 'public'::regnamespace"
            )
        )
        return {str(name) for name in names.scalars()}


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.writes.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrations_keep_every_check_of_the_code(database: Database) -> None:
    """Alembic does not compare them."""
    found = inspect(database.writes)
    for table in SQLModel.metadata.sorted_tables:
        stored = {str(check["name"]) for check in found.get_check_constraints(table.name)}
        coded = {str(each.name) for each in table.constraints if type(each).__name__[:5] == "Check"}
        assert stored == coded


def test_migrations_can_be_undone_and_done_again(database: Database) -> None:
    before = left_behind(database)
    assert before >= {table.name for table in SQLModel.metadata.sorted_tables}
    undo_migrations(database)
    assert left_behind(database) <= {
        "alembic_version", "_alembic_version", "alembic_version_pkc", "sqlite_sequence",
    }  # fmt: skip
    migrate(database)
    assert left_behind(database) == before


def test_migrating_twice_changes_nothing(database: Database) -> None:
    with database.writing() as session:
        session.add(PilotRow(slug="spring", created_at=NOW))
        session.commit()
    migrate(database)
    with database.reading() as session:
        assert session.exec(select(PilotRow)).one().slug == "spring"


@ONLY_SQLITE
def test_sqlite_keeps_its_promises(database: Database) -> None:
    """Durable (synchronous = FULL is 2), with foreign keys, and patient: in milliseconds."""
    for engine in (database.writes, database.reads):
        with engine.connect() as connection:
            pragmas = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
            }
        assert pragmas == {
            "journal_mode": "wal", "foreign_keys": 1, "synchronous": 2,
            "busy_timeout": PATIENCE * 1000,
        }  # fmt: skip


def test_an_enrolment_needs_its_pilot(database: Database) -> None:
    with database.writing() as session:
        session.add(EnrolmentRow(pilot_id=9, batch_no=9, fingerprint="f", receipt_json="{}"))
        with pytest.raises(IntegrityError):
            session.commit()


@pytest.mark.parametrize(
    ("row", "check"),
    [
        (UserRow(email="a", role="king", password_hash="", created_at=NOW), "ck_users_role"),
        (
            BatchRow(kind="rumour", state="pending", file_name="", sha256="", received_at=NOW),
            "ck_batches_kind",
        ),
        (
            BatchRow(kind="behavior", state="lost", file_name="", sha256="", received_at=NOW),
            "ck_batches_state",
        ),
        (
            JobRow(
                id="1", kind="record", state="asleep", user_id=1, arguments_json="", created_at=NOW
            ),
            "ck_jobs_state",
        ),
        (
            SignatureRow(pilot_id=1, user_id=1, what="cheque", fingerprint="", signed_at=NOW),
            "ck_signatures_what",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_word_that_is_no_choice_is_refused(database: Database, row: Table, check: str) -> None:
    with database.writing() as session:
        session.add(type(row)(**row.model_dump()))
        with pytest.raises(IntegrityError, match=check):
            session.commit()


def test_eight_threads_that_read_and_write_lose_nothing(database: Database) -> None:
    """Each adds 50 to a number that it reads first: 8 x 50 in the end, and nobody hears of it.

    What is read to be changed is read `with_for_update()`: PostgreSQL then makes the others wait.
    """
    with database.writing() as session:
        session.add(PilotRow(slug="0", created_at=NOW))
        session.commit()
    faults: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(50):
                with database.writing() as session:
                    row = session.exec(select(PilotRow).with_for_update()).one()
                    row.slug = str(int(row.slug) + 1)
                    session.add(row)
                    session.commit()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with database.reading() as session:
        assert session.exec(select(PilotRow)).one().slug == "400"


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """It sees what was committed before, at once."""
    with database.writing() as session:
        session.add(PilotRow(slug="old", created_at=NOW))
        session.commit()
    with database.writing() as writer:
        writer.exec(select(PilotRow).with_for_update()).one().slug = "new"
        writer.flush()
        began = time.monotonic()
        with database.reading() as reader:
            assert reader.exec(select(PilotRow)).one().slug == "old"
        assert time.monotonic() - began < PATIENCE / 10
        writer.commit()
    with database.reading() as reader:
        assert reader.exec(select(PilotRow)).one().slug == "new"


def test_threads_may_make_the_tables_at_once(database: Database, database_url: str) -> None:
    """As the service and its workers do when they start together."""
    undo_migrations(database)
    faults: list[BaseException] = []
    together = threading.Barrier(6)

    def start() -> None:
        try:
            together.wait()
            opened = open_database(database_url)
            migrate(opened)
            opened.close()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_number_of_a_discarded_batch_is_never_given_again(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "b.csv"
    file.write_text("a\n1\n")
    numbers = []
    with database.writing() as session:
        for refused in (False, True, True, False):
            try:
                with pending_batch(session, kind=BatchKind.BEHAVIOR, path=file, now=NOW) as batch:
                    numbers.append(number_of(batch))
                    if refused:
                        raise BadInput("refused")
                    accept(session, batch, Attribute("a", "b", True))
            except BadInput:
                assert refused
        kept = session.exec(select(BatchRow).where(BatchRow.state == BatchState.ACCEPTED)).all()
        assert numbers == [1, 2, 3, 4]
        assert {batch.batch_no for batch in kept} == {1, 4}
        assert ledger_through(session) == 4


def test_a_pending_batch_does_not_count(database: Database) -> None:
    with database.writing() as session:
        assert ledger_through(session) == 0
        for state in (BatchState.ACCEPTED, BatchState.PENDING):
            session.add(
                BatchRow(
                    kind=BatchKind.BEHAVIOR, state=state, file_name="f", sha256="", received_at=NOW,
                    complete_through=NOW.date(), measures_json=f'["{state}"]',
                )
            )  # fmt: skip
            session.commit()
        assert ledger_through(session) == 1
        assert complete_through(session, through=2) == {"accepted": NOW.date()}


def test_a_receipt_is_read_back_as_it_was_stored() -> None:
    receipt = EnrolmentReceipt(
        batch_no=3, fingerprint="f", arms={"control": 1, "Łódź": 2}, counted=4, left_out=1,
        assigned=False, tier=None, attributes=(Attribute("age", "attribute_0", True),),
        last_enrolled_on=NOW.date(),
    )  # fmt: skip
    assert from_text(EnrolmentReceipt, to_text(receipt)) == receipt
