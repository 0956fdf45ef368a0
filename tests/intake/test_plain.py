"""Plain blocks are parsed at once, and give what the careful reader gives."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.errors import BadFile
from experiments.intake import delimited, limits, lines, ndjson
from experiments.intake.ndjson_plain import parse_plain_lines
from experiments.intake.plain import parse_plain
from tests.intake.read import read_here

ODD = st.text(st.sampled_from('ab",\n\r \0é\t;'), max_size=12)
CELL = st.one_of(st.sampled_from(["a", "", '"a"', '"a,b"', '""', '"a""b"', '"a\nb"', " "]), ODD)
LINE = st.lists(CELL, min_size=1, max_size=4).map(",".join)
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\r"])
KEYS = st.sampled_from(["id", "x"])
JSON = st.one_of(
    st.builds(
        json.dumps, st.dictionaries(KEYS, st.one_of(st.integers(), st.text('ab"\\', max_size=3)))
    ),
    st.sampled_from(
        ['{"id": "a", "x": 1}', '{"x": 1, "id": "a"}', '{"id": "b", "x": 1.50}', '{"id": 1.0}', ""]
    ),
    st.sampled_from(['{"id": "a", "x": null}', '{"id": "a", "x": 01}', '{"id": "a" "x": 1}', "x"]),
    st.sampled_from(['{"id": "a", "x": 1} ', '{"id": "a", "x": -}', '{"id": "a", "id": "b"}']),
)


def outcome(path: Path) -> object:
    """Columns and refused rows of a file, or why it was refused."""
    try:
        return read_here(path)
    except BadFile as error:
        return str(error)


@pytest.mark.live
@given(rows=st.lists(st.tuples(LINE, ENDS), max_size=12), block=st.integers(8, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_csv_is_read_alike_with_and_without_the_quick_way(
    tmp_path: Path, rows: list[tuple[str, str]], block: int
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(("id,x\n" + "".join(line + end for line, end in rows)).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", block)
        quick = outcome(path)
        patch.setattr(delimited, "parse_plain", lambda *_, **__: None)
        assert quick == outcome(path)


@pytest.mark.live
@given(rows=st.lists(st.tuples(JSON, ENDS), max_size=12), alike=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_ndjson_is_read_alike_with_and_without_the_quick_way(
    tmp_path: Path, rows: list[tuple[str, str]], alike: bool
) -> None:
    path = tmp_path / "file.ndjson"
    known = '{"id": "c", "x": 7}\n' * (4 if alike else 1)
    path.write_bytes((known + "".join(line + end for line, end in rows)).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson, "NDJSON_HEADER_RECORDS", 1)
        patch.setattr(ndjson, "PIECE_BYTES", 30)
        quick = outcome(path)
        patch.setattr(ndjson, "parse_plain_lines", lambda *_, **__: None)
        assert quick == outcome(path)


@pytest.mark.parametrize(
    "block",
    [
        b'"B"ob,1\n',
        b'"a,1\n',
        b'x",",z\n',
        b'a"b,c\n"d",e\n',
        b'"a,"b",c"\n',
        b'"a\nb",1\n',
        b"a\rb,1\n",
        b"a\0,1\n",
        b"caf\xe9,1\n",
        b",\n",
        b"\n",
        b"x" * (limits.LINE_BYTES + 1) + b",1\n",
    ],
)
def test_a_block_that_could_be_read_in_two_ways_is_not_plain(block: bytes) -> None:
    places = {"id": 0, "x": 1}
    assert parse_plain(b"a,1\n" + block, delimiter=",", width=2, places=places) is None


def test_quoted_cells_of_a_plain_block_are_unquoted() -> None:
    block = b'"a","1"\r\n"b,c","2 ""x"""\r\n"",3'
    plain = parse_plain(block, delimiter=",", width=2, places={"id": 0, "x": 1})
    assert plain is not None
    assert plain.columns["id"].to_pylist() == ["a", "b,c", None]
    assert plain.columns["x"].to_pylist() == ["1", '2 "x"', "3"]


@pytest.mark.parametrize(
    "line",
    [
        '{"x": 1, "id": "b"}',
        '{"id": "b", "y": 1}',
        '{"id": "b", "x": 1, "y": 2}',
        '{"id":"b", "x": 1}',
        '{"id": "b\\u0041", "x": 1}',
        '{"id": "b", "x": null}',
        '{"id": "b", "x": NaN}',
        '{"id": "b", "x": 0012}',
        '{"id": "b", "x": "1"}',
        '{"id": "b", "x": 1}}',
        '{"id": "b", "x": [1]}',
        "",
    ],
)
def test_a_line_that_differs_in_more_than_its_values_is_read_with_care(line: str) -> None:
    block = f'{{"id": "a", "x": 1}}\n{line}\n'.encode()
    assert parse_plain_lines(block, wanted=["id"], known=None) is None


def test_lines_alike_give_the_text_of_their_values() -> None:
    block = b'{"id": 1.0, "day": "2026", "x": -2e5}\r\n{"id": 12, "day": "", "x": 0}\r\n'
    columns = parse_plain_lines(block, wanted=["id", "x", "day"], known=None)
    assert columns is not None
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "id": ["1.0", "12"],
        "day": ["2026", ""],
        "x": ["-2e5", "0"],
    }
