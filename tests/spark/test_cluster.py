"""The cluster as an engine: small tables, exact numbers, and what is said where it fails."""

import os
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.behavior.kinds import exact_mean
from experiments.engines.engine import Engine, open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import BEHAVIOR

AMOUNT = pa.decimal128(18, 4)
ROWS = pa.table(
    {
        "customer": pa.array([1, None, 2**53 + 1], pa.int64()),
        "value": pa.array([Decimal("0.3333"), Decimal("99999999999999.9999"), None], AMOUNT),
        "item": pa.array(["Łódź", None, ""], pa.string()),
        "occurred_at": pa.array([date(2026, 3, 1), None, date(1970, 1, 1)], pa.date32()),
        "recorded_at": pa.array(
            [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), None, None], pa.timestamp("us", tz="UTC")
        ),
    }
)


def test_a_small_table_reaches_the_cluster_and_comes_back_as_it_was(spark: Engine) -> None:
    table = ibis.memtable(ROWS)
    assert spark.fetch(table.order_by("customer")).to_pylist() == [
        ROWS.to_pylist()[place] for place in (0, 2, 1)
    ]
    assert spark.fetch(table.filter(table.customer == 0)).num_rows == 0


@pytest.mark.parametrize("folder", ["year=2026", "a b", "50%", "a?b", "[ab]", "a*b", "{a,b}", "Łó"])
def test_a_path_is_read_as_it_is(spark: Engine, tmp_path: Path, folder: str) -> None:
    file = tmp_path / folder / "rows.parquet"
    file.parent.mkdir()
    pq.write_table(ROWS, file)
    (tmp_path / "axb").mkdir()  # what a pattern would find as well
    pq.write_table(ROWS, tmp_path / "axb" / "rows.parquet")
    for schema in (ROWS.schema, pa.schema([])):
        read = spark.fetch(spark.table_of([str(file)], schema).order_by("item"))
        assert sorted(read.to_pylist(), key=str) == sorted(ROWS.to_pylist(), key=str)


def test_no_file_is_a_table_without_rows(spark: Engine) -> None:
    assert spark.fetch(spark.table_of([], BEHAVIOR)).schema.names == BEHAVIOR.names


def test_what_is_held_is_computed_once_and_gone_after_its_block(spark: Engine) -> None:
    drawn = ibis.memtable(ROWS).mutate(luck=ibis.random())
    with spark.held(drawn) as held:
        name = held.op().name
        assert spark.fetch(held.aggregate(luck=held.luck.sum())) == spark.fetch(
            held.aggregate(luck=held.luck.sum())
        )
    with pytest.raises(Exception, match=name):
        spark.fetch(held)


def test_a_stream_brings_every_row(spark: Engine) -> None:
    assert spark.stream(ibis.memtable(ROWS)).read_all().num_rows == ROWS.num_rows


@pytest.mark.parametrize("times", [10_000, 10**24])
def test_sums_that_run_out_of_digits_are_refused_and_never_wrap(spark: Engine, times: int) -> None:
    rows = ibis.memtable(pa.table({"n": pa.array([Decimal(times)] * 2, pa.decimal128(38, 0))}))
    product = (rows.n.cast("decimal(38, 0)") * 10**13).sum().cast("decimal(18, 4)")
    with pytest.raises(BadInput, match="too large to be added up exactly"):
        spark.fetch(rows.aggregate(total=product))


def test_means_have_the_same_digits_as_in_this_process(spark: Engine) -> None:
    values = [Decimal(n * n % 997).scaleb(-4) * (-1) ** n for n in range(2_000)]
    rows = ibis.memtable(
        pa.table({"who": [n % 300 for n in range(2_000)], "value": pa.array(values, AMOUNT)})
    )
    means = rows.group_by("who").agg(mean=exact_mean(rows.value, where=rows.value != 0))
    with open_engine() as embedded:
        assert spark.fetch(means.order_by("who")) == embedded.fetch(means.order_by("who"))


def test_workers_that_do_not_see_the_ledger_are_told_of(spark: Engine, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(ROWS, file)
    table = spark.table_of([str(file)], ROWS.schema)
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)  # as for a worker on another machine
    with pytest.raises(BadInput, match="Every worker must see the ledger under the same path"):
        spark.fetch(table)
    shutil.copy(elsewhere, file)
    os.truncate(file, 10)
    with pytest.raises(BadInput, match="cannot read the ledger's files"):
        spark.fetch(table)
