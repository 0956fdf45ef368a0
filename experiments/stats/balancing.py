"""Weight control customers until they look like the treated ones: entropy balancing.

Hainmueller (2012), Entropy balancing for causal effects, Political Analysis 20:25-46: of all
weights that give the control group the treatment group's means, those closest to the base weights
by Kullback-Leibler distance. They are base x exp(deviations from the target x tilt), and the tilt
minimises a convex function, here by Newton's method with a line search. Effective size: Kish
(1965), Survey Sampling, section 11.7. Needs rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import ROUNDING, independent
from experiments.stats.moments import Floats, Moments

LARGEST_DIFFERENCE = 0.1
SMALLEST_EFFECTIVE_CUSTOMERS = 100
SMALLEST_EFFECTIVE_SHARE = 0.1

# Standard deviations by which a weighted mean may miss its target.
TOLERANCE = 1e-9
STEPS = 200
RIDGE = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """Weights that make the control group look like the treatment group.

    Attributes:
        weights: One per control customer, shape (control customers,), not negative, sum 1.
        covariates: The covariates matched, k of them.
        dropped: Covariates left out because among control customers they do not vary, or only
            with those before them.
        before: Per covariate, dropped ones included, the treated mean minus the control mean in
            standard deviations (of the unweighted groups, the two variances weighing the same).
        after: The same with the weighted control mean; 0 up to rounding unless dropped.
        effective_customers: Size of an unweighted group that would be as informative.
        control_customers: The nominal size.
        centre: Target means of `covariates`, shape (k,).
        scale: Their standard deviations, shape (k,).
        tilt: Exponents per standard deviation from the target, shape (k,).
    """

    weights: Floats
    covariates: tuple[str, ...]
    dropped: tuple[str, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]
    effective_customers: float
    control_customers: int
    centre: Floats
    scale: Floats
    tilt: Floats


def entropy_balance(
    *,
    treatment: Floats,
    control: Floats,
    names: Sequence[str],
    treatment_weights: Floats | None = None,
    base_weights: Floats | None = None,
) -> Weighting | Undefined:
    """Weight the control rows so that their means are the treated rows' (the effect on those).

    A covariate whose target is at the edge of the control values gives weight 0, in the limit, to
    all control customers away from that edge.

    Args:
        treatment: One row per treated customer, one column per covariate.
        control: One row per control customer, the same columns.
        names: Of the columns; of two that say the same, the first is kept.
        treatment_weights: One per treated row, for the target; equal if None.
        base_weights: One per control row, above zero, that the weights stay close to; equal if
            None.

    Returns:
        Undefined, naming the covariate, where no weights can reach the target.

    Example:
        >>> found = entropy_balance(treatment=np.array([[3.0], [4.0]]),
        ...     control=np.array([[1.0], [2.0], [5.0]]), names=["visits"])
        >>> found.weights.round(3), round(found.after["visits"], 6)
        (array([0.189, 0.248, 0.563]), 0.0)
    """
    fault = _unusable(treatment=treatment, control=control, names=names)
    if fault is not None:
        return fault
    base = np.ones(len(control)) if base_weights is None else base_weights
    base = base / base.sum()
    centre = np.average(treatment, axis=0, weights=treatment_weights)
    scale = np.sqrt((_variances(treatment) + _variances(control)) / 2)
    gaps = centre - base @ control
    for name, gap, spread, size in zip(names, gaps, scale, np.abs(centre), strict=True):
        if spread == 0 and abs(gap) > ROUNDING * size:
            return Undefined(f"{name!r} is one value in one group and another in the other")
    varies = scale > 0
    scale = np.where(varies, scale, 1.0)
    kept = independent([_moments(control, names)], names)
    columns = [names.index(name) for name in kept]
    deviations = (control[:, columns] - centre[columns]) / scale[columns]
    for name, deviation in zip(kept, deviations.T, strict=True):
        if deviation.min() > 0 or deviation.max() < 0:
            side = "low" if deviation.min() > 0 else "high"
            return Undefined(
                f"no control customer is as {side} in {name!r} as treated customers on average"
            )
    before = np.where(varies, gaps / scale, 0.0)
    found = tilt(deviations, base, start=np.zeros(len(kept)))
    if found is None:
        return _infeasible(deviations, base, kept)
    weights = tilted(deviations, base, found)
    after = np.where(varies, (centre - weights @ control) / scale, 0.0)
    return Weighting(
        weights=weights,
        covariates=kept,
        dropped=tuple(name for name in names if name not in kept),
        before={name: float(gap) for name, gap in zip(names, before, strict=True)},
        after={name: float(gap) for name, gap in zip(names, after, strict=True)},
        effective_customers=effective_size(weights),
        control_customers=len(control),
        centre=centre[columns],
        scale=scale[columns],
        tilt=found,
    )


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size (sum of weights)^2 / sum of squared weights.

    Example:
        >>> effective_size(np.array([1.0, 1.0, 2.0, 0.0]))
        2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights @ weights))


def weighting_faults(found: Weighting) -> tuple[str, ...]:
    """Why a comparison with this weighting must not be decided on; empty where it may.

    Example:
        >>> visits = np.array([[1.0], [2.0], [5.0]])
        >>> weighting_faults(entropy_balance(treatment=visits, control=visits, names=["visits"]))
        ('3.0 effective control customers are fewer than 100',)
    """
    faults = [
        f"after weighting, {name!r} still differs by {abs(gap):.2f} standard deviations, "
        f"above {LARGEST_DIFFERENCE}"
        for name, gap in found.after.items()
        if abs(gap) > LARGEST_DIFFERENCE
    ]
    effective = found.effective_customers
    if effective < SMALLEST_EFFECTIVE_CUSTOMERS:
        faults.append(
            f"{effective:,.1f} effective control customers are fewer than "
            f"{SMALLEST_EFFECTIVE_CUSTOMERS}"
        )
    if effective < SMALLEST_EFFECTIVE_SHARE * found.control_customers:
        faults.append(
            f"{effective:,.1f} effective control customers are less than "
            f"{SMALLEST_EFFECTIVE_SHARE:.0%} of {found.control_customers:,}"
        )
    return tuple(faults)


def tilt(deviations: Floats, base: Floats, *, start: Floats) -> Floats | None:
    """The exponents under which the weighted mean of every deviation is zero.

    Args:
        deviations: Standard deviations from the target, shape (customers, k), of full rank.
        base: Base weights above zero, shape (customers,).
        start: First guess, shape (k,).

    Returns:
        Shape (k,); None where no weights reach the target.
    """
    point, (value, weights) = start, _dual(deviations, base, start)
    for _ in range(STEPS):
        gradient = weights @ deviations
        if np.max(np.abs(gradient), initial=0.0) <= TOLERANCE:
            return point
        # A tilt under which every customer lies on one side of the target proves that there is
        # no weighting; the line search finds one soon, because there the value has no floor.
        if float(np.max(deviations @ point)) < -1:
            return None
        centred = (deviations - gradient) * np.sqrt(weights)[:, None]
        curvature = centred.T @ centred + RIDGE * np.eye(len(point))
        direction = -np.linalg.solve(curvature, gradient)
        slope, step = float(gradient @ direction), 1.0
        while True:
            trial = point + step * direction
            reached, trial_weights = _dual(deviations, base, trial)
            # Close to the minimum a decrease is smaller than the rounding of the value.
            if reached <= value + 1e-4 * step * slope + 1e-14 * (1 + abs(value)):
                break
            step /= 2
            if step < 1e-12:
                return None
        point, value, weights = trial, reached, trial_weights
    return None


def tilted(deviations: Floats, base: Floats, exponents: Floats) -> Floats:
    """Base weights times exp(deviations x exponents), scaled to sum 1."""
    return _dual(deviations, base, exponents)[1]


def _dual(deviations: Floats, base: Floats, exponents: Floats) -> tuple[float, Floats]:
    """The function that the tilt minimises, and its weights."""
    reach = deviations @ exponents
    top = float(reach.max())
    weights = base * np.exp(reach - top)
    total = float(weights.sum())
    return top + float(np.log(total)), weights / total


def _infeasible(deviations: Floats, base: Floats, names: Sequence[str]) -> Undefined:
    """Name the first covariate that cannot be matched together with those before it."""
    start, many = np.zeros(0), 0
    while many < len(names):
        many += 1
        found = tilt(deviations[:, :many], base, start=np.append(start, 0.0))
        if found is None:
            break
        start = found
    before = " at once with " + ", ".join(map(repr, names[: many - 1])) if many > 1 else ""
    return Undefined(f"no weights of the control customers match {names[many - 1]!r}{before}")


def _unusable(*, treatment: Floats, control: Floats, names: Sequence[str]) -> Undefined | None:
    """Why two groups of rows cannot be balanced, or None when they can."""
    if not names:
        return Undefined("there is no covariate to balance")
    for side, rows in (("treatment", treatment), ("control", control)):
        if len(rows) == 0:
            return Undefined(f"the {side} group has no customer")
        for name, column in zip(names, rows.T, strict=True):
            if not np.isfinite(column).all():
                return Undefined(f"{name!r} has values that are not numbers in the {side} group")
    return None


def _variances(rows: Floats) -> Floats:
    """Variances of the columns, where what rounding leaves of equal values counts as 0."""
    if len(rows) < 2:
        return np.zeros(rows.shape[1])
    variances = np.var(rows, axis=0, ddof=1)
    return np.where(variances > (ROUNDING * rows.mean(axis=0)) ** 2, variances, 0.0)


def _moments(rows: Floats, names: Sequence[str]) -> Moments:
    """Moments of the columns, for the test of redundancy alone."""
    means = rows.mean(axis=0)
    centred = rows - means
    scatter = centred.T @ centred
    return Moments(
        names=tuple(names),
        n=len(rows),
        means=tuple(means.tolist()),
        scatter=tuple(tuple(line) for line in scatter.tolist()),
        cubes=(None,) * len(names),
    )
