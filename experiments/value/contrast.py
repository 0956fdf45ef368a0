"""What a treated customer is worth: D = incremental margin - (1 + hurdle) x program cost.

D is one linear contrast of the money metric, read at the interval of the plan's design. Where
contacts cost money, cost is random too, and enters the contrast customer by customer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from experiments.analyse.analysis import Analysis
from experiments.analyse.comparison import Comparison, overall
from experiments.analyse.estimate import Estimate, Method, read_combination
from experiments.analyse.estimates import headline_of
from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import CONTACTS, Outcome
from experiments.errors import Undefined
from experiments.finance.roi import break_even_effect, known_cost_roi, random_cost_roi
from experiments.pilot import Plan
from experiments.stats.dunnett import dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import confidence_of, quantile
from experiments.stats.posterior import (
    NormalPrior,
    expected_loss,
    probability_above,
    probability_below,
)
from experiments.terms import Basis, DesignKind
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
        probability_of_profit: That D is above 0.
        expected_loss: Of D per customer where it is below 0, counting 0 where it is not: what
            going ahead costs on average for not knowing D exactly.
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
    probability_of_profit: float | Undefined
    expected_loss: float | Undefined
    break_even: float
    control_group_cost: float


@dataclass(frozen=True, slots=True)
class _Money:
    """The estimates of one treatment, all by the headline's method.

    Attributes:
        headline: The money metric's deciding estimate.
        deciding: Its interval, in money.
        margin: Incremental margin per customer.
        contacts: Contacts per customer that are charged to the program.
        contacts_se: Their standard error; 0 where they are known.
        cost_is_known: Whether D is the headline less the same cost for everybody.
        contrast: D per customer.
        net: Margin less cost per customer; D without the hurdle.
    """

    headline: Estimate
    deciding: Reading
    margin: Difference
    contacts: float
    contacts_se: float
    cost_is_known: bool
    contrast: Difference
    net: Difference


def values(plan: Plan, analysis: Analysis, *, basis: Basis) -> dict[str, Value | Undefined]:
    """What each treatment is worth; Undefined where its effect is."""
    if analysis.evidence is None:
        return {arm: Undefined("outcomes are veiled") for arm in plan.design.treatments}
    treated = sum(analysis.customers[arm] for arm in plan.design.treatments)
    cost = unit_cost(plan, basis=basis, treated_customers=treated)
    money = {
        arm: _money(plan, analysis, analysis.evidence, treatment=arm, cost=cost)
        for arm in plan.design.treatments
    }
    together = _together(
        plan,
        [one for one in money.values() if isinstance(one, _Money)],
        confidence=analysis.confidence,
    )
    return {
        arm: _value(
            plan,
            found,
            cost=cost,
            basis=basis,
            critical=together,
            confidence=analysis.confidence,
        )
        if isinstance(found, _Money)
        else found
        for arm, found in money.items()
    }


def _together(plan: Plan, known: Sequence[_Money], *, confidence: float) -> float | None:
    """With several treatments, how many standard errors wide the intervals of all D's are."""
    treatments = len(plan.design.treatments)
    if treatments < 2:
        return None
    if plan.design.kind is DesignKind.SUPPLIED:  # Bonferroni, as the estimates are read
        tail = (1 - confidence) / treatments / 2
        return max((quantile(1 - tail, df=one.contrast.df) for one in known), default=None)
    joint = dunnett([one.contrast for one in known], confidence=confidence)
    return None if isinstance(joint, Undefined) else joint.critical


def _money(
    plan: Plan,
    analysis: Analysis,
    evidence: Evidence,
    *,
    treatment: str,
    cost: UnitCost,
) -> _Money | Undefined:
    """Estimate margin, charged contacts and D of one treatment."""
    metric = plan.value.metric
    headline = headline_of(analysis.estimates, metric=metric, treatment=treatment)
    comparison = overall(plan, evidence, treatment, metric=metric)
    if headline is None or comparison is None:
        return Undefined("a group has no customers")
    if isinstance(headline.difference, Undefined):
        return headline.difference
    if isinstance(headline.interval, Undefined):
        return headline.interval
    unit = float(plan.value.money_per_unit)
    hurdle = 1 + float(plan.value.hurdle_rate)
    margin = _scaled(
        _spread_as_interval(headline.method, headline.difference, confidence=analysis.confidence),
        unit,
    )
    deciding = Reading(
        headline.difference.value, headline.interval.low, headline.interval.high
    ).times(unit)
    contacts = _same_for_all(comparison, cost)
    if contacts is not None:
        total = cost.known + cost.per_contact * contacts
        contrast, net = _shifted(margin, -hurdle * total), _shifted(margin, -total)
        return _Money(headline, deciding, margin, contacts, 0.0, True, contrast, net)
    outcome, contacts_made = evidence.outcomes[metric], Outcome(CONTACTS)
    counted = 1.0 if cost.counts_control else 0.0

    def combined(of_outcome: float, of_contacts: float) -> Difference | Undefined:
        return read_combination(
            comparison,
            headline,
            treated={outcome: of_outcome, contacts_made: of_contacts},
            controls={outcome: of_outcome, contacts_made: of_contacts * counted},
            confidence=analysis.confidence,
        )

    before_known = combined(unit, -hurdle * cost.per_contact)
    net_before_known = combined(unit, -cost.per_contact)
    found = combined(0.0, 1.0)
    if isinstance(before_known, Undefined):
        return before_known
    if isinstance(net_before_known, Undefined):
        return net_before_known
    if isinstance(found, Undefined):  # the covariates say exactly who is contacted how often
        charged, charged_se = (margin.value - net_before_known.value) / cost.per_contact, 0.0
    else:
        charged, charged_se = found.value, found.se
    return _Money(
        headline,
        deciding,
        margin,
        charged,
        charged_se,
        False,
        _shifted(before_known, -hurdle * cost.known),
        _shifted(net_before_known, -cost.known),
    )


