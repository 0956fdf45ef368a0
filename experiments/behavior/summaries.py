"""A few rows that hold all that a closed-form method needs: exact sums per group of customers.

The sums are exact, so that a result does not depend on threads, on the order of files, or on the
engine. Where this process can read the rows it adds them up itself; a cluster adds up decimals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.behavior.exact_sums import TooManyGroups, added_up
from experiments.behavior.sums import CUBE_LIMIT, DECIMALS, Sums, pair_of
from experiments.engines.engine import Engine

# Decimal digits are chosen so that DuckDB and Spark agree on every type: a product of two
# DECIMAL(18, 4) is exact in (36, 8), but DuckDB 2 keeps 18 digits of it unless one factor has 19.
# A cube is taken from the square cut to four decimals, and cut so that 10 million fit a sum.
FACTOR, PRODUCT, SUM_OF_PRODUCTS = "decimal(19, 4)", "decimal(36, 8)", "decimal(38, 8)"
SQUARE_CUT, BASE_CUT, CUBE = "decimal(22, 4)", "decimal(15, 4)", "decimal(38, 4)"
# Digits in which a variable fits if all of its values lie below; 18 digits fit a machine word, in
# which products are some times faster, and the same.
FITS = ((10, 5), (1_000, 7), (100_000, 9), (100_000_000, 12))
WORD = 18


@dataclass(frozen=True, slots=True)
class Summary:
    """Which sums to take, over which families of variables.

    Attributes:
        families: Groups of variables; products are summed for every pair inside a family.
        cubed: Variables whose third moment is kept.
    """

    families: tuple[tuple[str, ...], ...]
    cubed: tuple[str, ...] = ()

    @property
    def variables(self) -> list[str]:
        """Every variable once, in order of first appearance."""
        return list(dict.fromkeys(name for family in self.families for name in family))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every pair of variables whose product is summed, squares included."""
        found = {pair_of(a, b): None for family in self.families for a in family for b in family}
        return list(found)

    def of(
        self, engine: Engine, customers: ir.Table, *, by: Sequence[str]
    ) -> dict[tuple[str, ...], Sums]:
        """The sums per group of customers, groups in sorted order.

        Args:
            engine: Gives the rows; or runs two queries: how large the values are, and the sums.
            customers: A row per customer; the variables are DECIMAL(18, 4) columns, not null.
            by: Columns that make the groups.

        Raises:
            BadInput: A sum does not fit 38 digits.
        """
        rows = engine.scan(customers.select([*by, *self.variables]))
        if rows is not None:
            try:
                return added_up(
                    rows,
                    keys=len(by),
                    variables=self.variables,
                    pairs=self.pairs,
                    cubed=self.cubed,
                )
            except TooManyGroups:  # the engine is asked instead
                pass
        paired = dict.fromkeys(name for pair in self.pairs for name in pair)
        digits: dict[str, int] = {}
        if paired:
            largest = {f"at_{at}": customers[name].abs().max() for at, name in enumerate(paired)}
            (row,) = engine.fetch(customers.aggregate(**largest)).to_pylist()
            digits = {name: _digits(row[f"at_{at}"]) for at, name in enumerate(paired)}
        return self.read(engine.fetch(self.expression(customers, by=by, digits=digits)), by=by)

    def expression(
        self,
        customers: ir.Table,
        *,
        by: Sequence[str],
        digits: Mapping[str, int] | None = None,
    ) -> ir.Table:
        """One row per group of customers; `read` knows which numbered column is which sum.

        Args:
            customers: A row per customer; the variables are DECIMAL(18, 4) columns, not null.
            by: Columns that make the groups.
            digits: In how many digits all values of a variable fit; 18 where it is not named.
        """
        sums: dict[str, ir.Value] = {"n": customers.count()}
        fits = {name: (digits or {}).get(name, WORD) for name in self.variables}

        def cast(name: str) -> ir.Value:
            return customers[name].cast(f"decimal({fits[name]}, {DECIMALS})")

        # Numbered, because joined names are ambiguous: "a b" with "c" reads like "a" with "b c".
        for at, name in enumerate(self.variables):
            sums[f"sum_{at}"] = customers[name].sum().cast("decimal(38, 4)")
        for at, (one, other) in enumerate(self.pairs):
            if fits[one] + fits[other] <= WORD:
                product = cast(one) * cast(other)
            else:
                product = (customers[one].cast(FACTOR) * customers[other]).cast(PRODUCT)
            sums[f"product_{at}"] = product.sum().cast(SUM_OF_PRODUCTS)
        for at, name in enumerate(self.cubed):
            sums[f"cube_{at}"] = _cubes(customers[name], digits=fits[name])
        return customers.group_by(list(by)).agg(**sums)

    def read(self, rows: pa.Table, *, by: Sequence[str]) -> dict[tuple[str, ...], Sums]:
        """The sums per group, from the rows that `expression` gave, groups in sorted order."""
        groups = {
            tuple(str(row[name]) for name in by): Sums(
                n=row["n"],
                totals={name: row[f"sum_{at}"] for at, name in enumerate(self.variables)},
                products={pair: row[f"product_{at}"] for at, pair in enumerate(self.pairs)},
                cubes={name: row[f"cube_{at}"] for at, name in enumerate(self.cubed)},
            )
            for row in rows.to_pylist()
        }
        return dict(sorted(groups.items()))


def _digits(largest: Decimal | None) -> int:
    """In how many digits every value fits that is no larger."""
    return next((digits for limit, digits in FITS if (largest or 0) < limit), WORD)


def _cubes(value: ir.Value, *, digits: int) -> ir.Value:
    """The sum of cubes; null where a value is too large for exact cubes."""
    if digits <= WORD // 2:
        base = value.cast(f"decimal({digits}, {DECIMALS})")
        # The square of (p, 4) has (2p, 8), is cut to (2p - 4, 4), and times (p, 4) has (3p - 4, 8).
        square = (base * base).cast(f"decimal({2 * digits - DECIMALS}, {DECIMALS})")
        if 3 * digits - DECIMALS <= WORD:
            cube = (square * base).cast(f"decimal({3 * digits - 2 * DECIMALS}, {DECIMALS})")
            return cube.sum().cast(CUBE)
        return (square.cast(FACTOR) * base).cast(CUBE).sum().cast(CUBE)
    small = value.abs() < CUBE_LIMIT
    base = ibis.ifelse(small, value, 0).cast("decimal(18, 4)")
    square = (base.cast(FACTOR) * base).cast(PRODUCT).cast(SQUARE_CUT)
    cubes = (square * base.cast(BASE_CUT)).cast(CUBE).sum().cast(CUBE)
    return ibis.ifelse(small.all(), cubes, ibis.null(CUBE))
