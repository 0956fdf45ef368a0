"""The ledger: folders with unusual names, what a read sees, how files are laid out."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from experiments.engines.engine import open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import BEHAVIOR, CERTAIN, MAYBE_EMPTY, WITHDRAWN, Ledger
from experiments.ledger.location import refuse_unusable_folder
from tests.behavior.ledgers import STARTS_ON, Entry, append
from tests.ledger.behaved import append_rows, rows_of


@pytest.mark.parametrize(
    "folder", ["customer=7", "a b", "50%", "a#b", "a?b", "a*b", "Łó", "a'b", "{a}", "a:b"]
)
def test_a_ledger_reads_back_what_it_was_given(tmp_path: Path, folder: str) -> None:
    ledger = Ledger(tmp_path / folder / "ledger")
    refuse_unusable_folder(ledger.root)
    append(ledger, [Entry(at, "revenue", STARTS_ON, Decimal(5)) for at in (1, 2)])
    with open_engine() as engine:
        found = engine.fetch(ledger.behavior(engine))
    assert sorted(found["customer"].to_pylist()) == [1, 2]


@pytest.mark.parametrize("folder", ["a[b", "a]b", "a|b", "a^b", "a\\b", "a\nb", "a%20b"])
def test_a_folder_that_cannot_hold_a_ledger_is_refused_in_words(folder: str) -> None:
    with pytest.raises(BadInput, match="stands in its path; use another folder"):
        refuse_unusable_folder(Path("/tmp") / folder)  # noqa: S108 - nothing is written


def test_a_read_leaves_out_later_batches_and_those_that_do_not_count(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append(ledger, [Entry(at, "revenue", STARTS_ON, Decimal(5), batch_no=at) for at in (1, 2, 3)])
    with open_engine() as engine:

        def customers(**which: Any) -> set[int]:
            return set(engine.fetch(ledger.behavior(engine, **which))["customer"].to_pylist())

        assert customers() == {1, 2, 3}
        assert customers(through=2) == {1, 2}
        assert customers(without={2}) == {1, 3}
        assert customers(through=2, without={1, 3}) == {2}


def test_a_read_of_some_days_opens_no_file_of_other_days_and_gives_the_same_rows(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append_rows(ledger, [1], batch_no=1, day=date(2024, 12, 31))
    append_rows(ledger, [2], batch_no=2, day=date(2025, 1, 1))
    append_rows(ledger, [3], batch_no=3, day=date(2025, 6, 1))
    for file in (tmp_path / "ledger" / "behavior").glob("year=2024/*.parquet"):
        file.write_bytes(b"not to be read")
    with open_engine() as engine:

        def customers(first: date, last: date) -> list[int]:
            found = engine.fetch(ledger.behavior(engine, days=(first, last)))
            return sorted(found["customer"].to_pylist())

        assert customers(date(2025, 1, 1), date(2025, 12, 31)) == [2, 3]
        assert customers(date(2025, 1, 2), date(2026, 3, 1)) == [3]
        assert customers(date(2026, 1, 1), date(2026, 3, 1)) == []


def test_files_are_divided_by_year_and_sorted_by_customer_measure_and_day(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    days = [date(2024, 3, 1), date(2025, 3, 1)]
    rows = pa.concat_tables(rows_of(range(100_000), batch_no=1, day=day) for day in days).sort_by(
        [("customer", "ascending"), ("occurred_at", "ascending")]
    )
    ledger.append_behavior(rows.to_reader(max_chunksize=7_000), batch_no=1)
    files = sorted((ledger.root / "behavior").rglob("*.parquet"))
    assert [file.parent.name for file in files] == ["year=2024", "year=2025"]
    for file, day in zip(files, days, strict=True):
        found = pq.ParquetFile(file).read()
        assert found.schema.names == BEHAVIOR.names
        assert found["customer"].to_pylist() == list(range(100_000))
        assert set(found["occurred_at"].to_pylist()) == {day}


def test_a_ledger_that_is_not_divided_by_year_is_refused_in_words(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "behavior", rows_of([1], batch_no=1))
    ledger = Ledger(tmp_path)
    with pytest.raises(BadInput, match=r"made by Pilotbook 0\.1.*record the files again"):
        append_rows(ledger, [1], batch_no=2)
    with open_engine() as engine, pytest.raises(BadInput, match="Pilotbook 0"):
        ledger.behavior(engine)


def test_withdrawn_rows_count_no_more_from_the_batch_that_withdrew_them(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [1, 2], batch_no=1)
    append_rows(ledger, [1], batch_no=2)
    with_id = rows_of([3], batch_no=3, event_id="order 3")
    ledger.append_behavior(with_id.to_reader(), batch_no=3)
    gone = pa.concat_tables([rows_of([1], batch_no=1), with_id])
    columns = [*CERTAIN, *MAYBE_EMPTY]
    withdrawn = gone.select(columns).append_column(
        WITHDRAWN.field("withdrawn_batch"), gone["batch_no"]
    )
    withdrawn = withdrawn.append_column(WITHDRAWN.field("batch_no"), pa.array([4, 4]))
    ledger.append_withdrawn(withdrawn.cast(WITHDRAWN), batch_no=4)
    with open_engine() as engine:

        def rows(**which: Any) -> list[tuple[int, int]]:
            found = engine.fetch(ledger.behavior(engine, **which)).to_pylist()
            return sorted((row["customer"], row["batch_no"]) for row in found)

        assert rows() == [(1, 2), (2, 1)]
        assert rows(through=4) == [(1, 2), (2, 1)]
        assert rows(through=3) == [(1, 1), (1, 2), (2, 1), (3, 3)]
        assert rows(without={4}) == [(1, 1), (1, 2), (2, 1), (3, 3)]


def test_a_batch_that_the_log_names_is_not_written_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [1], batch_no=1)
    append_rows(ledger, [1], batch_no=1)
    with open_engine() as engine:
        assert engine.fetch(ledger.behavior(engine)).num_rows == 1


def test_behavior_cannot_be_deleted(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [1], batch_no=1)
    opened = ledger.open("behavior")
    assert opened is not None
    with pytest.raises(CommitFailedError, match="append-only"):
        opened.delete("customer = 1")


def test_a_pinned_ledger_reads_what_was_there_when_it_was_pinned(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [1], batch_no=1)
    pinned = ledger.pinned()
    append_rows(ledger, [2], batch_no=2)
    with open_engine() as engine:
        assert engine.fetch(pinned.behavior(engine))["customer"].to_pylist() == [1]


def test_rows_that_stop_coming_leave_nothing_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [1], batch_no=1)

    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows_of([2], batch_no=2).to_batches()
        raise OSError("the file on which they lie cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        ledger.append_behavior(pa.RecordBatchReader.from_batches(BEHAVIOR, broken()), batch_no=2)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    append_rows(ledger, [2], batch_no=2)
    with open_engine() as engine:
        assert engine.fetch(ledger.behavior(engine)).num_rows == 2
