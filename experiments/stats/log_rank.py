"""Test whether groups of customers lapse at the same pace.

Log-rank: Mantel (1966), Cancer Chemotherapy Reports 50:163-170; Peto and Peto (1972), Journal of
the Royal Statistical Society A 135:185-207. Weights for early lapses: Gehan (1965), Biometrika
52:203-223; Tarone and Ware (1977), Biometrika 64:156-160; Prentice (1978), Biometrika 65:167-179;
Harrington and Fleming (1982), Biometrika 69:553-566.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.linalg import pinvh
from scipy.special import chdtrc

from experiments.errors import Undefined
from experiments.stats.moments import Floats
from experiments.stats.survival import DayCounts

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class FlemingHarrington:
    """Weight S^rho (1 - S)^gamma, S being the survival of all groups just before a time."""

    rho: float = 0.0
    gamma: float = 0.0


class Weight(StrEnum):
    """How much a lapse counts, by the time at which it happens.

    LOG_RANK counts each alike. PETO_PETO is the survival of all groups just before (Fleming and
    Harrington's rho 1, R's `survdiff(rho = 1)`), PRENTICE their survival just after with one more
    customer at risk. GEHAN is how many are at risk, TARONE_WARE its square root.
    """

    LOG_RANK = "log-rank"
    PETO_PETO = "peto-peto"
    PRENTICE = "prentice"
    GEHAN = "gehan"
    TARONE_WARE = "tarone-ware"


@dataclass(frozen=True, slots=True)
class LogRank:
    """A chi-square test of equal paces.

    Attributes:
        statistic: Chi-square.
        df: Groups that can be told apart, less one.
        p_value: Of the null hypothesis that all groups lapse alike.
        observed: Lapses of each group, weighted.
        expected: Lapses that each group would have at the pace of all, weighted.
    """

    statistic: float
    df: int
    p_value: float
    observed: tuple[float, ...]
    expected: tuple[float, ...]


def log_rank(
    *groups: DayCounts, weight: Weight | FlemingHarrington = Weight.LOG_RANK
) -> LogRank | Undefined:
    """Compare two or more groups.

    Example:
        >>> slow = DayCounts.of([3, 5, 7], [True, True, True])
        >>> fast = DayCounts.of([1, 2, 4], [True, True, True])
        >>> found = log_rank(slow, fast)
        >>> round(found.statistic, 3), found.df
        (2.557, 1)
    """
    return stratified_log_rank([groups], weight=weight)


def stratified_log_rank(
    strata: Sequence[Sequence[DayCounts]], *, weight: Weight | FlemingHarrington = Weight.LOG_RANK
) -> LogRank | Undefined:
    """Compare two or more groups within strata, whose paces may differ.

    Args:
        strata: For each stratum its groups, the same number in the same order; a group without
            customers in a stratum has empty counts.
        weight: How much a lapse counts.
    """
    if not strata or len(strata[0]) < 2:
        return Undefined("there are fewer than two groups, so that there is nothing to compare")
    parts = [_stratum(groups, weight) for groups in strata]
    observed = np.sum([part[0] for part in parts], axis=0)
    expected = np.sum([part[1] for part in parts], axis=0)
    variance = np.sum([part[2] for part in parts], axis=0)
    spread = np.sqrt(np.diag(variance))
    told_apart = spread > 0
    if not np.any(told_apart):
        return Undefined("nobody lapsed while customers of two groups were followed")
    # In units of their spread, so that a group of few customers is not taken for rounding.
    spread = spread[told_apart]
    excess = (observed - expected)[told_apart] / spread
    correlation = variance[np.ix_(told_apart, told_apart)] / np.outer(spread, spread)
    inverse, df = pinvh(correlation, rtol=ROUNDING, return_rank=True)
    statistic = max(0.0, float(excess @ inverse @ excess))
    return LogRank(
        statistic=statistic,
        df=int(df),
        p_value=float(chdtrc(df, statistic)),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
    )


def _stratum(
    groups: Sequence[DayCounts], weight: Weight | FlemingHarrington
) -> tuple[Floats, Floats, Floats]:
    """Observed and expected lapses, shape (groups,), and the variance of their difference."""
    times = np.unique(np.concatenate([np.asarray(group.times) for group in groups]))
    lapsed = np.zeros((len(groups), len(times)))
    at_risk = np.zeros((len(groups), len(times)))
    for row, group in enumerate(groups):
        lapsed[row, np.searchsorted(times, group.times)] = group.lapsed
        # At a time that the group does not have, those of its next one are at risk.
        of_group = np.append(group.at_risk, 0)
        at_risk[row] = of_group[np.searchsorted(group.times, times)]
    happened = lapsed.sum(axis=0) > 0
    lapsed, at_risk = lapsed[:, happened], at_risk[:, happened]
    lapses, everybody = lapsed.sum(axis=0), at_risk.sum(axis=0)
    weights = _weights(weight, lapses=lapses, at_risk=everybody)
    share = at_risk / everybody
    # Of a single customer at risk nothing is left to chance.
    others = np.maximum(everybody - 1, 1)
    common = weights**2 * lapses * (everybody - lapses) / others
    shared = (share * common) @ share.T
    np.fill_diagonal(shared, 0.0)
    # The diagonal as what the others leave, which keeps the digits of a group that is nearly all.
    variance = np.diag(shared.sum(axis=1)) - shared
    return lapsed @ weights, share @ (weights * lapses), variance


def _weights(weight: Weight | FlemingHarrington, *, lapses: Floats, at_risk: Floats) -> Floats:
    if isinstance(weight, FlemingHarrington):
        after = np.cumprod(1 - lapses / at_risk)
        before = np.concatenate([[1.0], after[:-1]])[: len(after)]
        return np.asarray(before**weight.rho * (1 - before) ** weight.gamma)
    if weight is Weight.PETO_PETO:
        return _weights(FlemingHarrington(rho=1.0), lapses=lapses, at_risk=at_risk)
    if weight is Weight.PRENTICE:
        return np.asarray(np.cumprod(1 - lapses / (at_risk + 1)), dtype=np.float64)
    power = {Weight.LOG_RANK: 0.0, Weight.TARONE_WARE: 0.5, Weight.GEHAN: 1.0}[weight]
    return np.asarray(at_risk**power, dtype=np.float64)
