"""Compare a sum over a sum between two groups: spend per visit, orders per contact.

Delta method: Cramer (1946), Mathematical Methods of Statistics, chapter 28; for units that hold
several events, Deng, Knoblich and Lu (2018), KDD, 233-242. Each group's ratio R is linearised to
R + (numerator - R x denominator) / mean denominator, a variable of each unit whose mean is R and
whose variance is that of the ratio; what follows is Welch (1947), Biometrika 34:28-35. A unit is
what was assigned: a customer, or a cluster with its sums.
"""

import math
from dataclasses import dataclass, replace

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.lift import Lift, delta_lift, log_delta_lift
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample

# What cancellation leaves of a numerator that is an exact multiple of its denominator.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class RatioDifference:
    """A ratio of sums in two groups.

    Attributes:
        treatment: Sum over sum in the treatment group.
        control: Sum over sum in the control group.
        difference: Treatment ratio minus control ratio.
        lift: Treatment ratio over control ratio, minus 1; linear delta method.
        log_lift: The same with the delta method on the logarithm of the ratio of ratios.
    """

    treatment: float
    control: float
    difference: Difference
    lift: Lift | Undefined
    log_lift: Lift | Undefined


def ratio_difference(
    *,
    treatment: Moments,
    control: Moments,
    numerator: str,
    denominator: str,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> RatioDifference | Undefined:
    """Treatment ratio minus control ratio, with Welch's degrees of freedom over units.

    Args:
        treatment: The treated units, at least 2.
        control: The control units, at least 2.
        numerator: Variable whose sum is divided.
        denominator: Variable whose sum divides; not zero in either group.
        confidence: Of the intervals, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = ratio_difference(
        ...     treatment=Moments.of(spend=[8.0, 2.0, 2.0], visits=[2, 1, 1]),
        ...     control=Moments.of(spend=[2.0, 2.0, 4.0], visits=[1, 2, 1]),
        ...     numerator="spend", denominator="visits")
        >>> found.treatment, found.control, round(found.difference.se, 3)
        (3.0, 2.0, 1.146)
    """
    treated = ratio_sample(treatment, numerator=numerator, denominator=denominator)
    if isinstance(treated, Undefined):
        return Undefined(f"in the treatment group {treated.reason}")
    controls = ratio_sample(control, numerator=numerator, denominator=denominator)
    if isinstance(controls, Undefined):
        return Undefined(f"in the control group {controls.reason}")
    difference = welch(
        treatment=treated, control=controls, confidence=confidence, alternative=alternative
    )
    if isinstance(difference, Undefined):
        return difference
    return RatioDifference(
        treatment=treated.mean,
        control=controls.mean,
        difference=difference,
        lift=delta_lift(
            treatment=treated, control=controls, confidence=confidence, alternative=alternative
        ),
        log_lift=log_delta_lift(
            treatment=treated, control=controls, confidence=confidence, alternative=alternative
        ),
    )


def ratio_sample(group: Moments, *, numerator: str, denominator: str) -> Sample | Undefined:
    """A group's linearised ratio: its mean is the ratio, its variance / n that of the ratio.

    Every comparison of two independent means applies to it: lift, Fieller, non-inferiority.

    Example:
        >>> group = Moments.of(spend=[8.0, 2.0, 2.0], visits=[2, 1, 1])
        >>> found = ratio_sample(group, numerator="spend", denominator="visits")
        >>> found.mean, round(found.variance, 4)
        (3.0, 1.6875)
    """
    found = linearised(group, name="ratio", numerator=numerator, denominator=denominator)
    return found if isinstance(found, Undefined) else found.sample("ratio")


def linearised(
    group: Moments, *, name: str, numerator: str, denominator: str
) -> Moments | Undefined:
    """A group's moments with its linearised ratio as one more variable, the first, called `name`.

    No variable has that name yet. With covariates among them, `lin` on both groups adjusts the
    difference of ratios.

    Example:
        >>> group = Moments.of(spend=[8.0, 2.0, 2.0], visits=[2, 1, 1], before=[1.0, 0.0, 0.0])
        >>> found = linearised(group, name="basket", numerator="spend", denominator="visits")
        >>> found.mean("basket"), found.covariance("basket", "before")
        (3.0, 0.75)
    """
    weights = ratio_weights(group, numerator=numerator, denominator=denominator)
    if isinstance(weights, Undefined):
        return weights
    others = {other: {other: 1.0} for other in group.names}
    combined = group.combine({name: weights, **others})
    sizes = [
        abs(weight) * math.sqrt(group.covariance(part, part)) for part, weight in weights.items()
    ]
    scatter = combined.scatter
    if combined.covariance(name, name) <= ROUNDING * sum(sizes) ** 2:
        rest = tuple((0.0, *line[1:]) for line in scatter[1:])
        scatter = ((0.0,) * len(scatter), *rest)
    return replace(
        combined,
        means=(group.mean(numerator) / group.mean(denominator), *combined.means[1:]),
        scatter=scatter,
    )


def ratio_weights(
    group: Moments, *, numerator: str, denominator: str
) -> dict[str, float] | Undefined:
    """Weights of numerator and denominator in a group's linearised ratio, for `Moments.combine`.

    The combination has mean 0 (`linearised` adds the ratio) and the variance and covariances of
    the ratio; each group has weights of its own.

    Example:
        >>> group = Moments.of(spend=[8.0, 2.0, 2.0], visits=[2, 1, 3])
        >>> ratio_weights(group, numerator="spend", denominator="visits")
        {'spend': 0.5, 'visits': -1.0}
    """
    if numerator == denominator:
        return Undefined("numerator and denominator are the same variable")
    if group.n == 0:
        return Undefined("there is no unit")
    top, bottom = group.mean(numerator), group.mean(denominator)
    if bottom == 0:
        return Undefined("the denominator adds up to zero, so that the ratio has no meaning")
    ratio = top / bottom
    weights = {numerator: 1 / bottom, denominator: -ratio / bottom}
    if not all(math.isfinite(number) for number in (ratio, *weights.values())):
        return Undefined("the denominator is too close to zero to divide by it")
    return weights
