"""Customers drawn from the models of buying."""

import numpy as np

from experiments.finance.bgnbd import BgNbd
from experiments.finance.gamma_gamma import GammaGamma
from experiments.stats.moments import Floats


def buyers(model: BgNbd, *, customers: int, age: float, seed: int) -> tuple[Floats, Floats, Floats]:
    """Frequency, recency and age of customers who buy and leave as the model says."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(model.r, 1 / model.alpha, customers)
    leaves = rng.beta(model.a, model.b, customers)
    ages = np.round(rng.uniform(age / 2, age, customers), 2)
    frequency, recency, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive = np.ones(customers, dtype=bool)
    while alive.any():
        now = np.where(alive, now + rng.exponential(1, customers) / rate, now)
        alive &= now <= ages
        frequency += alive
        recency = np.where(alive, now, recency)
        alive &= rng.random(customers) >= leaves
    return frequency, recency, ages


def spenders(model: GammaGamma, *, customers: int, seed: int) -> tuple[Floats, Floats]:
    """Frequency and mean amount of customers who spend as the model says."""
    rng = np.random.default_rng(seed)
    frequency = np.asarray(1 + rng.poisson(2, customers), dtype=np.float64)
    scale = rng.gamma(model.q, 1 / model.v, customers)
    mean = rng.gamma(model.p * frequency) / scale / frequency
    return frequency, np.asarray(mean, dtype=np.float64)
