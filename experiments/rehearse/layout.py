"""The numbers per unit, and the products of them, whose sums over arms are all that methods need.

What a metric compares is taken less its overall value (times what it is divided by), which moves
both groups alike and keeps digits. A share is left as it is, for its events are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.analyse.variables import CUSTOMERS
from experiments.pilot import Metric
from experiments.rehearse.history import Codes, History
from experiments.rehearse.redraw import ArmSums
from experiments.stats.many import ManyMoments
from experiments.stats.moments import Floats
from experiments.terms import SHARES

# What sums of squares leave of values that are all the same.
RESIDUE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Columns over units.

    Attributes:
        columns: Variables, products of pairs, cubes, shape (units, columns).
        place: Per variable, per pair in alphabetical order, and per variable named three times,
            the column of its sum.
        centres: Per metric, its overall value, which its variable does not contain.
        clustered: Whether units are clusters.
    """

    columns: Floats
    place: Mapping[tuple[str, ...], int]
    centres: Mapping[str, float]
    clustered: bool

    def sums(self, found: ArmSums, arm: int, *names: str) -> Floats:
        """Sum of a variable, a product or a cube over an arm, in every draw."""
        return np.asarray(found.sums[:, arm, self.place[tuple(sorted(names))]])

    def moments(self, found: ArmSums, arm: int, names: Sequence[str]) -> ManyMoments:
        """Moments of some variables over an arm, in every draw."""
        n = found.n[:, arm]
        totals = np.stack([self.sums(found, arm, name) for name in names], axis=1)
        products = np.stack(
            [np.stack([self.sums(found, arm, a, b) for b in names], axis=1) for a in names], axis=1
        )
        means = totals / n[:, None]
        scatter = products - n[:, None, None] * means[:, :, None] * means[:, None, :]
        own = np.arange(len(names))
        varies = scatter[:, own, own] > RESIDUE * products[:, own, own]
        return ManyMoments(
            tuple(names), n, means, scatter * (varies[:, :, None] & varies[:, None, :])
        )


def lay_out(history: History, variants: Mapping[str, Floats]) -> Layout:
    """Every column that the readings of the plan's metrics need.

    Args:
        history: The accounts.
        variants: Further outcomes of the money metric, as an effect would have made them, shape
            (customers,) each.
    """
    metrics = history.plan.metrics
    money = history.plan.money_metric
    values: dict[str, Floats] = {
        name: given - given.mean()
        for names in history.covariates.values()
        for name in names
        if (given := history.values[name]) is not None
    }
    centres = {metric.name: _centre(history, metric) for metric in metrics}
    for metric in metrics:
        outcome = history.outcomes[metric.name]
        lower: Floats | float = 1.0
        if outcome.over is not None:
            lower = values[outcome.over] = history.values[outcome.over]
        values[outcome.variable] = history.values[outcome.variable] - centres[metric.name] * lower
    values |= variants
    clustered = history.clusters is not None
    names_of_money = [history.outcomes[money.name].variable, *variants]
    skewed = [] if clustered else names_of_money
    for name in skewed:  # of a ratio, the rule looks at the upper number alone
        given = variants[name] if name in variants else history.values[name]
        values[skew_of(name)] = given - given.mean()
    if history.clusters is not None:
        values = {name: _added(history.clusters, given) for name, given in values.items()}
        values[CUSTOMERS] = _added(history.clusters, np.ones(history.customers))
    families = [family(history, metric) for metric in metrics]
    families += [[name, *family(history, money)[1:]] for name in variants]
    return _laid_out(values, families, [skew_of(name) for name in skewed], centres, clustered)


def family(history: History, metric: Metric) -> list[str]:
    """A metric's variable, what it is divided by, and what adjusts it."""
    outcome = history.outcomes[metric.name]
    size = [] if history.clusters is None else [CUSTOMERS]
    below = [outcome.over] if outcome.over is not None else []
    return list(dict.fromkeys([outcome.variable, *below, *history.covariates[metric.name], *size]))


def skew_of(name: str) -> str:
    """The column of a variable whose cubes are added up."""
    return f"skew {name}"


def _centre(history: History, metric: Metric) -> float:
    if metric.kind in SHARES:
        return 0.0
    outcome = history.outcomes[metric.name]
    upper = history.values[outcome.variable].sum()
    lower = history.customers if outcome.over is None else history.values[outcome.over].sum()
    return float(upper / lower) if lower else 0.0


def _added(clusters: Codes, values: Floats) -> Floats:
    return np.asarray(np.bincount(clusters, weights=values), dtype=float)


def _laid_out(
    values: Mapping[str, Floats],
    families: Sequence[Sequence[str]],
    cubed: Sequence[str],
    centres: Mapping[str, float],
    clustered: bool,
) -> Layout:
    wanted: dict[tuple[str, ...], None] = {}
    for names in families:
        wanted |= {(name,): None for name in names}
        wanted |= {(min(a, b), max(a, b)): None for a in names for b in names}
    for name in cubed:
        wanted |= {(name,) * power: None for power in (1, 2, 3)}
    columns = [np.prod([values[name] for name in names], axis=0) for names in wanted]
    place = {names: at for at, names in enumerate(wanted)}
    return Layout(np.stack(columns, axis=1), place, centres, clustered)
