"""Where must a statistic be, at each of several looks, to stop?

Boundaries that spend an error rate at any information fractions, by recursive integration:
Armitage, McPherson and Rowe (1969), Journal of the Royal Statistical Society A 132:235-244; Lan
and DeMets (1983), Biometrika 70:659-663; Jennison and Turnbull (2000), Group Sequential Methods,
chapters 7 and 19. Classical shapes: Pocock (1977), Biometrika 64:191-199; O'Brien and Fleming
(1979), Biometrics 35:549-556; Wang and Tsiatis (1987), Biometrics 43:193-199. Futility boundaries
spend the type II error: Pampallona, Tsiatis and Kim (2001), Drug Information Journal 35:1113-1121.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from scipy.optimize import brentq

from experiments.errors import Undefined
from experiments.stats.crossing import FAR, Going, crossings, unusable
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.spending import Sided, Spending, cumulative_spending

# Trials that are followed beyond the boundaries weigh less than this share of what is spent.
LOST_SHARE = 1e-12
LEAST_PROBABILITY = 1e-300


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Efficacy boundaries of a design with several looks.

    Attributes:
        fractions: Information at the looks; 1 is the planned end.
        z: Reject at a look when the statistic (two-sided: its absolute value) is at or above;
            infinite where nothing is spent, so that the look cannot reject.
        spent: Error rate spent up to and including each look, both tails together.
        sided: How many tails the design has.
    """

    fractions: tuple[float, ...]
    z: tuple[float, ...]
    spent: tuple[float, ...]
    sided: Sided

    @classmethod
    def of(
        cls, *, fractions: Sequence[float], z: Sequence[float], sided: Sided = 2
    ) -> "Boundaries | Undefined":
        """Boundaries that are given, with the error rate that they spend.

        Example:
            >>> Boundaries.of(fractions=[0.5, 1], z=[math.inf, 1.959964]).spent[0]
            0.0
        """
        missing = unusable(fractions)
        if missing is not None:
            return missing
        low = [-bound if sided == 2 else -math.inf for bound in z]
        if any(math.isnan(bound) or below > bound for below, bound in zip(low, z, strict=True)):
            return Undefined("a boundary is not a number, or below its mirror image")
        found = crossings(fractions=fractions, lower=low, upper=z)
        spent = tuple(float(sided * total) for total in accumulate(found.above))
        return cls(tuple(map(float, fractions)), tuple(map(float, z)), spent, sided)

    @property
    def nominal(self) -> tuple[float, ...]:
        """The p-value, with as many sides as the design, at or below which each look rejects."""
        return tuple(self.sided * upper_tail(bound) for bound in self.z)

    @property
    def lower(self) -> tuple[float, ...]:
        """The mirrored boundaries of a two-sided design; minus infinity for a one-sided one."""
        return tuple(-bound if self.sided == 2 else -math.inf for bound in self.z)


def spending_boundaries(
    fractions: Sequence[float],
    *,
    spending: Spending,
    alpha: float = 0.05,
    sided: Sided = 2,
    final: bool = False,
) -> Boundaries | Undefined:
    """Boundaries that spend an error rate at the information reached.

    A futility boundary does not enter, so that it may be overruled (it is non-binding).

    Args:
        fractions: Information reached over information planned, increasing, one a look; may end
            below 1 (further looks follow, or `final`) or pass it.
        spending: How the error rate is spent.
        alpha: Error rate, both tails together where there are two.
        sided: How many tails the design has.
        final: Whether the last of these looks is the last of all, which takes all that is left.

    Example:
        >>> found = spending_boundaries([1 / 3, 2 / 3, 1], spending=Spending(), alpha=0.025,
        ...     sided=1)
        >>> [round(bound, 3) for bound in found.z]
        [3.71, 2.511, 1.993]
    """
    for missing in (unusable(fractions), unusable_alpha(alpha, sided)):
        if missing is not None:
            return missing
    spent = cumulative_spending(
        spending, fractions=fractions, alpha=alpha, sided=sided, final=final
    )
    tails = increments(spent, sided=sided)
    reach = reach_of(tails)
    going, bounds = Going.start(), list[float]()
    for look, fraction in enumerate(fractions):
        bound = going.upper_bound(fraction, tails[look])
        bounds.append(bound)
        if look + 1 < len(fractions):
            going = going.onward(
                fraction,
                low=-min(bound, reach) if sided == 2 else -FAR,
                high=bound,
                following=fractions[look + 1],
                reach=reach,
            )
    return Boundaries(tuple(map(float, fractions)), tuple(bounds), spent, sided)


