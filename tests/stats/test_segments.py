"""Effects by level: published analyses, integration, properties, edges; coverage (slow)."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.segments import (
    Heterogeneity,
    PartialPooling,
    between_variance,
    heterogeneity,
    partial_pooling,
)

SCHOOLS = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
SCHOOL_SES = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]
# Cases and others in the vaccinated, cases and others in the control group of 13 trials.
BCG = [
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]
BCG_EFFECTS = [math.log(a / (a + b) / (c / (c + d))) for a, b, c, d in BCG]
BCG_SES = [math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)) for a, b, c, d in BCG]


def known(found: Heterogeneity | Undefined) -> Heterogeneity:
    """The comparison, which must exist."""
    assert isinstance(found, Heterogeneity)
    return found


def pooled(found: PartialPooling | Undefined) -> PartialPooling:
    """The pooled effects, which must exist."""
    assert isinstance(found, PartialPooling)
    return found


def test_heterogeneity_and_reml_agree_with_r_on_the_bcg_trials() -> None:
    """R, metafor rma(yi, vi, data=dat.bcg): tau2 0.3132, -0.7145 (0.1798), Q 152.2330."""
    found = pooled(partial_pooling(BCG_EFFECTS, BCG_SES))
    assert found.between_variance == pytest.approx(0.3132, abs=5e-5)
    assert (found.mean, found.mean_se) == pytest.approx((-0.7145, 0.1798), abs=5e-5)
    spread = known(heterogeneity(BCG_EFFECTS, BCG_SES))
    assert spread.df == 12
    assert spread.q == pytest.approx(152.2330, abs=5e-5)
    assert spread.i2_percent == pytest.approx(100 * (1 - 12 / 152.2330), abs=1e-4)
    assert found.interaction.p_value == pytest.approx(spread.p_value)


def test_intervals_agree_with_the_eight_schools() -> None:
    """Gelman et al. (2013), Bayesian Data Analysis, table 5.3, from 200 draws: A, B, G, H."""
    found = pooled(partial_pooling(SCHOOLS, SCHOOL_SES))
    assert found.between_variance == 0
    assert found.effects == pytest.approx([7.69] * 8, abs=0.005)
    published = {0: (-2, 31), 1: (-5, 23), 6: (-1, 26), 7: (-6, 33)}
    for at, (low, high) in published.items():
        assert found.intervals[at].low == pytest.approx(low, abs=2)
        assert found.intervals[at].high == pytest.approx(high, abs=8 if at == 7 else 3)


@pytest.mark.parametrize(
    ("effects", "ses"),
    [(SCHOOLS, SCHOOL_SES), (BCG_EFFECTS, BCG_SES), ([1.0, 3.0, 9.0], [0.1, 1.0, 4.0])],
)
def test_intervals_hold_the_posterior_by_adaptive_integration(
    effects: Sequence[float], ses: Sequence[float]
) -> None:
    """Second implementation: scipy.integrate.quad over the deviation, flat prior."""
    values, variances = np.array(effects), np.array(ses) ** 2

    def density(deviation: float) -> tuple[float, np.ndarray, np.ndarray]:
        spread = variances + deviation**2
        mean = np.sum(values / spread) / np.sum(1 / spread)
        log = -0.5 * (
            np.sum(np.log(spread))
            + math.log(np.sum(1 / spread))
            + np.sum((values - mean) ** 2 / spread)
        )
        own = deviation**2 / spread
        centre = own * values + (1 - own) * mean
        variance = own * variances + (1 - own) ** 2 / np.sum(1 / spread)
        return math.exp(log), centre, np.sqrt(variance)

    def over(part: Callable[[float], float]) -> float:
        pieces = [0.0, 1.0, 10.0, 100.0, 10_000.0]
        return math.fsum(
            integrate.quad(part, low, high, limit=200)[0] for low, high in pairwise(pieces)
        )

    total = over(lambda deviation: density(deviation)[0])
    found = pooled(partial_pooling(effects, ses))
    for at, interval in enumerate(found.intervals):
        for limit, probability in ((interval.low, 0.025), (interval.high, 0.975)):

            def below(deviation: float, at: int = at, limit: float = limit) -> float:
                mass, centre, spread = density(deviation)
                return mass * float(stats.norm.cdf(limit, centre[at], spread[at]))

            assert over(below) / total == pytest.approx(probability, abs=5e-4)


def test_equal_errors_give_the_variance_by_hand() -> None:
    """REML is then the variance of the effects less that of one estimate, and at least 0."""
    assert between_variance([1.0, 3.0, 8.0], [1.0] * 3) == pytest.approx(13 - 1)
    assert between_variance([1.0, 1.1, 0.9], [1.0] * 3) == 0


def test_two_levels_keep_their_own_intervals() -> None:
    found = pooled(partial_pooling([1.0, 2.0], [1.0, 2.0], confidence=0.9))
    reach = stats.norm.ppf(0.95)
    assert found.intervals[0].low == pytest.approx(1 - reach)
    assert found.intervals[1].high == pytest.approx(2 + 2 * reach)
    assert found.between_variance == 0
    assert found.effects == pytest.approx((1.2, 1.2))


def test_levels_far_apart_keep_their_own_effects() -> None:
    found = pooled(partial_pooling([0.0, 1000.0, 2000.0, 5000.0], [1.0] * 4))
    assert found.effects == pytest.approx([0.0, 1000.0, 2000.0, 5000.0], abs=0.01)
    assert found.intervals[1].low == pytest.approx(1000 - 1.96, abs=0.01)


@pytest.mark.parametrize(
    ("effects", "ses"),
    [([], []), ([1.0], [1.0]), ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]), ([1.0, math.inf], [1.0, 1.0])],
)
def test_what_cannot_be_pooled_says_why(effects: list[float], ses: list[float]) -> None:
    assert isinstance(heterogeneity(effects, ses), Undefined)
    assert isinstance(partial_pooling(effects, ses), Undefined)


def test_equal_effects_have_no_heterogeneity() -> None:
    found = known(heterogeneity([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]))
    assert (found.q, found.i2_percent, found.p_value) == (0, 0, 1)
    assert pooled(partial_pooling([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])).effects == pytest.approx(
        [2] * 3
    )


levels = st.lists(
    st.tuples(st.integers(-500, 500), st.integers(10, 300)), min_size=2, max_size=6
).map(lambda pairs: tuple(zip(*((e / 100, s / 100) for e, s in pairs), strict=True)))


@given(levels, st.sampled_from([0.01, 1.0, 250.0]))
def test_swapping_flips_the_signs_and_no_unit_matters(
    drawn: tuple[tuple[float, ...], tuple[float, ...]], rate: float
) -> None:
    effects, ses = drawn
    one = pooled(partial_pooling(effects, ses))
    other = pooled(partial_pooling([-rate * e for e in effects], [rate * se for se in ses]))
    size = rate * max(ses)
    assert other.effects == pytest.approx(
        [-rate * e for e in one.effects], rel=1e-4, abs=1e-4 * size
    )
    for mirrored, interval in zip(other.intervals, one.intervals, strict=True):
        assert (-mirrored.high, -mirrored.low) == pytest.approx(
            (rate * interval.low, rate * interval.high), rel=1e-4, abs=1e-4 * size
        )
    # Drawn towards the mean, never past it; and inside the interval.
    for raw, shrunken, interval in zip(effects, one.effects, one.intervals, strict=True):
        assert min(raw, one.mean) - 1e-9 <= shrunken <= max(raw, one.mean) + 1e-9
        assert interval.low <= shrunken <= interval.high


def _misses(interval: Interval, truth: float) -> tuple[bool, bool]:
    return truth < interval.low, truth > interval.high


@pytest.mark.slow
@pytest.mark.parametrize("levels", [3, 5, 10])
@pytest.mark.parametrize("between", [0.0, 0.5, 1.0, 4.0])
def test_each_tail_of_the_intervals_misses_seldom(levels: int, between: float) -> None:
    """600 draws, errors from 0.3 to 1.4: each tail 2.5 % nominal, at most 3.5 % over levels."""
    rng = np.random.default_rng([levels, int(10 * between)])
    ses = np.sqrt(np.geomspace(0.1, 2, levels))
    missed = []
    for _ in range(600):
        truth = rng.normal(0, math.sqrt(between), levels)
        found = pooled(partial_pooling(rng.normal(truth, ses).tolist(), ses.tolist()))
        missed.append([_misses(i, t) for i, t in zip(found.intervals, truth, strict=True)])
    below, above = np.mean(missed, axis=(0, 1))
    worst = np.mean(missed, axis=0).max()
    print(f"\n{levels} levels, variance {between}: {below:.4f} {above:.4f}, worst {worst:.4f}")
    assert max(below, above) <= 0.035
