"""What else is known of customers beside level and spread, for the outlook of a plan."""

from dataclasses import dataclass, replace
from typing import Final

from experiments.errors import BadInput, Undefined
from experiments.plan.baseline import Baseline, Clusters, Denominator
from experiments.terms import SHARES, MetricKind


@dataclass(frozen=True, slots=True)
class Known:
    """What a design or a kind of metric needs besides; None is as a baseline has it left out.

    Attributes:
        correlation: With the pre-period.
        explained: Share of the remaining variance that strata explain.
        denominator: Of a ratio, per customer.
        denominator_sd: Its spread.
        denominator_correlation: With the numerator.
        response_rate: Share of customers with a last score.
        cluster_size: Customers of a cluster.
        icc: Intraclass correlation.
        cluster_variation: Spread of the sizes over their mean.
        effective_share: What weighting leaves of the control group of supplied lists.
        guardrails: Name of each guardrail whose level is known, with level and spread.
    """

    correlation: float | None = None
    explained: float | None = None
    denominator: float | None = None
    denominator_sd: float | None = None
    denominator_correlation: float | None = None
    response_rate: float | None = None
    cluster_size: float | None = None
    icc: float | None = None
    cluster_variation: float | None = None
    effective_share: float | None = None
    guardrails: tuple[tuple[str, tuple[float, float | None]], ...] = ()

    def added_to(self, base: Baseline) -> Baseline:
        """A baseline with all that is known.

        Raises:
            BadInput: A number is out of its range.
        """
        return replace(
            self._of_design(base),
            correlation=self.correlation or 0.0,
            explained=self.explained or 0.0,
            denominator=None
            if self.denominator is None
            else Denominator(
                mean=self.denominator,
                sd=self.denominator_sd or 0.0,
                correlation=self.denominator_correlation or 0.0,
            ),
            response_rate=1.0 if self.response_rate is None else self.response_rate,
        )

    def guardrail(
        self, kind: MetricKind, level: tuple[float, float | None]
    ) -> Baseline | Undefined:
        """The baseline of a guardrail: its own level and spread, and the same design."""
        mean, sd = level
        try:
            if kind in SHARES:
                return self._of_design(Baseline.of_rate(mean))
            if sd is None:
                return Undefined("say how much customers differ in it (standard deviation)")
            return self._of_design(Baseline(mean=mean, sd=sd))
        except BadInput as error:
            return Undefined(error.what.rstrip("."))

    def _of_design(self, base: Baseline) -> Baseline:
        clusters = None
        if self.cluster_size is not None:
            clusters = Clusters(
                size=self.cluster_size, icc=self.icc, variation=self.cluster_variation or 0.0
            )
        return replace(base, clusters=clusters, effective_share=self.effective_share)


NOTHING_KNOWN: Final = Known()
