"""Looking every day, and one cohort whose window grows from look to look."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr, stdtrit

from experiments.errors import Undefined
from experiments.stats.boundaries import spending_boundaries
from experiments.stats.confidence_sequence import mixture_test
from experiments.stats.estimate import Interval
from experiments.stats.joint_boundaries import joint_boundaries
from experiments.stats.mixture import rate_sequence, stitched_interval
from experiments.stats.moments import Floats
from experiments.stats.spending import Spending
from tests.studies.cells import ITERATIVE, Cell, Tally
from tests.studies.looking import of_tails
from tests.studies.sequential_paths import sequence_tails
from tests.studies.shapes import (
    ASSIGNED_TOGETHER,
    BUYERS,
    FIFTY,
    NORMAL,
    PARETO,
    SMALL_CONTROL,
    SPENDING,
    Draw,
    Shape,
)

SHAPES = (NORMAL, SPENDING, BUYERS, PARETO, SMALL_CONTROL, FIFTY, ASSIGNED_TOGETHER)
DAYS = 60
RATES = (0.02, 0.3)
WINDOW = (10, 20, 30)  # days of the looks of a growing window


def cells() -> Iterator[Cell]:
    """Sequences that hold at all times, and boundaries from the looks' joint covariance."""
    for shape in SHAPES:
        customers = 2 if shape is FIFTY else 50
        data = f"{shape.name}, {customers} customers a day"
        run = _asymptotic(shape, customers)
        yield Cell("any day", "asymptotic sequence", data, run, at_most=True)
        run = _mixture(shape, customers)
        yield Cell("any day", "mSPRT", data, run, at_most=True)
    for rate in RATES:
        data = f"rate {rate:.0%}, 50 customers a day"
        run = _bounded(rate, _stitched)
        yield Cell("any day", "stitched sequence", data, run, at_most=True)
        run = _bounded(rate, _beta_binomial)
        yield Cell("any day", "beta-binomial sequence", data, run, ITERATIVE, at_most=True)
    for shape in (NORMAL, SPENDING, SMALL_CONTROL, FIFTY):
        run = _growing(shape, joint=True)
        yield Cell("growing window", "joint boundaries", shape.name, run, ITERATIVE)
    run = _growing(NORMAL, joint=False)
    yield Cell("growing window", "as if customers were new", NORMAL.name, run)


def _asymptotic(shape: Shape, customers_per_day: int) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        tails = sequence_tails(
            rng=rng,
            replicates=replicates,
            days=DAYS,
            customers_per_day=customers_per_day,
            treated_share=shape.treated / (shape.treated + shape.controls),
            draw=shape.draw,
        )
        return of_tails(tails, replicates)

    return run


def _mixture(shape: Shape, customers_per_day: int) -> Callable[[Generator, int], Tally]:
    """Effects are mixed over with a tenth of the outcome's standard deviation."""
    share = shape.treated / (shape.treated + shape.controls)

    def run(rng: Generator, replicates: int) -> Tally:
        spread = 0.1 * float(np.std(shape.draw(np.random.default_rng(1), (100, 1000))))
        values, ses = _daily(rng, replicates, customers_per_day, share, shape.draw)
        low = high = 0
        for value, se in zip(values.tolist(), ses.tolist(), strict=True):
            for one, spread_of_one in zip(value, se, strict=True):
                found = mixture_test(value=one, se=spread_of_one, spread=spread)
                if isinstance(found, Undefined):
                    continue
                if found.low > 0 or found.high < 0:
                    low, high = low + (found.high < 0), high + (found.low > 0)
                    break
        return Tally(replicates, low, high)

    return run


