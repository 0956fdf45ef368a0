"""How often customers who may silently leave will buy: the BG/NBD model.

While alive a customer buys at a constant rate, and leaves after any purchase with a constant
probability; rates follow a gamma and probabilities a beta distribution. Fader, Hardie and Lee
(2005), "Counting Your Customers" the Easy Way, Marketing Science 24:275-284. Their expectations are
written with Gauss's hypergeometric function, whose usual code overflows for frequent buyers and
divides by zero at a = 1; here they are the integrals over the leaving probability behind it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit, gammaln, polygamma, psi

from experiments.errors import Undefined
from experiments.finance.buying import BuyingCounts
from experiments.finance.likelihood import maximise
from experiments.stats.moments import Floats

NODES = 240
# Beyond it a density is below the last digit of its integral.
REACH = 45.0
# Below it a double has fewer digits.
TINY = 1e-290


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The model with its parameters, all above 0.

    Attributes:
        r: Shape of the gamma distribution of purchase rates.
        alpha: Its inverse scale, in the unit of time.
        a: First shape of the beta distribution of leaving probabilities.
        b: Its second shape.
    """

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, counts: BuyingCounts) -> float:
        """Log-likelihood of the histories of all customers."""
        return _log_likelihood(np.array([self.r, self.alpha, self.a, self.b]), counts)[0]

    def expected_purchases(self, time: float) -> float:
        """Repeat purchases that a new customer is expected to make.

        Args:
            time: From the first purchase on, in the unit of alpha.

        Example:
            >>> round(BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426).expected_purchases(39), 3)
            1.197
        """
        chance, share = _leaving(self.a, self.b)
        return float(_purchases(time, self.r, np.array([self.alpha]), chance)[0] @ share)

    def probability_alive(
        self, *, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike
    ) -> Floats:
        """Probability that a customer has not left; 1 before a repeat purchase, by the model.

        Args:
            frequency: Repeat purchases, shape (customers,).
            recency: Time of the last one after the first purchase, shape of frequency.
            age: Time since the first purchase, shape of frequency.
        """
        x, last, old = (np.asarray(value, dtype=float) for value in (frequency, recency, age))
        log_odds = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + old) - np.log(self.alpha + last))
        )
        return np.where(x > 0, expit(-log_odds), 1.0)

    def conditional_expected_purchases(
        self,
        time: float,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        age: npt.ArrayLike,
    ) -> Floats:
        """Purchases that each customer is expected to make in the time to come.

        Args:
            time: Length of the time to come, in the unit of alpha.
            frequency: Repeat purchases so far, shape (customers,).
            recency: Time of the last one after the first purchase, shape of frequency.
            age: Time since the first purchase, shape of frequency.

        Returns:
            Shape of frequency.

        Example:
            >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
            >>> model.conditional_expected_purchases(
            ...     39, frequency=[2], recency=[30.43], age=[38.86]).round(3)
            array([1.226])
        """
        x, last, old = np.broadcast_arrays(
            *(np.asarray(value, dtype=float) for value in (frequency, recency, age))
        )
        expected = np.empty(x.shape)
        for level in np.unique(x):
            ours = x == level
            ages, at = np.unique(old[ours], return_inverse=True)
            # Who is alive is a new customer whose distributions have learnt from the history.
            chance, share = _leaving(self.a, self.b + level)
            found = _purchases(time, self.r + level, self.alpha + ages, chance) @ share
            expected[ours] = found[at]
        return expected * self.probability_alive(frequency=x, recency=last, age=old)


@dataclass(frozen=True, slots=True)
class BgNbdFit:
    """The model of greatest likelihood, and the logarithm of that likelihood."""

    model: BgNbd
    log_likelihood: float


