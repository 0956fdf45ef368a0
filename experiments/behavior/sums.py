"""Exact sums over one group of customers: all that a closed-form method needs of them.

They add up across groups in any order; `Sums.moments` turns them into means and covariances.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact

from experiments.stats.moments import Moments

# Of an amount; and the value from which on there is no cube of it.
DECIMALS, CUBE_LIMIT = 4, 1_000_000_000
# Python's own context keeps 28 digits; sums have up to 38, and more where groups are added up.
ALL_DIGITS = Context(prec=60, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums over one group of customers.

    Attributes:
        n: How many customers.
        totals: Sum per variable.
        products: Sum of products per pair of variables, names in alphabetical order.
        cubes: Sum of cubes per variable; None where a value is too large for exact cubes.
    """

    n: int
    totals: Mapping[str, Decimal]
    products: Mapping[tuple[str, str], Decimal]
    cubes: Mapping[str, Decimal | None]

    def moments(self, names: Sequence[str]) -> Moments:
        """Means and covariances of some of the variables.

        Raises:
            KeyError: A pair of the names was not summed together.
        """
        return Moments.from_sums(
            names,
            n=self.n,
            sums=[self.totals[name] for name in names],
            products=[[self.products[pair_of(one, other)] for other in names] for one in names],
            cubes=[self.cubes.get(name) for name in names],
        )

    def plus(self, other: "Sums") -> "Sums":
        """The sums over both groups together; exact, so any order gives the same."""
        return Sums(
            n=self.n + other.n,
            totals={
                name: ALL_DIGITS.add(total, other.totals[name])
                for name, total in self.totals.items()
            },
            products={
                pair: ALL_DIGITS.add(product, other.products[pair])
                for pair, product in self.products.items()
            },
            cubes={
                name: None
                if cube is None or (more := other.cubes[name]) is None
                else ALL_DIGITS.add(cube, more)
                for name, cube in self.cubes.items()
            },
        )


def pair_of(one: str, other: str) -> tuple[str, str]:
    """Two names in alphabetical order."""
    return (one, other) if one <= other else (other, one)


def add_up(sums: Iterable[Sums]) -> Sums:
    """The sums over several groups together; at least one."""
    first, *rest = sums
    total = first
    for more in rest:
        total = total.plus(more)
    return total
