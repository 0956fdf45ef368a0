"""Weighted means drawn together: combinations, ratios, and what has no number."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio
from experiments.stats.moments import Floats
from experiments.stats.weighted_means import Group, WeightedMeans, drawn_units, weighted_means


def group(seed: int, n: int, *, shift: float = 0.0) -> Group:
    """Two values that move together, and a covariate that both follow."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, n)
    y = 5 + 2 * x + rng.normal(0, 1, n)
    return Group(np.column_stack([y, 0.5 * y + rng.normal(0, 0.5, n)]), x[:, None])


def compared(treatment: Group, control: Group, *, draws: int = 400) -> WeightedMeans:
    found = weighted_means(
        treatment=treatment,
        control=control,
        names=["x"],
        rng=np.random.default_rng(9),
        draws=draws,
    )
    assert isinstance(found, WeightedMeans)
    return found


def known(found: Difference | Undefined) -> Difference:
    assert isinstance(found, Difference), found
    return found


def at(place: int) -> Floats:
    return np.asarray(np.eye(2)[place])


def test_a_combination_is_that_of_the_combined_value() -> None:
    """The same customers with one value, computed before instead of after."""
    one, other = group(1, 150, shift=0.3), group(2, 250)
    mix = np.array([3.0, -2.0])
    after = known(compared(one, other).difference(treated=mix, controls=mix, confidence=0.9))
    single = [Group((side.values @ mix)[:, None], side.covariates) for side in (one, other)]
    before = known(
        compared(*single).difference(treated=np.ones(1), controls=np.ones(1), confidence=0.9)
    )
    assert (after.value, after.se, after.low, after.high, after.df) == pytest.approx(
        (before.value, before.se, before.low, before.high, before.df)
    )


def test_the_variance_of_an_unweighted_group_is_that_of_its_mean() -> None:
    """The usual s / sqrt(n), where the covariate says nothing and the weights stay equal."""
    rng = np.random.default_rng(3)
    sides = [Group(rng.normal(0, 1, (400, 2)), np.zeros((400, 1))) for _ in range(2)]
    found = compared(*sides, draws=999)
    difference = known(found.difference(treated=at(0), controls=at(0), confidence=0.95))
    errors = [float(side.values[:, 0].var(ddof=1)) / 400 for side in sides]
    assert difference.se == pytest.approx(np.sqrt(sum(errors)), rel=0.06)
    assert difference.control_variance == pytest.approx(errors[1], rel=0.12)


def test_a_ratio_has_the_covariance_of_its_parts() -> None:
    """Fieller's limits of a small relative spread are those of the delta method, by hand."""
    found = compared(group(4, 300, shift=0.2), group(5, 500))
    nothing = np.zeros(2)
    ratio = found.ratio((at(0), -at(0)), (nothing, at(0)), confidence=0.95)
    assert isinstance(ratio, Ratio)
    drawn = found.replicates @ np.array([[1, 0], [0, 0], [-1, 1], [0, 0]])
    errors = (drawn[:, 0] - ratio.value * drawn[:, 1]) / found.controls[0]
    assert ratio.se == pytest.approx(float(np.std(errors, ddof=1)), rel=1e-6)
    assert isinstance(ratio.interval, Interval)
    assert ratio.interval.low < ratio.value < ratio.interval.high


def test_the_unit_of_a_value_scales_the_difference_and_not_its_p_value() -> None:
    one, other = group(6, 100), group(7, 200)
    scaled = [Group(side.values * 100, side.covariates) for side in (one, other)]
    small, large = (
        known(found.difference(treated=at(1), controls=at(1), confidence=0.95))
        for found in (compared(one, other), compared(*scaled))
    )
    assert large.value == pytest.approx(100 * small.value)
    assert large.p_value == pytest.approx(small.p_value)


def test_a_value_that_is_the_same_for_everybody_has_no_spread() -> None:
    one, other = group(8, 50), group(9, 80)
    still = [Group(np.ones((len(side.values), 2)), side.covariates) for side in (one, other)]
    found = compared(*still).difference(treated=at(0), controls=at(0), confidence=0.95)
    assert found == Undefined("all customers of a group changed alike, so that nothing varies")


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        (group(1, 0), "the treatment group has fewer than 2 customers"),
        (group(1, 1), "the treatment group has fewer than 2 customers"),
        (group(1, 20, shift=99), "no control customer is as high"),
        (
            Group(np.full((5, 2), np.nan), np.zeros((5, 1))),
            "the outcome has values that are not numbers",
        ),
    ],
)
def test_what_cannot_be_weighted_says_why(treatment: Group, reason: str) -> None:
    found = weighted_means(
        treatment=treatment,
        control=group(2, 40),
        names=["x"],
        rng=np.random.default_rng(1),
        draws=19,
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_units_are_drawn_whole_up_to_the_limit() -> None:
    units = np.repeat(np.arange(10), 7)
    chosen = drawn_units(units, limit=30, rng=np.random.default_rng(2))
    assert len(chosen) == 4
    assert len(drawn_units(units, limit=1, rng=np.random.default_rng(2))) == 2