def fit_bgnbd(counts: BuyingCounts) -> BgNbdFit | Undefined:
    """Fit the model by maximum likelihood, without a penalty."""
    if not np.any(counts.customers > 0):
        return Undefined("there is no customer")
    if not np.any(counts.frequency * counts.customers > 0):
        return Undefined("no customer bought again, so that nothing shows how often they buy")
    customers = float(np.sum(counts.customers))
    found = maximise(
        lambda parameters: _log_likelihood(parameters, counts),
        start={"r": 0.5, "alpha": float(counts.age @ counts.customers) / customers, "a": 1, "b": 2},
        customers=customers,
    )
    if isinstance(found, Undefined):
        return found
    return BgNbdFit(BgNbd(*found.parameters), found.log_likelihood)


def _log_likelihood(parameters: Floats, counts: BuyingCounts) -> tuple[float, Floats]:
    """The log-likelihood, and its slopes in r, alpha, a and b."""
    r, alpha, a, b = parameters
    x, n = counts.frequency, counts.customers
    levels, at = np.unique(x, return_inverse=True)
    per_level = np.bincount(at, n)
    log_old, log_last = np.log(alpha + counts.age), np.log(alpha + counts.recency)
    # Alive at the end, or gone after the last repeat purchase.
    alive = -(r + x) * log_old
    gone = np.full(len(x), -np.inf)
    repeats = x > 0
    gone[repeats] = np.log(a) - np.log(b + x[repeats] - 1) - (r + x[repeats]) * log_last[repeats]
    both = np.logaddexp(alive, gone)
    of_alive, of_gone = np.exp(alive - both), np.exp(gone - both)
    value = (
        per_level
        @ (
            gammaln(r + levels)
            - gammaln(r)
            + r * np.log(alpha)
            + betaln(a, b + levels)
            - betaln(a, b)
        )
        + n @ both
    )
    leaving = psi(a + b) - psi(a + b + levels)
    odds = np.where(repeats, of_gone, 0.0)
    slopes = [
        per_level @ (psi(r + levels) - psi(r) + np.log(alpha))
        - n @ (of_alive * log_old + odds * log_last),
        n
        @ (
            r / alpha
            - (r + x) * (of_alive / (alpha + counts.age) + odds / (alpha + counts.recency))
        ),
        per_level @ leaving + n @ odds / a,
        per_level @ (leaving + psi(b + levels) - psi(b))
        - n[repeats] @ (odds[repeats] / (b + x[repeats] - 1)),
    ]
    return float(value), np.array(slopes, dtype=np.float64)


def _purchases(time: float, r: float, alpha: Floats, chance: Floats) -> Floats:
    """Purchases expected of customers who leave with a given chance, shape (alphas, chances).

    (1 - (1 + chance time / alpha)^-r) / chance, which is r time / alpha for hardly any chance.
    """
    pace = (time / alpha)[:, None]
    return np.where(
        chance > TINY,
        -np.expm1(-r * np.log1p(chance * pace)) / np.maximum(chance, TINY),
        r * pace,
    )


def _leaving(a: float, b: float) -> tuple[Floats, Floats]:
    """Nodes and weights, each of shape (nodes,), for means over a beta distribution.

    The trapezoidal rule on a hyperbolic sine of the logit, on which any shape of the distribution
    is a bell: Takahasi and Mori (1974), Publications of RIMS 9:721-741.
    """
    width = min(1.0, float(np.sqrt(polygamma(1, a) + polygamma(1, b))))
    below = REACH / a + REACH / np.sqrt(a) + np.log1p(REACH / b)
    above = REACH / b + REACH / np.sqrt(b) + np.log1p(REACH / a)
    steps = np.linspace(-np.arcsinh(below / width), np.arcsinh(above / width), NODES)
    logit = np.log(a / b) + width * np.sinh(steps)
    log_chance, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    log_weight = a * log_chance + b * log_rest + np.log(np.cosh(steps))
    weight = np.exp(log_weight - log_weight.max())
    return np.exp(log_chance), weight / weight.sum()
