"""Does the result rest on enough customers, does it last, and is it too good to be true?

Large lifts: Twyman's law, "any figure that looks interesting or different is usually wrong".
Kohavi, Tang and Xu (2020), Trustworthy Online Controlled Experiments, chapter 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.analyse.checks import Check, Outcome
from experiments.analyse.comparison import Comparison
from experiments.analyse.estimate import Estimate
from experiments.analyse.signs import Signs
from experiments.analyse.variables import CONTACTS, CUSTOMERS, customers_in
from experiments.analyse.variables import Outcome as Compared
from experiments.behavior.signs import MONEY, MONTH, nonzero_of
from experiments.behavior.sums import Sums
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.break_even import BreakEven, break_even_of
from experiments.plan.power import TARGET
from experiments.stats.dominance import Dominance, dominance_of
from experiments.stats.drift import MONTHS_NEEDED, Drift, effect_drift
from experiments.stats.estimate import Difference
from experiments.stats.moments import Moments
from experiments.stats.noncentral_t import noncentral_t_tail
from experiments.stats.ratio import linearised
from experiments.terms import Basis, CheckName
from experiments.words import p_is

FEWEST_NONZERO = 10
SUSPICIOUS_LIFT = 0.5
MOVES = 1.0  # standard errors


def dominance(plan: Plan, signs: Signs) -> Check:
    """Does the effect on money rest on a few customers?"""
    found: list[tuple[str, Dominance]] = []
    for treatment in plan.design.treatments:
        both = _money_of(plan, signs, treatment)
        if both is None or treatment not in signs.largest:
            continue
        plain = both.unadjusted(
            treated={Compared(MONEY): 1.0}, controls={Compared(MONEY): 1.0}, confidence=0.95
        )
        largest = dominance_of(
            treatment=signs.largest[treatment],
            control=signs.largest[plan.design.control],
            se=plain.se if isinstance(plain, Difference) else None,
        )
        if isinstance(largest, Dominance):
            found.append((treatment, largest))
    if not found:
        sentence = (
            "No few customers can dominate a share of customers."
            if not signs.largest
            else "There is too little money, or there are too few customers, to part any from them."
        )
        return Check(CheckName.DOMINANCE, Outcome.NOT_APPLICABLE, False, None, None, sentence)
    treatment, worst = max(found, key=lambda one: (one[1].reverses, abs(one[1].moved)))
    warns = worst.reverses or abs(worst.moved) > MOVES
    seen = (
        f"The {worst.top} customers with the largest amounts have "
        f"{_per_cent(worst.share_of_amount)} of all {plan.value.metric}; without them the plain "
        f"difference of “{treatment}” is {worst.effect_without:,.4g} instead of "
        f"{worst.effect:,.4g} per customer"
    )
    if worst.reverses:
        sentence = f"The result rests on a few customers. {seen}: they alone give it its sign."
    elif warns:
        away = f"{abs(worst.moved):.1f} standard errors away"
        sentence = f"The result rests on a few customers. {seen}, {away}."
    else:
        sentence = f"No few customers make the result. {seen}."
    return Check(
        CheckName.DOMINANCE,
        Outcome.WARNED if warns else Outcome.PASSED,
        False,
        worst.share_of_amount,
        None,
        sentence,
    )


def enough_customers(
    plan: Plan, signs: Signs, estimates: Sequence[Estimate], sums: Mapping[str, Sums]
) -> Check:
    """Are there enough customers for the effect that the plan must find?

    The power is that of telling the break-even effect from none, with the spread, the customers
    and the width of the interval that the money metric really has.

    Args:
        plan: Says from which effect the program pays.
        signs: How many customers have anything but 0.
        estimates: Of which the headlines are read.
        sums: Per arm, of the money metric's family.
    """
    few = [
        f"{metric.name} in “{arm}” ({count:,})"
        for metric in plan.metrics
        for arm in plan.design.arms
        if (count := _fewest(plan, signs, arm, metric.name)) < FEWEST_NONZERO
    ]
    powers = [
        (power, settled)
        for one in estimates
        if one.headline
        and one.metric == plan.value.metric
        and (found := _power(plan, one, sums)) is not None
        for power, settled in [found]
    ]
    power, settled = min(powers, default=(None, True))
    said = []
    if few:
        said.append(
            f"Fewer than {FEWEST_NONZERO} customers have anything but 0, or would have if all "
            f"groups did alike: {', '.join(few)}. Their intervals and p-values are not to be "
            f"relied upon."
        )
    if power is not None:
        said.append(
            f"An effect as large as break-even is told from none with a probability of "
            f"{_per_cent(power)} by so many customers with this spread."
        )
        if power < TARGET:
            said.append(
                "All the same, the interval lies wholly on one side of break-even."
                if settled
                else "That is less than 80 %, so that an open result was to be expected: it is no "
                "proof that the program does nothing."
            )
    elif not few:
        said.append("Every group has customers enough with something to count.")
    lacks = power is not None and power < TARGET
    outcome = Outcome.PASSED
    if few or (lacks and not settled):
        outcome = Outcome.WARNED
    elif lacks:
        outcome = Outcome.INFORMS
    return Check(CheckName.ENOUGH_CUSTOMERS, outcome, False, power, None, " ".join(said))


def _fewest(plan: Plan, signs: Signs, arm: str, metric: str) -> int:
    """Customers of an arm with anything but 0, or as many as it expects of all, if fewer.

    What is expected counts too: at 2 % and shares of 10 to 90 a group that expects 8 events wrongly
    proves in 3.1 % of the pilots, mostly those in which it has more (`tests/studies/RESULTS.md`).
    """
    everybody = [found for other in plan.design.arms if (found := signs.sums.get(other))]
    customers = sum(sums.n for sums in everybody)
    own = signs.sums.get(arm)
    if own is None or customers == 0:
        return 0
    total = sum(_nonzero(signs, other, metric) for other in plan.design.arms)
    return min(_nonzero(signs, arm, metric), total * own.n // customers)


def _nonzero(signs: Signs, arm: str, metric: str) -> int:
    return int(signs.sums[arm].totals[nonzero_of(metric)]) if arm in signs.sums else 0


def _power(plan: Plan, estimate: Estimate, sums: Mapping[str, Sums]) -> tuple[float, bool] | None:
    """The power at break-even, and whether the interval leaves it out; None where there is none."""
    interval, difference = estimate.interval, estimate.difference
    if isinstance(interval, Undefined) or isinstance(difference, Undefined):
        return None
    pays_from = break_even_of(plan, contacts=_contacts(plan, estimate.treatment, sums))
    if isinstance(pays_from, Undefined) or not difference.se:
        return None
    effect = _break_even_effect(plan, pays_from, sums)
    if not effect > 0:
        return None
    critical = (interval.high - interval.low) / 2 / difference.se
    power = float(
        noncentral_t_tail(critical, df=difference.df, noncentrality=effect / difference.se)
    )
    return power, not interval.low <= effect <= interval.high


def _break_even_effect(plan: Plan, pays_from: BreakEven, sums: Mapping[str, Sums]) -> float:
    treated = sum(customers_in(sums[arm]) for arm in plan.design.treatments if arm in sums)
    return pays_from.effect(treated_customers=treated)


def _contacts(plan: Plan, treatment: str, sums: Mapping[str, Sums]) -> float:
    """Contacts that are charged per customer of the treatment: in the pilot less control's."""

    def mean(of: Sums) -> float:
        n = customers_in(of)
        return float(of.totals[CONTACTS]) / n if n else 0.0

    at_control = mean(sums[plan.design.control]) if plan.value.basis is Basis.PILOT else 0.0
    return max(0.0, mean(sums[treatment]) - at_control)


