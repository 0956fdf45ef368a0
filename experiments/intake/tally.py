"""How many records a file has, and which of them were refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from experiments.errors import BadFile, Reject
from experiments.intake.column import letters_of
from experiments.intake.limits import LONGEST_CELL, REJECTS, VALUE_SHOWN

LINE = "#line"
ROW = "#row"

Integers = Sequence[int] | npt.NDArray[np.int64]


@dataclass(slots=True)
class Tally:
    """The count of records seen, and the refused ones; every reader fills one while it reads."""

    file: str
    counted: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def refuse(self, *, line: int, reason: str, column: str = "", value: str = "") -> None:
        """Keep one refused record; give up on a file that has nothing else."""
        if len(self.rejects) >= REJECTS:
            raise BadFile(
                f"{self.file}: more than {REJECTS:,} records are refused; the file as a whole "
                f"is wrong. The first of them follow.",
                rejects=self.rejects[:20],
            )
        self.rejects.append(Reject(line=line, column=column, value=shown(value), reason=reason))


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose header has been read; `batches` reads on from there."""

    header: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]


def shown(value: str) -> str:
    """Shorten a refused value, and make it safe to print and to store."""
    short = value[: VALUE_SHOWN + 1].replace("\0", "\ufffd")
    if len(short) > VALUE_SHOWN:
        short = short[:VALUE_SHOWN] + "..."
    return short.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def text_batch(
    columns: Mapping[str, Sequence[str | None] | pa.Array], *, lines: Integers, rows: Integers
) -> pa.RecordBatch:
    """Put columns of text side by side, blank cells as NULL, with `#line` and `#row` at the end."""
    texts = [blank_as_null(pa.array(column, pa.string())) for column in columns.values()]
    return placed(dict(zip(columns, texts, strict=True)), lines=lines, rows=rows)


def placed(columns: Mapping[str, pa.Array], *, lines: Integers, rows: Integers) -> pa.RecordBatch:
    """Put `#line` and `#row` beside columns; cells too long to be anything are cut."""
    texts = map(_shortened, columns.values())
    places = [pa.array(lines, pa.int64()), pa.array(rows, pa.int64())]
    return pa.RecordBatch.from_arrays([*texts, *places], names=[*columns, LINE, ROW])


def blank_as_null(column: pa.Array) -> pa.Array:
    """Turn cells without a visible character into NULL."""
    letters = letters_of(column)
    if letters.has_blanks or not letters.is_ascii:
        size = pc.binary_length(pc.utf8_trim_whitespace(column))
    else:
        size = pc.binary_length(column)
    blank = pc.equal(size, 0)
    if not pc.any(blank).as_py():
        return column
    return pc.if_else(blank, pa.scalar(None, pa.string()), column)


def _shortened(column: pa.Array) -> pa.Array:
    """Cut cells that no rule lets pass; they stay longer than any rule lets pass."""
    if (pc.max(pc.binary_length(column)).as_py() or 0) <= LONGEST_CELL:
        return column
    cut = pc.utf8_slice_codeunits(column, 0, LONGEST_CELL)
    long = pc.greater(pc.utf8_length(column), LONGEST_CELL)
    return pc.if_else(long, pc.binary_join_element_wise(cut, "...", ""), column)
