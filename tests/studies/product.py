"""The product's own rule: how often is a program proved that earns exactly what it costs?

The headline's interval decides (Welch, Lin where something is known before). Where an arm has
fewer customers than 355 x its squared skewness, Hall's interval and the one with a single spread
(Student; ANCOVA) must fall on the same side, or the reason is `tails` and nothing is proved
(`decide/tails.py`, to which a test ties this copy). A small group of skewed customers that lacks
its few large ones has a low mean and a small spread together, which only the other group's spread
gives away.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.random import Generator

from experiments.errors import Undefined
from experiments.stats.ancova import ancova
from experiments.stats.estimate import Difference
from experiments.stats.lin import lin_many
from experiments.stats.many import Bools, Differences
from experiments.stats.means import student, welch_many
from experiments.stats.moments import Floats, Sample
from experiments.stats.skew import hall, needs_skewness_correction
from tests.studies.cells import Cell, Tally
from tests.studies.shapes import (
    HARDEST,
    SHAPES,
    Study,
    many_moments,
    many_samples,
    moments_of,
    over,
    samples_of,
)

FEW = 10  # customers whose value is not zero, expected in the smaller group


def cells() -> Iterator[Cell]:
    """The rule on every shape, without and with something known before."""
    for shape in (*SHAPES, *HARDEST):
        run = over(shape, _unadjusted(shape.truth))
        yield Cell("product", "mean", shape.name, run, at_most=True, proves=True)
        run = over(shape, _adjusted(shape.truth), covariates=1)
        yield Cell("product", "mean, adjusted", shape.name, run, at_most=True, proves=True)


def side(
    difference: Difference,
    *,
    treatment: Sample,
    control: Sample,
    one_spread: Callable[[], Difference | Undefined],
    cost: float = 0.0,
) -> int:
    """1 where D is proved above 0, -1 where below, 0 otherwise.

    Args:
        difference: The headline's.
        treatment: The treated customers, with skewness.
        control: The control customers, with skewness.
        one_spread: The difference with one spread for both groups, asked where one is skewed.
        cost: Of the program per customer, in the unit of the difference.
    """
    plain = _side(difference.low - cost, difference.high - cost)
    if plain == 0 or not _is_skewed(treatment, control):
        return plain
    corrected = hall(
        treatment=Sample(
            treatment.n,
            difference.value,
            (difference.se**2 - difference.control_variance) * treatment.n,
            treatment.skewness,
        ),
        control=Sample(control.n, 0.0, difference.control_variance * control.n, control.skewness),
    )
    readings = [one for one in (corrected, one_spread()) if not isinstance(one, Undefined)]
    agree = all(_side(one.low - cost, one.high - cost) == plain for one in readings)
    return plain if agree else 0


def _is_skewed(treatment: Sample, control: Sample) -> bool:
    return any(needs_skewness_correction(arm) is True for arm in (treatment, control))


def _side(low: float, high: float) -> int:
    return 1 if low > 0 else -1 if high < 0 else 0


def _unadjusted(cost: float) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = welch_many(treatment=many_samples(treatment[0]), control=many_samples(control[0]))
        groups = list(zip(samples_of(treatment[0]), samples_of(control[0]), strict=True))

        def one_spread(at: int) -> Difference | Undefined:
            return student(treatment=groups[at][0], control=groups[at][1])

        few = _few_buyers(treatment, control)
        return _decided(found, groups, cost=cost, few=few, one_spread=one_spread)

    return study


def _adjusted(cost: float) -> Study:
    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = lin_many(treatment=many_moments(treatment), control=many_moments(control))
        groups = list(zip(samples_of(treatment[0]), samples_of(control[0]), strict=True))

        def one_spread(at: int) -> Difference | Undefined:
            (treated,), (controls,) = (
                moments_of(values[:, at : at + 1]) for values in (treatment, control)
            )
            outcome, *covariates = treated.names
            return ancova(
                treatment=treated, control=controls, outcome=outcome, covariates=covariates
            )

        few = _few_buyers(treatment, control)
        return _decided(found.difference, groups, cost=cost, few=few, one_spread=one_spread)

    return study


def _few_buyers(treatment: Floats, control: Floats) -> Bools:
    """Where a group expects fewer than 10 customers whose value is not zero."""
    buyers = sum((values[0] != 0).sum(axis=1) for values in (treatment, control))
    sizes = treatment.shape[2], control.shape[2]
    return np.asarray(buyers * min(sizes) / sum(sizes) < FEW)


def _decided(
    found: Differences,
    groups: list[tuple[Sample, Sample]],
    *,
    cost: float,
    few: Bools,
    one_spread: Callable[[int], Difference | Undefined],
) -> Tally:
    """Count what is proved and disproved of programs that earn exactly what they cost.

    Args:
        found: The headline of each replicate.
        groups: Treated and control customers of each.
        cost: Of the program, which is the true difference.
        few: Where few customers are not zero.
        one_spread: The difference of a replicate with one spread for both groups.
    """
    tally = Tally()
    for at, (treated, controls) in enumerate(groups):
        one = found[at]
        if isinstance(one, Undefined):
            tally += Tally(1, undefined=1)
            continue
        decided = side(
            one,
            treatment=treated,
            control=controls,
            one_spread=partial(one_spread, at),
            cost=cost,
        )
        seen = int(decided > 0 and bool(few[at]))
        tally += Tally(1, low=int(decided < 0), high=int(decided > 0), seen=seen)
    return tally