def fading(plan: Plan, signs: Signs) -> Check:
    """Does the effect on money fade from month to month?"""
    found: list[tuple[str, Drift]] = []
    for treatment in plan.design.treatments:
        both = _money_of(plan, signs, treatment)
        if both is None or len(signs.months) < MONTHS_NEEDED:
            continue
        drift = _drift(both, signs.months)
        if isinstance(drift, Drift):
            found.append((treatment, drift))
    if not found:
        sentence = (
            f"Fading shows in a pilot of {MONTHS_NEEDED} months of four weeks or more, in which "
            f"customers differ."
        )
        return Check(CheckName.FADING, Outcome.NOT_APPLICABLE, False, None, None, sentence)
    treatment, worst = min(found, key=lambda one: (not one[1].fades, one[1].slope.p_value))
    seen = (
        f"the effect of “{treatment}” on {plan.value.metric} per customer and {MONTH} days goes "
        f"from {worst.first:,.4g} to {worst.last:,.4g} over {len(worst.effects)} of them "
        f"({p_is(worst.slope.p_value)})"
    )
    if worst.fades:
        sentence = f"The effect fades: {seen}. Do not carry it on into later months."
    else:
        sentence = f"The effect does not fade by more than chance explains: {seen}."
    return Check(
        CheckName.FADING,
        Outcome.WARNED if worst.fades else Outcome.PASSED,
        False,
        worst.slope.value,
        worst.slope.p_value,
        sentence,
    )


