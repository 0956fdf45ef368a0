"""XLSX files: the first sheet as text, read where a crash does no harm."""

import time
import zipfile
from pathlib import Path

import pytest

from experiments.errors import BadFile
from experiments.intake.rows import open_rows
from tests.intake.read import read
from tests.intake.workbook import write_sheet, write_workbook


def test_cells_become_text_and_rows_keep_their_number(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "a.xlsx",
        [
            [None],
            [None, "id", "spend", "flag"],
            [None, "0012", 12.0, True],
            [None],
            [None, 12, 0.1, False],
            [None, "=1+1", None, None],
        ],
    )
    columns, rejects = read(path)
    assert columns == {
        "id": ["0012", "12", "=1+1"],
        "spend": ["12", "0.1", None],
        "flag": ["1", "0", None],
        "#line": [3, 5, 6],
        "#row": [1, 2, 3],
    }
    assert not rejects


def test_dates_are_iso_and_formulas_give_their_last_value(tmp_path: Path) -> None:
    path = write_sheet(
        tmp_path / "a.xlsx",
        '<row r="1"><c r="A1" t="inlineStr"><is><t>day</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>sum</t></is></c></row>'
        '<row r="2"><c r="A2" s="1"><v>46081</v></c><c r="B2"><f>2+3</f><v>5</v></c></row>',
    )
    columns, _ = read(path)
    assert columns["day"][0][:10] == "2026-02-28"
    assert columns["sum"] == ["5"]


def test_a_cell_that_shows_an_error_is_not_taken_for_a_blank(tmp_path: Path) -> None:
    cells = (
        '<row r="1"><c r="B1" t="inlineStr"><is><t>id</t></is></c>'
        '<c r="C1" t="inlineStr"><is><t>spend</t></is></c></row>'
        '<row r="2"><c r="B2"><v>1</v></c><c r="C2" t="e"><v>#N/A</v></c></row>'
        '<row r="3"><c r="B3"><v>2</v></c><c r="C3" s="1" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        '<row r="4"><c r="B4"><v>3</v></c></row>'
    )
    columns, rejects = read(write_sheet(tmp_path / "errors.xlsx", cells))
    assert rejects == []
    assert columns["spend"] == ["#N/A", "#DIV/0!", None]


def test_a_cell_right_of_the_header_is_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [["id"], ["a"], ["b", "stray"], ["c"]])
    columns, rejects = read(path)
    assert columns["id"] == ["a", "c"]
    assert [(reject.line, reject.value) for reject in rejects] == [(3, "stray")]


def test_two_cells_at_opposite_corners_do_not_take_the_process_down(tmp_path: Path) -> None:
    path = write_sheet(
        tmp_path / "a.xlsx",
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    )
    begun = time.perf_counter()
    with pytest.raises(BadFile, match="too far apart"):
        open_rows(path, wanted=None)
    assert time.perf_counter() - begun < 10


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        for name in range(6):
            book.writestr(f"{name}.xml", b" " * (100 << 20))
    with pytest.raises(BadFile, match="unpacks to 600 MiB"):
        open_rows(tmp_path / "a.xlsx", wanted=None)


def test_a_zip_without_a_workbook_and_an_empty_sheet_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as book:
        book.writestr("a.txt", "nothing")
    with pytest.raises(BadFile, match="cannot be read as a spreadsheet"):
        open_rows(tmp_path / "a.xlsx", wanted=None)
    with pytest.raises(BadFile, match="first sheet is empty"):
        open_rows(write_sheet(tmp_path / "b.xlsx", ""), wanted=None)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [["id"], ["a"]])
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    start, rest = sheet.split("?>", 1)
    bomb = f'{start}?><!DOCTYPE x [<!ENTITY e "boom">]>{rest.replace(">a<", ">&e;<")}'
    with zipfile.ZipFile(path, "w") as book:
        for name, part in parts.items():
            book.writestr(name, bomb.encode() if name.endswith("sheet1.xml") else part)
    with pytest.raises(BadFile, match="cannot be read as a spreadsheet"):
        read(path)


def test_leaving_early_ends_the_child(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [["id"], *[[str(row)] for row in range(20_000)]])
    with open_rows(path, wanted=["id"]) as rows:
        assert next(iter(rows)).num_rows > 0
