"""Means of treated customers beside those of control customers weighted to be like them.

Entropy balancing of the control rows (Hainmueller 2012, Political Analysis 20:25-46), and a
bootstrap of customers, or clusters, within each group that repeats the weighting: Efron and
Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 12. Several values of a
customer are drawn together, so that any combination of their means has its variance, and a ratio
of two of them its covariance. Needs rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.balancing import Weighting, effective_size, entropy_balance
from experiments.stats.bootstrap import DRAWS
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.fieller import Ratio, fieller
from experiments.stats.limits import difference, quantile
from experiments.stats.moments import Floats
from experiments.stats.redrawn import Customers, redrawn_differences

ROWS_PER_GROUP = 100_000
# Draws whose weighting does not exist may be left out up to this share.
FAILED_SHARE = 0.05
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One group's customers, n of them.

    Attributes:
        values: What is averaged, shape (n, m).
        covariates: What is matched, shape (n, k).
        clusters: Number of each customer's cluster, shape (n,); None where customers were chosen
            one by one. A cluster is in one group only.
    """

    values: Floats
    covariates: Floats
    clusters: npt.NDArray[np.int64] | None = None

    @property
    def unit(self) -> str:
        """What was chosen, and is drawn."""
        return "customers" if self.clusters is None else "clusters"

    def numbered(self) -> npt.NDArray[np.int64]:
        """The unit of each row, numbered from 0 without gaps."""
        if self.clusters is None:
            return np.arange(len(self.values))
        return np.unique(self.clusters, return_inverse=True)[1]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedMeans:
    """Means of m values in both groups, and what they are in every draw.

    Attributes:
        treated: Means of the treated customers, shape (m,).
        controls: Weighted means of the control customers, shape (m,).
        replicates: The same in each draw, treated first, shape (draws, 2 m).
        largest: Largest absolute value of each, shape (m,).
        df: Degrees of freedom: units of the smaller group less 1, those of the control group
            counted by Kish's effective size.
        weighting: Of the control rows used.
        failed: Draws left out because they have no weighting.
        treated_rows: Treated rows used.
        control_rows: Control rows used.
        sampled: Whether they are a random sample because there were more than the limit.
    """

    treated: Floats
    controls: Floats
    replicates: Floats
    largest: Floats
    df: float
    weighting: Weighting
    failed: int
    treated_rows: int
    control_rows: int
    sampled: bool

    def mean(self, *, treated: Floats, controls: Floats) -> float:
        """A combination of the means of both groups, added up.

        Args:
            treated: Weight of each treated mean, shape (m,).
            controls: Weight of each control mean, shape (m,).
        """
        return steady(float(treated @ self.treated + controls @ self.controls))

    def difference(
        self, *, treated: Floats, controls: Floats, confidence: float
    ) -> Difference | Undefined:
        """A combination of treated means less one of control means, by Student's t.

        Args:
            treated: Weight of each treated mean, shape (m,).
            controls: Weight of each control mean, shape (m,), subtracted.
            confidence: Of the interval, between 0 and 1.
        """
        se = steady(float(np.std(self._drawn(treated, -controls), ddof=1)))
        if se <= ROUNDING * float((np.abs(treated) + np.abs(controls)) @ self.largest):
            return Undefined("all customers of a group changed alike, so that nothing varies")
        if self.df < 1:
            return Undefined("the weights leave fewer than 2 effective customers or clusters")
        of_controls = self._drawn(np.zeros_like(treated), controls)
        return difference(
            value=self.mean(treated=treated, controls=-controls),
            se=se,
            df=self.df,
            control_variance=steady(float(np.var(of_controls, ddof=1))),
            confidence=confidence,
            alternative=Alternative.TWO_SIDED,
        )

    def ratio(
        self,
        numerator: tuple[Floats, Floats],
        denominator: tuple[Floats, Floats],
        *,
        confidence: float,
    ) -> Ratio | Undefined:
        """One combination over another, with Fieller's interval.

        Args:
            numerator: Weights of the treated and of the control means, added up, shapes (m,).
            denominator: The same.
            confidence: Of the interval, between 0 and 1.
        """
        if self.df < 1:
            return Undefined("the weights leave fewer than 2 effective customers or clusters")
        pair = [self._drawn(*weights) for weights in (numerator, denominator)]
        covariance = np.cov(pair)
        return fieller(
            numerator=self.mean(treated=numerator[0], controls=numerator[1]),
            denominator=self.mean(treated=denominator[0], controls=denominator[1]),
            variance_numerator=steady(float(covariance[0, 0])),
            variance_denominator=steady(float(covariance[1, 1])),
            covariance=steady(float(covariance[0, 1])),
            critical=quantile((1 + confidence) / 2, df=self.df),
        )

    def _drawn(self, treated: Floats, controls: Floats) -> Floats:
        return np.asarray(self.replicates @ np.concatenate([treated, controls]))