def _daily(
    rng: Generator, replicates: int, customers_per_day: int, share: float, draw: Draw
) -> tuple[Floats, Floats]:
    """Difference of means and its standard error at the end of each day."""
    total, variance = np.zeros((replicates, DAYS)), np.zeros((replicates, DAYS))
    for sign, part in ((1, share), (-1, 1 - share)):
        n = np.array([round(customers_per_day * (day + 1) * part) for day in range(DAYS)])
        sums, squares = np.zeros((2, replicates, DAYS))
        for day, new in enumerate(np.diff([0, *n])):
            values = draw(rng, (replicates, int(new)))
            sums[:, day], squares[:, day] = values.sum(axis=1), (values**2).sum(axis=1)
        mean = np.cumsum(sums, axis=1) / np.maximum(n, 1)
        rest = np.maximum(0.0, np.cumsum(squares, axis=1) - n * mean**2)
        total += sign * mean
        variance += np.where(n > 1, rest / np.maximum(n - 1, 1) / np.maximum(n, 1), np.nan)
    return total, np.sqrt(variance)


def _stitched(events: int, n: int) -> Interval | Undefined:
    return stitched_interval(mean=events / n, n=n, low=0.0, high=1.0)


def _beta_binomial(events: int, n: int) -> Interval | Undefined:
    return rate_sequence(successes=events, n=n, tuned_n=1000)


def _bounded(
    rate: float, sequence: Callable[[int, int], Interval | Undefined]
) -> Callable[[Generator, int], Tally]:
    def run(rng: Generator, replicates: int) -> Tally:
        low = high = 0
        for daily in rng.binomial(50, rate, (replicates, DAYS)):
            for day, events in enumerate(np.cumsum(daily).tolist()):
                found = sequence(events, 50 * (day + 1))
                if isinstance(found, Interval) and not found.low <= rate <= found.high:
                    low, high = low + (found.high < rate), high + (found.low > rate)
                    break
        return Tally(replicates, low, high)

    return run


def _growing(shape: Shape, *, joint: bool) -> Callable[[Generator, int], Tally]:
    """Margin to date of the same customers; a customer's level is half of what varies by day."""

    def run(rng: Generator, replicates: int) -> Tally:
        tally = Tally()
        for _ in range(replicates):
            arms = [_to_date(rng, shape, size) for size in (shape.treated, shape.controls)]
            tally += _looked_at(arms, joint=joint)
        return tally

    return run


def _to_date(rng: Generator, shape: Shape, customers: int) -> Floats:
    """Sums up to each look, shape (customers, looks)."""
    level = shape.draw(rng, (1, customers))[0]
    stretches = [shape.draw(rng, (1, customers))[0] + 0.5 * level for _ in WINDOW]
    return np.cumsum(np.column_stack(stretches), axis=1)


def _looked_at(arms: list[Floats], *, joint: bool) -> Tally:
    covariance = sum(np.cov(arm, rowvar=False) / len(arm) for arm in arms)
    spread = np.sqrt(np.diag(covariance))
    fractions = [day / WINDOW[-1] for day in WINDOW]
    if joint:
        matrix = (covariance / spread / spread[:, None]).tolist()
        found = joint_boundaries(matrix, fractions=fractions, spending=Spending(), final=True)
    else:
        found = spending_boundaries(fractions, spending=Spending(), final=True)
    if isinstance(found, Undefined):
        return Tally(1, undefined=1)
    z = (arms[0].mean(axis=0) - arms[1].mean(axis=0)) / spread
    crossed = np.flatnonzero(np.abs(z) >= _by_t(np.array(found.z), arms))
    if not len(crossed):
        return Tally(1)
    return Tally(1, low=int(z[crossed[0]] < 0), high=int(z[crossed[0]] > 0))


def _by_t(bounds: Floats, arms: list[Floats]) -> Floats:
    """The boundaries as Student's t, as the product reads them."""
    parts = [arm.var(axis=0, ddof=1) / len(arm) for arm in arms]
    own = sum(part**2 / (len(arm) - 1) for part, arm in zip(parts, arms, strict=True))
    tails = np.maximum(ndtr(-bounds), 1e-300)
    return np.asarray(-stdtrit((parts[0] + parts[1]) ** 2 / own, tails), dtype=float)
