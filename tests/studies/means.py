"""Means: Welch, Hall, bootstrap-t, lifts, the rank test, margins."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.bootstrap import bootstrap_t
from experiments.stats.equivalence import equivalence, non_inferiority, relative_non_inferiority
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio
from experiments.stats.lift import delta_lift, fieller_lift, log_delta_lift
from experiments.stats.means import student, welch, welch_many
from experiments.stats.moments import Floats, Sample
from experiments.stats.rank import RankTest, mann_whitney
from experiments.stats.skew import hall
from tests.studies.cells import (
    ITERATIVE,
    Cell,
    HasLimits,
    Tally,
    limits_of,
    of_limits,
    of_tests,
)
from tests.studies.shapes import (
    FIFTY,
    LIFTED,
    NORMAL,
    SHAPES,
    SMALL_CONTROL,
    SPENDING,
    Shape,
    Study,
    many_samples,
    over,
    samples_of,
)

OfSamples = Callable[[Sample, Sample], HasLimits | Undefined]


def cells() -> Iterator[Cell]:
    """Every mean estimator on every shape."""
    for shape in SHAPES:
        lift = shape.lift - 1
        yield Cell("means", "welch", shape.name, over(shape, _welch(shape)))
        for name, method, truth in (
            ("student", _student, shape.truth),
            ("hall", _hall, shape.truth),
            ("delta lift", _delta_lift, lift),
            ("log delta lift", _log_delta_lift, lift),
            ("fieller lift", _fieller_lift, lift),
        ):
            yield Cell("means", name, shape.name, over(shape, _of_samples(method, truth)))
        yield Cell(
            "means", "bootstrap-t", shape.name, over(shape, _bootstrap_t(shape.truth)), ITERATIVE
        )
        if shape is not LIFTED:  # where the groups differ, there is no null to test
            yield Cell("means", "mann-whitney", shape.name, over(shape, _ranks))
    for shape in (NORMAL, SPENDING, SMALL_CONTROL, FIFTY):
        yield from _margins(shape)


def _welch(shape: Shape) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = welch_many(treatment=many_samples(treatment[0]), control=many_samples(control[0]))
        return of_limits((found.low, found.high), truth=shape.truth)

    return study


def _of_samples(method: OfSamples, truth: float) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        pairs = zip(samples_of(treatment[0]), samples_of(control[0]), strict=True)
        return of_limits(limits_of(method(*pair) for pair in pairs), truth=truth)

    return study


def _student(treatment: Sample, control: Sample) -> Difference | Undefined:
    return student(treatment=treatment, control=control)


def _hall(treatment: Sample, control: Sample) -> Interval | Undefined:
    return hall(treatment=treatment, control=control)


def _delta_lift(treatment: Sample, control: Sample) -> HasLimits | Undefined:
    return delta_lift(treatment=treatment, control=control)


def _log_delta_lift(treatment: Sample, control: Sample) -> HasLimits | Undefined:
    return log_delta_lift(treatment=treatment, control=control)


def _fieller_lift(treatment: Sample, control: Sample) -> Interval | Undefined:
    found = fieller_lift(treatment=treatment, control=control)
    return found.interval if isinstance(found, Ratio) else found


def _bootstrap_t(truth: float) -> Study:
    def study(rng: Generator, treatment: Floats, control: Floats) -> Tally:
        pairs = zip(treatment[0], control[0], strict=True)
        found = (bootstrap_t(treatment=one, control=other, rng=rng) for one, other in pairs)
        return of_limits(limits_of(found), truth=truth)

    return study


def _ranks(_: Generator, treatment: Floats, control: Floats) -> Tally:
    found = [
        mann_whitney(treatment=one, control=other)
        for one, other in zip(treatment[0], control[0], strict=True)
    ]
    rows = [
        (one.superiority - 0.5, one.p_value) if isinstance(one, RankTest) else (0.0, np.nan)
        for one in found
    ]
    direction, p = np.array(rows).T
    return of_tests(direction, p)


def _margins(shape: Shape) -> Iterator[Cell]:
    """Claims at the very margin: the true difference lies on it."""

    def claimed(claims: Callable[[Sample, Sample], bool]) -> Study:
        def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
            pairs = zip(samples_of(treatment[0]), samples_of(control[0]), strict=True)
            wrong = sum(claims(*pair) for pair in pairs)
            return Tally(replicates=treatment.shape[1], high=wrong)

        return study

    def not_worse(treatment: Sample, control: Sample) -> bool:
        found = welch(treatment=_moved(treatment, -1.0), control=control)
        return isinstance(found, Difference) and (
            non_inferiority(found, margin=-1.0).p_value <= 0.025
        )

    def not_much_worse(treatment: Sample, control: Sample) -> bool:
        found = relative_non_inferiority(
            treatment=_scaled(treatment, 0.9), control=control, margin=-0.1
        )
        return not isinstance(found, Undefined) and found.p_value <= 0.025

    def equivalent(treatment: Sample, control: Sample) -> bool:
        # The other margin is so far away that this one alone decides: the size is the largest.
        found = welch(treatment=_moved(treatment, -1.0), control=control)
        return isinstance(found, Difference) and (
            equivalence(found, low=-1.0, high=99.0).equivalent
        )

    for name, claims, nominal in (
        ("non-inferiority at the margin", not_worse, 0.025),
        ("relative non-inferiority at the margin", not_much_worse, 0.025),
        ("TOST at the margin", equivalent, 0.05),
    ):
        yield Cell(
            "margins", name, shape.name, over(shape, claimed(claims)), low=None, high=nominal
        )


def _moved(sample: Sample, by: float) -> Sample:
    return Sample(sample.n, sample.mean + by, sample.variance)


def _scaled(sample: Sample, factor: float) -> Sample:
    return Sample(sample.n, sample.mean * factor, sample.variance * factor**2)
