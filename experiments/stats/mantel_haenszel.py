"""Compare two rates within strata, and pool what the strata say.

Test: Cochran (1954), Biometrics 10:417-451, and Mantel and Haenszel (1959), Journal of the
National Cancer Institute 22:719-748. Variances: Robins, Breslow and Greenland (1986), Biometrics
42:311-323, for the odds ratio; Greenland and Robins (1985), Biometrics 41:55-68, for the risk
ratio; Sato (1989), Biometrics 45:1323-1324, for the difference. Homogeneity of the odds ratios:
Breslow and Day (1980), Statistical Methods in Cancer Research I, with the correction of Tarone
(1985), Biometrika 72:91-95. A stratum without customers in one of the groups says nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtrc

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.limits import limits, p_value
from experiments.stats.rates import Share

NO_STRATUM = Undefined("no stratum has customers in both groups")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Two groups of customers who are alike in something known before the pilot."""

    treatment: Share
    control: Share

    @property
    def n(self) -> int:
        """Customers of both groups."""
        return self.treatment.n + self.control.n

    @property
    def events(self) -> int:
        """Customers of both groups with the event."""
        return self.treatment.events + self.control.events


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square test."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Pooled:
    """What the strata say together.

    Attributes:
        value: The pooled difference or ratio.
        se: Its standard error, of a ratio that of its logarithm.
        p_value: Of the null hypothesis of no difference.
        low: Lower limit of the interval.
        high: Upper limit of the interval.
    """

    value: float
    se: float
    p_value: float
    low: float
    high: float


def cochran_mantel_haenszel(
    strata: Sequence[Stratum], *, continuity: bool = False
) -> ChiSquare | Undefined:
    """Test that the rates are equal in every stratum.

    Args:
        strata: At least one with customers in both groups, some with and some without the event.
        continuity: Whether to take up to 1/2 off the distance from what is expected.

    Example:
        >>> found = cochran_mantel_haenszel([Stratum(Share(15, 50), Share(25, 50))])
        >>> round(found.statistic, 3)
        4.125
    """
    kept = _two_sided(strata)
    if not kept:
        return NO_STRATUM
    # As a sum over strata of events - n_t x share with the event, in whole numbers per stratum.
    distance = math.fsum(
        (one.treatment.events * one.control.n - one.control.events * one.treatment.n) / one.n
        for one in kept
    )
    variance = math.fsum(
        one.treatment.n
        / one.n
        * one.control.n
        / one.n
        * one.events
        * (one.n - one.events)
        / (one.n - 1)
        for one in kept
    )
    if variance == 0:
        return Undefined("in every stratum nobody or everybody had the event")
    distance = max(0.0, abs(distance) - 0.5) if continuity else distance
    statistic = distance**2 / variance
    return ChiSquare(statistic, 1, float(chdtrc(1, statistic)))


