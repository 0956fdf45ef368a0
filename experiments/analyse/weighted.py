"""Control customers weighted to be like the treated ones, where people chose who is which."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experiments.analyse.variables import CONTACTS, Outcome
from experiments.errors import Undefined
from experiments.stats.estimate import Difference
from experiments.stats.fieller import Ratio
from experiments.stats.moments import Floats
from experiments.stats.weighted_did import WeightedDifference
from experiments.stats.weighted_means import WeightedMeans

OUTCOME, LAST_BEFORE, OF_CONTACTS = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """One metric of one treatment.

    Attributes:
        means: Of the outcome, of the last pre-period, and of contacts, in both groups.
        outcome: What the first of them is.
        pre_periods: How many pre-periods were matched.
        placebo: The same comparison one period early, where nothing was done yet; None for a
            metric that decides nothing.
        pooled_variance: Of the outcome between customers, within the two groups.
        sampled: Whether a group is a random sample because it had too many rows.
    """

    means: WeightedMeans
    outcome: Outcome
    pre_periods: int
    placebo: WeightedDifference | Undefined | None
    pooled_variance: float
    sampled: bool

    @property
    def largest_gap(self) -> tuple[float, str]:
        """The covariate that still differs most after weighting, in standard deviations."""
        after = self.means.weighting.after
        # What is left of a matched covariate is rounding, and no two threads round alike.
        gaps = {name: round(gap, 6) + 0.0 for name, gap in after.items()}
        name = max(gaps, key=lambda covariate: abs(gaps[covariate]))
        return gaps[name], name

    @property
    def treated_mean(self) -> float:
        """Of the outcome."""
        return self.means.mean(treated=_one(OUTCOME), controls=_one())

    @property
    def control_mean(self) -> float:
        """What the treated customers' outcome would have been, had they changed like the others."""
        return self.means.mean(treated=_one(LAST_BEFORE), controls=self._control_change)

    @property
    def _control_change(self) -> Floats:
        return _one(OUTCOME) - _one(LAST_BEFORE)

    def difference(
        self,
        *,
        treated: Mapping[Outcome, float],
        controls: Mapping[Outcome, float],
        confidence: float,
    ) -> Difference | Undefined:
        """Difference-in-differences of a combination of the outcome and contacts.

        There were no contacts before. Where the outcome has another weight among control
        customers (a tolerance on their mean), the pre-period is still taken from both alike: it
        corrects what the weighting left of the difference before.

        Args:
            treated: Weight of each in the treatment arm.
            controls: Weight of each in the control arm.
            confidence: Of the interval.
        """
        before = treated.get(self.outcome, 0.0) * _one(LAST_BEFORE)
        return self.means.difference(
            treated=self._weights(treated) - before,
            controls=self._weights(controls) - before,
            confidence=confidence,
        )

    def lift(self, *, confidence: float) -> Ratio | Undefined:
        """The effect on the outcome as a share of what it would have been."""
        before = _one(LAST_BEFORE)
        found = self.means.ratio(
            (_one(OUTCOME), _one()), (before, self._control_change), confidence=confidence
        )
        return found if isinstance(found, Undefined) else found.shifted(-1)

    def _weights(self, given: Mapping[Outcome, float]) -> Floats:
        weights = _one()
        for outcome, weight in given.items():
            if outcome not in (self.outcome, Outcome(CONTACTS)):
                raise KeyError(f"{outcome.variable!r} was not weighted with this metric")
            weights[OUTCOME if outcome == self.outcome else OF_CONTACTS] += weight
        return weights


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is known of groups that people chose.

    Attributes:
        weighted: Per metric and treatment, the control customers weighted to be like the treated.
        pre_periods: Per metric, how many pre-periods the ledger reaches into; no entry for a sum
            over a sum, which is not weighted.
    """

    weighted: Mapping[tuple[str, str], Weighted | Undefined]
    pre_periods: Mapping[str, int]


def _one(at: int | None = None) -> Floats:
    """1 for one of the three values, 0 for the others."""
    weights = np.zeros(3)
    if at is not None:
        weights[at] = 1.0
    return weights
