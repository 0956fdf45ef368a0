"""How many records a file has, and which of them were refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from experiments.errors import BadFile, Reject
from experiments.intake.limits import REJECTS, VALUE_SHOWN

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
    texts = [_blank_as_null(pa.array(column, pa.string())) for column in columns.values()]
    places = [pa.array(lines, pa.int64()), pa.array(rows, pa.int64())]
    return pa.RecordBatch.from_arrays([*texts, *places], names=[*columns, LINE, ROW])


def _blank_as_null(column: pa.Array) -> pa.Array:
    blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(column)), 0)
    if not pc.any(blank).as_py():
        return column
    return pc.if_else(blank, pa.scalar(None, pa.string()), column)