def weighted_means(
    *,
    treatment: Group,
    control: Group,
    names: Sequence[str],
    rng: np.random.Generator,
    draws: int = DRAWS,
    rows_per_group: int = ROWS_PER_GROUP,
) -> WeightedMeans | Undefined:
    """Weight the control customers, take the means, and repeat both on customers drawn again.

    Args:
        treatment: The treated customers.
        control: The control customers, with the same columns.
        names: Of the covariates; of two that say the same, the first is kept.
        rng: Draws the bootstrap, and the sample of a group above the limit.
        draws: How often customers are drawn.
        rows_per_group: A larger group is replaced by a random sample of this size (of whole
            clusters where it has them).

    Example:
        >>> rng = np.random.default_rng(1)
        >>> def group(n, effect):
        ...     x = rng.normal(10, 2, (n, 1))
        ...     return Group(x + effect + rng.normal(0, 1, (n, 1)), x)
        >>> found = weighted_means(treatment=group(100, 3.0), control=group(200, 1.0),
        ...     names=["visits"], rng=rng)
        >>> one = np.ones(1)
        >>> round(found.difference(treated=one, controls=one, confidence=0.95).value, 1)
        1.9
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if _units(group) < 2:
            return Undefined(f"the {side} group has fewer than 2 {group.unit}")
    if treatment.clusters is not None and control.clusters is not None:
        shared = np.intersect1d(treatment.clusters, control.clusters)
        if len(shared):
            return Undefined(f"{len(shared)} clusters have customers in both groups")
    treated = _sample(treatment, rows_per_group, rng)
    controls = _sample(control, rows_per_group, rng)
    weighting = entropy_balance(
        treatment=treated.covariates, control=controls.covariates, names=names
    )
    if isinstance(weighting, Undefined):
        return weighting
    for side, group in (("treatment", treated), ("control", controls)):
        if not np.isfinite(group.values).all():
            return Undefined(f"the outcome has values that are not numbers in the {side} group")
    columns = [list(names).index(name) for name in weighting.covariates]
    # Zeros beside the values keep apart in every draw what treated and control customers do.
    nothing = np.zeros_like
    replicates = redrawn_differences(
        treatment=_customers(
            treated, np.hstack([treated.values, nothing(treated.values)]), weighting, columns
        ),
        control=_customers(
            controls, np.hstack([nothing(controls.values), -controls.values]), weighting, columns
        ),
        weights=weighting.weights,
        draws=draws,
        rng=rng,
    )
    failed = draws - len(replicates)
    if failed > FAILED_SHARE * draws:
        return Undefined(f"{failed:,} of {draws:,} bootstrap draws cannot be weighted")
    effective = effective_size(np.bincount(controls.numbered(), weighting.weights).astype(float))
    return WeightedMeans(
        treated=treated.values.mean(axis=0),
        controls=np.asarray(weighting.weights @ controls.values),
        replicates=replicates,
        largest=np.abs(np.vstack([treated.values, controls.values])).max(axis=0),
        df=steady(min(_units(treated), effective) - 1),
        weighting=weighting,
        failed=failed,
        treated_rows=len(treated.values),
        control_rows=len(controls.values),
        sampled=treated is not treatment or controls is not control,
    )


def _customers(group: Group, values: Floats, weighting: Weighting, columns: list[int]) -> Customers:
    """What the bootstrap draws, in standard deviations from the target."""
    return Customers(
        deviations=(group.covariates[:, columns] - weighting.centre) / weighting.scale,
        values=values,
        units=group.numbered(),
    )


def steady(value: float) -> float:
    """To ten significant digits; beyond, the order counts in which threads add up.

    Example:
        >>> steady(2 / 3)
        0.6666666667
    """
    return float(f"{value:.10g}")


def _units(group: Group) -> int:
    return len(group.values) if group.clusters is None else len(np.unique(group.clusters))


def _sample(group: Group, limit: int, rng: np.random.Generator) -> Group:
    """The group, or a random part of it of at most `limit` rows (and at least two clusters)."""
    if len(group.values) <= limit:
        return group
    units = group.numbered()
    kept = np.isin(units, drawn_units(units, limit=limit, rng=rng))
    return Group(
        values=group.values[kept],
        covariates=group.covariates[kept],
        clusters=None if group.clusters is None else group.clusters[kept],
    )


def drawn_units(
    units: npt.NDArray[np.int64], *, limit: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Units drawn at random until their rows reach the limit; at least two.

    Args:
        units: The unit of each row, numbered from 0 without gaps, shape (rows,).
        limit: Most rows.
        rng: Draws them.
    """
    order = rng.permutation(int(units.max()) + 1)
    sizes = np.cumsum(np.bincount(units)[order])
    return order[: max(2, int(np.searchsorted(sizes, limit, side="right")))]
