"""Can the result be trusted? Each check is a value: a name, an outcome, a number, a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from experiments.analyse.looks import LookTaken
from experiments.analyse.rows import Reach, RowsUsed
from experiments.analyse.schedule import Lifted
from experiments.analyse.variables import label
from experiments.behavior.sums import Sums
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.balance import omnibus_balance, standardised_difference
from experiments.stats.split import split_check
from experiments.terms import CheckName, DesignKind, Look
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


def split(
    plan: Plan, customers: Mapping[str, int], *, clusters: Mapping[str, int] | None = None
) -> Check:
    """Are the groups as large as planned? If not, somebody fell out of one of them unevenly.

    Args:
        plan: Names arms and shares.
        customers: Per arm.
        clusters: Per arm, where those were assigned; else empty.
    """
    shares = plan.design.planned_shares()
    units, assigned = ("clusters", clusters) if clusters else ("customers", customers)
    observed = [assigned.get(arm, 0) for arm in plan.design.arms]
    counts = ", ".join(f"{arm} {n:,}" for arm, n in zip(plan.design.arms, observed, strict=True))
    found = split_check(observed=observed, shares=[float(share) for share in shares.values()])
    if plan.design.kind is DesignKind.SUPPLIED:
        sentence = f"People chose the groups, so that their sizes test no draw: {counts} {units}."
        return Check(CheckName.SPLIT, Outcome.INFORMS, False, None, None, sentence)
    if isinstance(found, Undefined):
        return Check(
            CheckName.SPLIT, Outcome.FAILED, True, None, None, f"No split: {found.reason}."
        )
    if found.p_value < SPLIT_FAILS:
        outcome, verdict = Outcome.FAILED, "The groups are not as large as planned"
        advice = (
            f" {_chance_of_split(found.p_value)} Find out which {units} are missing, and why, "
            f"before believing any result."
        )
    elif found.p_value < SPLIT_WARNS:
        outcome, verdict = Outcome.WARNED, "The groups differ from the planned split"
        advice = (
            f" {_chance_of_split(found.p_value)} If {units} were lost on the way into one group, "
            f"those who are left are not alike, and the difference between the groups is not the "
            f"program's alone. The result is shown; before relying on it, compare the groups as "
            f"they were drawn with the file that was enrolled, and look for filters, crashes or "
            f"repeated entries that touch one group only."
        )
    else:
        outcome, verdict, advice = Outcome.PASSED, "The groups are as large as planned", ""
    counted = f"{counts} {units}" if units != "customers" else counts
    sentence = f"{verdict}: {counted} ({p_is(found.p_value)}).{advice}"
    return Check(CheckName.SPLIT, outcome, True, found.statistic, found.p_value, sentence)


def _chance_of_split(p_value: float) -> str:
    """How often chance alone would part the groups so unevenly, in whole draws."""
    if p_value < SPLIT_FAILS:
        return "Chance alone parts groups so unevenly in fewer than 1 of 1,000 draws."
    return f"Chance alone parts groups so unevenly in {1000 * p_value:.0f} of 1,000 draws."


def balance(plan: Plan, sums: Mapping[str, Sums], baseline: Sequence[str]) -> list[Check]:
    """Were the groups alike before? One check per treatment.

    Args:
        plan: Names the arms.
        sums: Exact sums per arm, products of every pair of the baseline among them.
        baseline: Variables that were known before enrolment.
    """
    control = plan.design.control
    return [
        _balance(
            treatment, control, sums, baseline, drawn=plan.design.kind is not DesignKind.SUPPLIED
        )
        for treatment in plan.design.treatments
        if treatment in sums and control in sums
    ]


def _balance(
    treatment: str,
    control: str,
    sums: Mapping[str, Sums],
    baseline: Sequence[str],
    *,
    drawn: bool,
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
    if not drawn:
        seen = f"People chose the groups, so that they may differ before weighting. {seen}"
        return Check(CheckName.BALANCE, Outcome.INFORMS, False, largest, joint.p_value, seen)
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
    missed = f"{customers - contacted:,} of {customers:,} treatment customers"
    if len(treated) > 1:
        missed = " and ".join(
            f"{r.customers - r.contacted:,} of {r.customers:,} of “{arm}”"
            for arm, r in zip(plan.design.treatments, treated, strict=True)
        )
    sentence = (
        f"{control.contacted:,} of {control.customers:,} control customers were contacted and "
        f"{missed} were not. Everybody counts in the group "
        f"to which they were assigned, so that this dilutes the effect and does not bias it upward."
    )
    outcome = Outcome.WARNED if share > 0.05 else Outcome.INFORMS
    return Check(CheckName.CONTAMINATION, outcome, False, share, None, sentence)


def looks(look: LookTaken, lifts: Sequence[Lifted] = ()) -> Check:
    """Was this look permitted before there was anything to see?

    Args:
        look: This one.
        lifts: Who looked before the plan allowed, in analyses before this one.
    """
    if look.lifted is not None:
        sentence = (
            f"Outcomes were looked at before the plan allowed: {look.lifted.words}. These "
            f"numbers prove nothing; the planned looks stay as they are."
        )
        if lifts:
            sentence += f" So they were before: {_all_who_lifted(lifts)}."
        return Check(CheckName.LOOKS, Outcome.FAILED, True, None, None, sentence)
    number = None if look.number is None else float(look.number)
    if lifts:
        return replace(looked_before(lifts), value=number)
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


def looked_before(lifts: Sequence[Lifted]) -> Check:
    """Somebody looked at outcomes before the plan allowed."""
    times = "once" if len(lifts) == 1 else f"{len(lifts)} times"
    sentence = (
        f"Outcomes were looked at {times} before the plan allowed: {_all_who_lifted(lifts)}. "
        f"Whoever saw them may have acted on them."
    )
    return Check(CheckName.LOOKS, Outcome.WARNED, True, None, None, sentence)


def _all_who_lifted(lifts: Sequence[Lifted]) -> str:
    return "; ".join(lifted.words for lifted in lifts)


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


def not_measured(closes_on: date, as_of: date, *, why: str = "") -> Check:
    """The last customer's window is still open, or `why` else it is too early for a look."""
    begins = why or f"the last window closes on {day(closes_on)}"
    sentence = f"{begins[0].upper()}{begins[1:]}; today is {day(as_of)}."
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
    rows = f" Rows: {counts}." if used else ""
    sentence = f"The rows of every measure reach to the end of the window.{rows}"
    return Check(CheckName.ROWS_COMPLETE, Outcome.PASSED, True, None, None, sentence)
