"""Did the rows of both groups arrive alike, and did only this program treat them differently?

Fewer rows in one group may be what the program does, so that these checks warn and never block.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from experiments.analyse.checks import Check, Outcome
from experiments.analyse.evidence import Measured
from experiments.analyse.gaps import Gap, widest_gap
from experiments.analyse.signs import Arrivals, Signs
from experiments.analyse.variables import Outcome as Compared
from experiments.analyse.variables import customers_in
from experiments.behavior.signs import (
    LOST,
    OTHERS,
    SEEN_BEFORE,
    SEEN_SINCE,
    any_of,
    late_of,
    measures_of,
)
from experiments.behavior.sums import Sums
from experiments.pilot import Metric, Plan
from experiments.terms import CheckName, MetricKind
from experiments.words import day, p_is

# A week without a single row is no chance where so many customers were to be expected in it.
EXPECTED_IN_A_WEEK = 20
COMMON = 0.5  # share of customers from which on a row is the rule


def rows_alike(plan: Plan, signs: Signs, *, customers: Mapping[str, int]) -> Check:
    """Do rows arrive alike from every group: matched, week by week, and until the end?

    Args:
        plan: Names arms and measures.
        signs: What arrived.
        customers: Enrolled customers per arm.
    """
    matched = widest_gap(plan, signs.sums, Compared(SEEN_BEFORE), is_share=True)
    ends = {
        measure: widest_gap(
            plan, signs.sums, Compared(late_of(measure), any_of(measure)), is_share=True
        )
        for measure in measures_of(plan)
    }
    tests = sum(gap is not None for gap in (matched, *ends.values()))
    gaps = [gap.among(tests) for gap in (matched, *ends.values()) if gap is not None]
    said: list[str] = []
    if matched is not None and (gap := matched.among(tests)).warns:
        said.append(
            f"A row from before the enrolment is known of {_both(plan, gap)}; the program cannot "
            f"have done that. Look for customers whose numbers were not matched."
        )
    for measure, end in ends.items():
        silent = list(_silent_weeks(plan, measure, signs.arrivals[measure], customers))
        said += silent
        if not silent and end is not None and (gap := end.among(tests)).warns:
            said.append(
                f"Of the customers with rows of {measure!r}, the last week has some of "
                f"{_both(plan, gap)}. That can be the program, or rows that are missing at the "
                f"end: compare with the system that they come from."
            )
    widest = min(gaps, key=lambda gap: gap.p_value, default=None)
    if said:
        sentence = " ".join(said)
    else:
        newest = "; ".join(
            f"{measure} {_newest(plan, signs.arrivals[measure])}" for measure in measures_of(plan)
        )
        sentence = f"Rows arrive alike from every group. Newest rows: {newest}."
    return Check(
        CheckName.ROWS_ALIKE,
        Outcome.WARNED if said else Outcome.PASSED,
        False,
        None if widest is None else widest.value,
        None if widest is None else widest.p_value,
        sentence,
    )


def _silent_weeks(
    plan: Plan, measure: str, arrivals: Mapping[str, Arrivals], customers: Mapping[str, int]
) -> Iterator[str]:
    """Sentences on weeks in which one group has no row though the others let many be expected."""
    weeks = {week for found in arrivals.values() for week in found.weeks}
    for arm in plan.design.arms:
        others = sum(customers[other] for other in plan.design.arms if other != arm)
        if not others:
            continue
        silent = [
            week
            for week in sorted(weeks)
            if not arrivals[arm].weeks.get(week)
            and sum(arrivals[other].weeks.get(week, 0) for other in plan.design.arms)
            * customers[arm]
            / others
            >= EXPECTED_IN_A_WEEK
        ]
        if silent:
            listed = ", ".join(str(week + 1) for week in silent)
            yield (
                f"“{arm}” has no row of {measure!r} in week {listed} of the pilot, other groups "
                f"have. Find the missing rows before believing any difference."
            )


def _newest(plan: Plan, arrivals: Mapping[str, Arrivals]) -> str:
    days = {arm: arrivals[arm].newest for arm in plan.design.arms}
    different = set(days.values())
    if len(different) == 1:
        return _day(different.pop())
    return ", ".join(f"{_day(found)} in “{arm}”" for arm, found in days.items())


def _day(found: date | None) -> str:
    return "none" if found is None else day(found)


def attrition(plan: Plan, signs: Signs, everybody: Measured, counted: Measured) -> Check:
    """Did customers fall out of one group more than of the other?

    Lost is who had rows before the enrolment and has none since; where the ledger holds no row
    from before, whoever has none since.

    Args:
        plan: Names the arms.
        signs: Whose rows arrived.
        everybody: Over all enrolled customers.
        counted: Over those whose window is complete for the money metric.
    """
    lost = Compared(LOST, SEEN_BEFORE) if signs.has_history else Compared(SEEN_SINCE)
    gap = widest_gap(plan, signs.sums, lost, is_share=True)
    whose = "customers known from before who" if signs.has_history else "customers who"
    verb = "have no row since" if signs.has_history else "have a row since their enrolment"
    measured = _measured(plan, everybody, counted)
    if gap is None and not measured:
        has_rows = any(sums.totals[SEEN_SINCE] for sums in signs.sums.values())
        sentence = (
            "Nobody was lost: every customer has rows since the enrolment."
            if has_rows
            else "No enrolled customer has a row since the enrolment."
        )
        outcome = Outcome.PASSED if has_rows else Outcome.NOT_APPLICABLE
        return Check(CheckName.ATTRITION, outcome, False, None, None, sentence)
    said = []
    if gap is not None:
        said.append(f"Share of {whose} {verb}: {_both(plan, gap)}.")
    if measured:
        said.append(measured)
    outcome = Outcome.PASSED
    if gap is None or not gap.warns:
        said.insert(0, "No group lost more customers than the other.")
    elif not signs.has_history and _share_seen(signs) < COMMON:
        # Rows come only from who does something: to have one is the behavior itself.
        outcome = Outcome.INFORMS
        said.append("Most customers have none in either group, so that this is their behavior.")
    else:
        outcome = Outcome.WARNED
        said.insert(0, "Customers may have been lost from one group more than from the other.")
        said.append(
            "That can be what the program does, or rows and customers that one group lost on the "
            "way: find out which before believing the result."
        )
    return Check(
        CheckName.ATTRITION,
        outcome,
        False,
        None if gap is None else gap.value,
        None if gap is None else gap.p_value,
        " ".join(said),
    )


def _share_seen(signs: Signs) -> float:
    """Share of all customers with a row since their enrolment."""
    customers = sum(customers_in(sums) for sums in signs.sums.values())
    seen = sum(int(sums.totals[SEEN_SINCE]) for sums in signs.sums.values())
    return seen / customers if customers else 0.0


def _measured(plan: Plan, everybody: Measured, counted: Measured) -> str:
    """How many customers of each arm have a complete window, where not all have."""
    if counted is everybody:
        return ""

    def customers(measured: Measured, arm: str) -> int:
        return customers_in(measured.sums[arm]) if arm in measured.sums else 0

    parts = [
        f"{customers(counted, arm):,} of {customers(everybody, arm):,} in “{arm}”"
        for arm in plan.design.arms
    ]
    return f"Measured so far: {', '.join(parts)}."


def other_programs(plan: Plan, sums: Mapping[str, Sums], *, contacts_known: bool) -> Check:
    """Were the groups contacted alike by other programs?

    Args:
        plan: Names the arms.
        sums: Per arm, of contacts by other programs; empty where there is none.
        contacts_known: Whether contacts were recorded at all.
    """
    if not sums:
        if not contacts_known:
            sentence = "No contacts were recorded, so other programs cannot be seen."
            return Check(
                CheckName.OTHER_PROGRAMS, Outcome.NOT_APPLICABLE, False, None, None, sentence
            )
        sentence = "No other program contacted the customers while this one was measured."
        return Check(CheckName.OTHER_PROGRAMS, Outcome.PASSED, False, 0.0, None, sentence)
    gap = widest_gap(plan, sums, Compared(OTHERS), is_share=False)
    if gap is None:
        sentence = "Other programs contacted all customers equally often."
        return Check(CheckName.OTHER_PROGRAMS, Outcome.PASSED, False, 0.0, None, sentence)
    seen = (
        f"contacts per customer by other programs are {gap.of_treatment:.3f} in “{gap.treatment}” "
        f"and {gap.of_control:.3f} in “{plan.design.control}” ({p_is(gap.p_value)})"
    )
    if gap.warns:
        sentence = (
            f"Other programs treated the groups differently: {seen}. The effect holds theirs too; "
            f"find out who contacted whom, and why."
        )
        return Check(
            CheckName.OTHER_PROGRAMS, Outcome.WARNED, False, gap.value, gap.p_value, sentence
        )
    sentence = f"Other programs reached both groups alike: {seen}."
    return Check(CheckName.OTHER_PROGRAMS, Outcome.PASSED, False, gap.value, gap.p_value, sentence)


def response(plan: Plan, sums_of: Mapping[str, Mapping[str, Sums]]) -> list[Check]:
    """Did customers of every group answer alike? A check for each metric that is a score.

    Args:
        plan: Names arms and metrics.
        sums_of: Per metric and arm, over the customers who count for it.
    """
    scores = [metric for metric in plan.metrics if metric.kind is MetricKind.LATEST]
    if not scores:
        sentence = "No metric of the plan is a score that customers give."
        return [Check(CheckName.RESPONSE, Outcome.NOT_APPLICABLE, False, None, None, sentence)]
    return [_response(plan, metric, sums_of[metric.name]) for metric in scores]


def _response(plan: Plan, metric: Metric, sums: Mapping[str, Sums]) -> Check:
    gap = widest_gap(plan, sums, Compared(f"over {metric.name}"), is_share=True)
    if gap is None:
        sentence = f"Who answered {metric.name} cannot be compared: all did, or nobody."
        return Check(CheckName.RESPONSE, Outcome.NOT_APPLICABLE, False, None, None, sentence)
    seen = f"{metric.name} was answered by {_both(plan, gap)}"
    if gap.warns:
        outcome = Outcome.WARNED
        sentence = (
            f"{seen}. Its scores compare those who answered, and these are not alike in both "
            f"groups: the difference between them may be who answered, not what changed."
        )
    else:
        outcome = Outcome.PASSED
        sentence = f"{seen}. Its scores compare those who answered."
    return Check(CheckName.RESPONSE, outcome, False, gap.value, gap.p_value, sentence)


def _both(plan: Plan, gap: Gap) -> str:
    """Both shares with their test, as the end of a sentence, without its point."""
    return (
        f"{gap.of_treatment:.1%} in “{gap.treatment}” and {gap.of_control:.1%} in "
        f"“{plan.design.control}” ({p_is(gap.p_value)})"
    ).replace("%", " %")
