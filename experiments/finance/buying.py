"""Sum up each customer's purchases as the models of buying need them.

Frequency, recency and age as in Fader, Hardie and Lee (2005), Marketing Science 24:275-284: days
with a purchase after the first one, time from the first to the last of them, time from the first
one to the end of the observation. Purchases of one day are one purchase.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import numpy.typing as npt

from experiments.stats.moments import Floats


@dataclass(frozen=True, slots=True, eq=False)
class BuyingCounts:
    """How many customers share a buying history; all a model of buying needs.

    Attributes:
        frequency: Repeat purchases, shape (histories,).
        recency: Time of the last purchase after the first, shape of frequency; 0 without repeats.
        age: Time from the first purchase to the end, shape of frequency, in the unit of recency.
        customers: Customers with this history, shape of frequency.
    """

    frequency: Floats
    recency: Floats
    age: Floats
    customers: Floats

    @classmethod
    def of(cls, *, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike) -> Self:
        """Count the histories of customers, each argument of shape (customers,).

        Example:
            >>> BuyingCounts.of(frequency=[0, 2, 0], recency=[0, 3, 0], age=[5, 5, 5]).customers
            array([2., 1.])
        """
        rows = np.stack(
            [np.asarray(column, dtype=float).ravel() for column in (frequency, recency, age)],
            axis=1,
        )
        histories, customers = np.unique(rows, axis=0, return_counts=True)
        return cls(histories[:, 0], histories[:, 1], histories[:, 2], customers.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class BuyingHistories:
    """What each customer bought up to a day.

    Attributes:
        customers: The customers that bought, in order.
        frequency: Days with a purchase after the first, shape (customers,).
        recency: Time of the last purchase after the first, shape of frequency.
        age: Time from the first purchase to the end, shape of frequency.
        repeat_amount: Sum of all amounts after the day of the first purchase, shape of frequency.
    """

    customers: tuple[str, ...]
    frequency: Floats
    recency: Floats
    age: Floats
    repeat_amount: Floats

    @classmethod
    def of(
        cls,
        *,
        customers: Sequence[str],
        days: Sequence[date],
        amounts: Sequence[float],
        end: date,
        days_per_unit: float = 7.0,
    ) -> Self:
        """Sum up dated purchases, one of each per row; those after the end are left out.

        Args:
            customers: Who bought.
            days: When.
            amounts: Money.
            end: Last day of the observation.
            days_per_unit: 7 gives weeks.

        Example:
            >>> found = BuyingHistories.of(customers=["a", "a", "b"], amounts=[9.0, 5.0, 2.0],
            ...     days=[date(2026, 1, 1), date(2026, 1, 15), date(2026, 1, 8)],
            ...     end=date(2026, 1, 29))
            >>> found.frequency, found.recency, found.age, found.mean_repeat_amount
            (array([1., 0.]), array([2., 0.]), array([4., 3.]), array([5., 0.]))
        """
        day = np.array([one.toordinal() for one in days], dtype=np.int64)
        seen = day <= end.toordinal()
        names, who = np.unique(np.asarray(customers, dtype=str)[seen], return_inverse=True)
        # One number for each customer and day, in order of both.
        span = end.toordinal() + 1
        bought, at = np.unique(who * span + day[seen], return_inverse=True)
        per_day = np.bincount(at, np.asarray(amounts, dtype=float)[seen], minlength=len(bought))
        buyer, day = np.divmod(bought, span)
        first = np.flatnonzero(np.diff(buyer, prepend=-1))
        last = np.append(first[1:], len(buyer))[: len(first)] - 1
        per_day[first] = 0.0
        return cls(
            customers=tuple(names.tolist()),
            frequency=(last - first).astype(float),
            recency=(day[last] - day[first]) / days_per_unit,
            age=(end.toordinal() - day[first]) / days_per_unit,
            repeat_amount=np.bincount(buyer, per_day, minlength=len(names)).astype(float),
        )

    @property
    def mean_repeat_amount(self) -> Floats:
        """Mean amount of a repeat purchase; 0 for who has none, where no model reads it."""
        return self.repeat_amount / np.maximum(self.frequency, 1)

    @property
    def counts(self) -> BuyingCounts:
        """How many customers share each history."""
        return BuyingCounts.of(frequency=self.frequency, recency=self.recency, age=self.age)
