"""Draw the arms anew, as designed, thousands of times; every sum by a product of matrices.

Inside each stratum so many units as the shares ask for are drawn into each arm without replacement,
cut with a random shift (Madow 1949, Annals of Mathematical Statistics 20:333-354), as enrolment
does. A draw is a row of a matrix of zeros and ones, so that sums over arms are its product with the
matrix of the numbers per unit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.stats.moments import Floats

Arms = npt.NDArray[np.int8]
BLOCK = 8_000_000  # units times draws held at once, 64 MB of doubles


@dataclass(frozen=True, slots=True, eq=False)
class ArmSums:
    """Sums of every draw and arm.

    Attributes:
        n: Units of each arm, shape (draws, arms).
        sums: Of each column over those units, shape (draws, arms, columns).
    """

    n: Floats
    sums: Floats


def redraw(
    rng: np.random.Generator,
    *,
    strata: npt.NDArray[np.int64],
    shares: Sequence[float],
    draws: int,
) -> Arms:
    """Draw an arm for every unit, many times.

    Args:
        rng: Chance.
        strata: Number of each unit's stratum, shape (units,).
        shares: Of the arms, in their order; they add up to 1.
        draws: How many times.

    Returns:
        Number of the arm, shape (draws, units).

    Example:
        >>> found = redraw(np.random.default_rng(1), strata=np.array([0, 0, 1, 1]),
        ...     shares=[0.5, 0.5], draws=3)
        >>> found[:, :2].sum(axis=1), found[:, 2:].sum(axis=1)
        (array([1, 1, 1]), array([1, 1, 1]))
    """
    found = np.empty((draws, len(strata)), dtype=np.int8)
    order = np.argsort(strata, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(strata[order])) + 1):
        cuts = np.cumsum(shares)[:-1] * len(places) + rng.random((draws, 1))
        # A hair above, because shares such as 0.1 add up to a hair below what they mean.
        ends = np.floor(cuts + 1e-9)
        ordered = np.zeros((draws, len(places)), dtype=np.int8)
        for end in ends.T:
            ordered += np.arange(len(places)) >= end[:, None]
        found[:, places] = rng.permuted(ordered, axis=1)
    return found


def redrawn_sums(
    rng: np.random.Generator,
    columns: Floats,
    *,
    strata: npt.NDArray[np.int64],
    shares: Sequence[float],
    draws: int,
    at: Callable[[int], None],
) -> ArmSums:
    """Draw the arms many times and add up every column over each arm.

    Args:
        rng: Chance.
        columns: Numbers per unit, shape (units, columns).
        strata: Number of each unit's stratum, shape (units,).
        shares: Of the arms.
        draws: How many times.
        at: Told how many draws are done.
    """
    n, sums = [], []
    step = max(1, min(draws, BLOCK // len(strata)))
    total = columns.sum(axis=0)
    for first in range(0, draws, step):
        arms = redraw(rng, strata=strata, shares=shares, draws=min(step, draws - first))
        others = [(arms == arm).astype(float) for arm in range(1, len(shares))]
        added = np.stack([members @ columns for members in others], axis=1)
        counts = np.stack([members.sum(axis=1) for members in others], axis=1)
        sums.append(np.concatenate([(total - added.sum(axis=1))[:, None], added], axis=1))
        control = len(strata) - counts.sum(axis=1, keepdims=True)
        n.append(np.concatenate([control, counts], axis=1))
        at(first + len(arms))
    return ArmSums(np.concatenate(n), np.concatenate(sums))
