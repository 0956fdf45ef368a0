"""Exact sums of products of whole numbers, at the speed of floating-point matrices.

A number is split into limbs of 18 bits. The product of two limbs has 36 bits, and 65,536 of them
add up to less than 2^53, below which a float64 holds every whole number: a matrix product of limbs
loses nothing, in whatever order the library adds (the error-free splitting of Ozaki, Ogita, Oishi
and Rump 2012, Numerical Algorithms 59:95-118, with whole numbers).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
LIMB: Final = 18
MOST_LIMBS: Final = 4  # 64 bits and the sign of the highest limb
ROWS: Final = 1 << 16
# A product of limbs adds at most four sums below 2^52 to a counter of 63 bits.
CHUNKS: Final = 1 << 8


class ExactProducts:
    """Adds up, per group, the products of every two of several variables.

    The first variable is 1 for everybody, so that its products are counts and totals.
    """

    __slots__ = ("_chunks", "_held", "_totals", "_variables")

    def __init__(self, variables: int) -> None:
        """Start with no group, for so many variables beside the one."""
        self._variables = variables + 1
        self._held = self._room(0)
        self._totals: npt.NDArray[np.object_] = self._held[:, 0].astype(object)
        self._chunks = 0

    def add(self, columns: Sequence[Whole], sizes: npt.NDArray[np.intp]) -> None:
        """Add rows, those of a group together and the groups in their order.

        Args:
            columns: Per variable, its values.
            sizes: How many rows each group has, from group 0 on.
        """
        self._widen(len(sizes))
        ends = np.cumsum(sizes)
        for group in np.flatnonzero(sizes):
            for start in range(int(ends[group] - sizes[group]), int(ends[group]), ROWS):
                rows = slice(start, min(start + ROWS, int(ends[group])))
                self._add_to(int(group), [column[rows] for column in columns], rows)

    def products(self) -> npt.NDArray[np.object_]:
        """Sums of products as Python's whole numbers, shape (groups, 1 + k, 1 + k)."""
        self._settle()
        return self._totals

    def _add_to(self, group: int, columns: Sequence[Whole], rows: slice) -> None:
        limbs, of, place = _split(columns, rows.stop - rows.start)
        found = np.empty((len(limbs), len(limbs)), np.int64)
        # Line by line, because libraries are slow where a matrix is wide and low.
        for at, limb in enumerate(limbs, start=1):
            found[at - 1, :at] = found[:at, at - 1] = limbs[:at] @ limb
        counter = (place[:, None] + place) * self._variables + of[:, None]
        counter *= self._variables
        counter += of
        np.add.at(self._held[group].reshape(-1), counter.reshape(-1), found.reshape(-1))
        self._chunks += 1
        if self._chunks == CHUNKS:
            self._settle()

    def _room(self, groups: int) -> Whole:
        return np.zeros((groups, 2 * MOST_LIMBS - 1, self._variables, self._variables), np.int64)

    def _widen(self, groups: int) -> None:
        more = groups - len(self._held)
        if more > 0:
            room = self._room(more)
            self._held = np.concatenate([self._held, room])
            self._totals = np.concatenate([self._totals, room[:, 0].astype(object)])

    def _settle(self) -> None:
        for shift in range(2 * MOST_LIMBS - 1):
            held = self._held[:, shift]
            if held.any():
                self._totals = self._totals + (held.astype(object) << (LIMB * shift))
        self._held[:] = 0
        self._chunks = 0


def _split(columns: Sequence[Whole], rows: int) -> tuple[npt.NDArray[np.float64], Any, Any]:
    """Limbs as rows, and per limb the variable and the place that it has."""
    bits = [
        max(int(column.max(initial=0)), -int(column.min(initial=0))).bit_length()
        for column in columns
    ]
    many = [-(-one // LIMB) for one in bits]
    of = np.repeat(np.arange(len(columns) + 1), [1, *many])
    place = np.concatenate([[0], *(np.arange(one) for one in many)]).astype(np.intp)
    limbs = np.empty((len(of), rows))
    limbs[0] = 1
    at = 1
    for column, last in zip(columns, many, strict=True):
        rest = column
        for _ in range(last - 1):
            np.bitwise_and(rest, (1 << LIMB) - 1, out=limbs[at], casting="unsafe")
            rest = rest >> LIMB
            at += 1
        if last:
            limbs[at] = rest
            at += 1
    return limbs, of, place
