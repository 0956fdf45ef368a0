"""Apply the verdict's rule to every rehearsed pilot: `experiments.decide.verdict`, on arrays.

Checks before the verdict are left out: each of them would call one null pilot in a thousand
invalid.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from experiments.analyse.comparison import COMBINED
from experiments.analyse.variables import CUSTOMERS
from experiments.decide.tails import hall_after_adjustment, one_spread, smaller_side
from experiments.decide.verdict import Reason, Status
from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.plan.trial import FEWEST_CLUSTERS
from experiments.rehearse.layout import skew_of
from experiments.rehearse.reading import Pilots, Readings, combined, headlines, shares_of
from experiments.stats.estimate import Interval
from experiments.stats.many import Bools
from experiments.stats.moments import Floats, Sample
from experiments.stats.rates import Share
from experiments.stats.score import miettinen_nurminen, miettinen_nurminen_ratio
from experiments.stats.skew import needs_skewness_correction
from experiments.terms import SHARES, Direction

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """The careful interval of every pilot that needs one, in half-widths of the single interval.

    Attributes:
        below: From the value down to the lower limit, shape (draws,); NaN where not needed.
        above: From the value up to the upper limit, shape (draws,).
    """

    below: Floats
    above: Floats

    @property
    def asked(self) -> Bools:
        """Where the rule asks for it."""
        return np.asarray(np.isfinite(self.below))


def tails(
    pilots: Pilots, readings: Readings, metric: Metric, *, arm: int, variant: str | None
) -> Tails:
    """The limits that skewed customers or few clusters ask for (`experiments.decide.tails`)."""
    below, above = np.full((2, pilots.draws), np.nan)
    careful = _of_clusters if pilots.layout.clustered else _of_skewed
    found = careful(pilots, readings, metric, arm=arm, variant=variant)
    for at in np.flatnonzero(readings.defined):
        limits = found(int(at))
        if not limits:
            continue
        half = (readings.high[at] - readings.low[at]) / 2
        below[at] = (readings.value[at] - min(one.low for one in limits)) / half
        above[at] = (max(one.high for one in limits) - readings.value[at]) / half
    return Tails(below, above)


OfOne = Callable[[int], list[Interval]]


def _of_skewed(
    pilots: Pilots, readings: Readings, metric: Metric, *, arm: int, variant: str | None
) -> OfOne:
    treated = _samples(pilots, metric, arm, variant=variant)
    controls = _samples(pilots, metric, 0, variant=None)
    common = _one_spread(pilots, readings, metric, arm=arm, variant=variant)

    def of_one(at: int) -> list[Interval]:
        if metric.kind in SHARES and not readings.adjusted[at]:
            return []  # Newcombe's interval follows the skewness of a rate by itself
        one, other = treated[at], controls[at]
        if not (needs_skewness_correction(one) or needs_skewness_correction(other)):
            return []
        corrected = hall_after_adjustment(
            value=float(readings.value[at]),
            se=float(readings.se[at]),
            control_variance=float(readings.control_variance[at]),
            treatment=one,
            control=other,
            confidence=pilots.confidence,
        )
        return [*([] if isinstance(corrected, Undefined) else [corrected]), *common(at)]

    return of_one


def _of_clusters(
    pilots: Pilots, readings: Readings, metric: Metric, *, arm: int, variant: str | None
) -> OfOne:
    fewest = np.minimum(pilots.sums.n[:, arm], pilots.sums.n[:, 0])
    common = _one_spread(pilots, readings, metric, arm=arm, variant=variant)

    def of_one(at: int) -> list[Interval]:
        careful = smaller_side(
            value=float(readings.value[at]),
            se=float(readings.se[at]),
            clusters=int(fewest[at]),
            confidence=pilots.confidence,
        )
        return [] if careful is None else [careful, *common(at)]

    return of_one


def _one_spread(
    pilots: Pilots, readings: Readings, metric: Metric, *, arm: int, variant: str | None
) -> OfOne:
    """The difference with one spread for both groups, adjusted where the headline is."""
    size = [CUSTOMERS] if pilots.layout.clustered else []
    covariates = list(pilots.history.covariates[metric.name])
    names = list(dict.fromkeys([*covariates, *size])) if covariates else []
    treated = combined(pilots, metric, arm, names, variant=variant)
    controls = combined(pilots, metric, 0, names)

    def of_one(at: int) -> list[Interval]:
        treatment, control = (
            replace(group.group(at), names=(COMBINED, *names)) for group in (treated, controls)
        )
        found = one_spread(
            treatment=treatment,
            control=control,
            covariates=names if readings.adjusted[at] else (),
            confidence=pilots.confidence,
        )
        return [] if isinstance(found, Undefined) else [found]

    return of_one


def statuses(pilots: Pilots, contrast: Readings, careful: Tails, *, kept: Texts) -> Texts:
    """The status of every pilot, or the reason why it is not proved.

    Args:
        pilots: The rehearsed pilots.
        contrast: D at the interval that decides.
        careful: Where a careful interval is asked for, and how wide it is.
        kept: Per pilot, what the guardrails object; None where they are kept.

    Returns:
        `Status` or `Reason`, shape (draws,).
    """
    side = _sides(contrast.low, contrast.high)
    half = (contrast.high - contrast.low) / 2
    with np.errstate(invalid="ignore"):
        corrected = _sides(
            contrast.value - careful.below * half, contrast.value + careful.above * half
        )
    found = np.empty(pilots.draws, dtype=object)
    found[:] = Reason.INTERVAL
    found[side > 0] = Status.PROVED
    found[side < 0] = Status.DISPROVED
    objected = (side > 0) & kept.astype(bool)
    found[objected] = kept[objected]
    found[careful.asked & (corrected != side)] = Reason.TAILS
    found[~contrast.defined] = Reason.UNDEFINED
    if pilots.layout.clustered:
        found[pilots.sums.n.min(axis=1) < FEWEST_CLUSTERS] = Reason.FEW_CLUSTERS
    return found


def objections(pilots: Pilots, metrics: list[Metric], *, arm: int) -> Texts:
    """Per pilot, what its guardrails object to a proof; None where they are all kept."""
    found = np.full(pilots.draws, None, dtype=object)
    for metric in metrics:
        low, high = _beyond(pilots, metric, arm)
        unclear = ~(high < 0)
        found[unclear & (found != Reason.GUARDRAIL_WORSE)] = Reason.GUARDRAIL_UNCLEAR
        found[low > 0] = Reason.GUARDRAIL_WORSE
    return found


def _beyond(pilots: Pilots, metric: Metric, arm: int) -> tuple[Floats, Floats]:
    """Interval of the worsening beyond what is accepted; NaN where there is none."""
    relative = metric.tolerance_relative is not None
    accepted = float((metric.tolerance_relative if relative else metric.tolerance) or 0)
    down = metric.direction is Direction.DOWN
    if metric.kind in SHARES and not pilots.layout.clustered:
        low, high = _change_of_rate(pilots, metric, arm, relative=relative)
    elif relative:
        worst = 1 + accepted if down else 1 - accepted
        found = headlines(pilots, metric, arm=arm, worst=worst)
        low, high, accepted = found.low, found.high, 0.0
    else:
        found = headlines(pilots, metric, arm=arm)
        low, high = found.low, found.high
    if not down:
        low, high = -high, -low
    return low - accepted, high - accepted


def _change_of_rate(
    pilots: Pilots, metric: Metric, arm: int, *, relative: bool
) -> tuple[Floats, Floats]:
    """Treatment rate minus control rate, or as a share of it: score intervals."""
    treatment, control = shares_of(pilots, metric, arm), shares_of(pilots, metric, 0)
    limits = np.full((2, pilots.draws), np.nan)
    method = miettinen_nurminen_ratio if relative else miettinen_nurminen
    for at in range(pilots.draws):
        found = method(
            treatment=Share(int(treatment.events[at]), int(treatment.n[at])),
            control=Share(int(control.events[at]), int(control.n[at])),
            confidence=pilots.confidence,
        )
        if not isinstance(found, Undefined):
            limits[:, at] = found.low, found.high
    return (limits[0] - 1, limits[1] - 1) if relative else (limits[0], limits[1])


def _sides(low: Floats, high: Floats) -> npt.NDArray[np.int64]:
    """1 where the interval lies above 0, -1 where below, 0 where it holds 0."""
    return (low > 0).astype(np.int64) - (high < 0).astype(np.int64)


def _samples(pilots: Pilots, metric: Metric, arm: int, *, variant: str | None) -> list[Sample]:
    """The money metric's own numbers of an arm, with their skewness."""
    name = skew_of(variant or pilots.history.outcomes[metric.name].variable)
    n = pilots.sums.n[:, arm]
    total, squares, cubes = (
        pilots.layout.sums(pilots.sums, arm, *(name,) * power) for power in (1, 2, 3)
    )
    mean = total / n
    square = squares - n * mean**2
    cube = cubes - 3 * mean * squares + 2 * n * mean**3
    same = Undefined("all values are the same")
    return [
        Sample(
            n=int(units),
            mean=float(middle),
            variance=float(spread) / max(1.0, float(units) - 1),
            skewness=float(np.sqrt(units) * third / spread**1.5) if spread > 0 else same,
        )
        for units, middle, spread, third in zip(n, mean, square, cube, strict=True)
    ]
