"""Previews: the head of a file through the readers of intake, and how its columns look."""

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from experiments.errors import BadFile
from experiments.intake.preview import SAMPLE_RECORDS, Column, Looks, preview
from tests.intake.workbook import write_sheet, write_workbook

LINES = ["id,day,spend,group,note", *(f"{n:04},2026-03-{n:02},{n}.5,A,{'x' * n}" for n in (1, 2))]
FEW = ("\n".join(LINES) + "\n").encode()


def written(folder: Path, content: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def column(path: Path, name: str) -> Column:
    return next(one for one in preview(path, name=path.name).columns if one.name == name)


def test_the_first_rows_are_shown_as_they_are_written(tmp_path: Path) -> None:
    seen = preview(written(tmp_path, FEW), name="a.csv", rows=1)
    assert seen.rows == (("0001", "2026-03-01", "1.5", "A", "x"),)
    assert [one.name for one in seen.columns] == ["id", "day", "spend", "group", "note"]
    assert seen.records == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv.gz", gzip.compress(FEW, mtime=0)), ("a.csv.zst", zstandard.compress(FEW))],
    ids=["gzip", "zstd"],
)
def test_packed_files_show_the_same(tmp_path: Path, name: str, content: bytes) -> None:
    plain = preview(written(tmp_path, FEW), name="a")
    assert preview(written(tmp_path, content, name), name="a") == plain


def test_other_kinds_of_file_show_the_same_rows(tmp_path: Path) -> None:
    records = [{"id": "0001", "spend": "1.5"}, {"id": "0002", "spend": None}]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    write_workbook(tmp_path / "a.xlsx", [["id", "spend"], ["0001", 1.5], ["0002", None]])
    written(tmp_path, b'{"id":"0001","spend":1.5}\n{"id":"0002"}\n', "a.ndjson")
    for name in ("a.parquet", "a.xlsx", "a.ndjson"):
        seen = preview(tmp_path / name, name=name)
        assert seen.rows == (("0001", "1.5"), ("0002", ""))


def test_a_column_is_judged_by_most_of_its_values(tmp_path: Path) -> None:
    lines = ["number,sum,day,german,text,nothing"]
    lines += [f'{n},"1.234,5{n} €",2026-03-0{n},0{n}.03.2026,v{n % 2},' for n in range(1, 6)]
    path = written(tmp_path, "\n".join(lines).replace("2026-03-05", "?").encode())
    assert [one.looks for one in preview(path, name="a").columns] == [
        Looks.NUMBER, Looks.NUMBER, Looks.DATE, Looks.DATE, Looks.TEXT, Looks.BLANK
    ]  # fmt: skip
    day, german = column(path, "day"), column(path, "german")
    assert (day.first_day, day.last_day) == (date(2026, 3, 1), date(2026, 3, 4))
    assert german.first_day is None
    assert (column(path, "text").values, column(path, "text").distinct) == (("v0", "v1"), 2)
    assert column(path, "nothing").blank_share == 1


def test_ids_are_mostly_distinct_and_neither_dates_nor_fractions(tmp_path: Path) -> None:
    path = written(tmp_path, FEW + b"0003,2026-03-03,3.5,A,\n")
    assert [one.name for one in preview(path, name="a").columns if one.is_id] == ["id"]


def test_many_values_are_counted_and_not_listed(tmp_path: Path) -> None:
    path = written(tmp_path, b"x\n" + b"".join(b"v%d\n" % n for n in range(21)))
    assert (column(path, "x").values, column(path, "x").distinct) == ((), 21)


def test_only_the_head_of_a_large_file_is_read(tmp_path: Path) -> None:
    """A file damaged after its head would be refused if more of it were read."""
    packed = zstandard.compress(b"id,spend\n" + b"".join(b"%d,1\n" % n for n in range(2_000_000)))
    path = written(tmp_path, packed[:-1_000], "a.csv.zst")
    assert preview(path, name="a").records == SAMPLE_RECORDS


@pytest.mark.live
def test_wide_records_are_sampled_less(tmp_path: Path) -> None:
    header = ",".join(f"c{n}" for n in range(2_000))
    row = ",".join("1" * 2_000)
    seen = preview(written(tmp_path, "\n".join([header, *[row] * 3_000]).encode()), name="a")
    assert len(seen.columns) == 2_000
    assert 10 <= seen.records < 1_500


def test_blank_lines_without_end_are_given_up(tmp_path: Path) -> None:
    blank = (b" " * 1_000 + b"\n") * 36_000
    path = written(tmp_path, b"id,spend\n" + blank)
    with pytest.raises(BadFile, match="too few rows for a preview"):
        preview(path, name="a.csv")
    path.write_bytes(b"id,spend\n7,1\n" + blank)
    assert preview(path, name="a.csv").rows == (("7", "1"),)


def test_errors_are_those_of_intake_and_name_the_file_as_its_sender_does(tmp_path: Path) -> None:
    path = written(tmp_path, b"id,id\n1,2\n", "upload-17.csv")
    with pytest.raises(BadFile, match=r"^customers\.csv: the header does not .*\n.*2 times") as bad:
        preview(path, name="customers.csv")
    assert "upload" not in str(bad.value)
    with pytest.raises(BadFile, match=r"^c\.csv has a header but no rows"):
        preview(written(tmp_path, b"id,x\n"), name="c.csv")


def test_a_file_of_which_no_record_can_be_read_is_refused_with_reasons(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none of the first 2 records.*\n.*line 2: 1 cells"):
        preview(written(tmp_path, b"id,x\n1\n2\n"), name="a.csv")


def test_refused_records_are_passed_over_and_long_cells_cut(tmp_path: Path) -> None:
    seen = preview(written(tmp_path, b"id,x\n1\n2," + b"y" * 500 + b"\n"), name="a")
    assert seen.rows == (("2", "y" * 80 + "..."),)


def test_a_hostile_workbook_dies_in_a_process_of_its_own(tmp_path: Path) -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"/></row>'
    with pytest.raises(BadFile):
        preview(write_sheet(tmp_path / "a.xlsx", cells), name="a.xlsx")
