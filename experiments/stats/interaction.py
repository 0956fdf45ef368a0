"""Does the effect differ between levels of an attribute more than chance explains?

From estimates: Welch (1951), Biometrika 38:330-336, whose F allows each level a variance of its own
and is Cochran's Q where the degrees of freedom are infinite. From the groups within levels: the F
test of the interaction in least squares, Fisher (1925); the same with HC1 variances (MacKinnon and
White 1985, Journal of Econometrics 29:305-325); and for rates the likelihood ratio of equal odds
ratios in logistic regression, Cox (1970), Analysis of Binary Data, chapter 5.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, fdtrc, xlogy

from experiments.errors import Undefined
from experiments.stats.means import spread, variance_of_mean
from experiments.stats.moments import Floats
from experiments.stats.rates import Share
from experiments.stats.strata import Stratum


@dataclass(frozen=True, slots=True)
class InteractionTest:
    """A test that the effect is the same at every level.

    Attributes:
        statistic: F; chi-square where `df_residual` is infinite.
        df: Levels minus 1.
        df_residual: Denominator degrees of freedom.
        p_value: Of one effect for all levels.
    """

    statistic: float
    df: int
    df_residual: float
    p_value: float


@dataclass(frozen=True, slots=True)
class RateStratum:
    """The events of two groups among customers who share a level."""

    name: str
    treatment: Share
    control: Share


def one_effect(effects: Sequence[float], ses: Sequence[float]) -> tuple[float, float, float]:
    """Inverse-variance mean of the effects, its standard error, and Cochran's Q around it.

    Args:
        effects: Of each level, shape (levels,).
        ses: Their standard errors, above zero, shape (levels,).

    Example:
        >>> one_effect([1.0, 3.0], [1.0, 1.0])[::2]
        (2.0, 2.0)
    """
    values, weights = np.asarray(effects, dtype=float), 1 / np.square(np.asarray(ses, dtype=float))
    mean = float(weights @ values / weights.sum())
    return mean, float(1 / math.sqrt(weights.sum())), float(weights @ (values - mean) ** 2)


def welch_interaction(
    effects: Sequence[float], ses: Sequence[float], dfs: Sequence[float]
) -> InteractionTest | Undefined:
    """Test one effect for all levels from estimates, each with a variance of its own.

    Args:
        effects: Of each level, at least 2, shape (levels,).
        ses: Their standard errors, shape (levels,).
        dfs: Degrees of freedom of the standard errors, shape (levels,).

    Example:
        >>> found = welch_interaction([1.0, 3.0], [1.0, 1.0], [10.0, 10.0])
        >>> round(found.statistic, 4), round(found.df_residual, 4), round(found.p_value, 4)
        (2.0, 20.0, 0.1727)
    """
    missing = not_comparable(effects, ses)
    if missing is not None:
        return missing
    levels = len(effects)
    q = one_effect(effects, ses)[2]
    weights = 1 / np.square(np.asarray(ses, dtype=float))
    spent = float(np.sum((1 - weights / weights.sum()) ** 2 / np.asarray(dfs, dtype=float)))
    if spent == 0:
        return _chi_square(q, levels - 1)
    statistic = q / (levels - 1) / (1 + 2 * (levels - 2) / (levels**2 - 1) * spent)
    return _f(statistic, levels - 1, (levels**2 - 1) / (3 * spent))


def interaction_f(levels: Sequence[Stratum]) -> InteractionTest | Undefined:
    """Test one effect for all levels by least squares, assuming one residual variance.

    Args:
        levels: The groups within each level, at least 2 levels.

    Example:
        >>> from experiments.stats.moments import Sample
        >>> new = Stratum("new", Sample.of([5.0, 7.0]), Sample.of([1.0, 3.0]))
        >>> old = Stratum("old", Sample.of([8.0, 10.0]), Sample.of([7.0, 9.0]))
        >>> found = interaction_f([new, old])
        >>> found.statistic, found.df, found.df_residual
        (2.25, 1, 4.0)
    """
    missing = _too_small(levels)
    if missing is not None:
        return missing
    cells = [cell for level in levels for cell in (level.treatment, level.control)]
    df_residual = sum(cell.n for cell in cells) - len(cells)
    residual = math.fsum((cell.n - 1) * spread(cell) for cell in cells)
    if df_residual < 1 or residual == 0:
        return Undefined("within the groups of all levels nothing varies")
    effects = [level.treatment.mean - level.control.mean for level in levels]
    ses = [math.sqrt(1 / level.treatment.n + 1 / level.control.n) for level in levels]
    explained = one_effect(effects, ses)[2] / (len(levels) - 1)
    return _f(explained / (residual / df_residual), len(levels) - 1, float(df_residual))


def interaction_wald(levels: Sequence[Stratum]) -> InteractionTest | Undefined:
    """Test one effect for all levels by least squares with HC1 variances; chi-square.

    Args:
        levels: The groups within each level, at least 2 levels.
    """
    missing = _too_small(levels)
    if missing is not None:
        return missing
    cells = [(level.treatment, level.control) for level in levels]
    n = sum(treatment.n + control.n for treatment, control in cells)
    if n <= 2 * len(levels):
        return Undefined("there are no more customers than groups")
    factor = n / (n - 2 * len(levels))
    effects = [treatment.mean - control.mean for treatment, control in cells]
    ses = [
        math.sqrt(factor * sum((cell.n - 1) / cell.n * variance_of_mean(cell) for cell in pair))
        for pair in cells
    ]
    missing = not_comparable(effects, ses)
    if missing is not None:
        return missing
    return _chi_square(one_effect(effects, ses)[2], len(levels) - 1)


def interaction_likelihood_ratio(levels: Sequence[RateStratum]) -> InteractionTest | Undefined:
    """Test one odds ratio for all levels by logistic regression; chi-square.

    Levels where nobody or everybody had the event say nothing about an odds ratio and are left out.

    Args:
        levels: The groups within each level, at least 2 levels that say something.

    Example:
        >>> new = RateStratum("new", Share(30, 100), Share(20, 100))
        >>> old = RateStratum("old", Share(30, 100), Share(20, 100))
        >>> round(interaction_likelihood_ratio([new, old]).p_value, 4)
        1.0
    """
    told = [
        level
        for level in levels
        if min(level.treatment.n, level.control.n) > 0
        and 0 < level.treatment.events + level.control.events < level.treatment.n + level.control.n
    ]
    if len(told) < 2:
        return Undefined("fewer than 2 levels have customers with and without the event")
    n_treated = np.array([level.treatment.n for level in told], dtype=float)
    n_control = np.array([level.control.n for level in told], dtype=float)
    treated = np.array([level.treatment.events for level in told], dtype=float)
    events = treated + np.array([level.control.events for level in told], dtype=float)
    least, most = np.maximum(0, events - n_control).sum(), np.minimum(n_treated, events).sum()
    if not least < treated.sum() < most:
        return Undefined("at every level one group holds all the events that it can")

    def expected(log_odds_ratio: float) -> Floats:
        return _expected(log_odds_ratio, n_treated, n_control, events)

    common = _root(lambda value: float(expected(value).sum() - treated.sum()))
    fitted = expected(common)
    statistic = 2 * float(
        sum(
            np.sum(xlogy(found, found) - xlogy(found, wanted))
            for found, wanted in (
                (treated, fitted),
                (events - treated, events - fitted),
                (n_treated - treated, n_treated - fitted),
                (n_control - events + treated, n_control - events + fitted),
            )
        )
    )
    return _chi_square(max(0.0, statistic), len(told) - 1)


def not_comparable(effects: Sequence[float], ses: Sequence[float]) -> Undefined | None:
    """Why effects cannot be compared, or None when they can."""
    if len(effects) < 2:
        return Undefined("there are fewer than 2 levels to compare")
    if not all(math.isfinite(number) for number in (*effects, *ses)) or min(ses) <= 0:
        return Undefined("the effect of a level has no standard error above zero")
    return None


def _too_small(levels: Sequence[Stratum]) -> Undefined | None:
    if len(levels) < 2:
        return Undefined("there are fewer than 2 levels to compare")
    for level in levels:
        if min(level.treatment.n, level.control.n) < 1:
            return Undefined(f"level {level.name} has no customer in one of the groups")
    return None


def _expected(
    log_odds_ratio: float, n_treated: Floats, n_control: Floats, events: Floats
) -> Floats:
    """Treated customers with the event, given all events of a level and the odds ratio."""
    ratio = math.exp(log_odds_ratio)
    linear = ratio * (n_treated + events) + n_control - events
    product = ratio * n_treated * events
    # The form of the quadratic's root that does not cancel, for ratios below, at and above 1.
    return 2 * product / (linear + np.sqrt(linear**2 - 4 * (ratio - 1) * product))


def _root(rising: Callable[[float], float]) -> float:
    reach = 1.0
    while rising(-reach) > 0 or rising(reach) < 0:
        reach *= 2
    return float(brentq(rising, -reach, reach, xtol=1e-14, rtol=1e-14))


def _f(statistic: float, df: int, df_residual: float) -> InteractionTest:
    return InteractionTest(statistic, df, df_residual, float(fdtrc(df, df_residual, statistic)))


def _chi_square(statistic: float, df: int) -> InteractionTest:
    return InteractionTest(statistic, df, math.inf, float(chdtrc(df, statistic)))
