"""What a treated customer is worth: D = incremental margin - (1 + hurdle) x program cost.

D is one linear contrast of the money metric, read at the interval of the plan's design. Where
contacts cost money, cost is random too, and enters the contrast customer by customer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimates import (
    Comparison,
    Estimate,
    Method,
    Simultaneous,
    comparisons,
    headline_of,
    simultaneous,
)
from experiments.analyse.evidence import Evidence
from experiments.errors import Undefined
from experiments.finance.roi import known_cost_roi, random_cost_roi
from experiments.pilot import Basis, Plan
from experiments.stats.estimate import Difference
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.posterior import NormalPrior, probability_below
from experiments.value.cost import UnitCost, unit_cost


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with its interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Reading":
        """Scaled by a positive factor."""
        return Reading(self.value * factor, self.low * factor, self.high * factor)

    def plus(self, shift: float) -> "Reading":
        """Moved by a constant."""
        return Reading(self.value + shift, self.low + shift, self.high + shift)


@dataclass(frozen=True, slots=True)
class Value:
    """What one treatment is worth, on one basis; money in the plan's currency.

    Attributes:
        treatment: The arm.
        basis: Cash of the pilot, or cost at roll-out.
        customers: Assigned treatment customers, to whom `net` adds up.
        margin: Incremental margin per customer.
        cost: Program cost per customer, hurdle not included.
        contrast: D per customer.
        contrast_se: Standard error of D.
        net: Incremental margin less cost, hurdle not included, over all the customers.
        roi: Net over cost.
        probability_of_loss: That D is below 0.
        break_even: Effect on the money metric, in its unit, at which D is 0.
        control_group_cost: What holding the control group back cost; negative where it saved.
    """

    treatment: str
    basis: Basis
    customers: int
    margin: Reading
    cost: float
    contrast: Reading
    contrast_se: float
    net: Reading
    roi: Reading | Undefined
    probability_of_loss: float | Undefined
    break_even: float
    control_group_cost: float


@dataclass(frozen=True, slots=True)
class _Money:
    """The estimates of one treatment, all by the headline's method.

    Attributes:
        headline: The money metric's deciding estimate.
        margin: Incremental margin per customer.
        contacts: Contacts per customer that are charged to the program.
        contrast: D per customer.
    """

    headline: Estimate
    margin: Difference
    contacts: Difference | None
    contrast: Difference


def values(plan: Plan, analysis: Analysis, *, basis: Basis) -> dict[str, Value | Undefined]:
    """What each treatment is worth; Undefined where its effect is."""
    if analysis.evidence is None:
        return {arm: Undefined("outcomes are veiled") for arm in plan.design.treatments}
    treated = sum(analysis.customers[arm] for arm in plan.design.treatments)
    cost = unit_cost(plan, basis=basis, treated_customers=treated)
    money = {
        arm: _money(plan, analysis.evidence, analysis.estimates, treatment=arm, cost=cost)
        for arm in plan.design.treatments
    }
    known = {arm: found for arm, found in money.items() if isinstance(found, _Money)}
    joint = _joint(plan, known)
    return {
        arm: _value(plan, analysis, found, cost=cost, basis=basis, joint=joint.get(arm))
        if isinstance(found, _Money)
        else found
        for arm, found in money.items()
    }


def _joint(plan: Plan, known: Mapping[str, _Money]) -> dict[str, Simultaneous | None]:
    """With several treatments, D of each at the simultaneous interval."""
    if len(plan.design.treatments) < 2:
        return {}
    read = simultaneous([one.contrast for one in known.values()], confidence=plan.confidence)
    return dict(zip(known, read, strict=True))


def _money(
    plan: Plan,
    evidence: Evidence,
    estimates: Sequence[Estimate],
    *,
    treatment: str,
    cost: UnitCost,
) -> _Money | Undefined:
    """Estimate margin, charged contacts and D of one treatment."""
    headline = headline_of(estimates, metric=plan.value.metric, treatment=treatment)
    if headline is None:
        return Undefined("a group has no customers")
    if isinstance(headline.difference, Undefined):
        return headline.difference
    unit = float(plan.value.money_per_unit)
    hurdle = 1 + float(plan.value.hurdle_rate)
    margin = _scaled(headline.difference, unit)
    if cost.per_contact == 0:
        return _Money(headline, margin, None, _shifted(margin, -hurdle * cost.known))
    comparison = next(
        found
        for found in comparisons(plan, evidence)
        if found.segment is None and found.treatment_arm == treatment
    )
    outcome = evidence.outcomes[plan.value.metric]
    charge = -hurdle * cost.per_contact
    contrast = _estimate(
        plan,
        comparison,
        headline,
        treated={outcome: unit, "contacts": charge},
        controls={outcome: unit, **({"contacts": charge} if cost.counts_control else {})},
    )
    contacts = _estimate(
        plan,
        comparison,
        headline,
        treated={"contacts": 1.0},
        controls={"contacts": 1.0 if cost.counts_control else 0.0},
    )
    if isinstance(contrast, Undefined) or isinstance(contacts, Undefined):
        return _contacts_are_constant(comparison, headline, margin, cost, hurdle)
    return _Money(headline, margin, contacts, _shifted(contrast, -hurdle * cost.known))


def _contacts_are_constant(
    comparison: Comparison, headline: Estimate, margin: Difference, cost: UnitCost, hurdle: float
) -> _Money:
    """Everybody was contacted equally often: then contacts are known and cost is not random."""
    treated = comparison.treatment.moments(["contacts"]).mean("contacts")
    controls = comparison.control.moments(["contacts"]).mean("contacts")
    charged = treated - (controls if cost.counts_control else 0.0)
    contacts = Difference(charged, 0.0, math.inf, math.inf, 0.0, charged, charged, 0.0)
    total = cost.known + cost.per_contact * charged
    return _Money(headline, margin, contacts, _shifted(margin, -hurdle * total))


def _estimate(
    plan: Plan,
    comparison: Comparison,
    headline: Estimate,
    *,
    treated: Mapping[str, float],
    controls: Mapping[str, float],
) -> Difference | Undefined:
    """Estimate a combination of outcomes by the headline's method."""
    if headline.method is not Method.LIN:
        return comparison.unadjusted(treated=treated, controls=controls, confidence=plan.confidence)
    found = comparison.adjusted(
        headline.adjusted_for, treated=treated, controls=controls, confidence=plan.confidence
    )
    return found if isinstance(found, Undefined) else found.difference


