"""Test a coefficient of a regression whose rows come in clusters.

Rows of one account, household or branch resemble each other; each cluster counts as one draw. CR0
and CR1: Liang and Zeger (1986), Biometrika 73:13-22. CR2 and its degrees of freedom: Bell and
McCaffrey (2002), Survey Methodology 28:169-181, as Pustejovsky and Tipton (2018), Journal of
Business and Economic Statistics 36:672-683, define them where a cluster decides a coefficient alone
(generalised inverse), with equal and independent rows as the working model.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.moments import Floats
from experiments.stats.regression import Coefficient, LeastSquares, against_zero, not_fitted

# Below this share of a direction left free by the fit, the cluster decides it alone.
DECIDED_ALONE = 1e-10


class ClusterCovariance(StrEnum):
    """The correction for few clusters; G clusters, N rows, K columns.

    CR0 has none, CR1 multiplies the variance by G / (G - 1), CR1S (Stata's) by
    G / (G - 1) x (N - 1) / (N - K); their test has G - 1 degrees of freedom. CR2 corrects each
    cluster's residuals for its leverage and has Satterthwaite's degrees of freedom.
    """

    CR0 = "CR0"
    CR1 = "CR1"
    CR1S = "CR1S"
    CR2 = "CR2"


@dataclass(frozen=True, slots=True)
class ClusteredCoefficient:
    """A tested coefficient, and how many clusters its standard error rests on."""

    coefficient: Coefficient
    clusters: int


def clustered_coefficient(
    fit: LeastSquares,
    name: str,
    *,
    clusters: Sequence[Hashable],
    covariance: ClusterCovariance = ClusterCovariance.CR2,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> ClusteredCoefficient | Undefined:
    """One coefficient with a standard error that lets rows of a cluster go together.

    Args:
        fit: The regression.
        name: Of the column.
        clusters: The cluster of each row, shape (n,).
        covariance: The correction for few clusters.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> from experiments.stats.regression import least_squares
        >>> fit = least_squares(
        ...     outcome=[1.0, 2.0, 5.0, 6.0, 2.0, 4.0], columns={"t": [0, 0, 1, 1, 0, 1]})
        >>> found = clustered_coefficient(fit, "t", clusters=["a", "a", "b", "b", "c", "d"])
        >>> found.clusters, round(found.coefficient.se, 4), round(found.coefficient.df, 4)
        (4, 0.7454, 2.0)
    """
    missing = not_fitted(fit, name)
    if missing is not None:
        return missing
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(one, len(numbers)) for one in clusters])
    count = len(numbers)
    if count < 2:
        return Undefined("there is one cluster, and a standard error needs at least 2")
    at = fit.names.index(name)
    weights = fit.design @ fit.inverse[:, at]
    df = count - 1.0
    factor = 1.0
    if covariance is ClusterCovariance.CR2:
        order = np.argsort(codes, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
        weights = _leverage_corrected(fit, weights, members)
        df = _satterthwaite(fit, weights, codes, count)
    elif covariance is not ClusterCovariance.CR0:
        factor = count / (count - 1)
        if covariance is ClusterCovariance.CR1S:
            factor *= (len(codes) - 1) / fit.residual_df
    scores = np.bincount(codes, weights * fit.residuals)
    found = against_zero(
        value=float(fit.coefficients[at]),
        variance=factor * float(scores @ scores),
        df=df,
        confidence=confidence,
        alternative=alternative,
    )
    return found if isinstance(found, Undefined) else ClusteredCoefficient(found, count)


def _leverage_corrected(
    fit: LeastSquares, weights: Floats, members: Sequence[npt.NDArray[np.intp]]
) -> Floats:
    """Each cluster's weights times the symmetric root of (I - H)^-1, H its hat matrix."""
    root = np.linalg.cholesky(fit.inverse)
    corrected = weights.copy()
    for rows in members:
        # H = U S^2 U' has at most k directions: no matrix of rows by rows is needed.
        directions, singular, _ = np.linalg.svd(fit.design[rows] @ root, full_matrices=False)
        free = 1 - singular**2
        alone = free < DECIDED_ALONE
        stretch = np.where(alone, 0.0, 1 / np.sqrt(np.where(alone, 1.0, free))) - 1
        corrected[rows] += directions @ (stretch * (directions.T @ weights[rows]))
    return corrected


def _satterthwaite(
    fit: LeastSquares, weights: Floats, codes: npt.NDArray[np.intp], count: int
) -> float:
    """Degrees of freedom tr(P)^2 / tr(P P), P_gh the covariance of two clusters' scores."""
    own = np.bincount(codes, weights**2)
    with_columns = np.zeros((count, len(fit.names)))
    np.add.at(with_columns, codes, fit.design * weights[:, None])
    explained = np.einsum("gi,ij,gj->g", with_columns, fit.inverse, with_columns)
    shared = fit.inverse @ with_columns.T @ with_columns
    trace = float(own.sum() - np.trace(shared))
    square = float(own @ own - 2 * own @ explained + np.trace(shared @ shared))
    return trace**2 / square
