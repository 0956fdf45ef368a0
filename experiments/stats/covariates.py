"""What covariates look like over both groups, and which of them say something of their own.

Both are shared by every adjustment for what was known before the pilot. Redundancy is decided
in the order given, by the residual variance of a regression on the variables before (Golub and Van
Loan 2013, Matrix Computations, section 5.5), on standardised variables, so that no unit matters.
"""

from collections.abc import Sequence

import numpy as np

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
    n = treatment.n + control.n
    means_treated, means_control = means_of(treatment, names), means_of(control, names)
    gap = means_treated - means_control
    # The total of an empty group is zero, and so is its weight here.
    scatter = scatter_of(treatment, names) + scatter_of(control, names)
    if n > 0:
        scatter = scatter + np.outer(gap, gap) * (treatment.n * control.n / n)
        means = means_control + gap * (treatment.n / n)
    else:
        means = means_control
    return Moments(
        names=tuple(names),
        n=n,
        means=tuple(float(mean) for mean in means),
        scatter=tuple(tuple(float(cell) for cell in line) for line in scatter),
        cubes=(None,) * len(names),
    )


def independent(groups: Sequence[Moments], names: Sequence[str]) -> tuple[str, ...]:
    """The variables that vary, and not only with those named before them, in every group.

    Example:
        >>> one = Moments.of(spend=[1.0, 2.0, 4.0], cents=[100.0, 200.0, 400.0])
        >>> independent([one], ["spend", "cents"])
        ('spend',)
    """
    standards = [_standardised(group, names) for group in groups]
    kept: list[int] = []
    for row in range(len(names)):
        if all(_own_share(matrix, kept, row) > OWN_SHARE for matrix in standards):
            kept.append(row)
    return tuple(names[row] for row in kept)


def means_of(group: Moments, names: Sequence[str]) -> Floats:
    """Means of some variables, shape (k,)."""
    return np.array([group.mean(name) for name in names], dtype=float)


def scatter_of(group: Moments, names: Sequence[str]) -> Floats:
    """Sums of products of deviations of some variables, shape (k, k)."""
    if not names:
        return np.zeros((0, 0))
    rows = [group.names.index(name) for name in names]
    return np.array(group.scatter, dtype=float)[np.ix_(rows, rows)]


def _standardised(group: Moments, names: Sequence[str]) -> Floats:
    """Correlations of the variables, with zero rows for those that do not vary."""
    scatter, means = scatter_of(group, names), means_of(group, names)
    squares = np.diag(scatter)
    varies = np.isfinite(squares) & (squares > group.n * (ROUNDING * means) ** 2)
    scale = np.where(varies, 1 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)
    return np.asarray(np.where(scale > 0, scatter, 0.0) * scale * scale[:, None], dtype=float)


def _own_share(matrix: Floats, kept: Sequence[int], row: int) -> float:
    """The share of one variable's variance that the variables kept so far leave unexplained."""
    if not kept:
        return float(matrix[row, row])
    with_kept = matrix[kept, row]
    explained = with_kept @ np.linalg.solve(matrix[np.ix_(kept, kept)], with_kept)
    return float(matrix[row, row] - explained)
