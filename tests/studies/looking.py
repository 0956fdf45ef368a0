"""Looking more than once: planned looks, any day, and extending a pilot that was not proved."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.boundaries import (
    Boundaries,
    equally_spaced,
    spending_boundaries,
    wang_tsiatis_boundaries,
)
from experiments.stats.moments import Floats
from experiments.stats.sequential import Stopped, after_stopping, amended_boundaries
from experiments.stats.spending import Spending, SpendingFamily
from tests.studies.cells import ITERATIVE, Cell, Tally, limits_of, of_limits
from tests.studies.sequential_paths import Tails, planned_looks_tails
from tests.studies.shapes import (
    ASSIGNED_TOGETHER,
    BUYERS,
    FIFTY,
    NORMAL,
    PARETO,
    SMALL_CONTROL,
    SPENDING,
    Shape,
)

FAMILIES = {
    "O'Brien-Fleming": Spending(SpendingFamily.OBRIEN_FLEMING),
    "Pocock": Spending(SpendingFamily.POCOCK),
    "Kim-DeMets 3": Spending(SpendingFamily.KIM_DEMETS, 3.0),
    "Hwang-Shih-DeCani -4": Spending(SpendingFamily.HWANG_SHIH_DECANI, -4.0),
}
INFORMATION = {
    "4 equal looks": equally_spaced(4),
    "4 unequal looks": (0.2, 0.35, 0.9, 1.0),
    "3 looks, the last at 80 %": (0.3, 0.6, 0.8),
}
SHAPES = (SPENDING, BUYERS, PARETO, SMALL_CONTROL, FIFTY, ASSIGNED_TOGETHER)


def cells() -> Iterator[Cell]:
    """Planned looks; futility boundaries are ignored throughout, as they may be."""
    for family, spending in FAMILIES.items():
        for information, fractions in INFORMATION.items():
            design = _known(spending_boundaries(fractions, spending=spending, final=True))
            method = f"{family}, {information}"
            yield Cell("planned looks", method, NORMAL.name, _planned(design, NORMAL))
    design = _known(
        spending_boundaries(equally_spaced(4), spending=FAMILIES["O'Brien-Fleming"], final=True)
    )
    for shape in SHAPES:
        method = "O'Brien-Fleming, 4 equal looks"
        run = _planned(design, shape)
        yield Cell("planned looks", method, shape.name, run)
    for delta, name in ((0.0, "classical O'Brien-Fleming"), (0.25, "Wang-Tsiatis 0.25")):
        classical = _known(wang_tsiatis_boundaries(equally_spaced(4), shape=delta))
        method = f"{name}, 4 equal looks"
        yield Cell("planned looks", method, NORMAL.name, _planned(classical, NORMAL))
    for drift in (0.0, 2.5):
        data = f"normal, drift {drift}"
        run = _stopped(design, drift, median=False)
        yield Cell("planned looks", "interval after stopping", data, run, ITERATIVE)
        run = _stopped(design, drift, median=True)
        method = "median-unbiased estimate"
        yield Cell("planned looks", method, data, run, ITERATIVE, low=0.5, high=0.5)
    yield from _extensions()


def _known(design: Boundaries | Undefined) -> Boundaries:
    if isinstance(design, Undefined):
        raise ValueError(design.reason)
    return design


def _planned(design: Boundaries, shape: Shape) -> Callable[[Generator, int], Tally]:
    customers = shape.treated + shape.controls

    def run(rng: Generator, replicates: int) -> Tally:
        tails = planned_looks_tails(
            rng=rng,
            replicates=replicates,
            design=design,
            customers=customers,
            treated_share=shape.treated / customers,
            draw=shape.draw,
        )
        return of_tails(tails, replicates)

    return run


def of_tails(tails: Tails, replicates: int) -> Tally:
    """Shares as counts."""
    return Tally(replicates, round(tails.below * replicates), round(tails.above * replicates))


def walks(rng: Generator, fractions: Sequence[float], replicates: int, drift: float) -> Floats:
    """Statistics of looks with independent increments, shape (replicates, looks)."""
    steps = np.diff([0.0, *fractions])
    sums = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (replicates, len(steps))), axis=1)
    return np.asarray(sums / np.sqrt(fractions))


def _stopped(
    design: Boundaries, drift: float, *, median: bool
) -> Callable[[Generator, int], Tally]:
    """After the first crossing, or the last look, the truth is the drift per information."""

    def run(rng: Generator, replicates: int) -> Tally:
        found: list[Stopped | Undefined] = []
        for z in walks(rng, design.fractions, replicates, drift):
            crossed = np.flatnonzero(np.abs(z) >= np.array(design.z))
            look = int(crossed[0]) if len(crossed) else len(z) - 1
            se = 1 / math.sqrt(design.fractions[look])
            found.append(after_stopping(design, look=look + 1, value=float(z[look]) * se, se=se))
        if not median:
            return of_limits(limits_of(found), truth=drift)
        values = np.array([np.nan if isinstance(one, Undefined) else one.value for one in found])
        return of_limits((values, values), truth=drift)

    return run


def _extensions() -> Iterator[Cell]:
    """A fixed pilot that is extended once where it is not proved: two readings of the same data."""
    data = "normal, twice the customers"
    yield Cell("extending", "pooled once more after the end", data, _pooled_again)
    yield Cell("extending", "new pilot, new customers alone", data, _new_pilot)
    data = "normal, from half to twice the customers"
    yield Cell("extending", "pooled after a look at half", data, _pooled_from_half)
    yield Cell("extending", "amended, conditional error kept", data, _amended)


CRITICAL = 1.959963984540054


def _first(first: Floats, second: Floats) -> Tally:
    """Rejections of a statistic at the bound, or of the second where the first does not reject."""
    settled = np.abs(first) >= CRITICAL
    z = np.where(settled, first, second)
    return Tally(len(z), low=int(np.sum(z <= -CRITICAL)), high=int(np.sum(z >= CRITICAL)))


def _pooled_again(rng: Generator, replicates: int) -> Tally:
    z = walks(rng, (1.0, 2.0), replicates, 0.0)
    return _first(z[:, 0], z[:, 1])


def _new_pilot(rng: Generator, replicates: int) -> Tally:
    """What the second pilot says, where the first was not proved."""
    z = rng.normal(size=(2 * replicates, 2))
    second = z[np.abs(z[:, 0]) < CRITICAL, 1][:replicates]
    return _first(second, second)


def _pooled_from_half(rng: Generator, replicates: int) -> Tally:
    """Looked at half, which nobody planned; stopped if significant, else run on to the double."""
    z = walks(rng, (0.5, 2.0), replicates, 0.0)
    return _first(z[:, 0], z[:, 1])


def _amended(rng: Generator, replicates: int) -> Tally:
    """At half of a fixed design; a look at half that promises something runs on to the double."""
    fixed = _known(Boundaries.of(fractions=[1.0], z=[CRITICAL]))
    tally = Tally()
    for half, whole, double in walks(rng, (0.5, 1.0, 2.0), replicates, 0.0):
        promises = 0.3 < abs(half) < CRITICAL
        found = amended_boundaries(
            fixed, fraction=0.5, z=float(half), fractions=[2.0], spending=Spending()
        )
        if not promises or isinstance(found, Undefined):
            low, high = whole <= -CRITICAL, whole >= CRITICAL
        else:
            low, high = double <= found.lower[0], double >= found.upper[0]
        tally += Tally(1, low=int(low), high=int(high))
    return tally
