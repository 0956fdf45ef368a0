"""Files that people send and should not: what must become of each is said beside it."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.intake.workbook import Cell, write_sheet, write_workbook

HEADER = "customer_id,measure,occurred_at,value\n"
GOOD = "C1,revenue,2026-03-01,1.5\n"
NAMES = HEADER.strip().split(",")


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and what is right: so many good rows and these refused lines, or words of refusal.

    `ids` are the customers that must come out, where the point is that nothing changes them.
    """

    name: str
    write: Callable[[Path], object]
    good: int = 0
    lines: tuple[int, ...] = ()
    says: str = ""
    ids: tuple[str, ...] = ()


def corpus() -> Iterator[Case]:
    """All of them, small ones first."""
    yield from _texts()
    yield from _cells()
    yield from _packed()
    yield from _json()
    yield from _sheets()
    yield from _parquet()


def bombs() -> Iterator[Case]:
    """Small files that ask for gigabytes or minutes."""
    yield Case("corners.xlsx", _corners, says="too far apart")
    yield Case("unpacks.xlsx", _spaces(5 << 20, 300), says="unpacks to")
    yield Case("cells.xlsx", _many_cells, says="unpacks to|cannot be read as a spreadsheet")
    yield Case("rows.csv.gz", _gzip_bomb, says="unpacks to more than|endless|more than 250 times")
    yield Case(
        "text.parquet",
        _parquet_bomb,
        says="unpacks to more than|cannot be read|as a whole is wrong",
    )
    yield _bytes("columns.csv", b"a," * 1_000_000 + b"b\n1\n", says="longer than 1 MiB")
    yield _bytes("deep.ndjson", b'{"id":' * 100_000 + b"1" + b"}" * 100_000, says="no line that is")
    yield _bytes("deep.json", b"[" * 100_000 + b"]" * 100_000, says="nested too deeply")


def _texts() -> Iterator[Case]:
    three = HEADER + GOOD * 3
    yield _bytes("plain.csv", three, good=3)
    yield _bytes("bom.csv", b"\xef\xbb\xbf" + three.encode(), good=3)
    yield _bytes("no_end.csv", three.rstrip(), good=3)
    yield _bytes("crlf.csv", three.replace("\n", "\r\n"), good=3)
    yield _bytes("cr.csv", three.replace("\n", "\r"), good=3)
    yield _bytes(
        "mixed_ends.csv", HEADER + GOOD.strip() + "\r\n" + GOOD.strip() + "\r" + GOOD, good=3
    )
    yield _bytes("semicolons.csv", three.replace(",", ";"), good=3)
    yield _bytes("quoted.csv", three.replace("revenue", '"revenue"'), good=3)
    yield _bytes("tabs.tsv", three.replace(",", "\t"), good=3)
    yield _bytes("blank_lines.csv", HEADER + "\n" + GOOD + "  \n" + GOOD + "\n\n", good=2)
    yield _bytes("delimiters.csv", HEADER + GOOD + ",,,\n" + GOOD + ",,,\n", good=2)
    yield _bytes(
        "other_order.csv",
        "value,occurred_at,measure,customer_id\n2,2026-03-01,m,C7\n",
        good=1,
        ids=("C7",),
    )
    for name, text in [
        ("utf16.csv", three.encode("utf-16")),
        ("utf16le.csv", three.encode("utf-16-le")),
        ("utf16be.csv", three.encode("utf-16-be")),
    ]:
        yield _bytes(name, text, says="UTF-16")
    yield _bytes("empty.csv", b"", says="is empty")
    yield _bytes("header_only.csv", HEADER, says="no rows")
    yield _bytes("blank.csv", b"\n \n\n", says="is empty")
    yield _bytes("twice.csv", three.replace("measure", "value", 1), says="2 times")
    yield _bytes(
        "missing.csv", three.replace("value", "amount", 1), says="'value'.*not in the header"
    )
    yield _bytes("capitals.csv", three.replace("value", "Value", 1), says="nearest: 'Value'")
    yield _bytes(
        "latin_header.csv", HEADER.encode().replace(b"value", b"val\xe9"), says="not UTF-8"
    )
    yield _bytes("quoted_header.csv", '"customer_id"x,measure\n', says="do not pair up")
    yield _bytes("long_line.csv", HEADER + GOOD + "x" * (3 << 20) + "\n" + GOOD, good=2, lines=(3,))
    yield _bytes(
        "huge_line.csv", HEADER + GOOD + "x" * (40 << 20) + "\n" + GOOD, good=2, lines=(3,)
    )


