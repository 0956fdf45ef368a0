"""JSON files: one array of objects, whose numbers keep their text."""

import gzip
import json
from pathlib import Path

import pytest

from experiments.errors import BadFile
from tests.intake.read import read, read_here

ROWS = [{"id": "0012", "x": 1.5}, {"id": "é", "x": None}, {"id": 'a"b', "x": True}]


def written(folder: Path, text: str | bytes, name: str = "a.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("indent", [None, 2])
def test_objects_are_records_however_they_are_set(tmp_path: Path, indent: int | None) -> None:
    columns, rejects = read(written(tmp_path, "\ufeff" + json.dumps(ROWS, indent=indent) + "\n"))
    assert (columns["id"], columns["x"]) == (["0012", "é", 'a"b'], ["1.5", None, "1"])
    assert columns["#line"] == ([2, 6, 10] if indent else [1, 1, 1])
    assert not rejects


def test_numbers_keep_the_text_they_were_written_with(tmp_path: Path) -> None:
    text = '[{"id": 1.0}, {"id": 1e309}, {"id": 12345678901234567890123}, {"id": 1.50}]'
    packed = gzip.compress(text.encode())
    assert read(written(tmp_path, packed, "a.json.gz"))[0]["id"] == [
        *("1.0", "1e309", "12345678901234567890123", "1.50")
    ]


def test_what_is_no_record_is_refused_by_the_line_it_begins_on(tmp_path: Path) -> None:
    text = (
        b'[{"id": "a"},\n17,\n{"id": "b", "id": "c"},\n{"id": [1]},\n{"id": "\xe9"},\n{"id": "z"}]'
    )
    columns, rejects = read(written(tmp_path, text))
    assert (columns["id"], columns["#line"]) == (["a", "z"], [1, 6])
    assert [one.line for one in rejects] == [2, 3, 4, 5]
    assert "twice" in rejects[1].reason
    assert "not UTF-8" in rejects[3].reason


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("[]", "has no rows"),
        ('{"id": 1}', "does not hold an array of objects"),
        ('[{"id": 1},\n{"id": ', "line 2: is not JSON"),
        ('[{"id": 1}\n{"id": 2}]', "line 2: there is neither a comma"),
        ('[{"id": 1}', "neither a comma nor a closing bracket"),
        ('[{"id": 1}] x', "text follows"),
        ('[{"id": 1},]', "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"id": "' + "x" * (3 << 20), "is not JSON"),
    ],
)
def test_what_is_no_array_is_refused_as_a_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        read(written(tmp_path, text))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_an_array_is_read_alike_wherever_blocks_end(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.intake.json_array.BLOCK_BYTES", block)
    rows = [{"id": f"é{at}", "x": at * 10} for at in range(40)]
    path = written(tmp_path, json.dumps([*rows, 17, 4], ensure_ascii=False))
    columns, rejects = read_here(path)
    assert columns["id"] == [row["id"] for row in rows]
    assert columns["x"] == [str(row["x"]) for row in rows]
    assert [one.value for one in rejects] == ["17", "4"]
