"""Rates: the pooled z test, Newcombe, Miettinen and Nurminen, ratios, strata, exact tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.equivalence import rate_equivalence
from experiments.stats.exact import fisher_exact
from experiments.stats.mantel_haenszel import (
    Stratum,
    cochran_mantel_haenszel,
    pooled_odds_ratio,
    pooled_risk_difference,
    pooled_risk_ratio,
)
from experiments.stats.many import Bools
from experiments.stats.rates import Share, Shares, newcombe_many, pooled_z_many
from experiments.stats.risk import Association, LogRatio, odds_ratio, risk_ratio
from experiments.stats.score import (
    miettinen_nurminen,
    miettinen_nurminen_odds_ratio,
    miettinen_nurminen_ratio,
)
from tests.studies.cells import Cell, HasLimits, Tally, limits_of, of_limits, of_tests

ACCOUNT = 10
FEW = 10  # customers with the event, expected in the smaller group


@dataclass(frozen=True, slots=True)
class RateShape:
    """Rates and sizes of two groups.

    Attributes:
        name: In the table.
        treated: Customers.
        controls: Customers.
        control_rate: Share with the event.
        treatment_rate: The same among treated customers.
        accounts: Whether customers of an account resemble each other; assigned one by one.
    """

    name: str
    treated: int
    controls: int
    control_rate: float
    treatment_rate: float
    accounts: bool = False

    def counts(self, rng: Generator, replicates: int) -> tuple[Shares, Shares]:
        """Customers with the event in each replicate."""
        sizes = [np.full(replicates, n) for n in (self.treated, self.controls)]
        if self.accounts:
            customers = self.treated + self.controls
            a, b = 4 * self.control_rate, 4 * (1 - self.control_rate)
            rates = rng.beta(a, b, (replicates, customers // ACCOUNT))
            events = rng.random((replicates, customers)) < np.repeat(rates, ACCOUNT, axis=1)
            events = rng.permuted(events, axis=1)
            parts = events[:, : self.treated], events[:, self.treated :]
            counts = [part.sum(axis=1) for part in parts]
        else:
            rates_of = (self.treatment_rate, self.control_rate)
            counts = [rng.binomial(n, rate) for n, rate in zip(sizes, rates_of, strict=True)]
        return Shares(counts[0], sizes[0]), Shares(counts[1], sizes[1])


RATES = (
    RateShape("half", 250, 250, 0.5, 0.5),
    RateShape("98 % zeros", 2000, 2000, 0.02, 0.02),
    RateShape("98 % zeros, 5 events an arm", 250, 250, 0.02, 0.02),
    RateShape("lifted from 2 % to 3 %", 2000, 2000, 0.02, 0.03),
    RateShape("90:10 at 2 %", 3600, 400, 0.02, 0.02),
    RateShape("10:90 at 2 %", 400, 3600, 0.02, 0.02),
    RateShape("90:10 at 20 %", 1800, 200, 0.2, 0.2),
    RateShape("n = 50 at 20 %", 25, 25, 0.2, 0.2),
    RateShape("clustered, assigned one by one", 250, 250, 0.3, 0.3, accounts=True),
)
OfShares = Callable[[Share, Share], HasLimits | Undefined]
OfStrata = Callable[[list[Stratum]], HasLimits | Undefined]


def cells() -> Iterator[Cell]:
    """Every estimator of rates on every shape."""
    for shape in RATES:
        ratio = shape.treatment_rate / shape.control_rate
        odds = ratio * (1 - shape.control_rate) / (1 - shape.treatment_rate)
        gap = shape.treatment_rate - shape.control_rate
        yield Cell("rates", "newcombe", shape.name, _newcombe(shape, gap), proves=True)
        if gap == 0:
            yield Cell("rates", "pooled z", shape.name, _pooled_z(shape))
            yield Cell("rates", "fisher exact", shape.name, _fisher(shape), at_most=True)
        singles: tuple[tuple[str, OfShares, float], ...] = (
            ("miettinen-nurminen", lambda t, c: miettinen_nurminen(treatment=t, control=c), gap),
            (
                "miettinen-nurminen ratio",
                lambda t, c: miettinen_nurminen_ratio(treatment=t, control=c),
                ratio,
            ),
            (
                "miettinen-nurminen odds ratio",
                lambda t, c: miettinen_nurminen_odds_ratio(treatment=t, control=c),
                odds,
            ),
            ("risk ratio", lambda t, c: _log(risk_ratio(treatment=t, control=c)), ratio),
            ("odds ratio", lambda t, c: _log(odds_ratio(treatment=t, control=c)), odds),
        )
        for name, method, truth in singles:
            yield Cell("rates", name, shape.name, _each(shape, method, truth))
    for name, sizes in STRATA.items():
        yield from _over_strata(name, sizes)
    for shape in (RATES[0], RATES[1], RATES[6]):
        yield Cell(
            "margins", "rate TOST at the margin", shape.name, _tost(shape), low=None, high=0.05
        )


def _log(found: Association | Undefined) -> LogRatio | Undefined:
    return found if isinstance(found, Undefined) else found.log


def expects_few(treatment: Shares, control: Shares) -> Bools:
    """Where the smaller group expects fewer than 10 customers with the event, or without it."""
    n = treatment.n + control.n
    share = np.minimum(treatment.n, control.n) / n
    events = treatment.events + control.events
    return np.asarray(np.minimum(events, n - events) * share < FEW)


def _newcombe(shape: RateShape, truth: float) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        treatment, control = shape.counts(rng, replicates)
        found = newcombe_many(treatment=treatment, control=control)
        seen = expects_few(treatment, control)
        return of_limits((found.low, found.high), truth=truth, seen=seen)

    return run


def _pooled_z(shape: RateShape) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        treatment, control = shape.counts(rng, replicates)
        found = pooled_z_many(treatment=treatment, control=control)
        return of_tests(found.value, found.p_value)

    return run


def _pairs(shape: RateShape, rng: Generator, replicates: int) -> list[tuple[Share, Share]]:
    return [
        (Share(int(a), shape.treated), Share(int(b), shape.controls))
        for a, b in zip(*(side.events for side in shape.counts(rng, replicates)), strict=True)
    ]


def _each(shape: RateShape, method: OfShares, truth: float) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        pairs = _pairs(shape, rng, replicates)
        # The same counts come again and again.
        known = {pair: method(*pair) for pair in set(pairs)}
        return of_limits(limits_of(known[pair] for pair in pairs), truth=truth)

    return run


def _fisher(shape: RateShape) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        pairs = _pairs(shape, rng, replicates)
        known = {pair: fisher_exact(treatment=pair[0], control=pair[1]) for pair in set(pairs)}
        found = [known[pair] for pair in pairs]
        gaps = [t.events / t.n - c.events / c.n for t, c in pairs]
        p = [np.nan if isinstance(one, Undefined) else one for one in found]
        return of_tests(np.array(gaps), np.array(p, dtype=float))

    return run


def _tost(shape: RateShape) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        # The true difference is 0, which is the lower margin; the upper one is far away.
        pairs = _pairs(shape, rng, replicates)
        known = {
            pair: rate_equivalence(treatment=pair[0], control=pair[1], low=0.0, high=0.4)
            for pair in set(pairs)
        }
        found = [known[pair] for pair in pairs]
        claimed = [not isinstance(one, Undefined) and one.equivalent for one in found]
        return Tally(replicates=replicates, high=sum(claimed))

    return run


# Per stratum: treated customers, control customers, rate.
STRATA = {
    "4 strata of 120": [(60, 60, rate) for rate in (0.1, 0.2, 0.4, 0.6)],
    "90:10 in 4 strata": [(900, 100, rate) for rate in (0.01, 0.03, 0.1, 0.2)],
    "n = 50 in 2 strata": [(13, 12, 0.2), (12, 13, 0.5)],
    "20 strata of 20": [(10, 10, 0.1 + 0.02 * at) for at in range(20)],
}


def _over_strata(name: str, sizes: list[tuple[int, int, float]]) -> Iterator[Cell]:
    def drawn(rng: Generator, replicates: int) -> list[list[Stratum]]:
        counts = [
            (rng.binomial(t, rate, replicates), rng.binomial(c, rate, replicates))
            for t, c, rate in sizes
        ]
        return [
            [
                Stratum(Share(int(treated[at]), t), Share(int(controls[at]), c))
                for (t, c, _), (treated, controls) in zip(sizes, counts, strict=True)
            ]
            for at in range(replicates)
        ]

    def limits(method: OfStrata, truth: float) -> Callable[[Generator, int], Tally]:
        def run(rng: Generator, replicates: int) -> Tally:
            return of_limits(limits_of(map(method, drawn(rng, replicates))), truth=truth)

        return run

    def test(rng: Generator, replicates: int) -> Tally:
        strata = drawn(rng, replicates)
        found = [cochran_mantel_haenszel(one) for one in strata]
        p = [np.nan if isinstance(one, Undefined) else one.p_value for one in found]
        gaps: list[float] = [_risk_gap(one) for one in strata]
        return of_tests(np.array(gaps), np.array(p, dtype=float))

    yield Cell("rates", "mantel-haenszel test", name, test)
    yield Cell("rates", "mantel-haenszel difference", name, limits(pooled_risk_difference, 0.0))
    yield Cell("rates", "mantel-haenszel risk ratio", name, limits(pooled_risk_ratio, 1.0))
    yield Cell("rates", "mantel-haenszel odds ratio", name, limits(pooled_odds_ratio, 1.0))


def _risk_gap(strata: list[Stratum]) -> float:
    found = pooled_risk_difference(strata)
    return 0.0 if isinstance(found, Undefined) else found.value
