"""What becomes of one column of text when it is cast."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that was refused: its place in the column from 0, and the reason."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class CastColumn:
    """Typed values, NULL where refused; `rounded` marks numbers that lost decimals."""

    values: pa.Array
    faults: tuple[Fault, ...]
    rounded: Booleans | None = None


def place_of_true(mask: pa.Array) -> npt.NDArray[np.int64]:
    """Places at which a mask holds; NULL does not."""
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))


@dataclass(frozen=True, slots=True)
class Letters:
    """The lowest and the highest byte in a column of text, which tell most columns at a glance."""

    lowest: int
    highest: int

    @property
    def has_blanks(self) -> bool:
        """Whether there may be blanks or control characters."""
        return self.lowest <= ord(" ")

    @property
    def is_ascii(self) -> bool:
        """Whether there are ASCII characters only, without DEL."""
        return self.highest < 0x7F


def letters_of(column: pa.Array) -> Letters:
    """Look at the bytes of a column of strings, also at those behind its NULLs.

    Example:
        >>> letters_of(pa.array(["0012", None])).has_blanks
        False
    """
    _, ends, text = column.buffers()
    if not len(column) or text is None:
        return Letters(ord("0"), ord("0"))
    ends = np.frombuffer(ends, np.int32, len(column) + 1, column.offset * 4)
    letters = np.frombuffer(text, np.uint8)[ends[0] : ends[-1]]
    if not len(letters):
        return Letters(ord("0"), ord("0"))
    return Letters(int(letters.min()), int(letters.max()))
