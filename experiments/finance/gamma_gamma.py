"""How much customers spend in a purchase: the gamma-gamma model.

Amounts of a customer follow a gamma distribution whose scale differs from customer to customer by
another. Fader, Hardie and Lee (2005), Journal of Marketing Research 42:415-430; Fader and Hardie
(2013), The Gamma-Gamma Model of Monetary Value.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, psi

from experiments.errors import Undefined
from experiments.finance.likelihood import maximise
from experiments.stats.moments import Floats


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The model with its parameters, all above 0.

    Attributes:
        p: Shape of the gamma distribution of a customer's amounts.
        q: Shape of the gamma distribution of their inverse scales.
        v: Inverse scale of that, in money.
    """

    p: float
    q: float
    v: float

    @property
    def mean(self) -> float | Undefined:
        """Mean amount of a purchase over all customers.

        Example:
            >>> round(GammaGamma(p=6.25, q=3.74, v=15.44).mean, 2)
            35.22
        """
        if self.q <= 1:
            return Undefined(f"with q = {self.q:g}, at most 1, the mean amount is infinite")
        return self.p * self.v / (self.q - 1)

    def expected_amounts(
        self, *, frequency: npt.ArrayLike, mean_amount: npt.ArrayLike
    ) -> Floats | Undefined:
        """Mean amount of each customer's purchases to come, given those seen.

        Args:
            frequency: Purchases seen, shape (customers,).
            mean_amount: Their mean amount, shape of frequency; not read where there are none.

        Returns:
            Money, shape of frequency; Undefined where it would be infinite for one of them.
        """
        x, seen = np.asarray(frequency, dtype=float), np.asarray(mean_amount, dtype=float)
        degrees = self.p * x + self.q - 1
        if np.any(degrees <= 0):
            return Undefined(
                f"with p = {self.p:g} and q = {self.q:g} the mean amount of a customer with "
                f"{np.min(x):g} purchases is infinite"
            )
        return self.p * (self.v + np.where(x > 0, x * seen, 0.0)) / degrees

    def log_likelihood(self, *, frequency: npt.ArrayLike, mean_amount: npt.ArrayLike) -> float:
        """Log-likelihood of the mean amounts of the customers who bought again."""
        spending = _Spending.of(frequency, mean_amount)
        return spending.log_likelihood(np.array([self.p, self.q, self.v]))[0]


@dataclass(frozen=True, slots=True)
class GammaGammaFit:
    """The model of greatest likelihood, its logarithm, and how many customers it rests on."""

    model: GammaGamma
    log_likelihood: float
    customers: int


def fit_gamma_gamma(
    *, frequency: npt.ArrayLike, mean_amount: npt.ArrayLike
) -> GammaGammaFit | Undefined:
    """Fit the model by maximum likelihood, without a penalty.

    Customers without a repeat purchase say nothing about amounts, and a mean amount of zero or
    below is outside the model; both are left out.

    Args:
        frequency: Repeat purchases, shape (customers,).
        mean_amount: Their mean amount, shape of frequency.
    """
    spending = _Spending.of(frequency, mean_amount)
    if len(spending.frequency) == 0:
        return Undefined("no customer bought again for an amount above zero")
    scale = float(np.exp(np.mean(np.log(spending.total / spending.frequency))))
    found = maximise(
        spending.log_likelihood,
        start={"p": 2.0, "q": 3.0, "v": scale},
        customers=len(spending.frequency),
    )
    if isinstance(found, Undefined):
        return found
    return GammaGammaFit(
        GammaGamma(*found.parameters), found.log_likelihood, len(spending.frequency)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Spending:
    """Purchases, their total amount and its logarithm, each of shape (customers,)."""

    frequency: Floats
    total: Floats
    log_total: Floats

    @classmethod
    def of(cls, frequency: npt.ArrayLike, mean_amount: npt.ArrayLike) -> "_Spending":
        x, mean = np.asarray(frequency, dtype=float), np.asarray(mean_amount, dtype=float)
        known = (x > 0) & (mean > 0)
        total = x[known] * mean[known]
        return cls(x[known], total, np.log(total))

    def log_likelihood(self, parameters: Floats) -> tuple[float, Floats]:
        """The log-likelihood of the means, and its slopes in p, q and v."""
        p, q, v = parameters
        x, n = self.frequency, len(self.frequency)
        levels, customers = np.unique(x, return_counts=True)
        log_sum = np.log(v + self.total)
        share = 1 / (v + self.total)
        value = (
            customers @ (gammaln(p * levels + q) - gammaln(p * levels))
            + n * (q * np.log(v) - gammaln(q))
            + p * (x @ self.log_total)
            - np.sum(self.log_total - np.log(x))
            - p * (x @ log_sum)
            - q * np.sum(log_sum)
        )
        slopes = [
            (customers * levels) @ (psi(p * levels + q) - psi(p * levels))
            + x @ (self.log_total - log_sum),
            customers @ psi(p * levels + q) + n * (np.log(v) - psi(q)) - np.sum(log_sum),
            n * q / v - p * (x @ share) - q * np.sum(share),
        ]
        return float(value), np.array(slopes, dtype=np.float64)
