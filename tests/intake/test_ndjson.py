"""NDJSON files: numbers as written, one flat object per line."""

from pathlib import Path

import pytest

from experiments.errors import BadFile
from experiments.intake.rows import open_rows
from tests.intake.read import read


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "file.ndjson"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def test_numbers_keep_their_text(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"id": "0012", "x": 1.50}',
        '{"x": 1e400, "id": 12345678901234567890}',
        "",
        '{"id": "c", "x": NaN, "y": {"deep": 1}}',
        '{"id": true, "x": null}',
    )
    columns, rejects = read(path, ["id", "x"])
    assert columns == {
        "id": ["0012", "12345678901234567890", "c", "1"],
        "x": ["1.50", "1e400", "NaN", None],
        "#line": [1, 2, 4, 5],
        "#row": [1, 2, 3, 4],
    }
    assert not rejects


def test_what_is_no_flat_object_is_refused_by_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"id": 1}',
        "[1]",
        '{"id": 1',
        '{"id": [1]}',
        '{"id": {"a": 1}}',
        '{"id": 1, "id": 2}',
        '{"id": "a\\u0000"}',
        '{"id": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"id": 2}',
    )
    columns, rejects = read(path, ["id"])
    assert columns["id"] == ["1", "2"]
    assert columns["#row"] == [1, 11]
    assert [reject.line for reject in rejects] == list(range(2, 11))
    assert "twice" in rejects[4].reason
    assert "deeply" in rejects[7].reason


def test_a_key_that_no_record_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"'spend'.*nearest: 'spent'"):
        open_rows(written(tmp_path, '{"id": 1, "spent": 2}'), wanted=["id", "spend"])


def test_with_all_columns_wanted_a_late_key_is_refused_and_not_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, *['{"id": 1}'] * 4_000, '{"id": 2, "late": 3}')
    columns, rejects = read(path)
    assert len(columns["id"]) == 4_000
    assert [(reject.line, reject.value) for reject in rejects] == [(4_001, "late")]
    assert not read(path, ["id"])[1]


def test_a_json_array_is_refused_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="one object per line"):
        open_rows(written(tmp_path, "[", '["id"]', "]"), wanted=["id"])
