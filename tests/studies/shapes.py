"""The kinds of data: normal, skewed, mostly zeros, heavy-tailed, unequal, few, correlated.

Both groups come from one distribution; in a lifted shape every treated value is larger by a factor,
so that the groups also differ in spread and skewness.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.many import ManyMoments, Samples
from experiments.stats.moments import Floats, Moments, Sample
from tests.studies.cells import Tally

Draw = Callable[[Generator, tuple[int, int]], Floats]
# Values of a batch of replicates, 16 MB.
VALUES = 2_000_000
ACCOUNT = 10
NAMES = ("outcome", "first", "second", "third")


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of data.

    Attributes:
        name: In the table.
        draw: Values of customers; shape (replicates, customers) in and out.
        treated: Treated customers.
        controls: Control customers.
        mean: Of one control customer.
        lift: Factor on every treated value.
        shuffled: Whether customers are drawn in the order of their accounts and are assigned one
            by one.
    """

    name: str
    draw: Draw
    treated: int
    controls: int
    mean: float
    lift: float = 1.0
    shuffled: bool = False

    @property
    def truth(self) -> float:
        """True difference of means."""
        return (self.lift - 1) * self.mean

    def batches(
        self, rng: Generator, replicates: int, *, covariates: int = 0
    ) -> Iterator[tuple[Floats, Floats]]:
        """Treated and control values, shape (1 + covariates, replicates of the batch, customers).

        A covariate is the outcome without the lift, plus as much noise of the same shape.
        """
        customers = self.treated + self.controls
        step = max(1, VALUES // (customers * (1 + covariates)))
        for start in range(0, replicates, step):
            size = (min(step, replicates - start), customers)
            outcome = self._drawn(rng, size)
            columns = [outcome, *(outcome + self._drawn(rng, size) for _ in range(covariates))]
            values = np.stack(columns)
            values[0, :, : self.treated] *= self.lift
            yield values[:, :, : self.treated], values[:, :, self.treated :]

    def _drawn(self, rng: Generator, size: tuple[int, int]) -> Floats:
        values = self.draw(rng, size)
        return rng.permuted(values, axis=1) if self.shuffled else values


Study = Callable[[Generator, Floats, Floats], Tally]


def over(shape: Shape, study: Study, *, covariates: int = 0) -> Callable[[Generator, int], Tally]:
    """The run of a cell: draw batches of a shape and add up what a study counts in each."""

    def run(rng: Generator, replicates: int) -> Tally:
        batches = shape.batches(rng, replicates, covariates=covariates)
        return sum((study(rng, *batch) for batch in batches), Tally())

    return run


def samples_of(values: Floats) -> list[Sample]:
    """Summaries with skewness of each replicate; values of shape (replicates, customers)."""
    n, means = values.shape[1], values.mean(axis=1)
    centred = values - means[:, None]
    squares = np.sum(centred**2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = math.sqrt(n) * np.sum(centred**3, axis=1) / squares**1.5
    return [
        Sample(n, float(mean), float(square) / (n - 1), float(skew) if square > 0 else NO_SPREAD)
        for mean, square, skew in zip(means, squares, skewness, strict=True)
    ]


NO_SPREAD = Undefined("all values are the same")


def many_samples(values: Floats) -> Samples:
    """The same as arrays, without skewness."""
    n = np.full(len(values), values.shape[1])
    return Samples(n, values.mean(axis=1), values.var(axis=1, ddof=1))


def many_moments(values: Floats) -> ManyMoments:
    """Moments of several variables; values of shape (variables, replicates, customers)."""
    rows = values.transpose(1, 0, 2)
    means = rows.mean(axis=2)
    centred = rows - means[:, :, None]
    n = np.full(len(rows), float(values.shape[2]))
    return ManyMoments(NAMES[: len(values)], n, means, centred @ centred.transpose(0, 2, 1))


def moments_of(values: Floats) -> list[Moments]:
    """The same for each replicate alone."""
    many = many_moments(values)
    cubes = (None,) * len(values)
    return [
        Moments(many.names, values.shape[2], tuple(means), tuple(map(tuple, scatter)), cubes)
        for means, scatter in zip(many.means.tolist(), many.scatter.tolist(), strict=True)
    ]


def _normal(rng: Generator, size: tuple[int, int]) -> Floats:
    return rng.normal(5.0, 2.0, size)


def _money(rng: Generator, size: tuple[int, int]) -> Floats:
    return rng.lognormal(0.0, 1.0, size)


def _zeros(rng: Generator, size: tuple[int, int]) -> Floats:
    buys = rng.random(size) < 0.02
    values = np.zeros(size)
    values[buys] = rng.lognormal(0.0, 1.0, int(buys.sum()))
    return values


def _heavy(rng: Generator, size: tuple[int, int]) -> Floats:
    """Pareto of shape 2.5: the variance is finite, the skewness is not."""
    return rng.pareto(2.5, size)


def _accounts(rng: Generator, size: tuple[int, int]) -> Floats:
    """Customers of an account are correlated by 0.2."""
    replicates, customers = size
    accounts = rng.normal(0.0, math.sqrt(0.8), (replicates, -(-customers // ACCOUNT)))
    shared = np.repeat(accounts, ACCOUNT, axis=1)[:, :customers]
    return 5.0 + shared + rng.normal(0.0, math.sqrt(3.2), size)


def _account_means(rng: Generator, size: tuple[int, int]) -> Floats:
    """Means of money over the customers of an account, which are assigned together."""
    shared = rng.normal(0.0, 0.5, (*size, 1))
    values = np.exp(shared + rng.normal(0.0, math.sqrt(0.75), (*size, ACCOUNT)))
    return np.asarray(values.mean(axis=2), dtype=float)


MONEY, ZEROS, HEAVY = math.exp(0.5), 0.02 * math.exp(0.5), 1 / 1.5
NORMAL = Shape("normal", _normal, 250, 250, 5.0)
SPENDING = Shape("log-normal money", _money, 500, 500, MONEY)
LIFTED = Shape("log-normal money, lifted by 25 %", _money, 500, 500, MONEY, lift=1.25)
BUYERS = Shape("98 % zeros", _zeros, 2000, 2000, ZEROS)
FEW_BUYERS = Shape("98 % zeros, 5 buyers an arm", _zeros, 250, 250, ZEROS)
PARETO = Shape("heavy tail", _heavy, 1000, 1000, HEAVY)
SMALL_CONTROL = Shape("90:10 money", _money, 1800, 200, MONEY)
SMALL_TREATMENT = Shape("10:90 money", _money, 200, 1800, MONEY)
FIFTY = Shape("n = 50 money", _money, 25, 25, MONEY)
ONE_BY_ONE = Shape("clustered, assigned one by one", _accounts, 250, 250, 5.0, shuffled=True)
ASSIGNED_TOGETHER = Shape("clusters of 10, money", _account_means, 40, 40, MONEY)
# Where the verdict is most easily wrong: few customers of a skewed kind on one side.
HARDEST = (
    Shape("90:10, 98 % zeros", _zeros, 3600, 400, ZEROS),
    Shape("90:10, 98 % zeros, 20 buyers in control", _zeros, 9000, 1000, ZEROS),
    Shape("90:10 heavy tail", _heavy, 1800, 200, HEAVY),
    Shape("90:10, n = 50 money", _money, 45, 5, MONEY),
    Shape("98 % zeros, lifted by 25 %", _zeros, 2000, 2000, ZEROS, lift=1.25),
)
SHAPES = (
    NORMAL,
    SPENDING,
    LIFTED,
    BUYERS,
    FEW_BUYERS,
    PARETO,
    SMALL_CONTROL,
    SMALL_TREATMENT,
    FIFTY,
    ONE_BY_ONE,
)
