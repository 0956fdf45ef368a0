"""Parquet files: every value copied as exact text, whatever the footer claims."""

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.errors import BadFile
from experiments.intake.rows import open_rows
from tests.intake.read import read, read_here


def written(tmp_path: Path, **columns: pa.Array) -> Path:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_every_type_becomes_exact_text(tmp_path: Path) -> None:
    moment = dt.datetime(2026, 2, 28, 23, 30, tzinfo=dt.UTC)
    columns, rejects = read(
        written(
            tmp_path,
            text=pa.array(["0012", None]),
            code=pa.array(["a", "b"]).dictionary_encode(),
            whole=pa.array([2**63 - 1, -1]),
            double=pa.array([0.1, math.nan]),
            big=pa.array([1e300, -math.inf]),
            exact=pa.array([Decimal("1.50"), Decimal("-0.00000001")], pa.decimal128(20, 8)),
            day=pa.array([dt.date(2026, 2, 28), None]),
            local=pa.array([moment.replace(tzinfo=None), None], pa.timestamp("ms")),
            aware=pa.array([moment, None], pa.timestamp("ms", "Europe/Berlin")),
            flag=pa.array([True, False]),
            raw=pa.array([b"x", b"y"]),
            none=pa.nulls(2),
        )
    )
    assert not rejects
    assert columns == {
        "text": ["0012", None],
        "code": ["a", "b"],
        "whole": ["9223372036854775807", "-1"],
        "double": ["0.1", "NaN"],
        "big": ["1e+300", "-inf"],
        "exact": ["1.50000000", "-1E-8"],
        "day": ["2026-02-28", None],
        "local": ["2026-02-28T23:30:00.000", None],
        "aware": ["2026-02-28T23:30:00.000Z", None],
        "flag": ["1", "0"],
        "raw": ["x", "y"],
        "none": [None, None],
        "#line": [1, 2],
        "#row": [1, 2],
    }


def test_only_wanted_columns_are_kept_and_others_may_be_of_any_type(tmp_path: Path) -> None:
    path = written(tmp_path, id=pa.array(["a"]), deep=pa.array([[1, 2]]))
    assert read(path, ["id"])[0] == {"id": ["a"], "#line": [1], "#row": [1]}
    assert read(path, ["#row"])[0] == {"#line": [1], "#row": [1]}
    with pytest.raises(BadFile, match="'deep' is of type list"):
        open_rows(path, wanted=["deep"])


def test_nul_and_foreign_bytes_are_refused_by_record(tmp_path: Path) -> None:
    raw = pa.array([b"a", b"b\0", b"\xe9", b"d"])
    columns, rejects = read(written(tmp_path, id=raw, x=raw))
    assert columns["id"] == ["a", "d"]
    assert columns["#row"] == [1, 4]
    assert [(reject.line, reject.column) for reject in rejects] == [(2, "id"), (3, "id")]


def test_false_statistics_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"id": ["mmmm", "nnnn", "oooo"]}), path, use_dictionary=False)
    honest = path.read_bytes()
    body, footer = honest[:40], honest[40:]
    path.write_bytes(body + footer.replace(b"mmmm", b"aaaa").replace(b"oooo", b"bbbb"))
    values = pq.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert (values.min, values.max) == ("aaaa", "bbbb")
    with open_rows(path, wanted=["id"]) as rows:
        found = [batch.num_rows for batch in rows]
    assert found == [3]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, id=pa.array([str(number) for number in range(1_000)]))
    whole = path.read_bytes()
    for content in [whole[:-100], whole[:6], whole[:-8] + b"\xff\xff\xff\x7fPAR1"]:
        path.write_bytes(content)
        with pytest.raises(BadFile, match="cut off or damaged"):
            read(path)
    path.write_bytes(whole[:4] + b"\xff" * 200 + whole[204:])
    with pytest.raises(BadFile, match="cut off or damaged"):
        read(path)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no rows"):
        read(written(tmp_path, id=pa.array([], pa.string())))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.intake.parquet.UNPACKED_PARQUET_BYTES", 64 << 20)
    path = tmp_path / "file.parquet"
    part = pa.table({"id": pa.array(["x" * 1_000]).take(pa.array([0] * 50_000))})
    with pq.ParquetWriter(path, part.schema) as writer:
        for _ in range(4):
            writer.write_table(part)
    with pytest.raises(BadFile, match="unpacks to more than"):
        read_here(path)
