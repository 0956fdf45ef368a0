"""What a customer is still worth: margins to come, discounted to today.

Simple: constant margin, retention and discount; Gupta and Lehmann (2003), Journal of Interactive
Marketing 17(1):9-24, with margins at the end of each period. Without contract: purchases expected
by the BG/NBD model, each month's at its end, times the amount expected by the gamma-gamma model;
Fader, Hardie and Lee (2005), Journal of Marketing Research 42:415-430.
"""

import math

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.finance.bgnbd import BgNbd
from experiments.finance.gamma_gamma import GammaGamma
from experiments.stats.moments import Floats

WEEKS_PER_MONTH = 4.345


def monthly_rate(annual_rate: float) -> float:
    """The rate per month that compounds to a rate per year.

    Args:
        annual_rate: 0.1 is ten per cent; above -1.

    Example:
        >>> round(monthly_rate(0.12), 6)
        0.009489
    """
    return math.expm1(math.log1p(annual_rate) / 12)


def simple_lifetime_value(
    *, margin: float, periods: int, retention: float = 1.0, discount_rate: float = 0.0
) -> float:
    """Sum over t = 1 .. periods of margin x retention^t / (1 + discount rate)^t.

    Args:
        margin: Per period, at its end.
        periods: How many count.
        retention: Share of customers that stay from one period to the next.
        discount_rate: Per period; 0.01 is one per cent.

    Example:
        >>> simple_lifetime_value(margin=300.0, periods=12 * 20)
        72000.0
    """
    kept = retention / (1 + discount_rate)
    return math.fsum(margin * kept**period for period in range(1, periods + 1))


def discounted_purchases(
    model: BgNbd,
    *,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    months: int,
    monthly_discount: float = 0.0,
    units_per_month: float = WEEKS_PER_MONTH,
) -> Floats:
    """Purchases expected of each customer, each month's discounted from its end.

    Args:
        model: Of buying.
        frequency: Repeat purchases so far, shape (customers,).
        recency: Time of the last one after the first purchase, shape of frequency.
        age: Time since the first purchase, shape of frequency.
        months: Months to come that count.
        monthly_discount: Rate per month; 0.01 is one per cent.
        units_per_month: Units of the model's time in a month; 4.345 weeks by default.

    Returns:
        Shape of frequency.
    """
    total = before = np.zeros(np.shape(frequency))
    for month in range(1, months + 1):
        expected = model.conditional_expected_purchases(
            month * units_per_month, frequency=frequency, recency=recency, age=age
        )
        total = total + (expected - before) / (1 + monthly_discount) ** month
        before = expected
    return total


def expected_lifetime_values(
    *,
    buying: BgNbd,
    spending: GammaGamma,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    mean_amount: npt.ArrayLike,
    months: int,
    monthly_discount: float = 0.0,
    units_per_month: float = WEEKS_PER_MONTH,
) -> Floats | Undefined:
    """Value to come of each customer without contract.

    Args:
        buying: Model of purchases.
        spending: Model of amounts, of margin where the value is to be margin.
        frequency: Repeat purchases so far, shape (customers,).
        recency: Time of the last one after the first purchase, shape of frequency.
        age: Time since the first purchase, shape of frequency.
        mean_amount: Mean amount of the repeat purchases, shape of frequency.
        months: Months to come that count.
        monthly_discount: Rate per month; 0.01 is one per cent.
        units_per_month: Units of the model's time in a month; 4.345 weeks by default.

    Returns:
        Money, shape of frequency.
    """
    amounts = spending.expected_amounts(frequency=frequency, mean_amount=mean_amount)
    if isinstance(amounts, Undefined):
        return amounts
    purchases = discounted_purchases(
        buying,
        frequency=frequency,
        recency=recency,
        age=age,
        months=months,
        monthly_discount=monthly_discount,
        units_per_month=units_per_month,
    )
    return purchases * amounts
