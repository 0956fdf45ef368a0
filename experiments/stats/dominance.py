"""How much of a result rests on a few customers.

The customers with the largest amounts, in either direction and over both groups together, are set
apart, and the effect is computed again without them: deletion diagnostics, Belsley, Kuh and Welsch
(1980), Regression Diagnostics, chapter 2. From rows, from distinct values with their counts, or
from the largest of them and the sums over all others.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.means import welch
from experiments.stats.moments import Floats, Sample

TOP = 10


@dataclass(frozen=True, slots=True)
class Dominance:
    """An effect with and without its largest customers.

    Attributes:
        top: How many customers were set apart.
        share_of_amount: Their part of the sum of all absolute amounts, 0 to 1.
        effect: Treatment mean minus control mean over everybody.
        effect_without: The same without them.
        share_of_effect: 1 - effect_without / effect; above 1 where the sign turns, below 0 where
            they hide a part of it; Undefined for an effect of zero.
        moved: effect - effect_without, in standard errors of the effect.
        reverses: Whether without them the effect has the other sign, or none.
    """

    top: int
    share_of_amount: float
    effect: float
    effect_without: float
    share_of_effect: float | Undefined
    moved: float
    reverses: bool


@dataclass(frozen=True, slots=True)
class Amounts:
    """One group: everybody, the customers with the largest amounts, and what is left of it.

    Attributes:
        everybody: All customers of the group.
        absolute: Sum of all absolute amounts.
        values: Distinct amounts; at least those of the `top` customers of both groups together.
        counts: Customers with each, shape of values.
        rest: Customers who are not among these.
        rest_total: Sum of their amounts.
        rest_absolute: Sum of their absolute amounts.
    """

    everybody: Sample
    absolute: float
    values: tuple[float, ...]
    counts: tuple[float, ...]
    rest: float = 0.0
    rest_total: float = 0.0
    rest_absolute: float = 0.0


def dominance(
    *,
    treatment: Floats,
    control: Floats,
    treatment_counts: npt.ArrayLike | None = None,
    control_counts: npt.ArrayLike | None = None,
    top: int = TOP,
) -> Dominance | Undefined:
    """Compare two means with and without the `top` largest customers.

    Customers with the same absolute amount at the edge of the top stand for each other: each
    counts as set apart to the same part, so that neither the order of rows nor the name of a group
    matters.

    Args:
        treatment: Values of treated customers, or distinct values.
        control: The same for control customers.
        treatment_counts: How many customers have each distinct value; one each if None.
        control_counts: The same for control customers.
        top: How many customers to set apart.

    Example:
        >>> found = dominance(treatment=np.array([0.0, 2.0, 4.0, 90.0]),
        ...     control=np.array([0.0, 1.0, 2.0, 1.0]), top=1)
        >>> found.effect, found.effect_without, found.share_of_amount
        (23.0, 1.0, 0.9)
    """
    groups = []
    for rows, given in ((treatment, treatment_counts), (control, control_counts)):
        values = np.asarray(rows, dtype=float)
        counts = np.ones(len(values)) if given is None else np.asarray(given, dtype=float)
        if not np.isfinite(values).all():
            return Undefined("some values are not numbers")
        groups.append(
            Amounts(
                everybody=_counted(values, counts),
                absolute=float(counts @ np.abs(values)),
                values=tuple(values.tolist()),
                counts=tuple(counts.tolist()),
            )
        )
    return dominance_of(treatment=groups[0], control=groups[1], top=top)


def dominance_of(
    *, treatment: Amounts, control: Amounts, top: int = TOP, se: float | None = None
) -> Dominance | Undefined:
    """The same from the largest amounts and what all others add up to.

    Args:
        treatment: Treated customers.
        control: Control customers.
        top: How many customers to set apart.
        se: Standard error of the effect, where customers were not assigned one by one.
    """
    plain = welch(treatment=treatment.everybody, control=control.everybody)
    if isinstance(plain, Undefined):
        return plain
    values = np.array([*treatment.values, *control.values], dtype=float)
    counts = np.array([*treatment.counts, *control.counts], dtype=float)
    is_treated = np.arange(len(values)) < len(treatment.values)
    amounts = np.abs(values)
    left = counts * (1 - _set_apart(amounts, counts, top))
    means = []
    kept = treatment.rest_absolute + control.rest_absolute + float(left @ amounts)
    for side, group, of in (
        ("treatment", treatment, is_treated),
        ("control", control, ~is_treated),
    ):
        remaining = group.rest + float(left[of].sum())
        if remaining <= 0:
            return Undefined(f"no customer of the {side} group is outside the top {top}")
        means.append((group.rest_total + float(left[of] @ values[of])) / remaining)
    without = means[0] - means[1]
    return Dominance(
        top=top,
        share_of_amount=1 - kept / (treatment.absolute + control.absolute),
        effect=plain.value,
        effect_without=without,
        share_of_effect=Undefined("the effect is zero")
        if plain.value == 0
        else 1 - without / plain.value,
        moved=(plain.value - without) / (plain.se if se is None else se),
        reverses=plain.value * without <= 0 and plain.value != 0,
    )


def _set_apart(amounts: Floats, counts: Floats, top: int) -> Floats:
    """The part, 0 to 1, of the customers with each amount that belongs to the top."""
    distinct, place = np.unique(-amounts, return_inverse=True)
    many = np.bincount(place, weights=counts, minlength=len(distinct))
    above = np.cumsum(many) - many
    part = np.clip((top - above) / np.where(many > 0, many, 1.0), 0.0, 1.0)
    return np.asarray(part[place])


def _counted(values: Floats, counts: Floats) -> Sample:
    """Summarise distinct values with their counts."""
    n = int(counts.sum())
    if n == 0:
        return Sample(n=0, mean=0.0, variance=0.0)
    mean = math.fsum(counts * values) / n
    deviations = values - mean
    variance = float(counts @ (deviations * deviations)) / (n - 1) if n > 1 else 0.0
    return Sample(n=n, mean=mean, variance=variance)
