"""What a group of customers looks like in a few numbers, enough for every closed-form method.

`Sample` is one variable: count, mean, variance, skewness. `Moments` is several variables with
their covariances. Both are derived here and nowhere else, from raw values (two passes) or from
exact sums (whole numbers, so that nothing is lost to cancellation).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined

Number = int | float | Decimal | Fraction
Floats = npt.NDArray[np.float64]

NOT_KEPT = Undefined("the third moment was not kept")


@dataclass(frozen=True, slots=True)
class Sample:
    """One number per customer, summarised.

    Attributes:
        n: How many customers.
        mean: In the unit of the variable; 0 when there is no customer.
        variance: With n - 1 in the denominator; 0 when n < 2, where no method may use it.
        skewness: Third central moment over the cube of the standard deviation (denominators n);
            Undefined without spread or where the third moment was not kept.
    """

    n: int
    mean: float
    variance: float
    skewness: float | Undefined = NOT_KEPT

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Summarise raw values.

        Example:
            >>> Sample.of([1.0, 2.0, 6.0]).mean
            3.0
        """
        return cls._from(Moments.of(value=values))

    @classmethod
    def from_sums(cls, *, n: int, total: Number, squares: Number) -> Self:
        """Summarise from a count, the sum of the values and the sum of their squares."""
        return cls._from(Moments.from_sums(("value",), n=n, sums=[total], products=[[squares]]))

    @classmethod
    def _from(cls, moments: "Moments") -> Self:
        sample = moments.sample(moments.names[0])
        return cls(sample.n, sample.mean, sample.variance, sample.skewness)


@dataclass(frozen=True, slots=True)
class Moments:
    """Several numbers per customer, summarised.

    Attributes:
        names: The variables, k of them.
        n: How many customers.
        means: Shape (k,); 0 when there is no customer.
        scatter: Sums of products of deviations from the means, shape (k, k).
        cubes: Sums of cubed deviations from the means, shape (k,); None where not kept.
    """

    names: tuple[str, ...]
    n: int
    means: tuple[float, ...]
    scatter: tuple[tuple[float, ...], ...]
    cubes: tuple[float | None, ...]

    @classmethod
    def of(cls, **columns: Iterable[float]) -> Self:
        """Summarise raw columns of equal length, one value per customer in each.

        Example:
            >>> Moments.of(spend=[1.0, 3.0], visits=[2.0, 4.0]).covariance("spend", "visits")
            2.0
        """
        rows = np.array([np.asarray(list(values), dtype=float) for values in columns.values()])
        n = rows.shape[1]
        if n == 0:
            zeros = tuple(0.0 for _ in columns)
            return cls(tuple(columns), 0, zeros, tuple(zeros for _ in columns), zeros)
        means = [math.fsum(row) / n for row in rows]
        centred = rows - np.array(means)[:, None]
        scatter = centred @ centred.T
        return cls(
            names=tuple(columns),
            n=n,
            means=tuple(means),
            scatter=tuple(tuple(float(cell) for cell in line) for line in scatter),
            cubes=tuple(float(np.sum(row**3)) for row in centred),
        )

    @classmethod
    def from_sums(
        cls,
        names: Sequence[str],
        *,
        n: int,
        sums: Sequence[Number],
        products: Sequence[Sequence[Number]],
        cubes: Sequence[Number | None] | None = None,
    ) -> Self:
        """Derive means and scatter from exact sums.

        Args:
            names: The variables, k of them.
            n: How many customers.
            sums: Sum of each variable, shape (k,).
            products: Sums of products of each pair of variables, shape (k, k).
            cubes: Sum of cubes of each variable, shape (k,); None where not kept.
        """
        size = len(names)
        if n == 0:
            zeros = (0.0,) * size
            return cls(tuple(names), 0, zeros, (zeros,) * size, zeros)
        kept: Sequence[Number | None] = [None] * size if cubes is None else cubes
        totals = [total.as_integer_ratio() for total in sums]
        scatter = [[0.0] * size for _ in names]
        for i in range(size):
            for j in range(i, size):
                about = _about_means(products[i][j], totals[i], totals[j], n)
                scatter[i][j] = scatter[j][i] = about
        return cls(
            names=tuple(names),
            n=n,
            means=tuple(upper / (n * lower) for upper, lower in totals),
            scatter=tuple(tuple(line) for line in scatter),
            cubes=tuple(
                None if cube is None else _cubed_about_mean(cube, products[i][i], totals[i], n)
                for i, cube in enumerate(kept)
            ),
        )

    def mean(self, name: str) -> float:
        """The mean of one variable."""
        return self.means[self.names.index(name)]

    def covariance(self, one: str, other: str) -> float:
        """The covariance of two variables, with n - 1 in the denominator; 0 when n < 2."""
        if self.n < 2:
            return 0.0
        return self.scatter[self.names.index(one)][self.names.index(other)] / (self.n - 1)

    def sample(self, name: str) -> Sample:
        """One variable on its own."""
        at = self.names.index(name)
        return Sample(self.n, self.means[at], self.covariance(name, name), self._skewness(at))

    def _skewness(self, at: int) -> float | Undefined:
        cube, square = self.cubes[at], self.scatter[at][at]
        if cube is None:
            return NOT_KEPT
        if square <= 0:
            return Undefined("all values are the same")
        return float(math.sqrt(self.n) * cube / square**1.5)

    def combine(self, combinations: Mapping[str, Mapping[str, float]]) -> "Moments":
        """Moments of linear combinations of the variables, each a weight per variable.

        The third moment survives where a combination scales a single variable.

        Example:
            >>> both = Moments.of(margin=[1.0, 3.0], contacts=[1.0, 1.0])
            >>> both.combine({"net": {"margin": 1.0, "contacts": -0.5}}).mean("net")
            1.5
        """
        weights = np.array(
            [[line.get(name, 0.0) for name in self.names] for line in combinations.values()]
        )
        scatter = weights @ np.array(self.scatter) @ weights.T
        return Moments(
            names=tuple(combinations),
            n=self.n,
            means=tuple(float(mean) for mean in weights @ np.array(self.means)),
            scatter=tuple(tuple(float(cell) for cell in line) for line in scatter),
            cubes=tuple(self._combined_cube(line) for line in weights),
        )

    def _combined_cube(self, weights: Floats) -> float | None:
        used = np.flatnonzero(weights)
        if len(used) != 1:
            return None
        cube = self.cubes[int(used[0])]
        return None if cube is None else float(weights[used[0]]) ** 3 * cube


def _about_means(product: Number, one: tuple[int, int], other: tuple[int, int], n: int) -> float:
    """A sum of products of deviations from the means; whole numbers, so rounded only at the end.

    Args:
        product: Sum of products.
        one: Sum of one of the variables, as a fraction.
        other: Sum of the other.
        n: How many customers.
    """
    (a, below_a), (b, below_b) = one, other
    p, below_p = product.as_integer_ratio()
    below = below_a * below_b
    return (n * p * below - a * b * below_p) / (n * below_p * below)


def _cubed_about_mean(cube: Number, square: Number, total: tuple[int, int], n: int) -> float:
    """A sum of cubed deviations from the mean, from sums of cubes and squares and the sum."""
    (a, below_a), (s, below_s) = total, square.as_integer_ratio()
    c, below_c = cube.as_integer_ratio()
    upper = below_a**3 * below_s * c * n**2
    upper += below_c * (2 * a**3 * below_s - 3 * n * a * s * below_a**2)
    return upper / (below_a**3 * below_s * below_c * n**2)