def pooled_odds_ratio(
    strata: Sequence[Stratum],
    *,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Pooled | Undefined:
    """The odds ratio that the strata have in common.

    Example:
        >>> round(pooled_odds_ratio([Stratum(Share(15, 50), Share(25, 50))]).value, 4)
        0.4286
    """
    kept = _two_sided(strata)
    if not kept:
        return NO_STRATUM
    cells = [_cells(one) for one in kept]
    more = [hit * clear / n for hit, _, _, clear, n in cells]
    less = [miss * event / n for _, miss, event, _, n in cells]
    agree = [(hit + clear) / n for hit, _, _, clear, n in cells]
    up, down = math.fsum(more), math.fsum(less)
    if up == 0 or down == 0:
        return Undefined("no stratum has events on one side and none on the other, both ways")
    differ = [(miss + event) / n for _, miss, event, _, n in cells]
    variance = (
        _dot(agree, more) / up**2
        + (_dot(agree, less) + _dot(differ, more)) / (up * down)
        + _dot(differ, less) / down**2
    ) / 2
    return _pooled_ratio(up / down, variance, confidence, alternative)


def pooled_risk_ratio(
    strata: Sequence[Stratum],
    *,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Pooled | Undefined:
    """The risk ratio that the strata have in common.

    Example:
        >>> round(pooled_risk_ratio([Stratum(Share(15, 50), Share(25, 50))]).value, 4)
        0.6
    """
    kept = _two_sided(strata)
    if not kept:
        return NO_STRATUM
    up = math.fsum(one.treatment.events * one.control.n / one.n for one in kept)
    down = math.fsum(one.control.events * one.treatment.n / one.n for one in kept)
    if up == 0 or down == 0:
        return Undefined("no customer of one of the groups had the event")
    spread = math.fsum(
        (
            one.treatment.n * one.control.n * one.events
            - one.treatment.events * one.control.events * one.n
        )
        / one.n**2
        for one in kept
    )
    return _pooled_ratio(up / down, spread / (up * down), confidence, alternative)


def pooled_risk_difference(
    strata: Sequence[Stratum],
    *,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Pooled | Undefined:
    """Treatment rate minus control rate, strata weighted by n_t n_c / n.

    Sato's variance holds for few large strata and for many small ones.

    Example:
        >>> round(pooled_risk_difference([Stratum(Share(15, 50), Share(25, 50))]).value, 4)
        -0.2
    """
    kept = _two_sided(strata)
    if not kept:
        return NO_STRATUM
    weight = math.fsum(one.treatment.n * one.control.n / one.n for one in kept)
    value = (
        math.fsum(
            (one.treatment.events * one.control.n - one.control.events * one.treatment.n) / one.n
            for one in kept
        )
        / weight
    )
    variance = math.fsum(_sato(one, value) for one in kept) / weight**2
    if variance <= 0:
        return Undefined("the rates do not vary within the strata")
    se = math.sqrt(variance)
    found = limits(value=value, se=se, confidence=confidence, alternative=alternative)
    p = p_value(value / se, alternative=alternative)
    return Pooled(value, se, p, found.low, found.high)


def equal_odds_ratios(strata: Sequence[Stratum], *, tarone: bool = True) -> ChiSquare | Undefined:
    """Test that the odds ratio is the same in every stratum.

    Args:
        strata: At least two in which some customers of both groups together had the event.
        tarone: With Tarone's correction for having estimated the common odds ratio.

    Example:
        >>> one, other = Stratum(Share(5, 10), Share(2, 10)), Stratum(Share(2, 10), Share(5, 10))
        >>> round(equal_odds_ratios([one, other]).statistic, 2)
        3.96
    """
    common = pooled_odds_ratio(strata)
    if isinstance(common, Undefined):
        return common
    kept = [one for one in _two_sided(strata) if 0 < one.events < one.n]
    if len(kept) < 2:
        return Undefined("fewer than two strata have customers with and without the event")
    gaps, variances = [], []
    for one in kept:
        expected = _expected_events(one, common.value)
        rest = one.events - expected
        gaps.append(one.treatment.events - expected)
        variances.append(
            1
            / (
                1 / expected
                + 1 / rest
                + 1 / (one.treatment.n - expected)
                + 1 / (one.control.n - rest)
            )
        )
    statistic = math.fsum(gap**2 / variance for gap, variance in zip(gaps, variances, strict=True))
    if tarone:
        statistic -= math.fsum(gaps) ** 2 / math.fsum(variances)
    df = len(kept) - 1
    return ChiSquare(statistic, df, float(chdtrc(df, max(0.0, statistic))))


def _two_sided(strata: Sequence[Stratum]) -> list[Stratum]:
    return [one for one in strata if one.treatment.n and one.control.n]


def _cells(one: Stratum) -> tuple[int, int, int, int, int]:
    """Treated with and without the event, control with and without, all."""
    treated, control = one.treatment, one.control
    return (
        treated.events,
        treated.n - treated.events,
        control.events,
        control.n - control.events,
        one.n,
    )


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    return math.fsum(one * other for one, other in zip(some, others, strict=True))


def _sato(one: Stratum, difference: float) -> float:
    hit, miss, event, clear, n = _cells(one)
    treated, control = one.treatment.n, one.control.n
    lean = (
        treated**2 * event - control**2 * hit + treated * control * (control - treated) / 2
    ) / n**2
    return difference * lean + (hit * clear + event * miss) / (2 * n)


def _pooled_ratio(
    value: float, variance: float, confidence: float, alternative: Alternative
) -> Pooled | Undefined:
    if variance <= 0:
        return Undefined("the rates do not vary within the strata")
    se, logarithm = math.sqrt(variance), math.log(value)
    found = limits(value=logarithm, se=se, confidence=confidence, alternative=alternative)
    p = p_value(logarithm / se, alternative=alternative)
    return Pooled(value, se, p, math.exp(found.low), math.exp(found.high))


def _expected_events(one: Stratum, odds_ratio: float) -> float:
    """Treated customers with the event, given the totals and the odds ratio: a quadratic's root."""
    treated, events = one.treatment.n, one.events
    excess = odds_ratio - 1
    linear = (treated + events) * excess + one.n
    root = math.sqrt(linear**2 - 4 * excess * odds_ratio * treated * events)
    # Of the two forms of the root, the one that does not subtract like from like.
    if linear < 0:
        return (linear - root) / (2 * excess)
    return 2 * odds_ratio * treated * events / (linear + root)
