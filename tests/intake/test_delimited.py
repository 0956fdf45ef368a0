"""CSV and TSV files: every record accepted or refused, each with its own line."""

import gzip
import itertools
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.errors import BadFile
from experiments.intake import limits
from experiments.intake.rows import open_rows
from tests.intake.read import read, read_here


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(content: bytes | str, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


Write = Callable[..., Path]


def test_ids_stay_as_they_are_written(write: Write) -> None:
    columns, rejects = read(write("id,spend\n0012,1.0\n1.0,\n 7 , \n"))
    assert columns == {
        "id": ["0012", "1.0", " 7 "],
        "spend": ["1.0", None, None],
        "#line": [2, 3, 4],
        "#row": [1, 2, 3],
    }
    assert not rejects


def test_every_order_of_the_header_binds_by_name(write: Write) -> None:
    names = ["id", "day", "measure", "value", "item"]
    for order in itertools.permutations(names):
        content = ",".join(order) + "\n" + ",".join(f"a {name}" for name in order) + "\n"
        columns, _ = read(write(content), ["value", "id"])
        assert columns == {"value": ["a value"], "id": ["a id"], "#line": [2], "#row": [1]}


def test_a_byte_order_mark_and_blanks_around_names_do_not_matter(write: Write) -> None:
    columns, _ = read(write("\ufeff id , spend\n1,2\n"), ["id", "spend", "#row"])
    assert columns["id"] == ["1"]


def test_a_wanted_column_that_is_missing_is_named_with_its_nearest(write: Write) -> None:
    with pytest.raises(BadFile, match=r"'spend'.*nearest: 'Spend'.*\n.*header: has 'id', 'Spend'"):
        open_rows(write("id,Spend\n1,2\n"), wanted=["id", "spend"])


def test_a_doubled_name_is_refused_only_when_it_is_wanted(write: Write) -> None:
    path = write("id,x,x,\n1,2,3,\n")
    assert read(path, ["id"])[0]["id"] == ["1"]
    with pytest.raises(BadFile, match="stands 2 times"):
        open_rows(path, wanted=["x"])
    with pytest.raises(BadFile, match="column 4 has no name"):
        open_rows(path, wanted=None)


def test_a_name_that_pilotbook_gives_is_refused(write: Write) -> None:
    with pytest.raises(BadFile, match="rename the column"):
        open_rows(write("#row,x\n1,2\n"), wanted=["#row"])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(write: Write, content: bytes) -> None:
    with pytest.raises(BadFile, match="no header and no rows"):
        open_rows(write(content), wanted=None)


def test_a_header_without_rows_is_refused(write: Write) -> None:
    with pytest.raises(BadFile, match="a header but no rows"):
        read(write("id,spend\n\n"))


@pytest.mark.parametrize("name", ["c", "column_name"])
def test_a_header_of_a_million_columns_is_refused_at_once(write: Write, name: str) -> None:
    path = write(",".join([name] * 1_000_000) + "\n1,2\n")
    with pytest.raises(BadFile, match="header"):
        open_rows(path, wanted=["id"])


def test_line_ends_may_be_mixed(write: Write) -> None:
    columns, rejects = read(write(b"id,x\r\n1,a\n2,b\r3,c\r\n\r\n4,d"))
    assert columns["id"] == ["1", "2", "3", "4"]
    assert columns["#line"] == [2, 3, 4, 6]
    assert not rejects


def test_a_semicolon_is_the_delimiter_where_the_header_has_no_comma(write: Write) -> None:
    assert read(write("id;spend\n1;2,5\n"))[0]["spend"] == ["2,5"]
    assert read(write("id\tspend\n1\t2,5\n", "file.tsv"))[0]["spend"] == ["2,5"]


def test_line_breaks_in_quotes_belong_to_the_cell_and_lines_are_still_counted(
    write: Write,
) -> None:
    columns, rejects = read(write('id,x\n1,"a\nb\r\nc"\n2,"say ""hi"", you"\n3\n'))
    assert columns["x"] == ["a\nb\r\nc", 'say "hi", you']
    assert columns["#line"] == [2, 5]
    assert [(reject.line, reject.reason[:8]) for reject in rejects] == [(6, "1 cells ")]


def test_a_quotation_mark_that_never_closes_costs_one_row(write: Write) -> None:
    columns, rejects = read(write('id,x\n1,a\n2,"b\n3,c\n4,d\n5,"b\n6,"c"\n'))
    assert columns["id"] == ["1", "3", "4", "6"]
    assert columns["#row"] == [1, 3, 4, 6]
    assert [reject.line for reject in rejects] == [3, 6]


def test_text_after_a_closing_quotation_mark_is_refused(write: Write) -> None:
    columns, rejects = read(write('id,x\n1,"B"ob\n2,B"ob\n'))
    assert columns["x"] == ['B"ob']
    assert [(reject.line, reject.value) for reject in rejects] == [(2, '1,"B"ob')]


def test_a_nul_and_a_foreign_byte_name_line_column_and_byte(write: Write) -> None:
    _, rejects = read(write(b"id,name\n1,a\n2,b\0c\n3,caf\xe9\n4,d\n"))
    assert [str(reject) for reject in rejects] == [
        "line 3, column 'name': there is a NUL character; remove it ('b\ufffdc')",
        "line 4, column 'name': byte 6 (0xE9) is not UTF-8; save it as UTF-8 "
        "(in a spreadsheet program: 'CSV UTF-8') ('caf\ufffd')",
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_utf_16_file_is_refused_with_line_and_byte(write: Write, encoding: str) -> None:
    with pytest.raises(BadFile, match=r"line 1, byte [12]: .*save it as UTF-8"):
        open_rows(write("id,name\n1,a\n".encode(encoding)), wanted=["id"])


def test_a_header_that_is_not_utf_8_is_refused(write: Write) -> None:
    with pytest.raises(BadFile, match=r"line 1 \(the header\): byte 7 \(0xE9\)"):
        open_rows(write(b"id,caf\xe9\n1,2\n"), wanted=["id"])


def test_a_header_whose_quotes_do_not_pair_up_is_refused(write: Write) -> None:
    with pytest.raises(BadFile, match="do not pair up"):
        open_rows(write('"id"x,y\n1,2\n'), wanted=["id"])


def test_an_over_long_line_is_refused_and_the_next_one_is_read(write: Write) -> None:
    big = b"x" * (33 << 20)
    columns, rejects = read(write(b"id,x\r\n1,a\r\n2," + big + b"\r\n3,c\r\n4," + big))
    assert columns["id"] == ["1", "3"]
    assert columns["#line"] == [2, 4]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (3, "the line is longer than 1 MiB; send the columns needed, a record a line"),
        (5, "the line is longer than 1 MiB; send the columns needed, a record a line"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("extra", [-2, -1, 0, 1, 2])
def test_the_longest_line_is_the_same_wherever_a_block_ends(
    write: Write, end: str, extra: int
) -> None:
    cell = ",".join(["y" * 99_999] * 10)
    rest = "z" * (limits.LINE_BYTES - len(cell) - 1 + extra)
    line = f"{cell},{rest}"
    columns, rejects = read(write(",".join("abcdefghijk") + end + line + end + line + end), ["a"])
    if extra > 0:
        assert [reject.line for reject in rejects] == [2, 3]
    else:
        assert columns["#line"] == [2, 3]


def test_a_cell_may_be_as_long_as_a_line(write: Write) -> None:
    cell = "y" * 140_000
    columns, rejects = read(write(f'id,x\n1,{cell}\n2,"{cell}"\n3,"{cell[:9]}\n{cell}"\n'))
    assert (columns["id"], rejects) == (["1", "2", "3"], [])


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_planted_faults_are_refused_exactly(write: Write, packing: str) -> None:
    chance = random.Random(26)  # noqa: S311 - repeatable, not secret
    faults = [b"%d,x", b"%d,x,1,2", b'%d,"x,1', b'%d,"x"y,1', b"%d,\xff,1", b"%d,x\0,1"]
    lines = [b"id,name,spend"]
    planted, good = [], []
    line = 1
    for row in range(60_000):
        line += 1
        if chance.random() < 0.002:
            lines.append(chance.choice(faults) % row)
            planted.append(line)
        elif chance.random() < 0.01:
            lines.append(b'%d,"two\nlines",3' % row)
            good.append((str(row), line, row + 1))
            line += 1
        else:
            lines.append(b'%d,"a, b",%d' % (row, row % 7))
            good.append((str(row), line, row + 1))
    content = b"\n".join(lines) + b"\n"
    if packing:
        content = gzip.compress(content) if packing == ".gz" else zstandard.compress(content)
    columns, rejects = read(write(content, f"file.csv{packing}"))
    assert [reject.line for reject in rejects] == planted
    assert list(zip(columns["id"], columns["#line"], columns["#row"], strict=True)) == good


def test_quotation_marks_that_open_on_every_line_are_given_up_in_time(write: Write) -> None:
    path = write("a,b\n" + 'x",",z\n' * 200_000)
    begun = time.perf_counter()
    with pytest.raises(BadFile, match="again and again"):
        read(path)
    assert time.perf_counter() - begun < 10


def test_a_file_with_nothing_but_bad_rows_is_given_up(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.intake.tally.REJECTS", 100)
    with pytest.raises(BadFile, match="more than 100 records") as caught:
        read_here(write("a,b\n" + "1\n" * 200))
    assert len(caught.value.rejects) == 20


def test_formulas_stay_text(write: Write) -> None:
    assert read(write("id\n=1+1\n@x\n"))[0]["id"] == ["=1+1", "@x"]


@given(
    ids=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]),
            min_size=1,
        ).filter(str.strip),
        min_size=1,
    ),
    block=st.integers(1, 40),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_ids_come_back_byte_for_byte_wherever_blocks_end(
    tmp_path: Path, ids: list[str], block: int
) -> None:
    path = tmp_path / "file.csv"
    quoted = ['"' + one.replace('"', '""') + '"' for one in ids]
    path.write_bytes("".join(f"{line}\r\n" for line in ["id", *quoted]).encode())
    with pytest.MonkeyPatch.context() as patch:
        # The first block must hold the header.
        patch.setattr("experiments.intake.lines.BLOCK_BYTES", block + 4)
        columns, rejects = read_here(path)
    assert columns["id"] == ids
    assert columns["#line"] == list(range(2, len(ids) + 2))
    assert not rejects


def test_a_line_of_delimiters_only_is_no_record(write: Write) -> None:
    columns, rejects = read(write(b"id,x\n1,a\n,\n2,b\n,,,\n"))
    assert (columns["id"], rejects) == (["1", "2"], [])
