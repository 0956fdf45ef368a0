"""How many times as likely is an event: risk ratio and odds ratio of two rates.

Intervals on the log scale: Katz, Baptista, Azen and Pike (1978), Biometrics 34:469-474, for the
risk ratio; Woolf (1955), Annals of Human Genetics 19:251-253, for the odds ratio. They need
events and non-events; the score intervals beside them do not: Miettinen and Nurminen (1985).
"""

import math
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.limits import limits, p_value
from experiments.stats.rates import Share, no_customers
from experiments.stats.score import miettinen_nurminen_odds_ratio, miettinen_nurminen_ratio


@dataclass(frozen=True, slots=True)
class LogRatio:
    """A ratio that is normal on the log scale.

    Attributes:
        se: Standard error of its logarithm.
        statistic: log ratio / se.
        p_value: Of the null hypothesis that the ratio is 1.
        low: Lower limit of the ratio.
        high: Upper limit of the ratio.
    """

    se: float
    statistic: float
    p_value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Association:
    """Treatment over control: 1 is no difference.

    Attributes:
        value: The ratio; 0 where no treated customer had the event.
        log: Interval and test on the log scale; Undefined where a count it needs is zero.
        score: Interval of the score test, two-sided; may begin at 0 or be infinite.
    """

    value: float
    log: LogRatio | Undefined
    score: Interval | Undefined


def risk_ratio(
    *,
    treatment: Share,
    control: Share,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Association | Undefined:
    """Treatment rate over control rate.

    Args:
        treatment: The treated customers.
        control: The control customers, one of them with the event.
        confidence: Of the intervals, between 0 and 1.
        alternative: Of the test and interval on the log scale.

    Example:
        >>> found = risk_ratio(treatment=Share(15, 50), control=Share(25, 50))
        >>> found.value, round(found.log.low, 4), round(found.log.high, 4)
        (0.6, 0.3617, 0.9952)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    if control.events == 0:
        return Undefined("no control customer had the event, so that a ratio has no denominator")
    value = treatment.events * control.n / (treatment.n * control.events)
    log = (
        _on_log_scale(
            value,
            # Differences of like terms, in a form that does not cancel.
            (treatment.n - treatment.events) / (treatment.events * treatment.n)
            + (control.n - control.events) / (control.events * control.n),
            confidence,
            alternative,
        )
        if treatment.events
        else Undefined("no treated customer had the event, so that the ratio has no logarithm")
    )
    score = miettinen_nurminen_ratio(treatment=treatment, control=control, confidence=confidence)
    return Association(value, log, score)


def odds_ratio(
    *,
    treatment: Share,
    control: Share,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Association | Undefined:
    """Odds of the event in the treatment group over those in the control group.

    Args:
        treatment: The treated customers, one of them without the event.
        control: The control customers, one of them with the event.
        confidence: Of the intervals, between 0 and 1.
        alternative: Of the test and interval on the log scale.

    Example:
        >>> found = odds_ratio(treatment=Share(15, 50), control=Share(25, 50))
        >>> round(found.value, 4), round(found.log.low, 4), round(found.log.high, 4)
        (0.4286, 0.1887, 0.9735)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    cells = (
        treatment.events,
        treatment.n - treatment.events,
        control.events,
        control.n - control.events,
    )
    if cells[1] == 0 or cells[2] == 0:
        return Undefined(
            "every treated or no control customer had the event, so that the odds ratio has no "
            "denominator"
        )
    value = cells[0] * cells[3] / (cells[1] * cells[2])
    log = (
        _on_log_scale(value, sum(1 / cell for cell in cells), confidence, alternative)
        if value > 0
        else Undefined(
            "no treated or every control customer had the event, so that the odds ratio has no "
            "logarithm"
        )
    )
    score = miettinen_nurminen_odds_ratio(
        treatment=treatment, control=control, confidence=confidence
    )
    return Association(value, log, score)


def _on_log_scale(
    value: float, variance: float, confidence: float, alternative: Alternative
) -> LogRatio | Undefined:
    if variance == 0:
        return Undefined("everybody had the event, so that the ratio does not vary")
    se, logarithm = math.sqrt(variance), math.log(value)
    found = limits(value=logarithm, se=se, confidence=confidence, alternative=alternative)
    return LogRatio(
        se=se,
        statistic=logarithm / se,
        p_value=p_value(logarithm / se, alternative=alternative),
        low=math.exp(found.low),
        high=math.exp(found.high),
    )
