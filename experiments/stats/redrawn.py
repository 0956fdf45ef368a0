"""Repeat a weighted comparison on customers drawn again, a thousand times, weights included.

Multinomial bootstrap of the customers, or clusters, of each group: Efron (1979), Annals of
Statistics 7:1-26; the weights of each draw solve the entropy balancing of Hainmueller (2012),
Political Analysis 20:25-46, for that draw's own target. Needs rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.stats.balancing import tilt, tilted
from experiments.stats.bootstrap import resampled_counts
from experiments.stats.moments import Floats

# Values held at a time while resampling, 8 MB.
BLOCK = 1_000_000
# Standard deviations by which a draw's weighted mean may miss its target: far below its own noise.
TOLERANCE = 1e-6
CHORDS = 20
RIDGE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """One group, n customers.

    Attributes:
        deviations: Covariates less the treated mean, in standard deviations, shape (n, k).
        values: What is compared, shape (n,), or (n, m) where it is several things at once.
        units: Which customer or cluster a row belongs to, from 0 without gaps, shape (n,).
    """

    deviations: Floats
    values: Floats
    units: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Control:
    """The control group, its weights, and their products with 1, covariates and their pairs."""

    customers: Customers
    weights: Floats
    products: Floats


def redrawn_differences(
    *,
    treatment: Customers,
    control: Customers,
    weights: Floats,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Treated mean minus reweighted control mean in every draw whose weighting exists.

    Args:
        treatment: The treated customers.
        control: The control customers; their weighted deviations are zero.
        weights: Of the control customers, sum 1.
        draws: How often customers are drawn.
        rng: Draws them.

    Returns:
        Shape (draws less those without a weighting,), or with m values (those draws, m).

    Example:
        >>> one = Customers(np.array([[0.0], [0.0]]), np.array([3.0, 3.0]), np.arange(2))
        >>> other = Customers(np.array([[-1.0], [1.0]]), np.array([1.0, 1.0]), np.arange(2))
        >>> found = redrawn_differences(treatment=one, control=other, weights=np.full(2, 0.5),
        ...     draws=9, rng=np.random.default_rng(1))
        >>> len(found) < 9, found.round(6).tolist()[0]
        (True, 2.0)
    """
    rows, places = np.triu_indices(control.deviations.shape[1])
    pairs = control.deviations[:, rows] * control.deviations[:, places]
    ones = np.ones(len(control.values))
    products = weights[:, None] * np.column_stack([ones, control.deviations, pairs])
    fixed = _Control(control, weights, products)
    of_treated = np.column_stack([treatment.deviations, treatment.values])
    k = treatment.deviations.shape[1]
    found = []
    step = max(1, BLOCK // max(len(treatment.values), len(control.values)))
    for start in range(0, draws, step):
        many = min(step, draws - start)
        drawn = _drawn(treatment, many, rng)
        means = drawn @ of_treated / drawn.sum(axis=1)[:, None]
        difference = means[:, k:] - _reweighted(fixed, _drawn(control, many, rng), means[:, :k])
        found.append(difference[np.isfinite(difference).all(axis=1)])
    together = np.concatenate(found)
    return together[:, 0] if treatment.values.ndim == 1 else together


def _drawn(group: Customers, draws: int, rng: np.random.Generator) -> Floats:
    """How often each row is drawn, shape (draws, n)."""
    counts = resampled_counts(int(group.units.max()) + 1, draws=draws, rng=rng)
    return counts.astype(float)[:, group.units]


def _reweighted(control: _Control, counts: Floats, targets: Floats) -> Floats:
    """Weighted means of the control values in each draw; NaN where no weighting exists.

    Newton's method for all draws at once, from the weights of the whole group, keeping the
    curvature of the first step (a chord method), which suits the short way to go. What has
    not converged is solved on its own.

    Args:
        control: The control group.
        counts: How often each row was drawn, shape (draws, n).
        targets: Covariate means of the treated in each draw, shape (draws, k).
    """
    deviations = control.customers.deviations
    values = control.customers.values.reshape(len(deviations), -1)
    draws, k = targets.shape
    # A cluster bootstrap may draw none of the customers that carry weight.
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = counts @ control.products
        sums = sums[:, 1:] / sums[:, :1]
    means = sums[:, :k]
    usable = np.all(np.isfinite(means), axis=1)
    curvature = np.empty((draws, k, k))
    rows, places = np.triu_indices(k)
    curvature[:, rows, places] = curvature[:, places, rows] = sums[:, k:]
    curvature += RIDGE * np.eye(k) - means[:, :, None] * means[:, None, :]
    inverse = np.linalg.inv(np.where(usable[:, None, None], curvature, np.eye(k)))
    points = _moved(np.zeros((draws, k)), inverse, means - targets)
    result = np.full((draws, values.shape[1]), np.nan)
    going = np.flatnonzero(usable)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        for _ in range(CHORDS):
            if len(going) == 0:
                break
            weights = points[going] @ deviations.T
            np.exp(weights, out=weights)
            weights *= control.weights
            weights *= counts[going]
            total = weights.sum(axis=1)
            gaps = weights @ deviations / total[:, None] - targets[going]
            done = np.asarray(np.max(np.abs(gaps), axis=1, initial=0.0) <= TOLERANCE)
            result[going[done]] = (weights[done] @ values) / total[done, None]
            left = ~done & np.all(np.isfinite(gaps), axis=1)
            going, gaps = going[left], gaps[left]
            points[going] = _moved(points[going], inverse[going], gaps)
    for draw in np.flatnonzero(np.isnan(result[:, 0])):
        result[draw] = _alone(control, counts[draw], targets[draw]) @ values
    return result


def _moved(points: Floats, inverse: Floats, gaps: Floats) -> Floats:
    """A step of every draw against its gap."""
    return np.asarray(points - np.einsum("dij,dj->di", inverse, gaps))


def _alone(control: _Control, counts: Floats, target: Floats) -> Floats:
    """Weights in a draw that needs the careful solver, shape (n,); NaN where it has none."""
    base = counts * control.weights
    drawn, weights = base > 0, np.zeros(len(base))
    if not drawn.any():
        return weights + np.nan
    rows, base = control.customers.deviations[drawn] - target, base[drawn] / base.sum()
    found = tilt(rows, base, start=np.zeros(rows.shape[1]))
    if found is None:
        return weights + np.nan
    weights[drawn] = tilted(rows, base, found)
    return weights