def _drift(both: Comparison, months: Sequence[str]) -> Drift | Undefined:
    groups = []
    for sums in (both.treatment, both.control):
        moments = sums.moments([*months, *([CUSTOMERS] if both.clustered else [])])
        if both.clustered:
            per_customer = _per_customer(moments, months)
            if isinstance(per_customer, Undefined):
                return per_customer
            moments = per_customer
        groups.append(moments)
    return effect_drift(treatment=groups[0], control=groups[1], months=months)


def _per_customer(moments: Moments, months: Sequence[str]) -> Moments | Undefined:
    """Each month's sum over the clusters' customers, linearised."""
    found: Moments | Undefined = moments
    for month in months:
        if isinstance(found, Undefined):
            return found
        found = linearised(found, name=f"quotient {month}", numerator=month, denominator=CUSTOMERS)
    if isinstance(found, Undefined):
        return found
    names = tuple(f"quotient {month}" for month in months)
    kept = found.combine({name: {name: 1.0} for name in names})
    return replace(kept, names=tuple(months))


def large_lift(estimates: Sequence[Estimate]) -> Check:
    """Is an effect so large that a mistake is the likelier reason?

    An effect is suspicious where even the nearer end of its relative interval is a change by more
    than half.
    """
    lifts = []
    for one in estimates:
        relative = one.relative_to_decide
        if one.headline and not isinstance(relative, Undefined) and relative.interval:
            limits = relative.interval.low, relative.interval.high
            nearer = min(limits, key=abs) if limits[0] * limits[1] > 0 else 0.0
            lifts.append((abs(nearer), nearer, one))
    if not lifts:
        sentence = "No effect has a size as a share of the control group."
        return Check(CheckName.LARGE_LIFT, Outcome.NOT_APPLICABLE, False, None, None, sentence)
    suspicious = [
        f"{one.metric} by {_per_cent(near)}" for size, near, one in lifts if size > SUSPICIOUS_LIFT
    ]
    largest = max(lifts, key=lambda lift: lift[0])[1]
    if suspicious:
        sentence = (
            f"Changes as large as these are rare, and more often mistakes: {', '.join(suspicious)} "
            f"or more. Check how the numbers were recorded in each group before rejoicing."
        )
        return Check(CheckName.LARGE_LIFT, Outcome.WARNED, False, largest, None, sentence)
    sentence = "No effect is so large that it must be doubted for its size."
    return Check(CheckName.LARGE_LIFT, Outcome.PASSED, False, largest, None, sentence)


def _money_of(plan: Plan, signs: Signs, treatment: str) -> Comparison | None:
    control = plan.design.control
    if treatment not in signs.money or control not in signs.money:
        return None
    clustered = plan.design.cluster is not None
    return Comparison(treatment, control, signs.money[treatment], signs.money[control], clustered)


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"