def _cells() -> Iterator[Case]:
    """The second of three rows is at fault, or looks it."""
    for name, line in {
        "nul": b"C\0,revenue,2026-03-01,1",
        "latin": b"C\xe9,revenue,2026-03-01,1",
        "control": b"C\x07,revenue,2026-03-01,1",
        "unterminated": b'"C2,revenue,2026-03-01,1',
        "text_after_quote": b'"B"ob,revenue,2026-03-01,1',
        "few": b"C2,revenue,2026-03-01",
        "many": b"C2,revenue,2026-03-01,1,2",
        "nan": b"C2,revenue,2026-03-01,NaN",
        "inf": b"C2,revenue,2026-03-01,-inf",
        "1e309": b"C2,revenue,2026-03-01,1e309",
        "long_number": b"C2,revenue,2026-03-01," + b"9" * 300,
        "comma": b'C2,revenue,2026-03-01,"1,5"',
        "thousands": b'C2,revenue,2026-03-01,"1,234.50"',
        "currency": b"C2,revenue,2026-03-01,5 EUR",
        "slashes": b"C2,revenue,30/02/2026,1",
        "30_february": b"C2,revenue,2026-02-30,1",
        "year_99999": b"C2,revenue,99999-01-01,1",
        "no_such_time": b"C2,revenue,2026-03-01T25:00:00Z,1",
        "blank_id": b",revenue,2026-03-01,1",
        "blank_value": b"C2,revenue,2026-03-01,",
        "long_id": b"C" * 300 + b",revenue,2026-03-01,1",
        "sheet_error": b"#N/A,revenue,2026-03-01,1",
    }.items():
        content = (HEADER + GOOD).encode() + line + b"\n" + GOOD.encode()
        yield _bytes(f"{name}.csv", content, good=2, lines=(3,))
    for name, text in {
        "zeros": "0012",
        "point": "1.0",
        "big": "9" * 30,
        "exponent": "1e309",
        "nan_id": "NaN",
        "formula": "=cmd|' /C calc'!A0",
        "spaces": "a b",
        "accents": "Łódź",
    }.items():
        content_of_id = f"{HEADER}{text},revenue,2026-03-01,1\n"
        yield _bytes(f"id_{name}.csv", content_of_id, good=1, ids=(text,))


def _packed() -> Iterator[Case]:
    text = (HEADER + "".join(f"C{n},revenue,2026-03-01,{n}\n" for n in range(5_000))).encode()
    for ending, pack in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        whole = pack(text)
        yield _bytes(f"whole.csv{ending}", whole, good=5_000)
        yield _bytes(f"cut.csv{ending}", whole[:-200], says="cut off")
        yield _bytes(f"not.csv{ending}", text, says="is named as")
        yield _bytes(f"packed{ending}.csv", whole, says="is named as text")
        damaged = whole[:30] + b"\xaa" * 30 + whole[60:]
        yield _bytes(f"damaged.csv{ending}", damaged, says="damaged|cut off")
    yield _bytes("zip.csv", b"PK\x03\x04rest", says="is named as text")
    yield _bytes("twice.xlsx.gz", b"x", says="packed already")
    yield _bytes("strange.doc", b"x", says="not read")


def _json() -> Iterator[Case]:
    row = {"customer_id": "C1", "measure": "revenue", "occurred_at": "2026-03-01", "value": 1.5}
    text = json.dumps(row)

    def beside(line: str) -> bytes:
        return f"{text}\n{line}\n{text}\n".encode("utf-8", "surrogatepass")

    for name, line in {
        "nan": text.replace("1.5", "NaN"),
        "infinity": text.replace("1.5", "-Infinity"),
        "1e999": text.replace("1.5", "1e999"),
        "list": text.replace("1.5", "[1.5]"),
        "key_twice": text.replace("measure", "value"),
        "no_json": text[:-2],
        "number": "17",
        "deep": '{"a":' * 2_000 + "1" + "}" * 2_000,
        "surrogate": text.replace("C1", r"C\ud800"),
        "nul": text.replace("C1", r"C\u0000"),
        "no_value": text.replace(', "value": 1.5', ""),
    }.items():
        yield _bytes(f"{name}.ndjson", beside(line), good=2, lines=(2,))
    for number in ("0012", "1.0"):
        line = text.replace('"C1"', f'"{number}"')
        yield _bytes(f"id_{number}.jsonl", line, good=1, ids=(number,))
    yield _bytes("id_number.ndjson", text.replace('"C1"', "1.0"), good=1, ids=("1.0",))
    yield _bytes("id_big.ndjson", text.replace('"C1"', "9" * 40), good=1, ids=("9" * 40,))
    array = f"[{text},\n {text}]"
    yield _bytes("array.json", array, good=2)
    yield _bytes("array.json.gz", gzip.compress(array.encode()), good=2)
    yield _bytes(
        "id.json", f"[{text.replace(chr(34) + 'C1' + chr(34), '1.0')}]", good=1, ids=("1.0",)
    )
    yield _bytes("nan.json", f"[{text},\n{text.replace('1.5', 'NaN')}]", good=1, lines=(2,))
    yield _bytes("number.json", f"[{text},\n17]", good=1, lines=(2,))
    yield _bytes("cut.json", array[:-20], says="line 2: is not JSON")
    yield _bytes("object.json", text, says="does not hold an array")
    yield _bytes("empty.json", "[]", says="has no rows")


