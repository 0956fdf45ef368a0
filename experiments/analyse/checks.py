"""Can the result be trusted? Each check is a value: a name, an outcome, a number, a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from experiments.analyse.evidence import Reach, RowsUsed
from experiments.analyse.looks import LookTaken
from experiments.analyse.variables import label
from experiments.behavior.summaries import Sums
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.balance import omnibus_balance, standardised_difference
from experiments.stats.split import split_check
from experiments.terms import CheckName, Look
from experiments.words import day, p_is

SPLIT_WARNS, SPLIT_FAILS = 0.01, 0.001
BALANCE_FAILS = 0.001
NOTABLE_DIFFERENCE = 0.1  # standardised; the band that readers of balance tables look for


class Outcome(StrEnum):
    """What a check came to."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    INFORMS = "informs"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: One of `CheckName`, a fixed word that scripts may rely on.
        outcome: What it came to.
        blocking: Whether its failure makes the verdict invalid.
        value: The number it looked at, if there is one.
        p_value: Of its test, if it is one.
        sentence: The result in plain words.
    """

    name: str
    outcome: Outcome
    blocking: bool
    value: float | None
    p_value: float | None
    sentence: str


def split(plan: Plan, customers: Mapping[str, int]) -> Check:
    """Are the groups as large as planned? If not, somebody fell out of one of them unevenly."""
    shares = plan.design.planned_shares()
    observed = [customers.get(arm, 0) for arm in plan.design.arms]
    counts = ", ".join(f"{arm} {n:,}" for arm, n in zip(plan.design.arms, observed, strict=True))
    found = split_check(observed=observed, shares=[float(share) for share in shares.values()])
    if isinstance(found, Undefined):
        return Check(
            CheckName.SPLIT, Outcome.FAILED, True, None, None, f"No split: {found.reason}."
        )
    if found.p_value < SPLIT_FAILS:
        outcome, verdict = Outcome.FAILED, "The groups are not as large as planned"
        advice = " Find out who is missing before believing any result."
    elif found.p_value < SPLIT_WARNS:
        outcome, verdict = Outcome.WARNED, "The groups differ from the planned split"
        advice = " Look for customers lost on the way into one of the groups."
    else:
        outcome, verdict, advice = Outcome.PASSED, "The groups are as large as planned", ""
    sentence = f"{verdict}: {counts} ({p_is(found.p_value)}).{advice}"
    return Check(CheckName.SPLIT, outcome, True, found.statistic, found.p_value, sentence)


def balance(plan: Plan, sums: Mapping[str, Sums], baseline: Sequence[str]) -> list[Check]:
    """Were the groups alike before? One check per treatment.

    Args:
        plan: Names the arms.
        sums: Exact sums per arm, products of every pair of the baseline among them.
        baseline: Variables that were known before enrolment.
    """
    control = plan.design.control
    return [
        _balance(treatment, control, sums, baseline)
        for treatment in plan.design.treatments
        if treatment in sums and control in sums
    ]


def _balance(
    treatment: str, control: str, sums: Mapping[str, Sums], baseline: Sequence[str]
) -> Check:
    if not baseline:
        sentence = (
            "Nothing is known of the customers before the pilot that could be compared: a number, "
            "or a text with at most 20 different values."
        )
        return Check(CheckName.BALANCE, Outcome.NOT_APPLICABLE, True, None, None, sentence)
    treated, controls = sums[treatment].moments(baseline), sums[control].moments(baseline)
    joint = omnibus_balance(treatment=treated, control=controls, names=baseline)
    largest, name = None, ""
    for variable in baseline:
        gap = standardised_difference(
            treatment=treated.sample(variable), control=controls.sample(variable)
        )
        if isinstance(gap, float) and (largest is None or abs(gap) > abs(largest)):
            largest, name = gap, label(variable)
    if isinstance(joint, Undefined):
        sentence = f"Balance cannot be tested: {joint.reason}."
        return Check(CheckName.BALANCE, Outcome.NOT_APPLICABLE, True, largest, None, sentence)
    one_by_one = (
        "no difference can be given in standard deviations, because nothing varies inside a group"
        if largest is None
        else f"the largest difference known before the pilot is {largest:+.3f} standard deviations "
        f"({name})"
    )
    seen = f"{treatment} against {control}: {one_by_one}; all together {p_is(joint.p_value)}."
    if joint.p_value < BALANCE_FAILS:
        outcome = Outcome.FAILED
        seen = f"The groups were not alike before the pilot. {seen} A random draw would be."
    elif largest is not None and abs(largest) > NOTABLE_DIFFERENCE:
        outcome, seen = Outcome.WARNED, f"The groups differed a little before the pilot. {seen}"
    else:
        outcome, seen = Outcome.PASSED, f"The groups were alike before the pilot. {seen}"
    return Check(CheckName.BALANCE, outcome, True, largest, joint.p_value, seen)


def contamination(plan: Plan, reach: Mapping[str, Reach]) -> Check:
    """Did customers of one group get what was meant for the other?"""
    control = reach[plan.design.control]
    treated = [reach[arm] for arm in plan.design.treatments]
    contacted, customers = sum(r.contacted for r in treated), sum(r.customers for r in treated)
    if contacted + control.contacted == 0:
        sentence = "No contacts were recorded, so it is not known who was really reached."
        return Check(CheckName.CONTAMINATION, Outcome.NOT_APPLICABLE, False, None, None, sentence)
    share = control.contacted / control.customers if control.customers else 0.0
    missed = customers - contacted
    sentence = (
        f"{control.contacted:,} of {control.customers:,} control customers were contacted and "
        f"{missed:,} of {customers:,} treatment customers were not. Everybody counts in the group "
        f"to which they were assigned, so that this dilutes the effect and does not bias it upward."
    )
    outcome = Outcome.WARNED if share > 0.05 else Outcome.INFORMS
    return Check(CheckName.CONTAMINATION, outcome, False, share, None, sentence)


def looks(look: LookTaken) -> Check:
    """Was this look permitted before there was anything to see?"""
    if look.lifted is not None:
        sentence = (
            f"{look.lifted.by} lifted the veil on {day(look.lifted.on)}, before a permitted look: "
            f"{look.lifted.reason} These numbers can prove nothing; the planned look stays."
        )
        return Check(CheckName.LOOKS, Outcome.FAILED, True, None, None, sentence)
    number = None if look.number is None else float(look.number)
    if look.kind is Look.ALWAYS_VALID:
        sentence = (
            f"Every day may be a look; {look.critical[-1]:.2f} standard errors pay for it."
            if look.critical
            else "Every day may be a look; nobody's days are over yet."
        )
    elif look.planned == 1:
        sentence = "Outcomes are looked at once, after the end, as the plan says."
    else:
        sentence = (
            f"Look {look.number} of {look.planned} planned, at {look.information[-1]:.0%} of the "
            f"information; it is read {look.critical[-1]:.2f} standard errors wide."
        )
    return Check(CheckName.LOOKS, Outcome.PASSED, True, number, None, sentence)


def window_complete(look: LookTaken, closes_on: date) -> Check:
    """Is the last customer's window over?"""
    if look.as_of <= closes_on:
        sentence = (
            f"The last window closes on {day(closes_on)}. Customers whose days are not over by "
            f"{day(look.as_of)} are not yet measured."
            if not look.growing
            else f"The window grows until {day(closes_on)}; days before {day(look.as_of)} count."
        )
        return Check(CheckName.WINDOW_COMPLETE, Outcome.INFORMS, False, None, None, sentence)
    return measured(closes_on, look.as_of)


