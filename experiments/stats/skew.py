"""Correct the interval of a difference of means for skewed values, as spending always is.

Hall (1992), On the removal of skewness by transformation, Journal of the Royal Statistical Society
B 54:221-228: the monotone cubic transformation; for two groups, Zhou and Dinh (2005),
Biostatistics 6:187-200. The rule for when it is needed: Boos and Hughes-Oliver (2000), American
Statistician 54:121-128.
"""

import math

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.limits import quantile
from experiments.stats.means import spread, welch
from experiments.stats.moments import Sample

CUSTOMERS_PER_SQUARED_SKEWNESS = 355


def hall(*, treatment: Sample, control: Sample, confidence: float = 0.95) -> Interval | Undefined:
    """Interval for treatment mean minus control mean, corrected for skewness.

    With T the studentised difference and k its skewness (third cumulant of the difference over
    the cube of its standard error), T + k T^2/3 + k^2 T^3/27 + k/6 is free of skewness to the
    first order. The interval holds the differences for which that lies within Welch's quantiles,
    so that without skewness it is Welch's interval.

    Args:
        treatment: The treated customers, with skewness.
        control: The control customers, with skewness.
        confidence: Between 0 and 1.

    Example:
        >>> spend = [0.0, 0.0, 0.0, 1.0, 2.0, 9.0]
        >>> found = hall(treatment=Sample.of(spend), control=Sample.of([0.0, 1.0, 2.0, 3.0]))
        >>> round(found.low, 2), round(found.high, 2)
        (-2.25, 15.82)
    """
    plain = welch(treatment=treatment, control=control, confidence=confidence)
    if isinstance(plain, Undefined):
        return plain
    treated, controls = _third_cumulant(treatment), _third_cumulant(control)
    if isinstance(treated, Undefined):
        return Undefined(f"the treatment group has no skewness: {treated.reason}")
    if isinstance(controls, Undefined):
        return Undefined(f"the control group has no skewness: {controls.reason}")
    skewness = treated / plain.se**3 - controls / plain.se**3
    reach = quantile((1 + confidence) / 2, df=plain.df)
    return Interval(
        low=plain.value - plain.se * _untransformed(reach, skewness),
        high=plain.value - plain.se * _untransformed(-reach, skewness),
    )


def needs_skewness_correction(sample: Sample) -> bool | Undefined:
    """Whether a group is too small for its skewness: n < 355 x skewness^2.

    Example:
        >>> needs_skewness_correction(Sample(n=3000, mean=1.0, variance=9.0, skewness=3.0))
        True
        >>> needs_skewness_correction(Sample(n=4000, mean=1.0, variance=9.0, skewness=3.0))
        False
    """
    if isinstance(sample.skewness, Undefined):
        return sample.skewness
    return bool(sample.n < CUSTOMERS_PER_SQUARED_SKEWNESS * sample.skewness**2)


def _third_cumulant(sample: Sample) -> float | Undefined:
    """Third cumulant of the mean; a group without spread has none to correct."""
    if spread(sample) == 0:
        return 0.0
    if isinstance(sample.skewness, Undefined):
        return sample.skewness
    return float(sample.skewness * spread(sample) ** 1.5 / sample.n**2)


def _untransformed(place: float, skewness: float) -> float:
    """The studentised difference whose transform is `place`.

    The transform is ((1 + k T/3)^3 - 1) / k + k/6, which has one inverse for every k.
    """
    if skewness == 0:
        return place
    inside = skewness * (place - skewness / 6)
    # Near zero a cube root minus 1 would lose its digits.
    root = math.expm1(math.log1p(inside) / 3) if abs(inside) < 0.5 else math.cbrt(1 + inside) - 1
    return 3 * root / skewness
