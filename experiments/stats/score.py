"""Score tests and intervals for the difference, the ratio and the odds ratio of two rates.

Miettinen and Nurminen (1985), Statistics in Medicine 4:213-226: the rates under the null value
are the constrained maximum-likelihood estimates, in closed form, and the variance carries the
factor N / (N - 1). Without that factor the interval for the difference is that of Mee (1984),
Biometrics 40:1175-1176, and the test of a margin that of Farrington and Manning (1990), Statistics
in Medicine 9:1447-1454.
"""

import math
from collections.abc import Callable

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.limits import p_value, quantile
from experiments.stats.rates import Share, ZTest, no_customers

HALVINGS = 100


def miettinen_nurminen(
    *, treatment: Share, control: Share, confidence: float = 0.95, corrected: bool = True
) -> Interval | Undefined:
    """Interval for treatment rate minus control rate.

    Args:
        treatment: The treated customers.
        control: The control customers.
        confidence: Between 0 and 1.
        corrected: With the factor N / (N - 1), as published; without it, Mee's interval.

    Example:
        >>> found = miettinen_nurminen(treatment=Share(56, 70), control=Share(48, 80))
        >>> round(found.low, 4), round(found.high, 4)
        (0.0528, 0.3382)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    reach2 = _reach2(treatment, control, confidence, corrected)
    return Interval(
        _lowest_difference(treatment, control, reach2),
        -_lowest_difference(control, treatment, reach2),
    )


def miettinen_nurminen_ratio(
    *, treatment: Share, control: Share, confidence: float = 0.95, corrected: bool = True
) -> Interval | Undefined:
    """Interval for treatment rate over control rate; 0 or infinite where a group has no event.

    A rate is worse than the share 1 - r of the control rate exactly where the ratio is below
    1 - r, so that a relative tolerance is judged here.

    Example:
        >>> found = miettinen_nurminen_ratio(treatment=Share(30, 100), control=Share(20, 100))
        >>> found.low < 1 < found.high
        True
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    if treatment.events == control.events == 0:
        return Undefined("nobody in either group had the event, so that their ratio is open")
    reach2 = _reach2(treatment, control, confidence, corrected)
    inverse = _lowest_ratio(control, treatment, reach2)
    return Interval(
        _lowest_ratio(treatment, control, reach2), 1 / inverse if inverse > 0 else math.inf
    )


def miettinen_nurminen_odds_ratio(
    *, treatment: Share, control: Share, confidence: float = 0.95, corrected: bool = True
) -> Interval | Undefined:
    """Interval for the odds of the treatment group over those of the control group.

    Example:
        >>> found = miettinen_nurminen_odds_ratio(treatment=Share(15, 50), control=Share(25, 50))
        >>> round(found.low, 3), round(found.high, 3)
        (0.189, 0.971)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    events, n = treatment.events + control.events, treatment.n + control.n
    if events in (0, n):
        who = "nobody" if events == 0 else "everybody"
        return Undefined(f"{who} in either group had the event, so that the odds ratio is open")
    reach2 = _reach2(treatment, control, confidence, corrected)
    inverse = _lowest_odds_ratio(control, treatment, reach2)
    return Interval(
        _lowest_odds_ratio(treatment, control, reach2), 1 / inverse if inverse > 0 else math.inf
    )


def score_test(
    *,
    treatment: Share,
    control: Share,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    corrected: bool = False,
) -> ZTest | Undefined:
    """Test whether treatment rate minus control rate equals a margin.

    Args:
        treatment: The treated customers.
        control: The control customers.
        margin: The difference under the null hypothesis, between -1 and 1; at 0 the test is the
            pooled z test.
        alternative: GREATER for the non-inferiority of a rate where more is better.
        corrected: With Miettinen and Nurminen's factor N / (N - 1).

    Example:
        >>> found = score_test(treatment=Share(36, 40), control=Share(38, 40), margin=-0.1,
        ...     alternative=Alternative.GREATER)
        >>> round(found.statistic, 4), round(found.p_value, 4)
        (0.801, 0.2116)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    if not -1 < margin < 1:
        return Undefined("two rates cannot differ by the margin")
    observed = treatment.events / treatment.n - control.events / control.n
    variance = _variance_given_difference(treatment, control, margin)
    return _z_test(observed - margin, variance, treatment.n + control.n, alternative, corrected)