def _scaled(difference: Difference, factor: float) -> Difference:
    return replace(
        difference,
        value=difference.value * factor,
        se=difference.se * factor,
        low=difference.low * factor,
        high=difference.high * factor,
        control_variance=difference.control_variance * factor**2,
    )


def _shifted(difference: Difference, shift: float) -> Difference:
    return replace(
        difference,
        value=difference.value + shift,
        low=difference.low + shift,
        high=difference.high + shift,
        statistic=(difference.value + shift) / difference.se if difference.se else math.inf,
    )


def _value(
    plan: Plan,
    analysis: Analysis,
    money: _Money,
    *,
    cost: UnitCost,
    basis: Basis,
    joint: Simultaneous | None,
) -> Value:
    """Put one treatment's money together."""
    n_treatment, n_control = money.headline.n_treatment, money.headline.n_control
    unit, hurdle = float(plan.value.money_per_unit), float(plan.value.hurdle_rate)
    contacts = money.contacts.value if money.contacts else 0.0
    per_customer = cost.known + cost.per_contact * contacts
    contrast = _reading(money.contrast, joint)
    half = 1.0
    if joint is not None and money.contrast.high > money.contrast.low:
        half = (joint.high - joint.low) / (money.contrast.high - money.contrast.low)
    margin = _widened(money.margin, half)
    net = contrast.plus(hurdle * per_customer)
    return Value(
        treatment=money.headline.treatment,
        basis=basis,
        customers=n_treatment,
        margin=margin,
        cost=per_customer,
        contrast=contrast,
        contrast_se=money.contrast.se,
        net=net.times(n_treatment),
        roi=_roi(plan, money, cost, margin=margin, widened=half),
        probability_of_loss=_probability_of_loss(plan, money.contrast, per_customer),
        break_even=(1 + hurdle) * per_customer / unit,
        control_group_cost=net.value * n_control,
    )


def _reading(difference: Difference, joint: Simultaneous | None) -> Reading:
    if joint is None:
        return Reading(difference.value, difference.low, difference.high)
    return Reading(difference.value, joint.low, joint.high)


def _widened(difference: Difference, factor: float) -> Reading:
    """The interval stretched around its estimate, as the simultaneous one of D is."""
    return Reading(
        difference.value,
        difference.value - (difference.value - difference.low) * factor,
        difference.value + (difference.high - difference.value) * factor,
    )


def _roi(
    plan: Plan, money: _Money, cost: UnitCost, *, margin: Reading, widened: float
) -> Reading | Undefined:
    """Net over cost: an exact map of the interval where cost is known, else Fieller's."""
    if money.contacts is None or money.contacts.se == 0:
        contacts = money.contacts.value if money.contacts else 0.0
        found = known_cost_roi(
            effect=margin.value,
            low=margin.low,
            high=margin.high,
            cost_per_customer=cost.known + cost.per_contact * contacts,
            customers=money.headline.n_treatment,
        )
        if isinstance(found, Undefined):
            return found
        return Reading(found.roi, found.interval.low, found.interval.high)
    charge = (1 + float(plan.value.hurdle_rate)) * cost.per_contact
    # D = margin - charge x contacts, and its variance holds the covariance of the two.
    covariance = (money.margin.se**2 + charge**2 * money.contacts.se**2 - money.contrast.se**2) / (
        2 * charge
    )
    # The simultaneous interval is the single one stretched, and so is its critical value.
    critical = quantile(0.5 + plan.confidence / 2) * widened
    random = random_cost_roi(
        margin=money.margin.value,
        cost=cost.known + cost.per_contact * money.contacts.value,
        variance_margin=money.margin.se**2,
        variance_cost=(cost.per_contact * money.contacts.se) ** 2,
        covariance=cost.per_contact * covariance,
        confidence=1 - 2 * upper_tail(critical),
    )
    if isinstance(random, Undefined):
        return random
    if isinstance(random.interval, Undefined):
        return random.interval
    return Reading(random.value, random.interval.low, random.interval.high)


def _probability_of_loss(
    plan: Plan, contrast: Difference, per_customer: float
) -> float | Undefined:
    """P(D < 0) of the normal posterior; flat prior unless the plan states one."""
    said = plan.design.prior
    unit, hurdle = float(plan.value.money_per_unit), float(plan.value.hurdle_rate)
    prior = None
    if said is not None:
        mean = float(said.mean) * unit - (1 + hurdle) * per_customer
        prior = NormalPrior(mean=mean, sd=float(said.sd) * unit)
    return probability_below(value=contrast.value, se=contrast.se, prior=prior)