def _sheets() -> Iterator[Case]:
    row: list[Cell] = ["C1", "revenue", "2026-03-01", 1.5]
    broken: list[Cell] = ["C1", "revenue", "2026-03-01", "#N/A"]
    yield Case("good.xlsx", lambda path: write_workbook(path, [NAMES, row, row]), good=2)
    yield Case("error.xlsx", lambda path: write_workbook(path, [NAMES, row, broken]), 1, (3,))
    stray: list[list[Cell]] = [[*NAMES], row, [*row, "stray"]]
    yield Case("stray.xlsx", lambda path: write_workbook(path, stray), 1, (3,))
    yield Case("empty.xlsx", lambda path: write_sheet(path, ""), says="first sheet is empty")
    yield _bytes("text.xlsx", HEADER + GOOD, says="is named as a spreadsheet")
    yield Case("zip.xlsx", _zip_of_nothing, says="cannot be read as a spreadsheet")


def _parquet() -> Iterator[Case]:
    table = pa.table(
        {
            "customer_id": ["C1", "C2"],
            "measure": ["m", "m"],
            "occurred_at": ["2026-03-01"] * 2,
            "value": [1.5, 2.0],
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    whole = out.getvalue()
    yield _bytes("good.parquet", whole, good=2)
    yield _bytes("cut.parquet", whole[:-50], says="cut off or damaged")
    yield _bytes("renamed.parquet", HEADER + GOOD, says="named as Parquet")
    yield _bytes(
        "huge_footer.parquet", whole[:-8] + b"\xff\xff\xff\x7fPAR1", says="cut off or damaged"
    )
    yield _bytes(
        "flipped.parquet", whole[:4] + b"\xff" * 40 + whole[44:], says="cut off or damaged"
    )

    def changed(name: str, column: str, values: pa.Array, **expected: object) -> Case:
        at = table.schema.get_field_index(column)
        one = table.set_column(at, column, values)
        return Case(name, lambda path: pq.write_table(one, path), **expected)  # type: ignore[arg-type]

    infinite = pa.array([1.0, float("inf")])
    yield changed("inf.parquet", "value", infinite, good=1, lines=(2,))
    yield changed("nan.parquet", "value", pa.array([1.0, float("nan")]), good=1, lines=(2,))
    yield changed("nul.parquet", "customer_id", pa.array(["a", "b\0"]), good=1, lines=(2,))
    raw = pa.array([b"a", b"b\xff"], pa.binary())
    yield changed("latin.parquet", "customer_id", raw, good=1, lines=(2,))
    yield changed("list.parquet", "value", pa.array([[1.0], [2.0]]), says="is of type list")
    yield changed("null.parquet", "value", pa.array([1.0, None]), good=1, lines=(2,))
    yield Case("no_rows.parquet", lambda path: pq.write_table(table[:0], path), says="no rows")


def _bytes(
    name: str,
    content: bytes | str,
    *,
    good: int = 0,
    lines: tuple[int, ...] = (),
    says: str = "",
    ids: tuple[str, ...] = (),
) -> Case:
    raw = content.encode() if isinstance(content, str) else content
    return Case(name, lambda path: path.write_bytes(raw), good, lines, says, ids)


def _zip_of_nothing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("a.txt", "nothing")


def _corners(path: Path) -> None:
    first, last = (
        '<row r="1"><c r="A1"><v>1</v></c></row>',
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    )
    write_sheet(path, first + last)


def _spaces(size: int, times: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            for number in range(times):
                book.writestr(f"xl/{number}.xml", b" " * size)

    return write


def _many_cells(path: Path) -> None:
    """Twenty million cells in 290 MB of XML, 1.4 MB packed."""
    write_sheet(path, f"<row>{'<c><v>1</v></c>' * 100}</row>" * 200_000)


def _gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(HEADER.encode())
        for _ in range(40):
            file.write(GOOD.encode() * 400_000)


def _parquet_bomb(path: Path) -> None:
    """Twenty million rows, 20 GB of text, 2 MB packed."""
    long = pa.array(["x" * 1_000]).dictionary_encode()
    part = pa.table(
        {
            name: pa.DictionaryArray.from_arrays(
                pa.array([0] * 500_000, pa.int32()), long.dictionary
            )
            for name in NAMES
        }
    )
    with pq.ParquetWriter(path, part.schema, compression="zstd") as writer:
        for _ in range(40):
            writer.write_table(part)
