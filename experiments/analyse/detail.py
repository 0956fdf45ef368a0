"""A number for analysts that decides nothing: another method's answer to the same question."""

from dataclasses import dataclass
from typing import Protocol

from experiments.errors import Undefined
from experiments.stats.estimate import Interval


@dataclass(frozen=True, slots=True)
class Detail:
    """What another method says of a metric and a treatment, all customers.

    Attributes:
        metric: Name of the metric.
        treatment: The arm, against control.
        name: Of the method, such as "odds_ratio".
        value: What it estimates; None where it only tests.
        low: Lower limit; None without an interval.
        high: Upper limit.
        p_value: None without a test.
        note: What the numbers are, for a person.
    """

    metric: str
    treatment: str
    name: str
    value: float | Undefined | None
    low: float | Undefined | None
    high: float | Undefined | None
    p_value: float | Undefined | None
    note: str


class Tested(Protocol):
    """A value with interval and p-value, as most methods give it."""

    @property
    def value(self) -> float:
        """The estimate."""

    @property
    def low(self) -> float:
        """Lower limit."""

    @property
    def high(self) -> float:
        """Upper limit."""

    @property
    def p_value(self) -> float:
        """Of no difference."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the details are of."""

    metric: str
    treatment: str

    def tested(self, name: str, found: Tested | Undefined, note: str) -> Detail:
        """A detail with value, interval and p-value."""
        if isinstance(found, Undefined):
            return self.missing(name, found, note)
        return Detail(
            self.metric,
            self.treatment,
            name,
            found.value,
            found.low,
            found.high,
            found.p_value,
            note,
        )

    def interval(
        self,
        name: str,
        found: Interval | Undefined,
        note: str,
        *,
        value: float | Undefined | None,
        p_value: float | Undefined | None = None,
    ) -> Detail:
        """A detail whose interval stands apart from its value."""
        if isinstance(found, Undefined):
            return Detail(
                self.metric,
                self.treatment,
                name,
                found if value is None else value,
                found,
                found,
                p_value,
                note,
            )
        return Detail(
            self.metric, self.treatment, name, value, found.low, found.high, p_value, note
        )

    def test(self, name: str, p_value: float | Undefined, note: str) -> Detail:
        """A detail that only tests."""
        return Detail(self.metric, self.treatment, name, None, None, None, p_value, note)

    def missing(self, name: str, why: Undefined, note: str) -> Detail:
        """A detail that cannot be computed."""
        return Detail(self.metric, self.treatment, name, why, None, None, None, note)
