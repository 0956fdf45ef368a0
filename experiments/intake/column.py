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
