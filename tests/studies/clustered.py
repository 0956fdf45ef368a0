"""Assigned clusters of unequal sizes: the ratio of sums, adjusted or not, and the redrawn test."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.cluster_robust import ClusterCovariance, clustered_coefficient
from experiments.stats.clusters import cluster_difference
from experiments.stats.estimate import Difference
from experiments.stats.limits import quantile
from experiments.stats.lin import lin
from experiments.stats.means import student
from experiments.stats.moments import Floats, Sample
from experiments.stats.ratio import linearised, ratio_sample
from experiments.stats.regression import least_squares
from experiments.stats.rerandomisation import rerandomisation_test
from tests.studies.cells import ITERATIVE, Cell, HasLimits, Tally, limits_of, of_limits, of_tests
from tests.studies.shapes import NAMES, moments_of

TOTAL, SIZE, BEFORE = NAMES[:3]
SMALLEST, MEAN_ABOVE = 5, 20
OfCustomers = Callable[[Generator, Floats, int], Floats]


@dataclass(frozen=True, slots=True)
class Clusters:
    """One kind of clusters.

    Attributes:
        name: In the table.
        treated: Treated clusters.
        controls: Control clusters.
        values: Of customers, given the effects of their clusters (standard normal, of the shape
            of the customers) and how many customers there are.
    """

    name: str
    treated: int
    controls: int
    values: OfCustomers

    def sums(self, rng: Generator, replicates: int) -> tuple[Floats, Floats]:
        """Totals, sizes and totals before, shape (3, replicates, clusters); treated and control."""
        clusters = self.treated + self.controls
        sizes = SMALLEST + rng.geometric(1 / MEAN_ABOVE, (replicates, clusters))
        flat = sizes.ravel()
        effects = np.repeat(rng.normal(size=flat.size), flat)
        starts = np.cumsum(flat) - flat

        def totals() -> Floats:
            values = self.values(rng, effects, int(flat.sum()))
            return np.asarray(np.add.reduceat(values, starts).reshape(sizes.shape))

        both = np.stack([totals(), sizes.astype(float), totals()])
        return both[:, :, : self.treated], both[:, :, self.treated :]


def _normal(rng: Generator, effects: Floats, customers: int) -> Floats:
    return 5.0 + effects + rng.normal(0.0, 3.0, customers)


def _money(rng: Generator, effects: Floats, customers: int) -> Floats:
    return np.exp(0.5 * effects + rng.normal(0.0, math.sqrt(0.75), customers))


def _zeros(rng: Generator, effects: Floats, customers: int) -> Floats:
    buys = rng.random(customers) < 0.02 * np.exp(0.5 * effects - 0.125)
    return np.where(buys, rng.lognormal(0.0, 1.0, customers), 0.0)


CLUSTERS = (
    Clusters("20 clusters an arm, normal", 20, 20, _normal),
    Clusters("8 clusters an arm, normal", 8, 8, _normal),
    Clusters("20 clusters an arm, money", 20, 20, _money),
    Clusters("8 clusters an arm, money", 8, 8, _money),
    Clusters("20 clusters an arm, 98 % zeros", 20, 20, _zeros),
    Clusters("90 clusters against 10, money", 90, 10, _money),
    Clusters("45 clusters against 5, money", 45, 5, _money),
)
BATCH = 500


def cells() -> Iterator[Cell]:
    """The methods of clustered designs."""
    for kind in CLUSTERS:
        yield Cell("clusters", "ratio of sums", kind.name, _over(kind, _ratio))
        yield Cell(
            "product", "clusters", kind.name, _over(kind, _proved), at_most=True, proves=True
        )
        yield Cell("clusters", "lin on cluster totals", kind.name, _over(kind, _adjusted))
        yield Cell("clusters", "re-randomisation", kind.name, _over(kind, _redrawn), ITERATIVE)
    for kind in CLUSTERS[:4]:
        yield Cell("clusters", "CR2 on rows", kind.name, _rows(kind), ITERATIVE)


Study = Callable[[Generator, Floats, Floats], Tally]


def _over(kind: Clusters, study: Study) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        sizes = [min(BATCH, replicates - start) for start in range(0, replicates, BATCH)]
        return sum((study(rng, *kind.sums(rng, size)) for size in sizes), Tally())

    return run


def _ratio(_: Generator, treatment: Floats, control: Floats) -> Tally:
    pairs = zip(moments_of(treatment), moments_of(control), strict=True)
    found = (
        cluster_difference(treatment=one, control=other, total=TOTAL, size=SIZE)
        for one, other in pairs
    )
    return of_limits(
        limits_of(one if isinstance(one, Undefined) else one.difference for one in found)
    )


def _proved(_: Generator, treatment: Floats, control: Floats) -> Tally:
    """As the verdict does (`decide/tails.py`): one spread and few degrees must not disagree."""
    fewest = min(treatment.shape[2], control.shape[2])
    reach = quantile(0.975, df=fewest - 1)
    low = high = undefined = 0
    for one, other in zip(moments_of(treatment), moments_of(control), strict=True):
        found = cluster_difference(treatment=one, control=other, total=TOTAL, size=SIZE)
        groups = [ratio_sample(side, numerator=TOTAL, denominator=SIZE) for side in (one, other)]
        if isinstance(found, Undefined) or any(isinstance(group, Undefined) for group in groups):
            undefined += 1
            continue
        headline = found.difference
        readings = [
            (headline.low, headline.high),
            (headline.value - reach * headline.se, headline.value + reach * headline.se),
        ]
        treated, controls = (group for group in groups if isinstance(group, Sample))
        common = student(treatment=treated, control=controls)
        if isinstance(common, Difference):
            readings.append((common.low, common.high))
        high += all(lower > 0 for lower, _ in readings)
        low += all(upper < 0 for _, upper in readings)
    return Tally(treatment.shape[1], low=low, high=high, undefined=undefined)


def _adjusted(_: Generator, treatment: Floats, control: Floats) -> Tally:
    """Adjusted for the size and for the total of a period before, of the same clusters."""
    sides = [moments_of(values) for values in (treatment, control)]

    def limits() -> Iterator[HasLimits | Undefined]:
        for one, other in zip(*sides, strict=True):
            parts = [
                linearised(side, name="mean", numerator=TOTAL, denominator=SIZE)
                for side in (one, other)
            ]
            if isinstance(parts[0], Undefined) or isinstance(parts[1], Undefined):
                yield Undefined("a group has no customers")
                continue
            found = lin(
                treatment=parts[0], control=parts[1], outcome="mean", covariates=[BEFORE, SIZE]
            )
            yield found if isinstance(found, Undefined) else found.difference

    return of_limits(limits_of(limits()))


def _redrawn(rng: Generator, treatment: Floats, control: Floats) -> Tally:
    """As many draws as make the p-value of 5 % exact."""
    both = np.concatenate([treatment, control], axis=2)
    treated = np.arange(both.shape[2]) < treatment.shape[2]
    found = [
        rerandomisation_test(
            totals=both[0, at], sizes=both[1, at], treated=treated.tolist(), rng=rng, draws=999
        )
        for at in range(both.shape[1])
    ]
    p = [np.nan if isinstance(one, Undefined) else one.p_value for one in found]
    means = [values[0].sum(axis=1) / values[1].sum(axis=1) for values in (treatment, control)]
    return of_tests(means[0] - means[1], np.array(p, dtype=float))


def _rows(kind: Clusters) -> Callable[[Generator, int], Tally]:
    """CR2 with its own degrees of freedom, on customers."""

    def one(rng: Generator) -> HasLimits | Undefined:
        clusters = kind.treated + kind.controls
        sizes = SMALLEST + rng.geometric(1 / MEAN_ABOVE, clusters)
        effects = np.repeat(rng.normal(size=clusters), sizes)
        number = np.repeat(np.arange(clusters), sizes)
        values = kind.values(rng, effects, int(sizes.sum()))
        fit = least_squares(
            outcome=values, columns={"treatment": (number < kind.treated).astype(float)}
        )
        if isinstance(fit, Undefined):
            return fit
        found = clustered_coefficient(
            fit, "treatment", clusters=number.tolist(), covariance=ClusterCovariance.CR2
        )
        return found if isinstance(found, Undefined) else found.coefficient

    def run(rng: Generator, replicates: int) -> Tally:
        return of_limits(limits_of(one(rng) for _ in range(replicates)))

    return run
