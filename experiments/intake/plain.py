"""Blocks of CSV without surprises, parsed at once; any other block is left to a slower reader.

A block is plain when no reader could take it in two ways: UTF-8, no NUL, line feeds end the lines,
and quotation marks, if any, open and close whole cells within a line. Then every line is a record,
so that rows and lines are counted against each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from experiments.intake.limits import PARSED_BYTES
from experiments.intake.lines import is_plain
from experiments.intake.tally import blank_as_null

_QUOTE, _FEED, _RETURN = b'"\n\r'


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line with another number of cells than the header: its place in the block from 0."""

    place: int
    cells: int
    text: str


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """What a block holds: columns of text, the places of their lines, and the other lines."""

    columns: dict[str, pa.Array]
    places: npt.NDArray[np.int64]
    bad: tuple[BadLine, ...]
    lines: int


def parse_plain(
    block: bytes, *, delimiter: str, width: int, places: Mapping[str, int]
) -> PlainBlock | None:
    r"""Parse a block of whole lines; None where it is not plain.

    Args:
        block: The lines.
        delimiter: Between the cells.
        width: How many cells a line must have.
        places: Columns to keep, with their place in the line.

    Example:
        >>> plain = parse_plain(b"a,1\nb\nc,3\n", delimiter=",", width=2, places={"id": 0})
        >>> plain.columns["id"].to_pylist(), plain.bad
        (['a', 'c'], (BadLine(place=1, cells=1, text='b'),))
    """
    columns = list(places.values()) or [0]
    # A column takes memory for the whole block, however little of it is its own.
    if len(columns) * len(block) > PARSED_BYTES or not is_plain(block):
        return None
    quoted = b'"' in block
    if quoted and not _marks_pair_up(block, delimiter):
        return None
    bad: list[BadLine] = []

    def keep_bad(row: pa_csv.InvalidRow) -> str:
        bad.append(BadLine(row.number - 1, row.actual_columns, row.text))
        return "skip"

    table = pa_csv.read_csv(
        pa.BufferReader(block),
        # Rows are numbered only where one thread reads.
        pa_csv.ReadOptions(
            use_threads=False, column_names=list(map(str, range(width))), block_size=len(block) + 1
        ),
        pa_csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            ignore_empty_lines=False,
            invalid_row_handler=keep_bad,
        ),
        pa_csv.ConvertOptions(
            include_columns=list(map(str, columns)),
            column_types={str(place): pa.string() for place in columns},
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    if any(line.text.strip() and not _text_of(line, delimiter) for line in bad):
        return None  # cells without text, which make no record
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if table.num_rows + len(bad) != lines:
        return None
    texts = [blank_as_null(table[str(place)].combine_chunks()) for place in columns]
    if _any_blank_row(texts):
        return None
    is_kept = np.ones(lines, dtype=bool)
    is_kept[[line.place for line in bad]] = False
    return PlainBlock(
        dict(zip(places, texts, strict=False)), np.flatnonzero(is_kept), tuple(bad), lines
    )


def _text_of(line: BadLine, delimiter: str) -> str:
    return line.text.replace(delimiter, "").replace('"', "").strip()


def _marks_pair_up(block: bytes, delimiter: str) -> bool:
    """Whether quotation marks open and close whole cells in turn, doubled ones inside, no breaks.

    Every odd mark must follow a delimiter or line start, every even one must stand before a
    delimiter or line end, or the two stand side by side as a doubled mark.
    """
    letters = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    marks = np.flatnonzero(letters == _QUOTE)
    if len(marks) % 2:
        return False
    opening, closing = marks[0::2], marks[1::2]
    before, after = letters[opening - 1], letters[closing + 1]
    cell_end = np.zeros(256, dtype=bool)
    cell_end[[ord(delimiter), _FEED, _QUOTE]] = True
    if not cell_end[before].all():
        return False
    cell_end[_RETURN] = True
    if not cell_end[after].all():
        return False
    feeds = np.flatnonzero(letters == _FEED)
    return bool((np.searchsorted(feeds, opening) == np.searchsorted(feeds, closing)).all())


def _any_blank_row(texts: list[pa.Array]) -> bool:
    """Whether some row has no value in any of the columns: its line may count as none at all."""
    blank = pa.scalar(True)
    for text in texts:
        if not text.null_count:
            return False
        blank = pc.and_(blank, pc.is_null(text))
    return bool(pc.any(blank).as_py())
