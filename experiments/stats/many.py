"""Many comparisons at once: every number of a summary or result is an array over comparisons.

Metric x segment x period, or any other shape; treatment and control broadcast against each other
as NumPy arrays do. The methods themselves stand with those of a single comparison (`welch_many`
beside `welch`), which are the same arithmetic on arrays of one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.estimate import Difference, Interval
from experiments.stats.moments import Floats, Moments, Sample

Bools = npt.NDArray[np.bool_]
# Per comparison why there is no number, or None where there is one.
Reasons = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One number per customer, summarised for many groups.

    Attributes:
        n: How many customers, any shape.
        mean: Shape of n.
        variance: With n - 1 in the denominator, shape of n; 0 when n < 2.
    """

    n: Floats
    mean: Floats
    variance: Floats

    def __post_init__(self) -> None:
        for name in ("n", "mean", "variance"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))

    @classmethod
    def one(cls, sample: Sample) -> Self:
        """The summary of a single group, shape ()."""
        return cls(np.asarray(sample.n), np.asarray(sample.mean), np.asarray(sample.variance))

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """Stack the summaries of single groups, shape (groups,).

        Example:
            >>> Samples.of([Sample.of([1.0, 3.0]), Sample.of([2.0, 2.0, 5.0])]).mean
            array([2., 3.])
        """
        rows = np.array([(one.n, one.mean, one.variance) for one in samples], dtype=float)
        return cls(*rows.reshape(-1, 3).T)


@dataclass(frozen=True, slots=True, eq=False)
class ManyMoments:
    """Several numbers per customer, summarised for many groups.

    Attributes:
        names: The variables, k of them, the same for all groups.
        n: How many customers, shape (groups,).
        means: Shape (groups, k); 0 when there is no customer.
        scatter: Sums of products of deviations from the means, shape (groups, k, k).
    """

    names: tuple[str, ...]
    n: Floats
    means: Floats
    scatter: Floats

    @classmethod
    def of(cls, groups: Sequence[Moments], names: Sequence[str]) -> Self:
        """Stack some variables of single groups.

        Example:
            >>> one, other = Moments.of(spend=[1.0, 3.0]), Moments.of(spend=[2.0, 2.0, 5.0])
            >>> ManyMoments.of([one, other], ["spend"]).scatter.tolist()
            [[[2.0]], [[6.0]]]
        """
        rows = [[group.names.index(name) for name in names] for group in groups]
        k = len(names)
        return cls(
            names=tuple(names),
            n=np.array([group.n for group in groups], dtype=float),
            means=np.array(
                [[group.means[row] for row in at] for group, at in zip(groups, rows, strict=True)],
                dtype=float,
            ).reshape(len(groups), k),
            scatter=np.array(
                [
                    [[group.scatter[row][column] for column in at] for row in at]
                    for group, at in zip(groups, rows, strict=True)
                ],
                dtype=float,
            ).reshape(len(groups), k, k),
        )

    def group(self, at: int) -> Moments:
        """One group; third moments are not kept."""
        return Moments(
            names=self.names,
            n=int(self.n[at]),
            means=tuple(float(mean) for mean in self.means[at]),
            scatter=tuple(tuple(float(cell) for cell in line) for line in self.scatter[at]),
            cubes=(None,) * len(self.names),
        )

    def samples(self, at: int) -> Samples:
        """The variable in one place, on its own."""
        fewest = np.maximum(self.n - 1, 1)
        return Samples(self.n, self.means[:, at], self.scatter[:, at, at] / fewest)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Many intervals; an index gives the single one.

    Attributes:
        reason: Why there is no interval, any shape; None where there is one.
        low: Shape of reason; NaN exactly where there is a reason.
        high: Shape of low.
    """

    reason: Reasons
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.reason)

    def __getitem__(self, at: int | tuple[int, ...]) -> Interval | Undefined:
        missing = undefined(self.reason, at)
        if missing is not None:
            return missing
        return Interval(float(self.low[at]), float(self.high[at]))


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Many differences, attributes as those of `Difference`; an index gives the single one.

    Attributes:
        reason: Why there is no difference, any shape; None where there is one.
        value: Shape of reason; NaN exactly where there is a reason, as in all that follow.
        se: Shape of value.
        df: Shape of value.
        statistic: Shape of value.
        p_value: Shape of value.
        low: Shape of value.
        high: Shape of value.
        control_variance: Shape of value.
    """

    reason: Reasons
    value: Floats
    se: Floats
    df: Floats
    statistic: Floats
    p_value: Floats
    low: Floats
    high: Floats
    control_variance: Floats

    def __len__(self) -> int:
        return len(self.reason)

    def __getitem__(self, at: int | tuple[int, ...]) -> Difference | Undefined:
        missing = undefined(self.reason, at)
        if missing is not None:
            return missing
        return Difference(
            value=float(self.value[at]),
            se=float(self.se[at]),
            df=float(self.df[at]),
            statistic=float(self.statistic[at]),
            p_value=float(self.p_value[at]),
            low=float(self.low[at]),
            high=float(self.high[at]),
            control_variance=float(self.control_variance[at]),
        )


def first_reason(*found: tuple[Bools, str | Reasons]) -> Reasons:
    """Per comparison the first reason that holds.

    Args:
        found: Where a reason holds, and its words, the same for all or for each its own; the masks
            broadcast against each other.

    Example:
        >>> few, equal = np.array([True, False, True]), np.array([True, True, False])
        >>> first_reason((few, "too few"), (equal, "all equal")).tolist()
        ['too few', 'all equal', 'too few']
    """
    some = found[0][0]
    for mask, _ in found[1:]:
        some = some | mask
    reasons = np.empty(some.shape, dtype=object)
    if some.any():
        for mask, words in reversed(found):
            where = np.broadcast_to(mask, some.shape)
            reasons[where] = words if isinstance(words, str) else words[where]
    return reasons


def undefined(reasons: Reasons, at: int | tuple[int, ...] = ()) -> Undefined | None:
    """Why a single one has no number, or None where it has one."""
    words: str | None = reasons[at]
    return None if words is None else Undefined(words)


def numbers(reasons: Reasons, *columns: Floats) -> tuple[Floats, ...]:
    """Columns in the shape of the reasons, NaN where there is one."""
    missing = reasons.astype(bool)
    if missing.any():
        return tuple(np.where(missing, np.nan, column) for column in columns)
    # Shapes that fit are left alone: broadcasting costs more than the arithmetic of a single one.
    shape = reasons.shape
    return tuple(c if c.shape == shape else np.broadcast_to(c, shape) for c in columns)
