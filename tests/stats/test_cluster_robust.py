"""Cluster-robust errors against statsmodels and against the matrices written out."""

from importlib import import_module

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.cluster_robust import (
    ClusterCovariance,
    ClusteredCoefficient,
    clustered_coefficient,
)
from experiments.stats.regression import Covariance, LeastSquares, coefficient, least_squares
from tests.stats.rows import rows
from tests.stats.test_regression import fitted
from tests.stats.test_regression import known as known_coefficient


def known(found: ClusteredCoefficient | Undefined) -> ClusteredCoefficient:
    """The coefficient, which must exist."""
    assert isinstance(found, ClusteredCoefficient)
    return found


def _fit(seed: int, *, rate: float = 1.0) -> tuple[LeastSquares, list[int]]:
    drawn = rows(seed)
    columns = {"t": drawn.treated, "before": drawn.before}
    return fitted(least_squares(outcome=rate * drawn.outcome, columns=columns)), drawn.cluster


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    scaled = np.where(values > 1e-10, np.maximum(values, 1e-10) ** power, 0.0)
    return np.asarray(vectors * scaled @ vectors.T)


def _written_out(fit: LeastSquares, clusters: list[int], at: int) -> tuple[float, float]:
    """CR2 variance and degrees of freedom with n x n matrices, as in the definition."""
    codes, design = np.array(clusters), fit.design
    n = len(codes)
    away = np.eye(n) - design @ fit.inverse @ design.T
    columns, variance = [], 0.0
    for cluster in sorted(set(clusters)):
        rows_of = np.flatnonzero(codes == cluster)
        corrected = _power(away[np.ix_(rows_of, rows_of)], -0.5)
        weights = corrected @ design[rows_of] @ fit.inverse[:, at]
        variance += float(weights @ fit.residuals[rows_of]) ** 2
        columns.append(away[:, rows_of] @ weights)
    together = np.array(columns) @ np.array(columns).T
    return variance, float(np.trace(together) ** 2 / np.sum(together**2))


@pytest.mark.parametrize("corrected", [False, True])
def test_cr0_and_cr1s_are_those_of_statsmodels(corrected: bool) -> None:
    """Second implementation: statsmodels OLS, cov_type cluster, with and without correction."""
    fit, clusters = _fit(1)
    outcome = fit.design @ fit.coefficients + fit.residuals
    other = (
        import_module("statsmodels.api")
        .OLS(outcome, fit.design)
        .fit(
            cov_type="cluster",
            cov_kwds={"groups": np.array(clusters), "use_correction": corrected},
            use_t=True,
        )
    )
    kind = ClusterCovariance.CR1S if corrected else ClusterCovariance.CR0
    found = known(clustered_coefficient(fit, "t", clusters=clusters, covariance=kind))
    assert found.clusters == 20
    assert found.coefficient.se == pytest.approx(other.bse[1])
    assert found.coefficient.p_value == pytest.approx(other.pvalues[1])
    assert (found.coefficient.low, found.coefficient.high) == pytest.approx(other.conf_int()[1])


def test_cr1_multiplies_the_variance_by_clusters_over_one_fewer() -> None:
    fit, clusters = _fit(2)
    one, other = (
        known(clustered_coefficient(fit, "t", clusters=clusters, covariance=kind)).coefficient
        for kind in (ClusterCovariance.CR0, ClusterCovariance.CR1)
    )
    assert other.se == pytest.approx(one.se * np.sqrt(20 / 19))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["intercept", "t", "before"])
def test_cr2_is_that_of_the_matrices_written_out(seed: int, name: str) -> None:
    fit, clusters = _fit(seed)
    variance, df = _written_out(fit, clusters, fit.names.index(name))
    found = known(clustered_coefficient(fit, name, clusters=clusters)).coefficient
    assert found.se == pytest.approx(np.sqrt(variance))
    assert found.df == pytest.approx(df)


def test_a_cluster_that_decides_a_coefficient_alone_is_left_out_of_cr2() -> None:
    outcome, lone = [1.0, 2.0, 5.0, 6.0, 2.0, 4.0, 9.0], [0, 0, 0, 0, 0, 0, 1]
    columns = {"t": [0, 1, 0, 1, 0, 1, 1], "lone": lone}
    fit = fitted(least_squares(outcome=outcome, columns=columns))
    clusters = [1, 1, 2, 2, 3, 3, 4]
    variance, df = _written_out(fit, clusters, 1)
    found = known(clustered_coefficient(fit, "t", clusters=clusters)).coefficient
    assert (found.se, found.df) == pytest.approx((np.sqrt(variance), df))


def test_clusters_of_one_row_are_hc_errors() -> None:
    """CR0 is then HC0, and CR2 is HC2, by definition."""
    fit, clusters = _fit(4)
    alone = list(range(len(clusters)))
    for clustered, plain in (
        (ClusterCovariance.CR0, Covariance.HC0),
        (ClusterCovariance.CR2, Covariance.HC2),
    ):
        found = known(clustered_coefficient(fit, "t", clusters=alone, covariance=clustered))
        other = known_coefficient(coefficient(fit, "t", covariance=plain))
        assert found.coefficient.se == pytest.approx(other.se)


def test_names_of_clusters_and_units_do_not_matter() -> None:
    fit, clusters = _fit(5)
    scaled, _ = _fit(5, rate=1000.0)
    one = known(clustered_coefficient(fit, "t", clusters=clusters)).coefficient
    other = known(clustered_coefficient(scaled, "t", clusters=[f"c{c}" for c in clusters]))
    assert other.coefficient.p_value == pytest.approx(one.p_value)
    assert other.coefficient.df == pytest.approx(one.df)


def test_one_cluster_and_unknown_columns_say_why() -> None:
    fit, clusters = _fit(6)
    one = clustered_coefficient(fit, "t", clusters=[0] * len(clusters))
    assert one == Undefined("there is one cluster, and a standard error needs at least 2")
    assert isinstance(clustered_coefficient(fit, "other", clusters=clusters), Undefined)