def wang_tsiatis_boundaries(
    fractions: Sequence[float],
    *,
    shape: float,
    alpha: float = 0.05,
    sided: Sided = 2,
) -> Boundaries | Undefined:
    """Boundaries c (t_k / t_K)^(shape - 1/2) with the error rate alpha over all looks.

    Args:
        fractions: Information at the looks; `equally_spaced` in the classical designs.
        shape: 0 for O'Brien and Fleming, 0.5 for Pocock (delta in the literature).
        alpha: Error rate, both tails together where there are two; below one half a tail.
        sided: How many tails the design has.

    Returns:
        Boundaries of which the last one is the constant c.

    Example:
        >>> found = wang_tsiatis_boundaries(equally_spaced(5), shape=0.0)
        >>> [round(bound, 2) for bound in found.z]
        [4.56, 3.23, 2.63, 2.28, 2.04]
    """
    for missing in (unusable(fractions), unusable_alpha(alpha, sided)):
        if missing is not None:
            return missing
    if alpha / sided >= 0.5:
        return Undefined("the error rate of a tail is not below one half")
    if not math.isfinite(shape):
        return Undefined("the shape of the boundaries is not a finite number")
    shapes = [(fraction / fractions[-1]) ** (shape - 0.5) for fraction in fractions]

    def spent_with(constant: float) -> tuple[float, ...]:
        bounds = [constant * relative for relative in shapes]
        low = [-bound if sided == 2 else -math.inf for bound in bounds]
        found = crossings(fractions=fractions, lower=low, upper=bounds)
        return tuple(sided * spent for spent in accumulate(found.above))

    tail = alpha / sided
    constant = -quantile(tail)
    if len(fractions) > 1:
        constant = brentq(
            lambda tried: math.log(max(spent_with(tried)[-1], LEAST_PROBABILITY) / alpha),
            constant,
            -quantile(tail / len(fractions)) / min(1.0, *shapes),
            xtol=1e-12,
            rtol=1e-12,
        )
    return Boundaries(
        fractions=tuple(map(float, fractions)),
        z=tuple(float(constant * relative) for relative in shapes),
        spent=(*spent_with(constant)[:-1], alpha),
        sided=sided,
    )


def equally_spaced(looks: int) -> tuple[float, ...]:
    """Information fractions of equally spaced looks, the last at 1.

    Example:
        >>> equally_spaced(4)
        (0.25, 0.5, 0.75, 1.0)
    """
    return tuple(look / looks for look in range(1, looks + 1))


@dataclass(frozen=True, slots=True)
class Futility:
    """Non-binding futility boundaries beside efficacy boundaries.

    Attributes:
        z: Stopping for futility is advised when the statistic is at or below; minus infinity where
            nothing is spent; at the last look the efficacy boundary.
        spent: Type II error spent up to and including each look.
        drift: Mean of the statistic at information fraction 1 under the effect that the design
            is to detect.
    """

    z: tuple[float, ...]
    spent: tuple[float, ...]
    drift: float


def futility_boundaries(
    efficacy: Boundaries, *, spending: Spending, beta: float = 0.2
) -> Futility | Undefined:
    """Futility boundaries at the looks of a complete design, and the drift that they call for.

    They spend beta under the drift at which both boundaries meet at the last look: a trial that
    always heeds them has power 1 - beta. The efficacy boundaries stay as they are, so that a
    futility boundary that is overruled costs no error of the first kind. Only upward efficacy
    counts; the lower boundary of a two-sided design is left out.

    Args:
        efficacy: Of a design that is complete (the last look spends all).
        spending: How beta is spent.
        beta: Type II error, above 0 and below 1 less the error rate of a tail.

    Example:
        >>> upper = spending_boundaries([0.5, 1.0], spending=Spending(), alpha=0.025, sided=1)
        >>> found = futility_boundaries(upper, spending=Spending(), beta=0.1)
        >>> [round(bound, 3) for bound in found.z], round(found.drift, 2)
        ([0.267, 1.969], 3.28)
    """
    tail = efficacy.spent[-1] / efficacy.sided
    if not 0 < beta < 1 - tail:
        return Undefined("the type II error is not above 0 and below 1 less the type I error")
    spent = cumulative_spending(
        spending, fractions=efficacy.fractions, alpha=beta, sided=1, final=True
    )
    steps = increments(spent)

    def missed(drift: float) -> float:
        """What the last look would spend, less what is left for it."""
        going, _ = _with_futility(efficacy, steps, drift)
        return going.below(efficacy.fractions[-1], efficacy.z[-1]) - steps[-1]

    needed = (-quantile(tail) - quantile(beta)) / math.sqrt(efficacy.fractions[-1])
    low, high = needed / 2, 2 * needed + 1
    while missed(high) > 0:
        low, high = high, 2 * high
    drift = float(brentq(missed, low, high, xtol=1e-10))
    _, bounds = _with_futility(efficacy, steps, drift)
    return Futility(z=(*bounds, efficacy.z[-1]), spent=spent, drift=drift)


def increments(spent: Sequence[float], *, sided: Sided = 1) -> tuple[float, ...]:
    """What each look spends in one tail, from what all looks so far spend in all tails.

    Example:
        >>> increments([0.25, 0.75], sided=2)
        (0.125, 0.25)
    """
    before = (0.0, *spent[:-1])
    return tuple(max(0.0, now - then) / sided for now, then in zip(spent, before, strict=True))


def unusable_alpha(alpha: float, sided: Sided) -> Undefined | None:
    """Why there are no boundaries at this error rate; None when there are."""
    if not LEAST_PROBABILITY < alpha / sided < 1 / sided:
        return Undefined("the error rate is not above 0 and below 1")
    return None


def reach_of(tails: Sequence[float]) -> float:
    """How far out trials must be followed so that hardly any of what is spent is lost."""
    least = min((step for step in tails if step > 0), default=1.0)
    return max(FAR, -quantile(max(least * LOST_SHARE, LEAST_PROBABILITY)))


def _with_futility(
    efficacy: Boundaries, steps: Sequence[float], drift: float
) -> tuple[Going, list[float]]:
    """Trials still going before the last look, and the futility boundaries before it."""
    going, bounds = Going.start(drift), list[float]()
    for look, fraction in enumerate(efficacy.fractions[:-1]):
        high = efficacy.z[look]
        bound = min(high, -going.mirrored().upper_bound(fraction, steps[look]))
        bounds.append(bound)
        following = efficacy.fractions[look + 1]
        going = going.onward(fraction, low=bound, high=high, following=following)
    return going, bounds
