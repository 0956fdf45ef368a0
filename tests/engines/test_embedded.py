"""The engine: paths are read as they are, and what a block held is gone after it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.engines.embedded import STREAMED_ROWS, Embedded, open_embedded

NUMBERS = pa.table({"customer": pa.array([1, 2], pa.int64())})


@pytest.fixture
def engine() -> Iterator[Embedded]:
    with open_embedded(threads=1) as opened:
        yield opened


def kept(engine: Embedded) -> list[str]:
    """The tables that the engine holds."""
    found = engine.connection.con.sql("select table_name from duckdb_tables()").fetchall()
    return [name for (name,) in found]


@pytest.mark.parametrize("folder", ["customer=7", "a b", "50%", "a#b", "a?b", "[ab]", "a*b", "Łó"])
def test_a_path_is_read_as_it_is(engine: Embedded, tmp_path: Path, folder: str) -> None:
    file = tmp_path / folder / "rows.parquet"
    file.parent.mkdir()
    pq.write_table(NUMBERS, file)
    (tmp_path / "axb").mkdir()  # what a pattern would find as well
    pq.write_table(NUMBERS, tmp_path / "axb" / "rows.parquet")
    assert engine.fetch(engine.table_of([str(file)], NUMBERS.schema)) == NUMBERS


def test_a_held_table_is_gone_after_its_block_also_where_the_work_failed(engine: Embedded) -> None:
    with engine.held(ibis.memtable(NUMBERS)) as held:
        assert engine.fetch(held) == NUMBERS
        assert len(kept(engine)) == 1
    assert kept(engine) == []
    with pytest.raises(KeyError), engine.held(ibis.memtable(NUMBERS)):
        raise KeyError
    assert kept(engine) == []


def test_a_lent_table_is_read_like_any_other(engine: Embedded) -> None:
    amounts = pa.array([Decimal("1.2345"), Decimal("-0.0001")], pa.decimal64(18, 4))
    rows = pa.table({"arm": ["mail", None], "units": amounts})
    lent = engine.lend(rows)
    batches = list(engine.scan(lent.order_by("units")) or ())
    assert pa.Table.from_batches(batches)["arm"].to_pylist() == [None, "mail"]
    beside = engine.lend(NUMBERS).join(lent, lent.arm == "mail")
    assert engine.fetch(beside.order_by("customer"))["customer"].to_pylist() == [1, 2]
    assert kept(engine) == []


@pytest.mark.parametrize("rows", [0, 1, 2 * STREAMED_ROWS + 1])
def test_a_stream_leaves_nothing_behind(engine: Embedded, rows: int) -> None:
    numbers = pa.table({"n": pa.array(range(rows), pa.int64())})
    streamed = engine.stream(ibis.memtable(numbers).order_by("n"))
    assert streamed.read_all().combine_chunks() == numbers.combine_chunks()
    assert kept(engine) == []
