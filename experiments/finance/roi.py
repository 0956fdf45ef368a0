"""What a program returns on its cost: incremental margin / program cost - 1.

A known cost maps an effect and its interval exactly. A cost that differs from customer to customer
is itself an estimate, correlated with the margin of those customers; then the interval is that of
Fieller (1954), Journal of the Royal Statistical Society B 16:175-185, with the delta method beside.
For ROI as a marketing measure: Lenskold (2003), Marketing ROI.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.fieller import Ratio, fieller
from experiments.stats.limits import quantile
from experiments.stats.means import no_spread
from experiments.stats.moments import Moments


@dataclass(frozen=True, slots=True)
class KnownCostRoi:
    """Return on a known cost; money in the currency of the effect.

    Attributes:
        roi: 0.5 is a profit of half the cost; -1 is the whole cost lost.
        interval: Of the ROI.
        net_per_customer: Margin less cost, per treated customer.
        net_interval: Of the net per customer.
        break_even_effect: The effect at which margin pays for the cost.
        effect_total: Effect x customers.
        cost_total: Cost x customers.
        net_total: Net x customers.
    """

    roi: float
    interval: Interval
    net_per_customer: float
    net_interval: Interval
    break_even_effect: float
    effect_total: float
    cost_total: float
    net_total: float


def known_cost_roi(
    *,
    effect: float,
    low: float,
    high: float,
    cost_per_customer: float,
    customers: int,
    margin_rate: float = 1.0,
) -> KnownCostRoi | Undefined:
    """Return on a cost that is the same known number for each treated customer.

    Args:
        effect: Effect per customer, such as spend; treatment minus control.
        low: Lower limit of its interval; may be -inf.
        high: Upper limit of its interval; may be inf.
        cost_per_customer: Program cost per treated customer, above 0.
        customers: Treated customers.
        margin_rate: Margin per unit of the effect, above 0.

    Example:
        >>> found = known_cost_roi(effect=2.0, low=1.0, high=3.0, cost_per_customer=0.5,
        ...     customers=100, margin_rate=0.5)
        >>> found.roi, found.interval, found.break_even_effect, found.net_total
        (1.0, Interval(low=0.0, high=2.0), 1.0, 50.0)
    """
    if cost_per_customer <= 0:
        return _no_cost()
    if margin_rate <= 0:
        return Undefined("the margin rate is not above zero, so that no effect pays for the cost")
    net = margin_rate * effect - cost_per_customer
    net_interval = Interval(
        margin_rate * low - cost_per_customer, margin_rate * high - cost_per_customer
    )
    return KnownCostRoi(
        roi=net / cost_per_customer,
        interval=Interval(
            net_interval.low / cost_per_customer, net_interval.high / cost_per_customer
        ),
        net_per_customer=net,
        net_interval=net_interval,
        break_even_effect=break_even_effect(cost=cost_per_customer, money_per_unit=margin_rate),
        effect_total=effect * customers,
        cost_total=cost_per_customer * customers,
        net_total=net * customers,
    )


def break_even_effect(*, cost: float, money_per_unit: float, hurdle_rate: float = 0.0) -> float:
    """The effect per customer whose margin earns the cost, and the return asked of it.

    Args:
        cost: Program cost per treated customer.
        money_per_unit: Margin per unit of the effect, above 0.
        hurdle_rate: Return asked of the cost; 0.1 is ten per cent.

    Example:
        >>> break_even_effect(cost=0.5, money_per_unit=0.5, hurdle_rate=0.5)
        1.5
    """
    return (1 + hurdle_rate) * cost / money_per_unit


def random_cost_roi(
    *,
    margin: float,
    cost: float,
    variance_margin: float,
    variance_cost: float,
    covariance: float = 0.0,
    confidence: float = 0.95,
) -> Ratio | Undefined:
    """Return on a cost that is an estimate.

    Args:
        margin: Incremental margin per treated customer.
        cost: Program cost per treated customer, above 0.
        variance_margin: Squared standard error of the margin.
        variance_cost: Squared standard error of the cost.
        covariance: Of the two estimates.
        confidence: Of the interval, from the normal distribution.

    Example:
        >>> found = random_cost_roi(margin=3.0, cost=2.0, variance_margin=0.04, variance_cost=0.01)
        >>> found.value, found.bounded
        (0.5, True)
    """
    if cost <= 0:
        return _no_cost()
    ratio = fieller(
        numerator=margin,
        denominator=cost,
        variance_numerator=variance_margin,
        variance_denominator=variance_cost,
        covariance=covariance,
        critical=quantile((1 + confidence) / 2),
    )
    return ratio if isinstance(ratio, Undefined) else ratio.shifted(-1)


def variable_cost_roi(
    *,
    treatment: Moments,
    control: Moments,
    outcome: str,
    unit_costs: Mapping[str, float],
    cost_per_customer: float = 0.0,
    margin_rate: float = 1.0,
    confidence: float = 0.95,
) -> Ratio | Undefined:
    """Return on a cost that depends on what each treated customer did.

    Args:
        treatment: Moments of the outcome and of everything that costs, in the treatment group.
        control: Moments of the outcome in the control group.
        outcome: What brings margin, such as spend.
        unit_costs: Cost per unit of a variable, such as {"visits": 0.25}.
        cost_per_customer: Fixed cost per treated customer, on top.
        margin_rate: Margin per unit of the outcome.
        confidence: Of the interval, from the normal distribution.

    Example:
        >>> found = variable_cost_roi(
        ...     treatment=Moments.of(spend=[4.0, 6.0, 8.0], visits=[1.0, 2.0, 3.0]),
        ...     control=Moments.of(spend=[1.0, 2.0, 3.0]), outcome="spend",
        ...     unit_costs={"visits": 0.5}, cost_per_customer=1.0)
        >>> found.value, round(found.g, 3)
        (1.0, 0.08)
    """
    missing = no_spread(treatment=treatment.sample(outcome), control=control.sample(outcome))
    if missing is not None:
        return missing
    treated = treatment.combine({"margin": {outcome: margin_rate}, "cost": unit_costs})
    controls = control.combine({"margin": {outcome: margin_rate}})
    return random_cost_roi(
        margin=treated.mean("margin") - controls.mean("margin"),
        cost=cost_per_customer + treated.mean("cost"),
        variance_margin=math.fsum(
            [
                treated.covariance("margin", "margin") / treated.n,
                controls.covariance("margin", "margin") / controls.n,
            ]
        ),
        variance_cost=treated.covariance("cost", "cost") / treated.n,
        covariance=treated.covariance("margin", "cost") / treated.n,
        confidence=confidence,
    )


def _no_cost() -> Undefined:
    return Undefined("the program costs nothing, so that a return on its cost has no meaning")
