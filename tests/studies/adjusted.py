"""Means adjusted for what was known before, strata, ratios, and the effect on who received."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.ancova import TREATMENT, ancova, ancova_fit, lin_fit
from experiments.stats.compliers import effect_of_receipt
from experiments.stats.cuped import cuped
from experiments.stats.lin import lin_many
from experiments.stats.moments import Floats, Moments
from experiments.stats.ratio import ratio_difference
from experiments.stats.regression import LeastSquares, coefficient
from experiments.stats.strata import Stratum, Weights, stratified_difference
from tests.studies.cells import ITERATIVE, Cell, HasLimits, Tally, limits_of, of_limits
from tests.studies.shapes import (
    LIFTED,
    NAMES,
    SHAPES,
    Study,
    many_moments,
    moments_of,
    over,
    samples_of,
)

OUTCOME, BEFORE = NAMES[0], NAMES[1]
OfMoments = Callable[[Moments, Moments], HasLimits | Undefined]
STRATA = 4


def cells() -> Iterator[Cell]:
    """Every adjusted estimator on every shape."""
    for shape in SHAPES:
        for known in (1, 3):
            run = over(shape, _lin(shape.truth), covariates=known)
            yield Cell("adjusted", f"lin, {known} covariate(s)", shape.name, run)
        for name, method in (("CUPED", _cuped), ("ANCOVA", _ancova)):
            run = over(shape, _of_moments(method, shape.truth), covariates=1)
            yield Cell("adjusted", name, shape.name, run)
        for name, fit in (("ANCOVA HC2", ancova_fit), ("lin HC2 on rows", lin_fit)):
            run = over(shape, _rows(fit, shape.truth), covariates=1)
            yield Cell("adjusted", name, shape.name, run, ITERATIVE)
        if shape is not LIFTED:
            for weights in Weights:
                run = over(shape, _stratified(weights))
                yield Cell("strata", str(weights), shape.name, run)
            yield Cell("ratios", "ratio, delta method", shape.name, over(shape, _ratio))
            yield Cell("receipt", "compliers, Fieller", shape.name, over(shape, _receipt))


def _lin(truth: float) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = lin_many(treatment=many_moments(treatment), control=many_moments(control))
        return of_limits((found.difference.low, found.difference.high), truth=truth)

    return study


def _of_moments(method: OfMoments, truth: float) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        pairs = zip(moments_of(treatment), moments_of(control), strict=True)
        return of_limits(limits_of(method(*pair) for pair in pairs), truth=truth)

    return study


def _cuped(treatment: Moments, control: Moments) -> HasLimits | Undefined:
    found = cuped(treatment=treatment, control=control, outcome=OUTCOME, covariate=BEFORE)
    return found if isinstance(found, Undefined) else found.difference


def _ancova(treatment: Moments, control: Moments) -> HasLimits | Undefined:
    return ancova(treatment=treatment, control=control, outcome=OUTCOME, covariates=[BEFORE])


def _rows(fit: Callable[..., LeastSquares | Undefined], truth: float) -> Study:
    def one(treatment: Floats, control: Floats) -> HasLimits | Undefined:
        both = np.concatenate([treatment, control], axis=1)
        treated = np.arange(both.shape[1]) < treatment.shape[1]
        found = fit(outcome=both[0], treated=treated.tolist(), covariates={BEFORE: both[1]})
        return found if isinstance(found, Undefined) else coefficient(found, TREATMENT)

    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = (one(treatment[:, at], control[:, at]) for at in range(treatment.shape[1]))
        return of_limits(limits_of(found), truth=truth)

    return study


def _stratified(weights: Weights) -> Study:
    def study(rng: Generator, treatment: Floats, control: Floats) -> Tally:
        # Strata of unequal size and mean, the same shares in both groups.
        columns = []
        for values in (treatment[0], control[0]):
            cuts = (values.shape[1] * np.array([0.4, 0.7, 0.88])).astype(int)
            parts = np.split(values, cuts, axis=1)
            columns.append([samples_of(part + 0.5 * at) for at, part in enumerate(parts)])
        found = (
            stratified_difference(
                [
                    Stratum(str(at), columns[0][at][replicate], columns[1][at][replicate])
                    for at in range(STRATA)
                ],
                weights=weights,
            )
            for replicate in range(treatment.shape[1])
        )
        return of_limits(
            limits_of(one if isinstance(one, Undefined) else one.difference for one in found)
        )

    return study


def _ratio(rng: Generator, treatment: Floats, control: Floats) -> Tally:
    """Spend per visit; visits differ between customers."""
    sides = []
    for values in (treatment[0], control[0]):
        visits = 1.0 + rng.poisson(2.0, values.shape)
        sides.append(moments_of(np.stack([values * visits, visits])))
    found = (
        ratio_difference(treatment=one, control=other, numerator=OUTCOME, denominator=BEFORE)
        for one, other in zip(*sides, strict=True)
    )
    return of_limits(
        limits_of(one if isinstance(one, Undefined) else one.difference for one in found)
    )


def _receipt(rng: Generator, treatment: Floats, control: Floats) -> Tally:
    """Half of the treated and a twentieth of the controls receive, which does nothing."""
    sides = []
    for values, share in ((treatment[0], 0.5), (control[0], 0.05)):
        received = (rng.random(values.shape) < share).astype(float)
        sides.append(moments_of(np.stack([values, received])))
    found = (
        effect_of_receipt(treatment=one, control=other, outcome=OUTCOME, receipt=BEFORE)
        for one, other in zip(*sides, strict=True)
    )
    return of_limits(
        limits_of(one if isinstance(one, Undefined) else one.interval for one in found)
    )
