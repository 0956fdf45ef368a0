"""Compare two groups by rank: who is larger, not by how much.

Test: Mann and Whitney (1947), Annals of Mathematical Statistics 18:50-60, normal approximation with
the variance for ties (Lehmann 1975, Nonparametrics, section 1.4) and continuity correction. Effect:
the probability of superiority, with the interval of Brunner and Munzel (2000), Biometrical Journal
42:17-25, which holds for unequal spreads and ties. The test asks whether the two distributions are
the same; it says nothing of a mean, and so of no money.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.limits import limits, p_value, satterthwaite
from experiments.stats.moments import Floats


@dataclass(frozen=True, slots=True)
class RankTest:
    """Treatment compared with control by rank.

    Attributes:
        u: Pairs of a treated and a control customer in which the treated has more; ties count half.
        statistic: Of the null hypothesis that both distributions are the same, normal.
        p_value: Of that hypothesis.
        superiority: Probability that a treated customer has more than a control customer, ties
            counting half; 0.5 is no difference.
        interval: Of superiority, within 0 and 1; Undefined where the groups do not overlap.
    """

    u: float
    statistic: float
    p_value: float
    superiority: float
    interval: Interval | Undefined


def mann_whitney(
    *,
    treatment: Iterable[float],
    control: Iterable[float],
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
    continuity: bool = True,
) -> RankTest | Undefined:
    """Compare raw values, one for each customer.

    Example:
        >>> found = mann_whitney(treatment=[3.0, 4.0, 9.0], control=[1.0, 2.0, 4.0])
        >>> found.u, round(found.p_value, 4)
        (7.5, 0.2683)
    """
    return mann_whitney_counts(
        treatment=_counts(treatment),
        control=_counts(control),
        confidence=confidence,
        alternative=alternative,
        continuity=continuity,
    )


def mann_whitney_counts(
    *,
    treatment: Mapping[float, int],
    control: Mapping[float, int],
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
    continuity: bool = True,
) -> RankTest | Undefined:
    """Compare how many customers have each value.

    Args:
        treatment: Treated customers with each value.
        control: Control customers with each value.
        confidence: Of the interval, between 0 and 1.
        alternative: GREATER where the treated are held to have more.
        continuity: Whether to take up to 1/2 off the distance of u from what is expected.

    Example:
        >>> mann_whitney_counts(treatment={0: 1, 5: 2}, control={0: 2, 5: 1}).superiority
        0.6666666666666666
    """
    values = sorted(treatment.keys() | control.keys())
    if not all(math.isfinite(value) for value in values):
        raise BadInput("A value to be ranked is not a number.")
    treated = np.array([treatment.get(value, 0) for value in values], dtype=float)
    controls = np.array([control.get(value, 0) for value in values], dtype=float)
    n_t, n_c = float(treated.sum()), float(controls.sum())
    for side, n in (("treatment", n_t), ("control", n_c)):
        if n == 0:
            return Undefined(f"the {side} group has no customer")
    ties = treated + controls
    n = n_t + n_c
    variance = n_t * n_c / 12 * (n + 1 - float(np.sum(ties**3 - ties)) / (n * max(1.0, n - 1)))
    if np.count_nonzero(ties) == 1:
        return Undefined("all customers have the same value")
    # Share of the other group below each value, ties counting half.
    below_t = (np.cumsum(controls) - controls / 2) / n_c
    below_c = (np.cumsum(treated) - treated / 2) / n_t
    superiority = float(treated @ below_t) / n_t
    u = float(treated @ (np.cumsum(controls) - controls / 2))
    statistic = _statistic(u - n_t * n_c / 2, variance, alternative, continuity)
    interval = _interval(
        superiority,
        (n_t, _variance(treated, below_t)),
        (n_c, _variance(controls, below_c)),
        confidence,
        alternative,
    )
    p = p_value(statistic, alternative=alternative)
    return RankTest(u, statistic, p, superiority, interval)


def _counts(values: Iterable[float]) -> dict[float, int]:
    found, counts = np.unique(np.fromiter(values, dtype=float), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _statistic(
    distance: float, variance: float, alternative: Alternative, continuity: bool
) -> float:
    step = 0.5 if continuity else 0.0
    if alternative is Alternative.GREATER:
        distance -= step
    elif alternative is Alternative.LESS:
        distance += step
    else:
        distance = math.copysign(max(0.0, abs(distance) - step), distance)
    return distance / math.sqrt(variance)


def _variance(counts: Floats, shares: Floats) -> float:
    n = float(counts.sum())
    if n < 2:
        return math.nan
    mean = float(counts @ shares) / n
    return float(counts @ (shares - mean) ** 2) / (n - 1)


def _interval(
    superiority: float,
    treatment: tuple[float, float],
    control: tuple[float, float],
    confidence: float,
    alternative: Alternative,
) -> Interval | Undefined:
    (n_t, variance_t), (n_c, variance_c) = treatment, control
    if min(n_t, n_c) < 2:
        return Undefined("a group has one customer, and a variance needs at least 2")
    parts = [(variance_t / n_t, n_t - 1), (variance_c / n_c, n_c - 1)]
    se = math.sqrt(sum(part for part, _ in parts))
    if se == 0:
        return Undefined("the groups do not overlap, so that superiority does not vary")
    found = limits(
        value=superiority,
        se=se,
        df=satterthwaite(parts),
        confidence=confidence,
        alternative=alternative,
    )
    return Interval(max(0.0, found.low), min(1.0, found.high))
