"""An id means the same in every kind of file, byte for byte."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.intake.read import read
from tests.intake.workbook import write_workbook

_CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
# XML knows neither of the last two code points of a plane.
_IDS = st.lists(
    st.text(_CHARACTERS, min_size=1, max_size=30).filter(
        lambda one: one.strip() and not {"\ufffe", "\uffff"} & set(one)
    ),
    min_size=1,
    max_size=20,
)


def _assert_same(path: Path, ids: list[str]) -> None:
    columns, rejects = read(path, ["id"])
    assert columns["id"] == ids
    assert columns["#row"] == list(range(1, len(ids) + 1))
    assert not rejects


@given(ids=_IDS)
@example(ids=["0012", "1.0", "NaN", "1e5", "=1+1", "é", "e\u0301", "\u2028x", "\ufeffx", " a "])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_ids_come_back_from_csv_ndjson_and_parquet(tmp_path: Path, ids: list[str]) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([["x", "id"], *[["1", one] for one in ids]])
    _assert_same(path, ids)
    for ascii_only in (True, False):
        path = tmp_path / "a.ndjson"
        lines = [json.dumps({"id": one}, ensure_ascii=ascii_only) for one in ids]
        path.write_text("\n".join(lines), encoding="utf-8")
        _assert_same(path, ids)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ids}), path)
    _assert_same(path, ids)


@given(ids=_IDS)
@example(ids=["0012", "1.0", "NaN", "1e5", "=1+1", "é", "e\u0301", "\u2028x", " a "])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
def test_ids_come_back_from_a_spreadsheet(tmp_path: Path, ids: list[str]) -> None:
    _assert_same(write_workbook(tmp_path / "a.xlsx", [["id"], *[[one] for one in ids]]), ids)
