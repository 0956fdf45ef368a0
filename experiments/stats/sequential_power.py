"""How likely is a design with several looks to reject, when, and with how many customers?

The drift is the mean of the statistic at information fraction 1: effect / se at the planned end.
Jennison and Turnbull (2000), Group Sequential Methods, chapters 2, 7 and 19.
"""

from dataclasses import dataclass
from itertools import accumulate

from scipy.optimize import brentq

from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries, Futility
from experiments.stats.crossing import crossings
from experiments.stats.limits import quantile

LARGEST_DRIFT = 1e6
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class SequentialPower:
    """What a design does under one drift.

    Attributes:
        drift: Mean of the statistic at information fraction 1.
        cumulative_power: Probability of having rejected up to and including each look, in either
            direction where the design is two-sided.
        cumulative_above: Of having rejected in favour of a positive effect.
        cumulative_futility: Of having stopped for futility before the last look; 0 without a
            futility boundary.
        expected_share: Expected information at the stop, as a share of that at the last look.
        inflation: Information at the last look over that of a fixed test whose power under its
            own drift is the power of this design; Undefined where the power is not above the
            error rate of the design.
        expected_over_fixed: Expected information at the stop over that of the same fixed test.
    """

    drift: float
    cumulative_power: tuple[float, ...]
    cumulative_above: tuple[float, ...]
    cumulative_futility: tuple[float, ...]
    expected_share: float
    inflation: float | Undefined
    expected_over_fixed: float | Undefined

    @property
    def power(self) -> float:
        """Probability of rejecting at one of the looks."""
        return self.cumulative_power[-1]

    @property
    def drift_squared(self) -> float:
        """Information at fraction 1 times the squared effect."""
        return self.drift**2


def sequential_power(
    design: Boundaries, *, drift: float, futility: Futility | None = None
) -> SequentialPower:
    """Power, early stops and expected information of a design under a drift.

    Args:
        design: A complete design.
        drift: Mean of the statistic at information fraction 1; 0 for no effect.
        futility: Boundaries that are always heeded, which costs power; None to ignore them.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.797, 1.977])
        >>> found = sequential_power(design, drift=3.24)
        >>> round(found.power, 3), round(found.expected_share, 3)
        (0.898, 0.847)
    """
    lower = design.lower
    if futility is not None:
        lower = tuple(map(max, lower[:-1], futility.z[:-1])) + lower[-1:]
    found = crossings(fractions=design.fractions, lower=lower, upper=design.z, drift=drift)
    # A stop below counts as rejection where the mirrored boundary is what stops.
    rejects_below = [
        exits if bound == mirror else 0.0
        for exits, bound, mirror in zip(found.below, lower, design.lower, strict=True)
    ]
    rejected = map(sum, zip(found.above, rejects_below, strict=True))
    gave_up = (below - rejects for below, rejects in zip(found.below, rejects_below, strict=True))
    power = tuple(accumulate(rejected))
    stops = [above + below for above, below in zip(found.above, found.below, strict=True)][:-1]
    last = design.fractions[-1]
    saved = sum(
        stop * (last - then) for stop, then in zip(stops, design.fractions[:-1], strict=True)
    )
    expected_share = 1 - saved / last
    inflation = _inflation(design, drift=drift, power=power[-1])
    return SequentialPower(
        drift=drift,
        cumulative_power=power,
        cumulative_above=tuple(accumulate(found.above)),
        cumulative_futility=tuple(accumulate(gave_up)),
        expected_share=expected_share,
        inflation=inflation,
        expected_over_fixed=(
            inflation if isinstance(inflation, Undefined) else inflation * expected_share
        ),
    )


def drift_for_power(
    design: Boundaries, *, power: float = 0.8, futility: Futility | None = None
) -> SequentialPower | Undefined:
    """The drift under which a design has this power, and what it does under that drift.

    Planned information is (drift / effect)^2, which is `inflation` times that of a fixed test.

    Args:
        design: A complete design.
        power: Above the error rate of the design and below 1.
        futility: Boundaries that are always heeded, which costs power; None to ignore them.

    Example:
        >>> design = Boundaries.of(fractions=[0.5, 1.0], z=[2.178, 2.178])
        >>> round(drift_for_power(design, power=0.9).inflation, 2)
        1.1
    """
    if not design.spent[-1] < power < 1:
        return Undefined("the power is not above the error rate of the design and below 1")

    def excess(drift: float) -> float:
        return sequential_power(design, drift=drift, futility=futility).power - power

    high = 4.0
    while excess(high) < 0:
        high *= 2
        if high > LARGEST_DRIFT:
            return Undefined("no drift reaches this power")
    drift = float(brentq(excess, 0.0, high, xtol=1e-10))
    return sequential_power(design, drift=drift, futility=futility)


def _inflation(design: Boundaries, *, drift: float, power: float) -> float | Undefined:
    """Information at the last look over that of a fixed test of the same power."""
    alpha = design.spent[-1]
    if drift == 0 or not alpha * (1 + ROUNDING) < power < 1:
        return Undefined("the power is not above the error rate and below 1")
    fixed = -quantile(alpha / design.sided) + quantile(power)
    return drift**2 * design.fractions[-1] / fixed**2
