"""What covariates look like over both groups, and which of them say something of their own.

Both are shared by every adjustment for what was known before the pilot. Redundancy is decided
in the order given, by the residual variance of a regression on the variables before (Golub and Van
Loan 2013, Matrix Computations, section 5.5), on standardised variables, so that no unit matters.
"""

from collections.abc import Sequence

import numpy as np

from experiments.stats.many import Bools, ManyMoments
from experiments.stats.moments import Floats, Moments

# The share of a variable's own variance that the variables before it must leave unexplained.
OWN_SHARE = 1e-10
# Equal values come back from floating-point sums with a spread of a few units in the last place.
ROUNDING = 1e-13


def both_groups(*, treatment: Moments, control: Moments, names: Sequence[str]) -> Moments:
    """Two groups as one, the distance between their means included; third moments are not kept.

    Example:
        >>> together = both_groups(treatment=Moments.of(spend=[3.0, 5.0]),
        ...     control=Moments.of(spend=[1.0, 1.0]), names=["spend"])
        >>> together.n, together.means, round(together.covariance("spend", "spend"), 4)
        (4, (2.5,), 3.6667)
    """
    found = both_groups_many(
        treatment=ManyMoments.of([treatment], names), control=ManyMoments.of([control], names)
    )
    return Moments(
        names=tuple(names),
        n=treatment.n + control.n,
        means=tuple(float(mean) for mean in found.means[0]),
        scatter=tuple(tuple(float(cell) for cell in line) for line in found.scatter[0]),
        cubes=(None,) * len(names),
    )


def both_groups_many(*, treatment: ManyMoments, control: ManyMoments) -> ManyMoments:
    """`both_groups` for many pairs of groups with the same variables."""
    n = treatment.n + control.n
    somebody = np.maximum(n, 1)
    gap = treatment.means - control.means
    # The total of an empty group is zero, and so is its weight here.
    between = gap[:, :, None] * gap[:, None, :]
    weight = treatment.n * control.n / somebody
    return ManyMoments(
        names=treatment.names,
        n=n,
        means=control.means + gap * (treatment.n / somebody)[:, None],
        scatter=treatment.scatter + control.scatter + between * weight[:, None, None],
    )


def independent(groups: Sequence[Moments], names: Sequence[str]) -> tuple[str, ...]:
    """The variables that vary, and not only with those named before them, in every group.

    Example:
        >>> one = Moments.of(spend=[1.0, 2.0, 4.0], cents=[100.0, 200.0, 400.0])
        >>> independent([one], ["spend", "cents"])
        ('spend',)
    """
    kept = independent_many([ManyMoments.of([group], names) for group in groups])[0]
    return tuple(name for name, keep in zip(names, kept, strict=True) if keep)


@np.errstate(all="ignore")
def independent_many(groups: Sequence[ManyMoments]) -> Bools:
    """`independent` for many comparisons: whether each variable is kept, shape (comparisons, k).

    Args:
        groups: At least one; each holds that group of all comparisons.
    """
    kept = np.zeros(groups[0].means.shape, dtype=bool)
    standards = [_standardised(group) for group in groups]
    for row in range(len(groups[0].names)):
        shares = [_own_share(matrix, kept, row) for matrix in standards]
        kept[:, row] = np.all(np.array(shares) > OWN_SHARE, axis=0)
    return kept


def only(matrix: Floats, kept: Bools) -> Floats:
    """The matrix of the kept variables; the others stand as an identity, which changes no solution.

    Args:
        matrix: Shape (comparisons, k, k).
        kept: Shape (comparisons, k).
    """
    return np.where(kept[:, :, None] & kept[:, None, :], matrix, np.eye(matrix.shape[-1]))


def means_of(group: Moments, names: Sequence[str]) -> Floats:
    """Means of some variables, shape (k,)."""
    return np.array([group.mean(name) for name in names], dtype=float)


def scatter_of(group: Moments, names: Sequence[str]) -> Floats:
    """Sums of products of deviations of some variables, shape (k, k)."""
    if not names:
        return np.zeros((0, 0))
    rows = [group.names.index(name) for name in names]
    return np.array(group.scatter, dtype=float)[np.ix_(rows, rows)]


def _standardised(group: ManyMoments) -> Floats:
    """Correlations of the variables, with zero rows for those that do not vary."""
    squares = np.diagonal(group.scatter, axis1=1, axis2=2)
    rounding = group.n[:, None] * (ROUNDING * group.means) ** 2
    varies = np.isfinite(squares) & (squares > rounding)
    scale = np.where(varies, 1 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)
    both = varies[:, :, None] & varies[:, None, :]
    return np.where(both, group.scatter, 0.0) * scale[:, None, :] * scale[:, :, None]


def _own_share(matrix: Floats, kept: Bools, row: int) -> Floats:
    """The share of one variable's variance that the variables kept so far leave unexplained."""
    with_kept = np.where(kept, matrix[:, :, row], 0.0)
    slopes = np.linalg.solve(only(matrix, kept), with_kept[:, :, None])[:, :, 0]
    return np.asarray(matrix[:, row, row] - np.vecdot(with_kept, slopes))
