"""The sums of `summaries.py`, over rows that this process reads itself.

Amounts are whole numbers of ten-thousandths, so that matrix products add them up exactly and some
times faster than decimals. Cubes follow the definition of `summaries.py` to the digit: the square
is cut to four decimals, and so is its product with the value, halves away from 0.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.behavior.kinds import UNITS
from experiments.behavior.sums import ALL_DIGITS, CUBE_LIMIT, DECIMALS, Sums
from experiments.engines.overflow import too_large
from experiments.stats.exact_products import ExactProducts, Whole

Key = tuple[str, ...]
MOST_UNITS: Final = 10**38
MILLION: Final = 10**6
MOST_GROUPS: Final = 5_000


class TooManyGroups(Exception):
    """So many groups are better added up by the engine."""


class Groups:
    """Numbers for combinations of levels, in order of appearance."""

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[Key, int] = {}

    def of(self, columns: Sequence[pa.Array], rows: int) -> npt.NDArray[np.intp]:
        """The number of each row's combination.

        Raises:
            TooManyGroups: More than are added up here.
        """
        code = np.zeros(rows, np.intp)
        levels: list[list[str]] = []
        for column in columns:
            coded = column.dictionary_encode(null_encoding="encode")
            levels.append([str(level) for level in coded.dictionary.to_pylist()])
            code *= len(levels[-1])
            code += coded.indices.to_numpy()
            if np.prod([len(one) for one in levels], dtype=float) > MOST_GROUPS:
                raise TooManyGroups
        sizes = [len(one) for one in levels]
        number = np.zeros(int(np.prod(sizes)), np.intp)
        for place in np.flatnonzero(np.bincount(code, minlength=len(number))):
            at = np.unravel_index(place, sizes) if sizes else ()
            key = tuple(one[int(level)] for one, level in zip(levels, at, strict=True))
            number[place] = self.numbers.setdefault(key, len(self.numbers))
        return number[code]


def added_up(
    batches: Iterable[pa.RecordBatch],
    *,
    keys: int,
    variables: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    cubed: Sequence[str],
) -> dict[Key, Sums]:
    """The sums per group, groups in sorted order.

    Args:
        batches: Key columns first, then the variables: amounts with four decimals, not null.
        keys: How many key columns there are.
        variables: Their names, in the order of the columns.
        pairs: Whose products are wanted, names in alphabetical order.
        cubed: Whose cubes are wanted.

    Raises:
        BadInput: A sum does not fit 38 digits.
        TooManyGroups: The engine adds up so many faster.
    """
    groups = Groups()
    blocks = [(block, ExactProducts(len(block))) for block in _blocks(variables, pairs) or [[]]]
    cubes = [_Cubes() for _ in cubed]
    for batch in batches:
        group = groups.of(batch.columns[:keys], batch.num_rows)
        sizes = np.bincount(group, minlength=len(groups.numbers))
        # Of 16 bits: these are sorted by counting.
        order = (
            np.argsort(group.astype(np.uint16), kind="stable") if len(sizes) > 1 else slice(None)
        )
        columns = {
            name: units_of(column)[order]
            for name, column in zip(variables, batch.columns[keys:], strict=True)
        }
        for block, products in blocks:
            products.add([columns[name] for name in block], sizes)
        for name, cube in zip(cubed, cubes, strict=True):
            cube.add(columns[name], sizes)
    found: dict[Key, Sums] = {}
    summed = [(block, products.products()) for block, products in blocks]
    third = [cube.sums() for cube in cubes]
    for key, number in sorted(groups.numbers.items()):
        n, totals, squares = 0, {}, {}
        for block, of_group in ((block, products[number]) for block, products in summed):
            n = of_group[0, 0]
            for at, name in enumerate(block, start=1):
                totals[name] = decimal(of_group[0, at], DECIMALS)
                for other_at, other in enumerate(block, start=1):
                    squares[name, other] = of_group[at, other_at]
        found[key] = Sums(
            n=int(n),
            totals={name: totals[name] for name in variables},
            products={pair: decimal(squares[pair], 2 * DECIMALS) for pair in pairs},
            cubes={
                name: None if (total := of_groups[number]) is None else decimal(total, DECIMALS)
                for name, of_groups in zip(cubed, third, strict=True)
            },
        )
    return found


def units_of(column: pa.Array) -> Whole:
    """Amounts as whole numbers of ten-thousandths, without a copy."""
    if column.null_count:
        raise ValueError("amounts that are added up are never null")
    if not pa.types.is_decimal64(column.type) or column.type.scale != DECIMALS:
        column = column.cast(pa.decimal64(18, DECIMALS))
    whole = np.frombuffer(column.buffers()[1], np.int64)
    return whole[column.offset : column.offset + len(column)]


def decimal(units: Any, decimals: int) -> Decimal:
    """A whole number of units as a decimal.

    Raises:
        BadInput: It does not fit 38 digits.
    """
    if abs(units) >= MOST_UNITS:
        raise too_large(f"a sum of {len(str(abs(units)))} digits")
    return Decimal(int(units)).scaleb(-decimals, ALL_DIGITS)


def _blocks(variables: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Variables that are connected by pairs, together."""
    block_of = {name: [name] for name in variables}
    for one, other in pairs:
        mine, theirs = block_of[one], block_of[other]
        if mine is not theirs:
            mine.extend(theirs)
            for name in theirs:
                block_of[name] = mine
    return list({id(block): block for block in block_of.values()}.values())


class _Cubes:
    """Sums of cubes of one variable, cut as `summaries.py` says.

    With |u| = a 10^6 + b units, the square in four decimals is a^2 10^8 + r, where r is
    200 a b + b^2 / 10^4, rounded; with r = h 10^4 + l the cube is (a^2 10^4 + h) u + l u / 10^4,
    rounded. Every part fits 63 bits, and only what is rounded is taken row by row.
    """

    __slots__ = ("_products",)

    def __init__(self) -> None:
        self._products = ExactProducts(5)

    def add(self, units: Whole, sizes: npt.NDArray[np.intp]) -> None:
        size = np.abs(units)
        large = size >= CUBE_LIMIT * UNITS
        if large.any():
            units, size = np.where(large, 0, units), np.where(large, 0, size)
        above = size // MILLION
        below = size - above * MILLION
        rest = 200 * above * below + (below * below + UNITS // 2) // UNITS
        high = rest // UNITS
        low = rest - high * UNITS
        rounded = np.sign(units) * ((low * size + UNITS // 2) // UNITS)
        self._products.add([units, above * above, high, rounded, large.astype(np.int64)], sizes)

    def sums(self) -> list[int | None]:
        """Per group; None where a value is too large for exact cubes."""
        return [
            None if one[0, 5] else int(UNITS * one[1, 2] + one[1, 3] + one[0, 4])
            for one in self._products.products()
        ]
