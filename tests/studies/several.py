"""Several comparisons read together: Dunnett's intervals, partial pooling, and two corrections."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.dunnett import Dunnett, dunnett
from experiments.stats.estimate import Difference
from experiments.stats.interaction import welch_interaction
from experiments.stats.means import welch
from experiments.stats.moments import Floats
from experiments.stats.multiplicity import Correction, adjusted
from experiments.stats.segments import PartialPooling, partial_pooling
from tests.studies.cells import ITERATIVE, Cell, Tally, limits_of, of_limits
from tests.studies.shapes import (
    BUYERS,
    FIFTY,
    NORMAL,
    PARETO,
    SMALL_CONTROL,
    SPENDING,
    Shape,
    Study,
    over,
    samples_of,
)

TREATMENTS = 3
SES = (0.4, 0.7, 1.0, 1.3, 1.6)


def cells() -> Iterator[Cell]:
    """Families of comparisons; an error is one of any of them."""
    for shape in (NORMAL, SPENDING, BUYERS, PARETO, SMALL_CONTROL, FIFTY):
        several = _with_treatments(shape)
        run = over(several, _dunnett(shape))
        yield Cell("several", "dunnett, 3 treatments", shape.name, run, ITERATIVE)
        run = over(several, _any_found(shape, Correction.HOLM))
        yield Cell("several", "holm, 3 treatments", shape.name, run, at_most=True)
    for between in (0.0, 0.5, 2.0):
        for level, name in ((0, "the most precise"), (4, "the least precise")):
            yield Cell(
                "several",
                f"partial pooling of 5, {name}",
                f"deviation {between} between levels",
                _pooled(between, level),
                ITERATIVE,
            )
    yield Cell("several", "interaction test", "5 levels of 20", _interaction, low=None, high=0.05)


def _with_treatments(shape: Shape) -> Shape:
    """Three treatments, each as large as the one of the shape, beside its control group."""
    return Shape(
        shape.name, shape.draw, TREATMENTS * shape.treated, shape.controls, shape.mean, shape.lift
    )


def _comparisons(
    treatment: Floats, control: Floats, shape: Shape
) -> Iterator[list[Difference | Undefined]]:
    arms = [
        samples_of(treatment[0][:, at * shape.treated : (at + 1) * shape.treated])
        for at in range(TREATMENTS)
    ]
    for replicate, controls in enumerate(samples_of(control[0])):
        yield [welch(treatment=arm[replicate], control=controls) for arm in arms]


def _dunnett(shape: Shape) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        tally = Tally()
        for one in _comparisons(treatment, control, shape):
            known = [found for found in one if isinstance(found, Difference)]
            joint = dunnett(known)
            if not isinstance(joint, Dunnett):
                tally += Tally(1, undefined=1)
                continue
            tally += Tally(
                1,
                low=int(any(found.high < 0 for found in joint.comparisons)),
                high=int(any(found.low > 0 for found in joint.comparisons)),
            )
        return tally

    return study


def _any_found(shape: Shape, correction: Correction) -> Study:
    """Each tail of any comparison, at 5 % for both tails of all."""

    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        tally = Tally()
        for one in _comparisons(treatment, control, shape):
            known = [found for found in one if isinstance(found, Difference)]
            p_values = adjusted([found.p_value for found in known], correction=correction)
            values = [
                found.value
                for found, p in zip(known, p_values, strict=True)
                if isinstance(p, float) and p <= 0.05
            ]
            tally += Tally(
                1, low=int(min(values, default=0) < 0), high=int(max(values, default=0) > 0)
            )
        return tally

    return study


def _pooled(between: float, level: int) -> Callable[[Generator, int], Tally]:
    """One level's interval, its truth drawn with the others."""

    def run(rng: Generator, replicates: int) -> Tally:
        ses = np.array(SES)
        truth = rng.normal(0.0, between, (replicates, len(SES)))
        estimates = rng.normal(truth, ses)
        found = [partial_pooling(one.tolist(), list(SES)) for one in estimates]
        one_level = [
            one.intervals[level] if isinstance(one, PartialPooling) else one for one in found
        ]
        return of_limits(limits_of(one_level), truth=truth[:, level])

    return run


def _interaction(rng: Generator, replicates: int) -> Tally:
    rejected = 0
    for _ in range(replicates):
        values = rng.normal(size=(5, 2, 10))
        effects = np.diff(values.mean(axis=2), axis=1)[:, 0]
        ses = np.sqrt(values.var(axis=2, ddof=1).sum(axis=1) / 10)
        found = welch_interaction(effects.tolist(), ses.tolist(), [18.0] * 5)
        rejected += not isinstance(found, Undefined) and found.p_value <= 0.05
    return Tally(replicates, high=rejected)