def measured(closes_on: date, as_of: date) -> Check:
    """The last customer's window is over."""
    sentence = (
        f"Every customer's window closed by {day(closes_on)}; "
        f"rows are read up to the day before {day(as_of)}."
    )
    return Check(CheckName.WINDOW_COMPLETE, Outcome.PASSED, True, None, None, sentence)


def not_measured(closes_on: date, as_of: date) -> Check:
    """The last customer's window is still open."""
    sentence = f"The last window closes on {day(closes_on)}; today is {day(as_of)}."
    return Check(CheckName.WINDOW_COMPLETE, Outcome.FAILED, True, None, None, sentence)


def rows_complete(missing: Mapping[str, str], used: Mapping[str, RowsUsed]) -> Check:
    """Do the rows of every measure reach to the end of the window?

    Args:
        missing: Per measure whose rows stop early, which days are missing.
        used: Per metric, where its rows lie; a mistyped year shows here.
    """
    if missing:
        sentence = " ".join(
            f"Rows of {measure!r} are missing {days}." for measure, days in missing.items()
        )
        return Check(CheckName.ROWS_COMPLETE, Outcome.FAILED, True, None, None, sentence)
    counts = "; ".join(f"{metric} {rows}" for metric, rows in used.items())
    sentence = f"The rows of every measure reach to the end of the window. Rows: {counts}."
    return Check(CheckName.ROWS_COMPLETE, Outcome.PASSED, True, None, None, sentence)
