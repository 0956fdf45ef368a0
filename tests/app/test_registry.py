"""The registry: migrations, transactions that lose nothing, numbers of batches."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, select

from app.batches import accept, complete_through, ledger_through, number_of, pending_batch
from app.database import ROOT, migrate, open_database
from app.stored import from_text, to_text
from app.tables import BatchKind, BatchRow, BatchState, EnrolmentRow, PilotRow
from experiments.behavior.accounts import Attribute
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.errors import BadInput

NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "registry.db")
    migrate(engine)
    yield engine
    engine.dispose()


def downgrade(engine: Engine) -> None:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")


def test_migrations_make_exactly_the_tables_of_the_code(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrations_can_be_undone_and_done_again(database: Engine) -> None:
    tables = set(inspect(database).get_table_names())
    assert tables >= {"pilots", "plans", "batches", "enrolments", "analyses"}
    downgrade(database)
    assert set(inspect(database).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    migrate(database)
    assert set(inspect(database).get_table_names()) == tables


def test_migrating_twice_changes_nothing(database: Engine) -> None:
    with Session(database) as session:
        session.add(PilotRow(slug="spring", created_at=NOW))
        session.commit()
    migrate(database)
    with Session(database) as session:
        assert session.exec(select(PilotRow)).one().slug == "spring"


def test_the_database_keeps_its_promises(database: Engine) -> None:
    with database.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_an_enrolment_needs_its_pilot(database: Engine) -> None:
    with Session(database) as session:
        session.add(EnrolmentRow(pilot_id=9, batch_no=9, fingerprint="f", receipt_json="{}"))
        with pytest.raises(IntegrityError):
            session.commit()


def test_eight_threads_that_read_and_write_lose_nothing(database: Engine) -> None:
    """Each adds 25 to a number that it reads first: 8 x 25 in the end."""
    with Session(database) as session:
        session.add(PilotRow(slug="0", created_at=NOW))
        session.commit()
    faults: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(25):
                with Session(database) as session:
                    row = session.exec(select(PilotRow)).one()
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
    with Session(database) as session:
        assert session.exec(select(PilotRow)).one().slug == "200"


def test_the_number_of_a_discarded_batch_is_never_given_again(
    database: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "b.csv"
    file.write_text("a\n1\n")
    numbers = []
    with Session(database) as session:
        for refused in (False, True, True, False):
            try:
                with pending_batch(session, kind=BatchKind.BEHAVIOR, path=file, now=NOW) as batch:
                    numbers.append(number_of(batch))
                    if refused:
                        raise BadInput("refused")
                    accept(session, batch, Attribute("a", "b", True))
            except BadInput:
                assert refused
        kept = session.exec(select(BatchRow.batch_no)).all()
        assert numbers == [1, 2, 3, 4]
        assert list(kept) == [1, 4]
        assert ledger_through(session) == 4


def test_a_pending_batch_does_not_count(database: Engine) -> None:
    with Session(database) as session:
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
        assert complete_through(session) == {"accepted": NOW.date()}


def test_a_receipt_is_read_back_as_it_was_stored() -> None:
    receipt = EnrolmentReceipt(
        batch_no=3, fingerprint="f", arms={"control": 1, "Łódź": 2}, counted=4, left_out=1,
        assigned=False, tier=None, attributes=(Attribute("age", "attribute_0", True),),
        last_enrolled_on=NOW.date(),
    )  # fmt: skip
    assert from_text(EnrolmentReceipt, to_text(receipt)) == receipt
