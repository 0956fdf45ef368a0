"""Which effects can be ruled out at any time, however often one looks?

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024),
Annals of Statistics 52:2613-2640 (arXiv:2103.06476): for an estimate with standard error se from N
customers of both groups, value -/+ se sqrt(2 (N rho^2 + 1) / (N rho^2) log(sqrt(N rho^2 + 1) /
alpha)). All of them hold together with probability 1 - alpha, in the limit of a late first look.
"""

import math
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.lift import Lift, delta_lift
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share

TUNING_CUSTOMERS = 5000.0


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """An estimate that may be read at any time.

    Attributes:
        value: The point estimate.
        se: Its standard error.
        rho: The tuning of the sequence, per root customer.
        p_value: Always-valid: the smallest error rate at which the sequence, with the same rho,
            leaves out zero effect; at most 1.
        low: Lower limit of the sequence at this time.
        high: Upper limit of the sequence at this time.
    """

    value: float
    se: float
    rho: float
    p_value: float
    low: float
    high: float


def asymptotic_sequence(
    *,
    value: float,
    se: float,
    customers: int,
    alpha: float = 0.05,
    tuning_customers: float = TUNING_CUSTOMERS,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> AlwaysValid | Undefined:
    """The confidence sequence of an estimate at its present number of customers.

    Args:
        value: The estimate so far.
        se: Its standard error.
        customers: How many customers it rests on, both groups together.
        alpha: Probability that a limit ever fails, above 0 and below 1.
        tuning_customers: The number of customers, both groups together, at which the sequence is
            tightest; fixed before the first look.
        alternative: One-sided sequences have an infinite limit; they need alpha below 0.5.

    Example:
        >>> found = asymptotic_sequence(value=0.5, se=0.1, customers=10_000)
        >>> round(found.low, 3), round(found.high, 3), round(found.p_value, 5)
        (0.194, 0.806, 3e-05)
    """
    two_sided = alternative is Alternative.TWO_SIDED
    if customers < 1:
        return Undefined("there is no customer")
    if not (se > 0 and math.isfinite(value / se)):
        return Undefined("the estimate has no standard error")
    if not 0 < alpha < (1 if two_sided else 0.5):
        return Undefined("the error rate is not in the range of a sequence")
    if not (tuning_customers > 0 and math.isfinite(tuning_customers)):
        return Undefined("the number of customers to tune for is not a positive number")
    rho = tuning(alpha if two_sided else 2 * alpha, tuning_customers=tuning_customers)
    # N rho^2, the share of information over that of the mixing prior.
    ratio = customers * rho**2
    statistic = value / se
    if two_sided:
        threshold = math.log1p(ratio) / 2 - math.log(alpha)
        evidence = _pull(statistic, ratio) - math.log1p(ratio) / 2
    else:
        threshold = math.log1p(math.sqrt(ratio + 1) / (2 * alpha))
        upward = statistic if alternative is Alternative.GREATER else -statistic
        evidence = _one_sided_evidence(upward, ratio)
    reach = se * math.sqrt(2 * (ratio + 1) / ratio * threshold)
    return AlwaysValid(
        value=value,
        se=se,
        rho=rho,
        p_value=math.exp(min(0.0, -evidence)),
        low=-math.inf if alternative is Alternative.LESS else value - reach,
        high=math.inf if alternative is Alternative.GREATER else value + reach,
    )


def sequence_of_means(
    *,
    treatment: Sample,
    control: Sample,
    relative: bool = False,
    alpha: float = 0.05,
    tuning_customers: float = TUNING_CUSTOMERS,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> AlwaysValid | Undefined:
    """The sequence for a difference of means, or for the lift by the linear delta method.

    Args:
        treatment: The treated customers so far.
        control: The control customers so far.
        relative: The lift, treatment mean over control mean minus 1, in place of the difference.
        alpha: Probability that a limit ever fails, above 0 and below 1.
        tuning_customers: As in `asymptotic_sequence`.
        alternative: As in `asymptotic_sequence`.

    Example:
        >>> before, after = Sample(n=4000, mean=5.0, variance=9.0), Sample(4000, 5.4, 9.0)
        >>> found = sequence_of_means(treatment=after, control=before)
        >>> round(found.low, 3), round(found.high, 3)
        (0.196, 0.604)
    """
    compare = delta_lift if relative else welch
    found: Difference | Lift | Undefined = compare(treatment=treatment, control=control)
    if isinstance(found, Undefined):
        return found
    return asymptotic_sequence(
        value=found.value,
        se=found.se,
        customers=treatment.n + control.n,
        alpha=alpha,
        tuning_customers=tuning_customers,
        alternative=alternative,
    )


def sequence_of_rates(
    *,
    treatment: Share,
    control: Share,
    relative: bool = False,
    alpha: float = 0.05,
    tuning_customers: float = TUNING_CUSTOMERS,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> AlwaysValid | Undefined:
    """The sequence for a difference of rates, or for the lift; a rate varies as p (1 - p) / n.

    Example:
        >>> found = sequence_of_rates(treatment=Share(2422, 3461), control=Share(1396, 3000),
        ...     relative=True)
        >>> round(found.low, 3), round(found.high, 3)
        (0.401, 0.607)
    """
    samples = []
    for share in (treatment, control):
        rate = share.rate
        if isinstance(rate, Undefined):
            return rate
        samples.append(Sample(n=share.n, mean=rate, variance=rate * (1 - rate)))
    return sequence_of_means(
        treatment=samples[0],
        control=samples[1],
        relative=relative,
        alpha=alpha,
        tuning_customers=tuning_customers,
        alternative=alternative,
    )


def tuning(alpha: float, *, tuning_customers: float = TUNING_CUSTOMERS) -> float:
    """The rho at which a two-sided sequence is about tightest at a number of customers.

    Example:
        >>> round(tuning(0.05), 5)
        0.03984
    """
    twice = -2 * math.log(alpha)
    return math.sqrt((twice + math.log1p(twice)) / tuning_customers)


def _pull(statistic: float, ratio: float) -> float:
    """Half the squared statistic, shrunk by the mixing prior."""
    return ratio * statistic**2 / (2 * (ratio + 1))


def _one_sided_evidence(upward: float, ratio: float) -> float:
    """Minus the logarithm of the error rate whose one-sided sequence just leaves out zero."""
    pull = _pull(upward, ratio) if upward > 0 else 0.0
    if pull == 0:
        return 0.0
    return math.log(2) + pull + math.log(-math.expm1(-pull)) - math.log1p(ratio) / 2


@dataclass(frozen=True, slots=True)
class MixtureTest:
    """The mixture sequential probability ratio test.

    Attributes:
        log_ratio: Logarithm of the mixture likelihood ratio against no effect.
        p_value: Always-valid if it is the smallest over the looks so far; at most 1.
        low: Lower limit of the interval that the test does not reject.
        high: Upper limit.
    """

    log_ratio: float
    p_value: float
    low: float
    high: float


def mixture_test(
    *, value: float, se: float, spread: float, alpha: float = 0.05
) -> MixtureTest | Undefined:
    """Test no effect at any time, against effects drawn from a normal distribution around it.

    Robbins (1970), Annals of Mathematical Statistics 41:1397-1409; Johari, Koomen, Pekelis and
    Walsh (2022), Operations Research 70:1806-1821.

    Args:
        value: The estimate so far.
        se: Its standard error.
        spread: Standard deviation of the effects mixed over (tau), fixed before the first look.
        alpha: Probability that the interval ever fails, above 0 and below 1.

    Example:
        >>> found = mixture_test(value=0.5, se=0.1, spread=0.5)
        >>> round(found.log_ratio, 3), round(found.low, 3)
        (10.39, 0.19)
    """
    if not (se > 0 and math.isfinite(value / se)):
        return Undefined("the estimate has no standard error")
    if not (spread > 0 and math.isfinite(spread / se)):
        return Undefined("the spread of the effects is not a positive number")
    if not 0 < alpha < 1:
        return Undefined("the error rate is not above 0 and below 1")
    # Of the variance of the estimate over all mixed effects, the part that they contribute.
    share = spread**2 / (se**2 + spread**2)
    shrinkage = math.log1p((spread / se) ** 2) / 2
    log_ratio = share * (value / se) ** 2 / 2 - shrinkage
    reach = se * math.sqrt(2 * (shrinkage - math.log(alpha)) / share)
    return MixtureTest(
        log_ratio=log_ratio,
        p_value=math.exp(min(0.0, -log_ratio)),
        low=value - reach,
        high=value + reach,
    )
