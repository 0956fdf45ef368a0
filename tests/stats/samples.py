"""Hypothesis strategies of groups of customers."""

import numpy as np
from hypothesis import strategies as st

from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share

amounts = st.integers(min_value=-10_000, max_value=10_000).map(lambda cents: cents / 100)
varied = st.lists(amounts, min_size=3, max_size=30).filter(lambda values: len(set(values)) > 1)
samples = varied.map(Sample.of)
# Means far enough from zero that a share of them is worth stating.
positive = st.lists(
    st.integers(min_value=100, max_value=10_000).map(lambda cents: cents / 100),
    min_size=3,
    max_size=30,
).filter(lambda values: len(set(values)) > 1)
shares = st.integers(min_value=1, max_value=300).flatmap(
    lambda n: st.integers(min_value=0, max_value=n).map(lambda events: Share(events, n))
)


def drawn(seed: int, n: int, *, shift: float = 0.0, slope: float = 2.0) -> Moments:
    """A group with a covariate, a multiple of it, a constant and another covariate."""
    return Moments.of(**columns(seed, n, shift=shift, slope=slope))


def columns(seed: int, n: int, *, shift: float = 0.0, slope: float = 2.0) -> dict[str, list[float]]:
    """The raw columns of `drawn`."""
    rng = np.random.default_rng(seed)
    before, visits = rng.normal(50, 10, n), rng.poisson(3, n).astype(float)
    spend = shift + slope * before + visits + rng.normal(0, 5, n)
    return {
        "spend": spend.tolist(),
        "before": before.tolist(),
        "cents": (100 * before).tolist(),
        "constant": [0.1] * n,
        "visits": visits.tolist(),
    }
