"""Time to lapse: restricted means, the log-rank test and its weighted kind, one survival."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.log_rank import LogRank, Weight, log_rank
from experiments.stats.rmst import RestrictedMeans, compare_restricted_means
from experiments.stats.survival import DayCounts, SurvivalCurve, kaplan_meier
from tests.studies.cells import Cell, HasLimits, Tally, limits_of, of_limits, of_tests

HORIZON = 60


@dataclass(frozen=True, slots=True)
class Lapses:
    """Customers who lapse with a chance per day, seen for 60 to 90 days.

    Attributes:
        name: In the table.
        treated: Customers.
        controls: Customers.
        daily: Chance to lapse on a day; of an account's customers, drawn once where it varies.
        varied: Whether customers differ in it.
    """

    name: str
    treated: int
    controls: int
    daily: float
    varied: bool = False

    def groups(self, rng: Generator) -> tuple[DayCounts, DayCounts]:
        """Both groups of one pilot."""
        return self._group(rng, self.treated), self._group(rng, self.controls)

    def _group(self, rng: Generator, customers: int) -> DayCounts:
        daily = np.full(customers, self.daily)
        if self.varied:
            daily = np.minimum(0.9, daily * rng.lognormal(-0.5, 1.0, customers))
        lapse, seen = rng.geometric(daily), rng.integers(60, 91, customers)
        return DayCounts.of(np.minimum(lapse, seen), lapse <= seen)


KINDS = (
    Lapses("half lapse, 250 an arm", 250, 250, 0.012),
    Lapses("customers differ, 250 an arm", 250, 250, 0.012, varied=True),
    Lapses("98 % stay, 1,000 an arm", 1000, 1000, 0.0003),
    Lapses("98 % stay, 250 an arm", 250, 250, 0.0003),
    Lapses("90:10, 450 and 50", 450, 50, 0.012),
    Lapses("n = 50", 25, 25, 0.012),
)


def cells() -> Iterator[Cell]:
    """Every survival method on every kind."""
    for kind in KINDS:
        yield Cell("time to lapse", "RMST difference", kind.name, _over(kind, _difference, 0.0))
        yield Cell("time to lapse", "RMST ratio", kind.name, _over(kind, _ratio, 1.0))
        for weight in (Weight.LOG_RANK, Weight.PETO_PETO):
            yield Cell("time to lapse", str(weight), kind.name, _test(kind, weight))
        if not kind.varied:
            stay = (1 - kind.daily) ** 50
            run = _over(kind, _survival, stay)
            yield Cell("time to lapse", "Kaplan-Meier at day 50", kind.name, run)


def _over(
    kind: Lapses,
    method: Callable[[DayCounts, DayCounts], HasLimits | Undefined],
    truth: float,
) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        pairs = (kind.groups(rng) for _ in range(replicates))
        return of_limits(limits_of(method(*pair) for pair in pairs), truth=truth)

    return run


def _restricted(treatment: DayCounts, control: DayCounts) -> RestrictedMeans | Undefined:
    return compare_restricted_means(treatment=treatment, control=control, horizon=HORIZON)


def _difference(treatment: DayCounts, control: DayCounts) -> HasLimits | Undefined:
    found = _restricted(treatment, control)
    return found if isinstance(found, Undefined) else found.difference


def _ratio(treatment: DayCounts, control: DayCounts) -> HasLimits | Undefined:
    found = _restricted(treatment, control)
    return found if isinstance(found, Undefined) else found.ratio


def _survival(treatment: DayCounts, _: DayCounts) -> HasLimits | Undefined:
    curve = kaplan_meier(treatment)
    if not isinstance(curve, SurvivalCurve):
        return curve
    point = curve.at(50)
    return point if isinstance(point, Undefined) else point.interval


def _test(kind: Lapses, weight: Weight) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        found = [log_rank(*kind.groups(rng), weight=weight) for _ in range(replicates)]
        rows = [
            (one.expected[0] - one.observed[0], one.p_value)
            if isinstance(one, LogRank)
            else (0.0, np.nan)
            for one in found
        ]
        direction, p = np.array(rows, dtype=float).T
        return of_tests(direction, p)

    return run
