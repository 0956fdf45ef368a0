"""Is a pilot ready to be analysed? What is there, and what is missing."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from app.batches import complete_through, ledger_through
from app.looking import when_seen
from app.plan.draft import check_plan, draft_of
from app.plan.service import plan_row, plan_signature
from app.progress import Facts, facts_of, needed_measures
from app.tables import PilotRow
from experiments.analyse.checks import Outcome
from experiments.analyse.schedule import ONE_DAY
from experiments.errors import BadPlan
from experiments.pilot import Plan
from experiments.report.wording import counted
from experiments.words import day


@dataclass(frozen=True, slots=True)
class Readiness:
    """One thing that an analysis needs."""

    name: str
    outcome: Outcome
    sentence: str


def readiness_of(
    session: Session, pilot: PilotRow, *, today: date, timezone: str
) -> list[Readiness]:
    """What a pilot needs before its outcome can be read, in the order of the road."""
    row = plan_row(session, pilot)
    try:
        draft = draft_of(pilot)
        plan = Plan.model_validate_json(row.canonical_json) if row else check_plan(draft)
    except BadPlan as error:
        found = counted(len(error.problems), "problem", "problems")
        missing = f"The plan has {found}; the first: {error.problems[0]}."
        return [Readiness("plan", Outcome.FAILED, missing)]
    facts = facts_of(session, [pilot], timezone=timezone)[0]
    complete = complete_through(session, through=ledger_through(session))
    return [
        Readiness("plan", Outcome.PASSED, "The plan is complete."),
        _frozen(plan, is_frozen=row is not None),
        _signed(plan, is_signed=plan_signature(session, pilot) is not None),
        _enrolled(facts),
        *(
            _behavior(measure, facts, plan, complete=complete.get(measure), today=today)
            for measure in needed_measures(plan)
        ),
        _visible(facts, today),
    ]


def _check(name: str, *, ok: bool, there: str, missing: str) -> Readiness:
    return Readiness(name, Outcome.PASSED if ok else Outcome.FAILED, there if ok else missing)


def _frozen(plan: Plan, *, is_frozen: bool) -> Readiness:
    return _check(
        "frozen",
        ok=is_frozen,
        there="The plan is frozen.",
        missing=f"The plan is a draft; freeze it by {day(plan.pilot.starts_on)}.",
    )


def _signed(plan: Plan, *, is_signed: bool) -> Readiness:
    return _check(
        "signed",
        ok=is_signed,
        there=f"{plan.pilot.sponsor} signed the plan.",
        missing=f"The plan waits for the signature of {plan.pilot.sponsor}.",
    )


def _enrolled(facts: Facts) -> Readiness:
    return _check(
        "customers",
        ok=bool(facts.enrolled),
        there=f"{counted(facts.enrolled, 'customer is', 'customers are')} enrolled.",
        missing="No customer is enrolled yet.",
    )


def _behavior(
    measure: str, facts: Facts, plan: Plan, *, complete: date | None, today: date
) -> Readiness:
    """Whether a measure is declared complete through the day that the next look takes in."""
    schedule = facts.schedule
    look = schedule and (facts.look_due(today) or schedule.coming(today) or schedule.last)
    through = look - ONE_DAY if look else plan.pilot.ends_on
    name = f"behavior: {measure}"
    if complete is not None and complete >= through:
        return Readiness(name, Outcome.PASSED, f"“{measure}” is complete to {day(complete)}.")
    if facts.enrolled and measure in facts.missing:
        return Readiness(name, Outcome.FAILED, f"No row of “{measure}” has arrived.")
    known = f"is complete to {day(complete)} only" if complete else "was not declared complete"
    return Readiness(name, Outcome.FAILED, f"“{measure}” {known}; it is needed to {day(through)}.")


def _visible(facts: Facts, today: date) -> Readiness:
    if facts.visible_from is None or facts.schedule is None:
        return Readiness(
            "outcomes", Outcome.NOT_APPLICABLE, "When outcomes can be seen follows from enrolment."
        )
    ok = today >= facts.visible_from
    return _check(
        "outcomes",
        ok=ok,
        there=f"Outcomes can be seen since {day(facts.visible_from)}.",
        missing=f"Outcomes {when_seen(facts.schedule)}.",
    )
