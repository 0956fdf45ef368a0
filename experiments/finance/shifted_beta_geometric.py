"""How long customers under contract stay: the shifted beta-geometric model.

At the end of each period a customer ends the contract with a probability that is constant for the
customer and follows a beta distribution over customers. Fader and Hardie (2007), How to Project
Customer Retention, Journal of Interactive Marketing 21(1):76-90; remaining value as in their (2010)
Customer-Base Valuation in a Contractual Setting, Marketing Science 29:85-93.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, psi

from experiments.errors import Undefined
from experiments.finance.likelihood import maximise
from experiments.stats.moments import Floats
from experiments.stats.survival import DayCounts


@dataclass(frozen=True, slots=True)
class ShiftedBetaGeometric:
    """The model with the two shapes of its beta distribution, both above 0."""

    alpha: float
    beta: float

    def survival(self, periods: int) -> float:
        """Share of new customers still under contract after so many periods.

        Example:
            >>> round(ShiftedBetaGeometric(alpha=0.668, beta=3.806).survival(1), 3)
            0.851
        """
        return float(self._survivals(np.array([float(periods)]))[0])

    def retention(self, period: int) -> float:
        """Share of the customers under contract before a period who are so after it.

        Args:
            period: From 1, the first after which a customer can leave.
        """
        return (self.beta + period - 1) / (self.alpha + self.beta + period - 1)

    def remaining_value(
        self, *, margin: float, survived: int, periods: int, discount_rate: float = 0.0
    ) -> float:
        """Expected margin of a customer under contract, discounted to today.

        Args:
            margin: At the end of each period for which the customer stays.
            survived: Periods that the customer has already stayed.
            periods: Periods to come that count.
            discount_rate: Per period; 0.01 is one per cent.

        Example:
            >>> model = ShiftedBetaGeometric(alpha=1.0, beta=1.0)
            >>> round(model.remaining_value(margin=6.0, survived=0, periods=2), 6)
            5.0
        """
        ahead = np.arange(1.0, periods + 1)
        stays = self._survivals(survived + ahead) / self.survival(survived)
        return float(margin * np.sum(stays * np.exp(-ahead * np.log1p(discount_rate))))

    def log_likelihood(self, counts: DayCounts) -> float:
        """Log-likelihood of when customers left, or how long they have stayed."""
        return _log_likelihood(np.array([self.alpha, self.beta]), counts)[0]

    def _survivals(self, periods: Floats) -> Floats:
        found = np.exp(betaln(self.alpha, self.beta + periods) - betaln(self.alpha, self.beta))
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ShiftedBetaGeometricFit:
    """The model of greatest likelihood, and the logarithm of that likelihood."""

    model: ShiftedBetaGeometric
    log_likelihood: float


def fit_shifted_beta_geometric(counts: DayCounts) -> ShiftedBetaGeometricFit | Undefined:
    """Fit the model by maximum likelihood.

    Args:
        counts: Times are whole periods from 1: who left at the end of each, and who had stayed
            that long when last seen.
    """
    if counts.customers == 0:
        return Undefined("there is no customer")
    if sum(counts.lapsed) == 0:
        return Undefined("no customer has left, so that nothing shows how fast they leave")
    found = maximise(
        lambda parameters: _log_likelihood(parameters, counts),
        start={"alpha": 1.0, "beta": 1.0},
        customers=counts.customers,
    )
    if isinstance(found, Undefined):
        return found
    return ShiftedBetaGeometricFit(ShiftedBetaGeometric(*found.parameters), found.log_likelihood)


def _log_likelihood(parameters: Floats, counts: DayCounts) -> tuple[float, Floats]:
    """The log-likelihood, and its slopes in alpha and beta."""
    alpha, beta = parameters
    times = np.asarray(counts.times)
    lapsed, stayed = np.asarray(counts.lapsed), np.asarray(counts.censored)
    value = (
        lapsed @ betaln(alpha + 1, beta + times - 1)
        + stayed @ betaln(alpha, beta + times)
        - counts.customers * betaln(alpha, beta)
    )
    ends = psi(alpha + beta + times)
    common = counts.customers * psi(alpha + beta) - (lapsed + stayed) @ ends
    slopes = [
        lapsed.sum() * psi(alpha + 1)
        + stayed.sum() * psi(alpha)
        - counts.customers * psi(alpha)
        + common,
        lapsed @ psi(beta + times - 1)
        + stayed @ psi(beta + times)
        - counts.customers * psi(beta)
        + common,
    ]
    return float(value), np.array(slopes, dtype=np.float64)
