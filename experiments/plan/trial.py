"""What the power of a pilot depends on, but for its size: kind of metric, baseline, groups, design.

Every design comes to three numbers for each group: the variance of its mean, and the degrees of
freedom with which that variance is known.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from experiments.design import Design
from experiments.errors import BadInput, Undefined
from experiments.plan.baseline import Baseline
from experiments.plan.looking import FIXED, Looking
from experiments.stats.lin import CUSTOMERS_PER_COVARIATE
from experiments.stats.moments import Floats
from experiments.terms import SHARES, DesignKind, MetricKind

SMALLEST_GROUP = 2
# With fewer clusters in a group nothing is proved.
FEWEST_CLUSTERS = 5
COMPUTABLE = (1e-60, 1e60)  # spreads whose fourth powers neither vanish nor overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """How customers are parted, and how surely the answer is to be read.

    Attributes:
        control: Share of the customers who are held back.
        treatments: Share of each treatment.
        alpha: Two-sided error rate of the plan.
    """

    control: float
    treatments: tuple[float, ...]
    alpha: float = 0.05

    def __post_init__(self) -> None:
        shares = (self.control, *self.treatments)
        if not self.treatments or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise BadInput(
                "The shares of control and treatments must be above 0 and add up to 1; "
                f"they are {', '.join(f'{share:g}' for share in shares)}."
            )
        if not 0 < self.alpha <= 0.5:
            raise BadInput(f"alpha is {self.alpha}; give a number above 0, at most 0.5.")

    @classmethod
    def of(cls, design: Design) -> "Groups":
        """The groups of a plan."""
        shares = design.planned_shares()
        return cls(
            control=float(shares[design.control]),
            treatments=tuple(float(shares[arm]) for arm in design.treatments),
            alpha=float(design.alpha),
        )

    @property
    def fewest_customers(self) -> int:
        """As few as can be compared at all: two in the smallest group."""
        return self.customers_for_each(SMALLEST_GROUP)

    def customers_for_each(self, group: float) -> int:
        """Customers, of all groups together, of whom the smallest group has so many."""
        return math.ceil(group / min(self.control, *self.treatments) - 1e-9)

    def treated(self, customers: float) -> float:
        """How many of the customers are offered the program, all treatments together."""
        return customers * sum(self.treatments)


@dataclass(frozen=True, slots=True)
class Precision:
    """How surely two groups of some sizes are compared; every shape is that of the sizes.

    Attributes:
        variances: Of the mean of the smallest treatment, and of control.
        df: Degrees of freedom of each.
        customers: Customers, of treatment and control, that the two means really rest upon.
    """

    variances: tuple[Floats, Floats]
    df: tuple[Floats, Floats]
    customers: tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A pilot, as far as its power depends on anything but its size.

    With several treatments every number speaks of the smallest one, the hardest to prove.

    Attributes:
        kind: Of the metric.
        baseline: What customers do now.
        groups: Control and treatments.
        design: How customers come to be on their side.
        looking: When outcomes may be looked at.
    """

    kind: MetricKind
    baseline: Baseline
    groups: Groups
    design: DesignKind = DesignKind.RANDOMIZED
    looking: Looking = field(default=FIXED)

    @property
    def is_share(self) -> bool:
        """Whether the metric is a share of customers, whose spread follows from it."""
        return self.kind in SHARES

    @property
    def uses_newcombe(self) -> bool:
        """Whether the interval is Newcombe's: a share of customers, unadjusted, one by one."""
        is_adjusted = self.baseline.correlation != 0 or self.baseline.explained != 0
        return self.is_share and not is_adjusted and self.design is not DesignKind.CLUSTERED

    @property
    def fewest_customers(self) -> int:
        """As few as can be compared at all: two in each group, or so many clusters."""
        clusters = self._clusters()
        if isinstance(clusters, float):
            return self.groups.customers_for_each(FEWEST_CLUSTERS * clusters)
        remaining = self._answering()
        if self.design is DesignKind.SUPPLIED:
            remaining *= self.baseline.effective_share or 1.0
        return self.groups.customers_for_each(SMALLEST_GROUP / remaining)

    def why_not(self, effect: float) -> Undefined | None:
        """Why there is no power at all, or None where there is.

        Args:
            effect: True effect per treated customer.
        """
        base = self.baseline
        missing = base.missing_for(self.design)
        if missing is not None:
            return missing
        if self.is_share:
            if not 0 < base.mean < 1:
                return Undefined("a rate of 0 or 1 has no spread to plan with")
            if not 0 < base.mean + effect < 1:
                return Undefined(
                    f"an effect of {effect:g} would take the rate of {base.mean:g} beyond 0 or 1"
                )
        spread = base.spread(self.kind)
        if isinstance(spread, Undefined):
            return spread
        if spread == 0:
            return Undefined("all customers have the same value, so that there is no spread")
        spread *= math.sqrt((1 - base.correlation**2) * (1 - base.explained))
        if self.is_share:
            rate = base.mean + effect
            spread = min(spread, rate, 1 - rate)
        if not COMPUTABLE[0] < spread < COMPUTABLE[1]:
            return Undefined("customers differ too little or too much to compute with")
        if not math.isfinite(effect):
            return Undefined("the effect is no number")
        return None

    def too_few(self, customers: int) -> Undefined | None:
        """Why so few customers cannot be compared, or None where they can."""
        if customers >= self.fewest_customers:
            return None
        smallest = (
            f"{FEWEST_CLUSTERS} clusters"
            if isinstance(self._clusters(), float)
            else f"{SMALLEST_GROUP}"
        )
        return Undefined(
            f"{customers} customers leave a group with fewer than {smallest}; "
            f"it takes {self.fewest_customers}"
        )

    def precision(self, customers: Floats, *, effect: float = 0.0) -> Precision:
        """How surely groups of some sizes are compared.

        Args:
            customers: Of all groups together, shape (sizes,).
            effect: True effect, on which the spread of a share depends.
        """
        base = self.baseline
        spread = float(base.spread(self.kind) or 0.0)
        squares = (spread**2, spread**2)
        if self.is_share:
            rate = base.mean + effect
            squares = (rate * (1 - rate), spread**2)
        customers = np.asarray(customers, dtype=float) * self._answering()
        treated = customers * min(self.groups.treatments)
        controls = customers * self.groups.control
        if self.design is DesignKind.SUPPLIED:
            controls = controls * (base.effective_share or 1.0)
        size = self._clusters()
        units = (treated, controls)
        inflation = 1.0
        if isinstance(size, float) and base.clusters is not None:
            units = (treated / size, controls / size)
            inflation = base.clusters.design_effect
        is_known = (base.correlation != 0) & (np.minimum(*units) >= CUSTOMERS_PER_COVARIATE)
        left = np.where(is_known, 1 - base.correlation**2, 1.0) * (1 - base.explained) * inflation
        spent = np.where(is_known, 2.0, 1.0)
        return Precision(
            variances=(squares[0] * left / treated, squares[1] * left / controls),
            df=(units[0] - spent, units[1] - spent),
            customers=(treated, controls),
        )

    def _answering(self) -> float:
        return self.baseline.response_rate if self.kind is MetricKind.LATEST else 1.0

    def _clusters(self) -> float | None:
        """Customers of a cluster; None where customers are assigned one by one."""
        if self.design is not DesignKind.CLUSTERED or self.baseline.clusters is None:
            return None
        return float(self.baseline.clusters.size)
