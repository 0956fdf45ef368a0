"""Read rates as bets: which group is best, and what would choosing another one cost.

Beta prior, binomial events: Gelman et al. (2013), Bayesian Data Analysis, section 2.4; expected
loss: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 5. Every integral is
computed, not simulated: Gauss-Legendre quadrature (Golub and Welsch 1969, Mathematics of
Computation 23:221-230) on the log odds, where a beta density has no poles, over panels as narrow
as the distributions. All integrands are positive, so that small probabilities keep their digits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import (
    betainc,
    betaincc,
    betaincinv,
    betaln,
    digamma,
    expit,
    log_expit,
    polygamma,
)

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Interval
from experiments.stats.moments import Floats
from experiments.stats.rates import Share, no_customers

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
# Panel edges around a centre, in standard deviations: whole ones, then ever wider.
OFFSETS = np.concatenate([np.arange(1.0, 13.0), 12 * 1.5 ** np.arange(1, 18)])
# Few events make the log odds fall off on one side within about 1, however wide their other side.
FALLS = np.arange(-40.0, 40.5, 0.5)
# Edges that close in on a point where the integrand has an infinite slope.
CLOSING = 2.0 ** -np.arange(50)
# Log odds beyond which a double holds nothing but 0 and 1, and the lightest belief about events or
# non-events that leaves nothing worth counting there: exp(-700 x 0.05) is 6e-16.
FARTHEST = 700.0
LIGHTEST = 0.05
TOO_LIGHT = Undefined(
    "nobody or everybody in a group had the event, and the prior weighs too little beside that"
)


@dataclass(frozen=True, slots=True)
class BetaPrior:
    """What was believed of each rate before: as if from `alpha` events and `beta` non-events.

    Both are above 0; 1 and 1 is the uniform prior, 1/2 and 1/2 that of Jeffreys.
    """

    alpha: float = 1.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.alpha < math.inf and 0 < self.beta < math.inf):
            raise BadInput("Both numbers of a beta prior must be above zero.")


UNIFORM = BetaPrior()


@dataclass(frozen=True, slots=True)
class Choice:
    """One group among several.

    Attributes:
        probability_best: Probability that its rate is the highest.
        expected_loss: By how much the highest rate exceeds its own, on average.
    """

    probability_best: float
    expected_loss: float


@dataclass(frozen=True, slots=True)
class BayesRates:
    """Treatment rate minus control rate, after the pilot.

    Attributes:
        treatment: The treatment as a choice.
        control: The control as a choice.
        mean: Expected difference.
        low: Lower limit of the equal-tailed credible interval of the difference.
        high: Upper limit of it.
    """

    treatment: Choice
    control: Choice
    mean: float
    low: float
    high: float


def bayes_rates(
    *,
    treatment: Share,
    control: Share,
    prior: BetaPrior = UNIFORM,
    control_prior: BetaPrior | None = None,
    credible: float = 0.95,
) -> BayesRates | Undefined:
    """What to believe of the difference of two rates.

    Args:
        treatment: The treated customers.
        control: The control customers.
        prior: Of both rates.
        control_prior: Of the control rate, where it has one of its own.
        credible: Probability of the interval, between 0 and 1.

    Example:
        >>> found = bayes_rates(treatment=Share(3, 12), control=Share(1, 10))
        >>> round(found.treatment.probability_best, 3), round(found.mean, 3)
        (0.785, 0.119)
    """
    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    treated, controls = _after(treatment, prior), _after(control, control_prior or prior)
    if _too_light(treated) or _too_light(controls):
        return TOO_LIGHT
    first, second = _choices([treated, controls])
    tail = (1 - credible) / 2
    return BayesRates(
        treatment=first,
        control=second,
        mean=treated.mean - controls.mean,
        low=_difference_quantile(treated, controls, tail),
        # From the other side, so that both limits rest on a lower tail.
        high=-_difference_quantile(controls, treated, tail),
    )


def best_rate(
    groups: Sequence[Share], *, prior: BetaPrior = UNIFORM
) -> tuple[Choice, ...] | Undefined:
    """How good a choice each of several groups is.

    Example:
        >>> found = best_rate([Share(5, 10), Share(5, 10), Share(5, 10)])
        >>> [round(one.probability_best, 4) for one in found]
        [0.3333, 0.3333, 0.3333]
    """
    if len(groups) < 2:
        return Undefined("a choice needs at least two groups")
    if any(group.n == 0 for group in groups):
        return Undefined("one of the groups has no customer")
    beliefs = [_after(group, prior) for group in groups]
    return TOO_LIGHT if any(_too_light(belief) for belief in beliefs) else _choices(beliefs)


def rate_interval(
    share: Share, *, prior: BetaPrior = UNIFORM, credible: float = 0.95
) -> Interval | Undefined:
    """Equal-tailed credible interval of one rate.

    Example:
        >>> found = rate_interval(Share(0, 9))
        >>> round(found.low, 5), round(found.high, 5)
        (0.00253, 0.3085)
    """
    if share.n == 0:
        return Undefined("there is no customer")
    belief, tail = _after(share, prior), (1 - credible) / 2
    if _too_light(belief):
        return TOO_LIGHT
    return Interval(
        float(betaincinv(belief.alpha, belief.beta, tail)),
        1 - float(betaincinv(belief.beta, belief.alpha, tail)),
    )


@dataclass(frozen=True, slots=True)
class _Beta:
    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    @property
    def variance(self) -> float:
        return self.mean * (1 - self.mean) / (self.alpha + self.beta + 1)

    @property
    def centre(self) -> float:
        """Mean of the log odds."""
        return float(digamma(self.alpha) - digamma(self.beta))

    @property
    def sd(self) -> float:
        """Standard deviation of the log odds."""
        return math.sqrt(float(polygamma(1, self.alpha) + polygamma(1, self.beta)))

    def density(self, log_odds: Floats) -> Floats:
        """Density of the log odds."""
        return np.asarray(
            np.exp(
                self.alpha * log_expit(log_odds)
                + self.beta * log_expit(-log_odds)
                - betaln(self.alpha, self.beta)
            )
        )

    def below(self, rate: Floats) -> Floats:
        """Probability that the rate is below each of these."""
        return np.asarray(betainc(self.alpha, self.beta, np.clip(rate, 0.0, 1.0)))

    def above(self, rate: Floats) -> Floats:
        """Probability that the rate is above each of these."""
        return np.asarray(betaincc(self.alpha, self.beta, np.clip(rate, 0.0, 1.0)))


def _after(share: Share, prior: BetaPrior) -> _Beta:
    return _Beta(prior.alpha + share.events, prior.beta + (share.n - share.events))


def _too_light(belief: _Beta) -> bool:
    return min(belief.alpha, belief.beta) < LIGHTEST


def _choices(beliefs: Sequence[_Beta]) -> tuple[Choice, ...]:
    """The probability that each rate is the highest, and what its choice loses on average."""
    edges = _edges(beliefs)

    def best(chosen: int) -> float:
        others = [belief for at, belief in enumerate(beliefs) if at != chosen]
        return _average(
            beliefs[chosen],
            lambda level: np.prod([other.below(level) for other in others], axis=0),
            edges,
        )

    def loss(chosen: int) -> float:
        others = [belief for at, belief in enumerate(beliefs) if at != chosen]

        # Where the chosen rate is below a level and some other rate above it.
        def lost(log_odds: Floats) -> Floats:
            level = expit(log_odds)
            with np.errstate(divide="ignore"):
                all_below = np.sum([np.log1p(-other.above(level)) for other in others], axis=0)
            return np.asarray(
                beliefs[chosen].below(level)
                * -np.expm1(all_below)
                * np.exp(log_expit(log_odds) + log_expit(-log_odds))
            )

        return _integral(lost, edges)

    return tuple(Choice(min(1.0, best(at)), loss(at)) for at in range(len(beliefs)))


def _difference_quantile(one: _Beta, other: _Beta, probability: float) -> float:
    """The value that the rate of `one` minus that of `other` stays below with a probability."""

    def excess(gap: float) -> float:
        return _difference_below(one, other, gap) - probability

    # Cantelli's inequality: no distribution has the quantile outside these, and a little beyond.
    middle, sd = one.mean - other.mean, 1.01 * math.sqrt(one.variance + other.variance)
    low = max(-1.0, middle - sd * math.sqrt((1 - probability) / probability))
    high = min(1.0, middle + sd * math.sqrt(probability / (1 - probability)))
    return float(brentq(excess, low, high, xtol=1e-14, rtol=1e-12))


def _difference_below(one: _Beta, other: _Beta, gap: float) -> float:
    """Probability that the rate of `one` minus that of `other` is below a gap."""
    # Over the narrower of the two, on whose panels the wider one is smooth.
    if one.variance < other.variance:
        return _average(
            one, lambda rate: other.above(rate - gap), _edges([one, other], [gap, 1 + gap])
        )
    return _average(
        other, lambda rate: one.below(rate + gap), _edges([one, other], [-gap, 1 - gap])
    )


def _edges(beliefs: Sequence[_Beta], bends: Sequence[float] = ()) -> Floats:
    """Panel edges: close where a distribution is, and around rates where slopes are infinite."""
    edges = [np.array([-FARTHEST, 0.0, FARTHEST])]
    for belief in beliefs:
        reach = belief.sd * OFFSETS
        edges += [belief.centre - reach, np.array([belief.centre]), belief.centre + reach]
        edges += [FALLS] if belief.sd > 0.5 else []
    for bend in bends:
        if 0 < bend < 1:
            at = math.log(bend) - math.log1p(-bend)
            edges += [at - CLOSING, np.array([at]), at + CLOSING]
    return np.unique(np.clip(np.concatenate(edges), -FARTHEST, FARTHEST))


def _average(belief: _Beta, function: Callable[[Floats], Floats], edges: Floats) -> float:
    """Average of a function of the rate."""
    # Over a whole that is integrated alike, in which the rounding of large exponents cancels.
    return _integral(
        lambda log_odds: belief.density(log_odds) * function(expit(log_odds)), edges
    ) / _integral(belief.density, edges)


def _integral(function: Callable[[Floats], Floats], edges: Floats) -> float:
    middles, halves = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    values = function(middles[:, None] + halves[:, None] * NODES)
    return float(halves @ (values @ WEIGHTS))
