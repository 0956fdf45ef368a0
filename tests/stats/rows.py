"""Rows of a small experiment: groups, covariates, clusters."""

from dataclasses import dataclass

import numpy as np

from experiments.stats.moments import Floats


@dataclass(frozen=True)
class Rows:
    """One element a customer; clusters of 1 to 12 customers, treated as a whole."""

    outcome: Floats
    treated: Floats
    before: Floats
    visits: Floats
    zone: list[str]
    cluster: list[int]


def rows(seed: int, *, clusters: int = 20) -> Rows:
    """Draw an experiment with an effect of 3 and a shared part in each cluster."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 13, clusters))
    treated = (cluster % 2).astype(float)
    n = len(cluster)
    before, visits = rng.normal(50, 10, n), rng.poisson(3, n).astype(float)
    shared = rng.normal(0, 2, clusters)[cluster]
    noise = rng.normal(0, 1 + before / 20)
    return Rows(
        outcome=3 * treated + 0.5 * before + visits + shared + noise,
        treated=treated,
        before=before,
        visits=visits,
        zone=[("north", "south", "east")[at] for at in rng.integers(0, 3, n)],
        cluster=cluster.tolist(),
    )
