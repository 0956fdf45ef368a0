"""Compaction: which years need it, that nothing is lost or doubled, beside writers."""

import threading
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.engines.engine import open_engine
from experiments.ledger import compaction, writing
from experiments.ledger.compaction import LiveFile, compact, due, live_files
from experiments.ledger.ledger import DIRECTORY, Ledger
from tests.ledger.behaved import append_rows, rows_of

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)
LARGE = writing.ROWS_OF_FILE


def file_of(first: int, last: int, rows: int) -> LiveFile:
    """A file that holds the rows of some customers."""
    return LiveFile(f"part-{first}-{last}", 2026, rows * 10, rows, first, last)


def all_rows(ledger: Ledger) -> pa.Table:
    """Every row, in one order."""
    with open_engine() as engine:
        found = engine.fetch(ledger.behavior(engine))
    return found.sort_by([(name, "ascending") for name in ("customer", "occurred_at", "batch_no")])


def files_of(ledger: Ledger) -> tuple[LiveFile, ...]:
    """The files of behavior."""
    table = ledger.open("behavior")
    assert table is not None
    return live_files(table)


def run(ledger: Ledger, *, whole: bool = False) -> list[tuple[int | None, int, int]]:
    """Compact; year, files before and files after."""
    with open_engine() as engine:
        done = list(compact(engine, ledger, now=NOW, whole=whole))
    return [(one.year, one.files_before, one.files_after) for one in done]


def test_files_that_share_no_customers_are_left_alone() -> None:
    large = [file_of(0, 9, LARGE), file_of(9, 20, LARGE)]
    assert due(large) == ()


def test_large_files_that_share_customers_are_compacted() -> None:
    large = [file_of(0, 10, LARGE), file_of(9, 20, LARGE)]
    assert due(large) == tuple(large)


def test_few_small_files_beside_large_ones_wait() -> None:
    large = [file_of(0, 9, LARGE), file_of(10, 20, LARGE)]
    small = [file_of(0, 20, 10) for _ in range(compaction.FEW)]
    assert due([*large, *small]) == ()


def test_many_small_files_become_one_without_touching_large_ones() -> None:
    large = [file_of(0, 9, LARGE), file_of(10, 20, LARGE)]
    small = [file_of(0, 20, 10) for _ in range(compaction.FEW + 1)]
    assert due([*large, *small]) == tuple(small)


def test_new_rows_are_worked_in_once_they_are_a_tenth() -> None:
    files = [file_of(0, 20, LARGE), file_of(0, 20, LARGE // 8)]
    assert due(files) == tuple(files)


def test_compaction_keeps_every_row_and_leaves_one_sorted_file_a_year(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for batch_no in range(1, 7):
        append_rows(ledger, range(batch_no, 40, 2), batch_no=batch_no, day=date(2026, 1, batch_no))
    append_rows(ledger, range(5), batch_no=7, day=date(2025, 1, 1))
    before = all_rows(ledger)
    assert run(ledger) == [(2026, 6, 1)]
    assert all_rows(ledger).equals(before)
    for file in files_of(ledger):
        found = pq.read_table(tmp_path / "behavior" / file.path, partitioning=None)
        in_order = found.sort_by(
            [("customer", "ascending"), ("measure", "ascending"), ("occurred_at", "ascending")]
        )
        keys = ["customer", "measure", "occurred_at"]
        assert found.select(keys).equals(in_order.select(keys))
    assert run(ledger) == []


def test_large_years_become_files_without_customers_in_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROWS_OF_FILE", 100)
    ledger = Ledger(tmp_path)
    for batch_no in (1, 2, 3):
        append_rows(ledger, range(200), batch_no=batch_no)
    before = all_rows(ledger)
    [(_, _, after)] = run(ledger)
    assert after >= 6
    assert all_rows(ledger).equals(before)
    ordered = sorted(files_of(ledger), key=lambda file: file.first)
    assert all(one.last < other.first for one, other in pairwise(ordered))
    assert all(file.rows <= 100 for file in ordered)


@settings(max_examples=8)
@given(
    batches=st.lists(
        st.lists(st.integers(1, 10**12), min_size=1, max_size=5), min_size=2, max_size=5
    )
)
def test_compaction_keeps_the_rows_of_any_customers(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    for batch_no, customers in enumerate(batches, start=1):
        append_rows(ledger, sorted(customers), batch_no=batch_no)
    before = all_rows(ledger)
    run(ledger, whole=True)
    assert all_rows(ledger).equals(before)


def test_two_who_compact_at_once_double_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for batch_no in range(1, 4):
        append_rows(ledger, range(20), batch_no=batch_no)
    files = files_of(ledger)
    new = rows_of(range(60), batch_no=1).to_batches()
    written = [
        writing.write_files(ledger.location, "behavior", new, by_year=True) for _ in range(2)
    ]
    assert compaction._exchange(ledger, "behavior", files, written[0], now=NOW)
    assert not compaction._exchange(ledger, "behavior", files, written[1], now=NOW)
    assert sum(file.rows for file in files_of(ledger)) == 60


def test_compaction_beside_a_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append_rows(ledger, [0], batch_no=1)

    def write() -> None:
        for batch_no in range(2, 32):
            append_rows(Ledger(tmp_path), [batch_no], batch_no=batch_no)

    writer = threading.Thread(target=write)
    writer.start()
    rounds = 0
    while writer.is_alive():
        rounds += len(run(ledger, whole=True))
    writer.join()
    assert rounds
    assert all_rows(ledger)["batch_no"].to_pylist() == list(range(1, 32))


def test_the_directory_is_compacted_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in range(1, compaction.FEW + 3):
        row = {"customer": number, "customer_id": f"c{number}", "batch_no": number}
        rows = pa.Table.from_pylist([row], schema=DIRECTORY)
        ledger.append_directory(rows, batch_no=number)
    assert run(ledger) == [(None, compaction.FEW + 2, 1)]
    with open_engine() as engine:
        assert engine.fetch(ledger.directory(engine)).num_rows == compaction.FEW + 2
