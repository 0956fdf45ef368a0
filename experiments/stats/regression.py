"""Least squares on rows: how an outcome goes with several columns at once.

Covariance of the coefficients: classical; HC0, White (1980), Econometrica 48:817-838; HC1 to HC3,
MacKinnon and White (1985), Journal of Econometrics 29:305-325, which allow each row a variance of
its own. Rows that come in clusters are in `cluster_robust.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import independent
from experiments.stats.estimate import Alternative
from experiments.stats.limits import limits, p_value
from experiments.stats.moments import Floats, Moments

INTERCEPT = "intercept"
# A perfect fit comes back from floating-point elimination with residuals of this relative size.
ROUNDING = 1e-12


class Covariance(StrEnum):
    """How much the coefficients vary, and under which assumption about the rows."""

    CLASSICAL = "classical"
    HC0 = "HC0"
    HC1 = "HC1"
    HC2 = "HC2"
    HC3 = "HC3"


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A fitted regression of n rows on k columns.

    Attributes:
        names: The columns used, the intercept first.
        dropped: Columns left out because they do not vary, or only with those before them.
        coefficients: Outcome units per column unit, shape (k,).
        design: The columns, shape (n, k).
        residuals: What the columns leave unexplained, shape (n,).
        inverse: Inverse of design' design, shape (k, k).
    """

    names: tuple[str, ...]
    dropped: tuple[str, ...]
    coefficients: Floats
    design: Floats
    residuals: Floats
    inverse: Floats

    @property
    def residual_df(self) -> int:
        """Rows minus columns."""
        return len(self.residuals) - len(self.names)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient of a regression, tested against zero.

    Attributes:
        value: Outcome units per column unit.
        se: Its standard error.
        df: Degrees of freedom of the reference t distribution.
        statistic: value / se.
        p_value: Of a coefficient of zero.
        low: Lower limit of the interval.
        high: Upper limit of the interval.
    """

    value: float
    se: float
    df: float
    statistic: float
    p_value: float
    low: float
    high: float


def least_squares(
    *, outcome: Sequence[float] | Floats, columns: Mapping[str, Sequence[float] | Floats]
) -> LeastSquares | Undefined:
    """Fit an outcome on an intercept and named columns.

    Args:
        outcome: Shape (n,).
        columns: Each of shape (n,); of two that say the same, the first is kept.

    Returns:
        Undefined where there are no more rows than columns, or nothing is left to vary.

    Example:
        >>> fit = least_squares(outcome=[1.0, 3.0, 4.0, 8.0], columns={"x": [0.0, 1.0, 2.0, 3.0]})
        >>> fit.names, fit.coefficients.round(4).tolist()
        (('intercept', 'x'), [0.7, 2.2])
    """
    y = np.asarray(outcome, dtype=float)
    given = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    if not all(np.isfinite(values).all() for values in (y, *given.values())):
        return Undefined("a value is missing or too large to be computed with")
    kept = independent([Moments.of(**given)], tuple(given)) if given else ()
    design = np.column_stack([np.ones(len(y)), *(given[name] for name in kept)])
    if len(y) <= design.shape[1]:
        return Undefined(f"{len(y)} rows are too few for {design.shape[1]} coefficients")
    basis, triangle = np.linalg.qr(design)
    back = np.linalg.inv(triangle)
    coefficients = back @ (basis.T @ y)
    residuals = y - design @ coefficients
    if math.sqrt(residuals @ residuals) <= ROUNDING * math.sqrt(y @ y):
        return Undefined("the columns explain the outcome entirely, so that nothing varies")
    return LeastSquares(
        names=(INTERCEPT, *kept),
        dropped=tuple(name for name in given if name not in kept),
        coefficients=coefficients,
        design=design,
        residuals=residuals,
        inverse=back @ back.T,
    )


def indicators(columns: Mapping[str, Sequence[Any]]) -> dict[str, Floats]:
    """Numbers as they are; a column of text as an indicator of each level but the first by name.

    Example:
        >>> {name: values.tolist() for name, values in indicators({"zone": ["b", "a"]}).items()}
        {'zone=b': [1.0, 0.0]}
    """
    found: dict[str, Floats] = {}
    for name, values in columns.items():
        if not any(isinstance(value, str) for value in values):
            found[name] = np.asarray(values, dtype=float)
            continue
        for level in sorted({str(value) for value in values})[1:]:
            found[f"{name}={level}"] = np.array([float(str(value) == level) for value in values])
    return found


def covariance_matrix(fit: LeastSquares, covariance: Covariance) -> Floats | Undefined:
    """Covariance of the coefficients, shape (k, k).

    Returns:
        Undefined for HC2 and HC3 where a row decides a coefficient alone (leverage 1).
    """
    squares, n = fit.residuals**2, len(fit.residuals)
    if covariance is Covariance.CLASSICAL:
        return fit.inverse * float(squares.sum() / fit.residual_df)
    if covariance is Covariance.HC1:
        squares = squares * (n / fit.residual_df)
    elif covariance is not Covariance.HC0:
        free = 1 - np.einsum("ij,jk,ik->i", fit.design, fit.inverse, fit.design)
        if free.min() <= ROUNDING:
            return Undefined("one row alone decides a coefficient, so that its error is unknown")
        squares = squares / (free if covariance is Covariance.HC2 else free**2)
    weighted = fit.design @ fit.inverse
    return np.asarray((weighted * squares[:, None]).T @ weighted, dtype=float)


def coefficient(
    fit: LeastSquares,
    name: str,
    *,
    covariance: Covariance = Covariance.HC2,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Coefficient | Undefined:
    """One coefficient with its test and interval by t, rows minus columns degrees of freedom.

    Args:
        fit: The regression.
        name: Of the column.
        covariance: Which assumption the standard error rests on.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> fit = least_squares(outcome=[1.0, 3.0, 4.0, 8.0], columns={"x": [0.0, 1.0, 2.0, 3.0]})
        >>> found = coefficient(fit, "x", covariance=Covariance.CLASSICAL)
        >>> round(found.value, 4), round(found.se, 4), found.df
        (2.2, 0.4243, 2.0)
    """
    matrix = covariance_matrix(fit, covariance)
    if isinstance(matrix, Undefined):
        return matrix
    missing = not_fitted(fit, name)
    if missing is not None:
        return missing
    at = fit.names.index(name)
    return against_zero(
        value=float(fit.coefficients[at]),
        variance=float(matrix[at, at]),
        df=float(fit.residual_df),
        confidence=confidence,
        alternative=alternative,
    )


def not_fitted(fit: LeastSquares, name: str) -> Undefined | None:
    """Why a column has no coefficient, or None when it has one."""
    if name in fit.names:
        return None
    return Undefined(f"{name} does not vary, or only with the columns before it")


def against_zero(
    *, value: float, variance: float, df: float, confidence: float, alternative: Alternative
) -> Coefficient | Undefined:
    """Test a coefficient against zero and give its interval, by the t distribution.

    Args:
        value: The coefficient.
        variance: Its squared standard error.
        df: Degrees of freedom of the standard error.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.
    """
    se = math.sqrt(max(0.0, variance))
    if se == 0 or not (math.isfinite(se) and math.isfinite(value / se)):
        return Undefined("the standard error is zero, or beyond what can be computed with")
    found = limits(value=value, se=se, df=df, confidence=confidence, alternative=alternative)
    return Coefficient(
        value=value,
        se=se,
        df=df,
        statistic=value / se,
        p_value=p_value(value / se, df=df, alternative=alternative),
        low=found.low,
        high=found.high,
    )
