"""The scrub: every damaged file is named, and nothing else."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from app.confirming import refuse_damaged
from app.database import Database
from app.tables import UpkeepRow
from app.upkeep.scrub import last_scrub, look_at_logs, scrub
from experiments.errors import DamagedLedger
from experiments.ledger.ledger import Ledger
from tests.app.upkeep.care import append_confirmed, clock, registry


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    with registry(migrated_file, tmp_path) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def test_a_whole_ledger_passes(database: Database, ledger: Ledger) -> None:
    for batch_no in (1, 2):
        append_confirmed(database, ledger, [1], batch_no=batch_no)
    assert scrub(database, ledger, clock=clock).files == 2
    with database.reading() as session:
        last = last_scrub(session)
        assert last is not None
        assert last.problem is None


def test_one_flipped_bit_is_found_in_each_of_twenty_files(
    database: Database, ledger: Ledger
) -> None:
    for batch_no in range(1, 26):
        append_confirmed(database, ledger, range(50), batch_no=batch_no)
    files = sorted((ledger.root / "behavior").rglob("*.parquet"))
    rng = random.Random(7)  # noqa: S311 - which files and bits, not a secret
    damaged = rng.sample(files, 20)
    for file in damaged:
        content = bytearray(file.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    with pytest.raises(DamagedLedger) as caught:
        scrub(database, ledger, clock=clock)
    named = {damage.split()[0] for damage in caught.value.damages}
    assert named == {str(file.relative_to(ledger.root)) for file in damaged}
    with database.reading() as session:
        [row] = session.exec(select(UpkeepRow)).all()
        assert row.problem is not None
        assert "is not what was written" in row.problem


def test_a_missing_file_and_a_changed_entry_are_named(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    append_confirmed(database, ledger, [2], batch_no=2)
    gone = min((ledger.root / "behavior").rglob("*.parquet"))
    gone.unlink()
    entry = ledger.root / "behavior" / "_delta_log" / f"{1:020}.json"
    entry.write_text(entry.read_text().replace("dataChange", "datachange"))
    with pytest.raises(DamagedLedger) as caught:
        scrub(database, ledger, clock=clock)
    said = " ".join(caught.value.damages)
    assert f"{gone.name} is missing" in said
    assert entry.name in said


def test_a_scrub_that_is_called_off_ends_without_a_word(database: Database, ledger: Ledger) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    assert scrub(database, ledger, clock=clock, is_over=lambda: True).files == 0


def test_nothing_is_read_from_a_damaged_ledger_until_a_scrub_finds_it_whole(
    database: Database, ledger: Ledger
) -> None:
    append_confirmed(database, ledger, [1], batch_no=1)
    [file] = (ledger.root / "behavior").rglob("part-*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[::-1])
    with pytest.raises(DamagedLedger):
        scrub(database, ledger, clock=clock)
    with database.writing() as session:
        with pytest.raises(DamagedLedger, match=rf"{file.name} is not what was written.*Restore"):
            refuse_damaged(session, ledger)
        file.write_bytes(whole)
        scrub(database, ledger, clock=clock)
        refuse_damaged(session, ledger)


def test_an_entry_that_is_lost_when_a_worker_starts_counts_as_found_by_a_scrub(
    database: Database, ledger: Ledger
) -> None:
    for batch_no in (1, 2, 3):
        append_confirmed(database, ledger, [batch_no], batch_no=batch_no)
    look_at_logs(database, ledger, clock=clock, most=10)
    with database.writing() as session:
        refuse_damaged(session, ledger)
        entry = ledger.root / "behavior" / "_delta_log" / f"{2:020}.json"
        entry.write_bytes(b"")
        with pytest.raises(DamagedLedger):
            look_at_logs(database, ledger, clock=clock, most=10)
        with pytest.raises(DamagedLedger, match=f"{entry.name} is empty"):
            refuse_damaged(session, ledger)