def _same_for_all(comparison: Comparison, cost: UnitCost) -> float | None:
    """Contacts charged per customer where everybody in an arm had equally many; else None."""
    if cost.per_contact == 0:
        return 0.0
    treated = comparison.sample(comparison.treatment, {Outcome(CONTACTS): 1.0})
    controls = comparison.sample(comparison.control, {Outcome(CONTACTS): 1.0})
    if isinstance(treated, Undefined) or isinstance(controls, Undefined):
        return None
    if treated.variance or (controls.variance and cost.counts_control):
        return None
    return treated.mean - (controls.mean if cost.counts_control else 0.0)


def _spread_as_interval(method: Method, difference: Difference, *, confidence: float) -> Difference:
    """A rate's difference with the standard error that its interval shows.

    Newcombe's interval is wide where a group has few events; the Wald standard error would be
    near zero there, and a probability of loss taken from it would contradict the interval.
    """
    if method is not Method.NEWCOMBE:
        return difference
    half = (difference.high - difference.low) / 2
    return replace(difference, se=half / quantile(0.5 + confidence / 2))


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
    money: _Money,
    *,
    cost: UnitCost,
    basis: Basis,
    critical: float | None,
    confidence: float,
) -> Value:
    """Put one treatment's money together.

    Args:
        plan: The plan.
        money: The estimates of the treatment.
        cost: Program cost per customer.
        basis: Whose cost it is.
        critical: With several treatments, how many standard errors wide their intervals are.
        confidence: Of each single interval.
    """
    unit, hurdle = float(plan.value.money_per_unit), float(plan.value.hurdle_rate)
    per_customer = cost.known + cost.per_contact * money.contacts
    belief = _belief(plan, money.contrast, per_customer)
    if money.cost_is_known:
        # Known cost moves the headline's interval and does not widen it.
        margin = money.deciding
        net = margin.plus(-per_customer)
        contrast = margin.plus(-(1 + hurdle) * per_customer)
    else:
        margin, net = _wide(money.margin, critical), _wide(money.net, critical)
        contrast = _wide(money.contrast, critical)
    return Value(
        treatment=money.headline.treatment,
        basis=basis,
        customers=money.headline.n_treatment,
        margin=margin,
        cost=per_customer,
        contrast=contrast,
        contrast_se=money.contrast.se,
        net=net.times(money.headline.n_treatment),
        roi=_roi(money, cost, margin=margin, critical=critical, confidence=confidence),
        probability_of_loss=probability_below(**belief),
        probability_of_profit=probability_above(**belief),
        expected_loss=expected_loss(**belief),
        break_even=break_even_effect(cost=per_customer, money_per_unit=unit, hurdle_rate=hurdle),
        control_group_cost=net.value * money.headline.n_control,
    )


def _wide(difference: Difference, critical: float | None) -> Reading:
    """The interval of the plan's design: the single one, or so many standard errors wide."""
    if critical is None:
        return Reading(difference.value, difference.low, difference.high)
    reach = critical * difference.se
    return Reading(difference.value, difference.value - reach, difference.value + reach)


def _roi(
    money: _Money, cost: UnitCost, *, margin: Reading, critical: float | None, confidence: float
) -> Reading | Undefined:
    """Net over cost: an exact map of the interval where cost is known, else Fieller's."""
    per_customer = cost.known + cost.per_contact * money.contacts
    if money.contacts_se == 0:
        found = known_cost_roi(
            effect=margin.value,
            low=margin.low,
            high=margin.high,
            cost_per_customer=per_customer,
            customers=money.headline.n_treatment,
        )
        if isinstance(found, Undefined):
            return found
        return Reading(found.roi, found.interval.low, found.interval.high)
    variance_cost = (cost.per_contact * money.contacts_se) ** 2
    # The net is margin less cost, and its variance holds the covariance of the two.
    covariance = (money.margin.se**2 + variance_cost - money.net.se**2) / 2
    reach = quantile(0.5 + confidence / 2)
    if critical is not None:  # stretched as the interval of D is
        reach *= critical / quantile(0.5 + confidence / 2, df=money.contrast.df)
    random = random_cost_roi(
        margin=money.margin.value,
        cost=per_customer,
        variance_margin=money.margin.se**2,
        variance_cost=variance_cost,
        covariance=covariance,
        confidence=confidence_of(reach),
    )
    if isinstance(random, Undefined):
        return random
    if isinstance(random.interval, Undefined):
        return random.interval
    return Reading(random.value, random.interval.low, random.interval.high)


class _Belief(TypedDict):
    """What the readings of a posterior take in."""

    value: float
    se: float
    prior: NormalPrior | None


def _belief(plan: Plan, contrast: Difference, per_customer: float) -> _Belief:
    """D with what the plan believed of it before: nothing (flat), unless it states a prior."""
    said = plan.design.prior
    unit, hurdle = float(plan.value.money_per_unit), float(plan.value.hurdle_rate)
    prior = None
    if said is not None:
        mean = float(said.mean) * unit - (1 + hurdle) * per_customer
        prior = NormalPrior(mean=mean, sd=float(said.sd) * unit)
    return _Belief(value=contrast.value, se=contrast.se, prior=prior)
