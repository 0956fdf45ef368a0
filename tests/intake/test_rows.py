"""Files are opened by the ending of their name, and must be what they say."""

import gzip
from pathlib import Path

import pytest
import zstandard

from experiments.errors import BadFile
from experiments.intake.rows import open_rows
from tests.intake.read import read

CONTENT = b"id,x\n" + b"1,a\n" * 50_000


def test_an_unknown_ending_lists_what_is_accepted(tmp_path: Path) -> None:
    for name in ["a.doc", "a", "a.gz", "a.csv.bz2", "a.xml"]:
        (tmp_path / name).write_bytes(CONTENT)
        with pytest.raises(BadFile, match=r"Accepted are \.csv"):
            open_rows(tmp_path / name, wanted=None)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no such file"):
        open_rows(tmp_path / "a.csv", wanted=None)


@pytest.mark.parametrize(
    "name", ["a.parquet", "a.xlsx", "a.csv.gz", "a.csv.zst", "a.ndjson.gz", "a.tsv.zst"]
)
def test_a_csv_under_a_false_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTENT)
    with pytest.raises(BadFile, match="is named as"):
        open_rows(tmp_path / name, wanted=None)


@pytest.mark.parametrize(
    "start", [gzip.compress(CONTENT), zstandard.compress(CONTENT), b"PK\x03\x04", b"PAR1"]
)
def test_packed_data_named_csv_is_refused(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(start)
    with pytest.raises(BadFile, match="is named as text but is a"):
        open_rows(tmp_path / "a.csv", wanted=None)


@pytest.mark.parametrize(("name", "pack"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_packed_data_that_is_cut_off_or_damaged_is_refused(
    tmp_path: Path, name: str, pack: type[bytes]
) -> None:
    path = tmp_path / f"a.csv.{name}"
    packed = pack(CONTENT)
    path.write_bytes(packed[:-20])
    with pytest.raises(BadFile, match="cut off"):
        read(path)
    path.write_bytes(packed[:10] + b"\xaa" * 30 + packed[40:])
    with pytest.raises(BadFile, match="damaged"):
        read(path)


def test_several_packed_parts_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"id\n1\n") + gzip.compress(b"2\n"))
    assert read(path)[0]["id"] == ["1", "2"]


def test_a_packed_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv.zst").write_bytes(zstandard.compress(b"id,x\n" + b"1,a\n" * (8 << 20)))
    (tmp_path / "line.csv.zst").write_bytes(zstandard.compress(b"id,x\n" + b"1" * (40 << 20)))
    for name in ["rows.csv.zst", "line.csv.zst"]:
        with pytest.raises(BadFile, match=r"unpacks to more than 250 times|a line of more than"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.xlsx.gz", "a.parquet.zst"])
def test_packing_twice_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTENT)
    with pytest.raises(BadFile, match="packed already"):
        open_rows(tmp_path / name, wanted=None)


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv.gz", "a.xlsx", "a.parquet", "a.ndjson", "a.jsonl.zst"]
)
def test_an_empty_file_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadFile, match="is empty"):
        open_rows(tmp_path / name, wanted=None)


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "A.2026.CSV.GZ").write_bytes(gzip.compress(b"id\n1\n"))
    assert read(tmp_path / "A.2026.CSV.GZ")[0]["id"] == ["1"]
