"""The re-randomisation test: brute force, SciPy, validity, edges."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.moments import Moments
from experiments.stats.ratio import ratio_difference
from experiments.stats.rerandomisation import Rerandomisation, rerandomisation_test


def known(found: Rerandomisation | Undefined) -> Rerandomisation:
    """The test, which must exist."""
    assert isinstance(found, Rerandomisation)
    return found


def _statistic(totals: np.ndarray, sizes: np.ndarray, treated: np.ndarray) -> float:
    groups = [Moments.of(total=totals[side], size=sizes[side]) for side in (treated, ~treated)]
    found = ratio_difference(
        treatment=groups[0], control=groups[1], numerator="total", denominator="size"
    )
    assert not isinstance(found, Undefined)
    return found.difference.statistic


@pytest.mark.parametrize("alternative", list(Alternative))
def test_every_draw_is_looked_at_once(alternative: Alternative) -> None:
    """Second implementation: the linearised ratio's t for every permutation."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(2, 9, 6).astype(float)
    totals, treated = sizes * rng.normal(5, 1, 6), np.array([True] * 2 + [False] * 4)
    turns: dict[Alternative, Callable[[float], float]] = {
        Alternative.TWO_SIDED: abs,
        Alternative.GREATER: lambda value: value,
        Alternative.LESS: lambda value: -value,
    }
    turn = turns[alternative]
    observed = turn(_statistic(totals, sizes, treated))
    others = [
        turn(_statistic(totals, sizes, treated[list(order)])) for order in permutations(range(6))
    ]
    found = known(
        rerandomisation_test(
            totals=totals.tolist(),
            sizes=sizes.tolist(),
            treated=treated.tolist(),
            rng=rng,
            alternative=alternative,
        )
    )
    assert found.exact
    assert found.draws == 15
    assert found.p_value == pytest.approx(np.mean(np.array(others) >= observed - 1e-9))


def test_equal_sizes_are_scipys_permutation_test_of_welchs_t() -> None:
    """Second implementation: scipy.stats.permutation_test, all combinations."""
    rng = np.random.default_rng(2)
    one, other = rng.normal(1, 1, 5), rng.normal(0, 2, 6)
    scipys = stats.permutation_test(
        (one, other),
        lambda a, b: abs(stats.ttest_ind(a, b, equal_var=False).statistic),
        n_resamples=np.inf,
        alternative="greater",
    )
    found = known(
        rerandomisation_test(
            totals=[*one, *other],
            sizes=[1] * 11,
            treated=[True] * 5 + [False] * 6,
            rng=rng,
        )
    )
    assert found.p_value == pytest.approx(scipys.pvalue)


def test_sampled_draws_come_near_and_repeat_with_the_seed() -> None:
    rng = np.random.default_rng(3)
    totals = [*rng.normal(11, 2, 10), *rng.normal(10, 2, 10)]
    options = {"totals": totals, "sizes": [2.0] * 20, "treated": [True] * 10 + [False] * 10}
    found, again, other = (
        known(rerandomisation_test(**options, rng=np.random.default_rng(seed), draws=4_000))  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    assert not found.exact
    assert found == again
    halves = np.array(totals) / 2
    p_value = stats.ttest_ind(halves[:10], halves[10:], equal_var=False).pvalue
    assert found.p_value == pytest.approx(p_value, abs=0.03)
    assert other.p_value == pytest.approx(found.p_value, abs=0.03)


def test_swapping_keeps_and_turning_the_alternative_mirrors_the_p_value() -> None:
    rng = np.random.default_rng(4)
    totals, sizes = rng.normal(10, 2, 8).tolist(), rng.integers(1, 5, 8).tolist()
    treated = [True, True, True, False, False, False, False, False]
    one, other = (
        known(
            rerandomisation_test(
                totals=[rate * total for total in totals],
                sizes=sizes,
                treated=[side is kept for side in treated],
                rng=rng,
                alternative=alternative,
            )
        )
        for rate, kept, alternative in (
            (1, True, Alternative.GREATER),
            (100, False, Alternative.LESS),
        )
    )
    assert one == other


def test_no_effect_is_seldom_found_with_three_clusters_a_group() -> None:
    """P(p <= 0.1) is at most 0.1, exactly, in any draw: here 2 of 20 at most."""
    totals = [1.0, 5.0, 2.0, 7.0, 3.0, 9.0]
    found = [
        known(
            rerandomisation_test(
                totals=totals,
                sizes=[1.0] * 6,
                treated=[at in chosen for at in range(6)],
                rng=np.random.default_rng(1),
            )
        ).p_value
        for chosen in {frozenset(order[:3]) for order in permutations(range(6))}
    ]
    assert len(found) == 20
    assert sum(p_value <= 0.1 for p_value in found) <= 2


def test_perfectly_apart_groups_reach_the_least_p_value() -> None:
    found = known(
        rerandomisation_test(
            totals=[0.1, 0.3, 0.7, 0.6, 1.8, 4.2],
            sizes=[1.0, 3.0, 7.0] * 2,
            treated=[False] * 3 + [True] * 3,
            rng=np.random.default_rng(1),
        )
    )
    assert found.p_value == pytest.approx(2 / 20)


@pytest.mark.parametrize(
    ("totals", "treated", "reason"),
    [
        ([1.0, 2.0, 3.0], [True, False, False], "fewer than 2"),
        ([], [], "fewer than 2"),
        ([0.0] * 4, [True, True, False, False], "same mean"),
        ([0.3] * 4, [True, True, False, False], "same mean"),
    ],
)
def test_what_cannot_be_tested_says_why(
    totals: list[float], treated: list[bool], reason: str
) -> None:
    found = rerandomisation_test(
        totals=totals,
        sizes=[3.0] * len(totals),
        treated=treated,
        rng=np.random.default_rng(1),
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason
