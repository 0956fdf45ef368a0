"""People chose who got the program: weighting, then differences over time, on few customers.

Customers with an attribute of who spends more are chosen more often, by a logistic rule: then the
weights are right for any outcome. 199 bootstrap draws, to save time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.special import expit

from experiments.errors import Undefined
from experiments.stats.many import Bools
from experiments.stats.moments import Floats
from experiments.stats.weighted_did import Panel, WeightedDifference, placebo_did, weighted_did
from tests.studies.cells import ITERATIVE, Cell, Tally, limits_of, of_limits

DRAWS, PERIODS, ACCOUNT = 199, 3, 5
Method = Callable[..., WeightedDifference | Undefined]
OfLatent = Callable[[Generator, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Company:
    """Customers, of whom some are chosen.

    Attributes:
        name: In the table.
        customers: How many.
        values: Of one period, given what each customer is like (standard normal).
        clustered: Whether whole accounts are chosen.
        intercept: Of the logistic chance to be chosen; -0.75 chooses about a third.
    """

    name: str
    customers: int
    values: OfLatent
    clustered: bool = False
    intercept: float = -0.75

    def groups(self, rng: Generator) -> tuple[Panel, Panel]:
        """The treated and the control customers of one company."""
        units = self.customers // (ACCOUNT if self.clustered else 1)
        shared = rng.normal(size=units)
        attribute = shared + rng.normal(size=units)
        treated = rng.random(units) < expit(self.intercept + 0.7 * attribute)
        unit = np.repeat(np.arange(units), self.customers // units)
        latent = shared[unit]
        if self.clustered:
            latent = 0.8 * latent + 0.6 * rng.normal(size=len(unit))
        periods = np.column_stack([self.values(rng, latent) for _ in range(PERIODS + 1)])

        def panel(where: Bools) -> Panel:
            return Panel(
                outcome=periods[where, -1],
                before=periods[where, :-1],
                attributes=attribute[unit][where, None],
                clusters=unit[where] if self.clustered else None,
            )

        return panel(treated[unit]), panel(~treated[unit])


def _normal(rng: Generator, latent: Floats) -> Floats:
    return latent + rng.normal(size=len(latent))


def _money(rng: Generator, latent: Floats) -> Floats:
    return np.exp(0.5 * latent + rng.normal(0.0, 0.7, len(latent)))


def _zeros(rng: Generator, latent: Floats) -> Floats:
    buys = rng.random(len(latent)) < 0.05 * np.exp(0.3 * latent)
    return np.where(buys, rng.lognormal(0.0, 0.7, len(latent)), 0.0)


def _heavy(rng: Generator, latent: Floats) -> Floats:
    return np.exp(0.3 * latent) * rng.pareto(2.5, len(latent))


COMPANIES = (
    Company("normal, 300 customers", 300, _normal),
    Company("log-normal money, 300 customers", 300, _money),
    Company("95 % zeros, 900 customers", 900, _zeros),
    Company("heavy tail, 300 customers", 300, _heavy),
    Company("90:10 money, 600 customers", 600, _money, intercept=-2.4),
    Company("money, 90 customers", 90, _money),
    Company("clustered money, 60 accounts of 5", 300, _money, clustered=True),
)


def cells() -> Iterator[Cell]:
    """Weighted differences over time, and the same one period early."""
    for company in COMPANIES:
        for name, method in (("weighted did", weighted_did), ("placebo did", placebo_did)):
            yield Cell("chosen", name, company.name, _run(company, method), ITERATIVE)


def _run(company: Company, did: Method) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        companies = (company.groups(rng) for _ in range(replicates))
        found = (
            did(treatment=one, control=other, attributes=["like"], rng=rng, draws=DRAWS)
            for one, other in companies
        )
        return of_limits(limits_of(found))

    return run