def relative_score_test(
    *,
    treatment: Share,
    control: Share,
    margin: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    corrected: bool = False,
) -> ZTest | Undefined:
    """Test whether the treatment rate equals (1 + margin) times the control rate.

    Args:
        treatment: The treated customers.
        control: The control customers.
        margin: Share of the control rate, above -1; -0.05 is five per cent less.
        alternative: GREATER for the non-inferiority of a rate where more is better.
        corrected: With Miettinen and Nurminen's factor N / (N - 1).

    Example:
        >>> found = relative_score_test(treatment=Share(30, 100), control=Share(20, 100))
        >>> round(found.statistic, 4)
        1.633
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    ratio = 1 + margin
    if not ratio > 0:
        return Undefined("a margin of -1 or less leaves no part of the control rate")
    gap = treatment.events / treatment.n - ratio * control.events / control.n
    variance = _variance_given_ratio(treatment, control, ratio)
    return _z_test(gap, variance, treatment.n + control.n, alternative, corrected)


def _z_test(
    gap: float, variance: float, n: int, alternative: Alternative, corrected: bool
) -> ZTest | Undefined:
    if variance <= 0:
        return Undefined("under the null hypothesis neither rate varies")
    statistic = gap / math.sqrt(variance * (n / (n - 1) if corrected else 1.0))
    return ZTest(statistic, p_value(statistic, alternative=alternative))


def _reach2(treatment: Share, control: Share, confidence: float, corrected: bool) -> float:
    """The squared critical value, with the factor N / (N - 1) folded in."""
    n = treatment.n + control.n
    return quantile((1 + confidence) / 2) ** 2 * (n / (n - 1) if corrected else 1.0)


def _lowest_difference(one: Share, other: Share, reach2: float) -> float:
    """The smallest difference that the score test does not reject."""
    observed = one.events / one.n - other.events / other.n
    if observed <= -1:
        return -1.0

    def rejected(gap: float) -> bool:
        return (observed - gap) ** 2 > reach2 * _variance_given_difference(one, other, gap)

    return _boundary(rejected, -1.0, observed)


def _lowest_ratio(one: Share, other: Share, reach2: float) -> float:
    """The smallest ratio that the score test does not reject."""
    if one.events == 0:
        return 0.0

    # The search runs over ratio / (1 + ratio), which is finite where the ratio is not.
    def rejected(place: float) -> bool:
        ratio = place / (1 - place)
        gap = one.events / one.n - ratio * other.events / other.n
        return gap**2 > reach2 * _variance_given_ratio(one, other, ratio)

    crossed = one.events * other.n
    place = _boundary(rejected, 0.0, crossed / (crossed + other.events * one.n))
    return place / (1 - place)


def _lowest_odds_ratio(one: Share, other: Share, reach2: float) -> float:
    """The smallest odds ratio that the score test does not reject."""
    if one.events == 0 or other.events == other.n:
        return 0.0

    def rejected(place: float) -> bool:
        rate, raised = _rates_given_odds_ratio(one, other, place / (1 - place))
        if not (0 < rate < 1 and 0 < raised < 1):
            return True
        gap = one.events - one.n * raised
        information = 1 / (1 / (one.n * raised * (1 - raised)) + 1 / (other.n * rate * (1 - rate)))
        return gap**2 > reach2 * information

    crossed = one.events * (other.n - other.events)
    place = _boundary(rejected, 0.0, crossed / (crossed + other.events * (one.n - one.events)))
    return place / (1 - place)


def _boundary(rejected: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where a rejected region beginning at `outside` ends, on the way to `inside`."""
    for _ in range(HALVINGS):
        middle = (outside + inside) / 2
        if middle in (outside, inside):
            break
        if rejected(middle):
            outside = middle
        else:
            inside = middle
    return inside


def _variance_given_difference(one: Share, other: Share, gap: float) -> float:
    rate = _rate_given_difference(one, other, gap)
    raised = min(1.0, max(0.0, rate + gap))
    return raised * (1 - raised) / one.n + rate * (1 - rate) / other.n


def _variance_given_ratio(one: Share, other: Share, ratio: float) -> float:
    rate = _rate_given_ratio(one, other, ratio)
    raised = min(1.0, ratio * rate)
    return raised * (1 - raised) / one.n + ratio**2 * rate * (1 - rate) / other.n


def _rate_given_difference(one: Share, other: Share, gap: float) -> float:
    """Most likely rate of `other` if that of `one` is larger by `gap`: a root of a cubic."""
    n = one.n + other.n
    square = ((one.n + 2 * other.n) * gap - n - one.events - other.events) / n
    linear = ((other.n * gap - n - 2 * other.events) * gap + one.events + other.events) / n
    constant = other.events * gap * (1 - gap) / n
    third = square / 3
    offset = third**3 - square * linear / 6 + constant / 2
    scale = math.copysign(math.sqrt(max(0.0, third**2 - linear / 3)), offset)
    # The cosine of the angle leaves [-1, 1] by rounding alone.
    cosine = 0.0 if scale == 0 else max(-1.0, min(1.0, offset / scale**3))
    root = 2 * scale * math.cos((math.pi + math.acos(cosine)) / 3) - third
    return min(1.0, 1.0 - gap, max(0.0, -gap, root))


def _rate_given_ratio(one: Share, other: Share, ratio: float) -> float:
    """Most likely rate of `other` if that of `one` is `ratio` times it: a root of a quadratic."""
    events, n = one.events + other.events, one.n + other.n
    half = (ratio * (one.n + other.events) + one.events + other.n) / 2
    root = events / (half + math.sqrt(max(0.0, half**2 - n * ratio * events)))
    return min(1.0, 1 / ratio if ratio > 0 else 1.0, root)


def _rates_given_odds_ratio(one: Share, other: Share, odds_ratio: float) -> tuple[float, float]:
    """Most likely rates of `other` and `one` if their odds ratio is known: a quadratic's root."""
    events, excess = one.events + other.events, odds_ratio - 1
    half = (other.n + odds_ratio * one.n - events * excess) / 2
    reach = math.sqrt(half**2 + other.n * excess * events)
    # Of the two forms of the root, the one that does not subtract like from like.
    root = events / (half + reach) if half >= 0 else (reach - half) / (other.n * excess)
    return root, odds_ratio * root / (1 + excess * root)
