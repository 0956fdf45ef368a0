"""Read an effect as a bet: how likely is it below a threshold, and what would that cost.

Normal prior, normal estimate: Gelman et al. (2013), Bayesian Data Analysis, section 2.5. Expected
loss: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 5.
"""

import math
from dataclasses import dataclass
from typing import Self

from scipy.special import erfcx, ndtr

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.limits import limits


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """What was believed of the effect before the pilot; `sd` is above 0."""

    mean: float
    sd: float

    @classmethod
    def of_variance(cls, *, mean: float, variance: float) -> Self:
        """The prior with this variance, above 0."""
        return cls(mean, math.sqrt(max(0.0, variance)))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What to believe of the effect after the pilot: a normal distribution."""

    mean: float
    sd: float


def posterior(
    *, value: float, se: float, prior: NormalPrior | None = None
) -> Posterior | Undefined:
    """Weigh an estimate with what was believed before; without a prior the estimate stands.

    Args:
        value: The estimate.
        se: Its standard error.
        prior: None for the flat prior, which favours no effect over another.

    Example:
        >>> posterior(value=2.0, se=1.0, prior=NormalPrior(mean=0.0, sd=1.0)).mean
        1.0
    """
    if not (se > 0 and math.isfinite(se) and math.isfinite(value)):
        return Undefined("the effect has no standard error, so that no probability is known")
    if prior is None:
        return Posterior(value, se)
    if not (prior.sd > 0 and math.isfinite(prior.sd)):
        return Undefined("the prior has no standard deviation")
    weight = prior.sd**2 / (prior.sd**2 + se**2)
    return Posterior(
        mean=weight * value + (1 - weight) * prior.mean,
        sd=se * math.sqrt(weight),
    )


def probability_below(
    *, value: float, se: float, threshold: float = 0.0, prior: NormalPrior | None = None
) -> float | Undefined:
    """The probability that the effect is below a threshold, such as a loss (below 0).

    Example:
        >>> round(probability_below(value=1.96, se=1.0), 4)
        0.025
    """
    belief = posterior(value=value, se=se, prior=prior)
    if isinstance(belief, Undefined):
        return belief
    return float(ndtr((threshold - belief.mean) / belief.sd))


def probability_above(
    *, value: float, se: float, threshold: float = 0.0, prior: NormalPrior | None = None
) -> float | Undefined:
    """The probability that the effect is above a threshold.

    Example:
        >>> round(probability_above(value=1.96, se=1.0), 4)
        0.975
    """
    return probability_below(value=-value, se=se, threshold=-threshold, prior=_mirrored(prior))


def credible_interval(
    *, value: float, se: float, prior: NormalPrior | None = None, credible: float = 0.95
) -> Interval | Undefined:
    """Where the effect lies with this probability, as likely below the interval as above it.

    Example:
        >>> found = credible_interval(value=0.0, se=1.0)
        >>> round(found.low, 2), round(found.high, 2)
        (-1.96, 1.96)
    """
    belief = posterior(value=value, se=se, prior=prior)
    if isinstance(belief, Undefined):
        return belief
    return limits(value=belief.mean, se=belief.sd, confidence=credible)


def expected_loss(
    *, value: float, se: float, threshold: float = 0.0, prior: NormalPrior | None = None
) -> float | Undefined:
    """How far below a threshold the effect lies on average, counting 0 where it is above.

    The expected cost, per unit of the effect, of rolling out as if the effect beat the threshold.

    Example:
        >>> round(expected_loss(value=0.0, se=1.0), 4)
        0.3989
    """
    belief = posterior(value=value, se=se, prior=prior)
    if isinstance(belief, Undefined):
        return belief
    gap = (threshold - belief.mean) / belief.sd
    density = math.exp(-(gap**2) / 2) / math.sqrt(2 * math.pi)
    if gap > 0:
        return belief.sd * (density + gap * float(ndtr(gap)))
    # The scaled tail keeps its digits where density and tail cancel.
    scaled = math.sqrt(math.pi / 2) * float(erfcx(-gap / math.sqrt(2)))
    return belief.sd * density * max(0.0, 1 + gap * scaled)


def expected_gain(
    *, value: float, se: float, threshold: float = 0.0, prior: NormalPrior | None = None
) -> float | Undefined:
    """How far above a threshold the effect lies on average, counting 0 where it is below.

    What is lost, per unit of the effect, by not rolling out.

    Example:
        >>> round(expected_gain(value=0.0, se=1.0), 4)
        0.3989
    """
    return expected_loss(value=-value, se=se, threshold=-threshold, prior=_mirrored(prior))


def _mirrored(prior: NormalPrior | None) -> NormalPrior | None:
    return None if prior is None else NormalPrior(-prior.mean, prior.sd)
