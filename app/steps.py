"""How far is a pilot on its road, and what comes next?

Told from the registry alone, for one pilot or for a whole list in the same few queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from app.looking import look_name, next_look, takes_in
from app.progress import Facts, facts_of
from app.tables import Choice, PilotRow
from app.web.pages import show
from experiments.analyse.schedule import ONE_DAY
from experiments.decide.verdict import Status
from experiments.report.report import Tone
from experiments.report.sentences import WORDS
from experiments.report.wording import counted, days
from experiments.terms import Look
from experiments.words import day

CHOICES: Final = {
    Choice.ROLL_OUT: "roll out",
    Choice.ROLL_OUT_TO_SOME: "roll out to some",
    Choice.EXTEND: "extend",
    Choice.STOP: "stop",
}


class StepState(StrEnum):
    """How far a step is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the seven steps.

    Attributes:
        name: Its verb.
        state: How far it is.
        line: A few words: what is done, what is next, what is in the way.
        href: Its page; None where there is nothing to see yet.
    """

    name: str
    state: StepState
    line: str
    href: str | None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What comes next: a sentence, and the button that leads there."""

    step: str
    sentence: str
    action: str
    href: str


@dataclass(frozen=True, slots=True)
class PilotHead:
    """What stands on top of every page of a pilot.

    Attributes:
        slug: Its short name.
        name: Its name; the slug where a draft has none yet.
        owner: Who runs it.
        sponsor: Who signs; empty where a draft does not say.
        owner_id: The owner's user; None where nobody owns it.
        starts_on: First day; None where a draft does not say.
        ends_on: Last day.
        dates: First to last day in words; empty where a draft does not say.
        steps: The seven, in their order.
        next_step: The first that can be done now; None where all are done or have to wait.
        status: Verdict of the newest analysis; None before the first.
        word: Shape and word of that verdict, empty before the first analysis.
        tone: Its meaning.
        visible_from: Day from which outcomes may be looked at; None before customers are enrolled.
        facts: What all of this was told from.
    """

    slug: str
    name: str
    owner: str
    sponsor: str
    owner_id: int | None
    starts_on: date | None
    ends_on: date | None
    dates: str
    steps: tuple[Step, ...]
    next_step: NextStep | None
    status: Status | None
    word: str
    tone: Tone
    visible_from: date | None
    facts: Facts

    @property
    def unsigned(self) -> str:
        """Who has yet to sign the frozen plan; empty where nobody has to."""
        waits = self.facts.plan is not None and self.facts.signed_at is None
        return self.sponsor if waits else ""

    @property
    def visible_words(self) -> str:
        """The day after which outcomes may be looked at, in words; empty before enrolment."""
        return takes_in(self.visible_from) if self.visible_from else ""

    @property
    def step(self) -> str:
        """The step at which the pilot is: the next one, else the one that it waits for."""
        if self.next_step is not None:
            return self.next_step.step
        open_steps = [step.name for step in self.steps if step.state is not StepState.DONE]
        return open_steps[0] if open_steps else self.steps[-1].name


def head_of(session: Session, pilot: PilotRow, *, today: date, timezone: str) -> PilotHead:
    """The head of one pilot; the time zone is that of its days of signature and decision."""
    return heads_of(session, [pilot], today=today, timezone=timezone)[0]


def head_here(request: Request, session: Session, pilot: PilotRow, *, today: date) -> PilotHead:
    """The head of one pilot in the company's time zone."""
    zone = request.app.state.settings.timezone
    return head_of(session, pilot, today=today, timezone=zone)


def heads_of(
    session: Session, pilots: Sequence[PilotRow], *, today: date, timezone: str = "UTC"
) -> list[PilotHead]:
    """The heads of several pilots, in the same few queries as that of one."""
    found = facts_of(session, pilots, timezone=timezone)
    return [_head(facts, today, ZoneInfo(timezone)) for facts in found]


def show_pilot(
    request: Request,
    session: Session,
    pilot: PilotRow,
    template: str,
    *,
    step: str,
    today: date,
    head: PilotHead | None = None,
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """Show a page of a pilot: a template that extends `pilot.html`, which knows `head`.

    Args:
        request: Asks for the page.
        session: The registry; its transaction is ended before the page is made.
        pilot: The pilot.
        template: Fills `{% block step %}`.
        step: Name of the step whose page this is; empty on the pilot's first page.
        today: The day in the company's time zone.
        head: Of the pilot, where the page was made from it; looked up where None.
        status: Of the answer.
        context: What else the template needs.
    """
    head = head or head_here(request, session, pilot, today=today)
    return show(request, template, status=status, head=head, current=step, **context)


def _head(facts: Facts, today: date, zone: ZoneInfo) -> PilotHead:
    steps = (
        _plan(facts, zone),
        _enrol(facts),
        _record(facts, today),
        _analyse(facts, today),
        _value(facts),
        _decide(facts, zone, today),
        _report(facts),
    )
    word, tone = WORDS[facts.status] if facts.status else ("", Tone.PLAIN)
    if facts.status is Status.VEILED and facts.visible_from and today < facts.visible_from:
        word = f"{word} until {day(facts.visible_from)}"
    return PilotHead(
        slug=facts.slug,
        name=facts.name or facts.slug,
        owner=facts.owner,
        sponsor=facts.sponsor,
        owner_id=facts.owner_id,
        starts_on=facts.starts_on,
        ends_on=facts.ends_on,
        dates=days(facts.starts_on, facts.ends_on) if facts.starts_on and facts.ends_on else "",
        steps=steps,
        next_step=_next(facts, steps),
        status=facts.status,
        word=word,
        tone=tone,
        visible_from=facts.visible_from,
        facts=facts,
    )


def _plan(facts: Facts, zone: ZoneInfo) -> Step:
    href = f"/pilots/{facts.slug}/plan"
    if facts.plan is None:
        until = f"; freeze it by {day(facts.starts_on)}" if facts.starts_on else ""
        return Step("plan", StepState.NOW, f"a draft{until}", href)
    if facts.signed_at is None:
        # Nobody has to wait for the signature, so that the road goes on.
        return Step("plan", StepState.DONE, f"frozen; {facts.sponsor} has yet to sign", href)
    return Step("plan", StepState.DONE, f"signed {_day(facts.signed_at, zone)}", href)


def _enrol(facts: Facts) -> Step:
    href = f"/pilots/{facts.slug}/enrol"
    if facts.enrolled:
        return Step("enrol", StepState.DONE, counted(facts.enrolled, "customer", "customers"), href)
    if facts.plan is None:
        return Step("enrol", StepState.LATER, "", None)
    if facts.listed:
        waiting = counted(facts.listed, "customer waits", "customers wait")
        return Step("enrol", StepState.NOW, f"{waiting} for groups", href)
    return Step("enrol", StepState.NOW, "upload the customers", href)


def _record(facts: Facts, today: date) -> Step:
    href = f"/pilots/{facts.slug}/record"
    if facts.closes_on is None or facts.starts_on is None:
        return Step("record", StepState.LATER, "", None)
    if facts.is_recorded:
        return Step("record", StepState.DONE, f"complete to {day(facts.closes_on)}", href)
    if today < facts.starts_on:
        return Step("record", StepState.LATER, f"from {day(facts.starts_on)}", href)
    if facts.missing:
        return Step("record", StepState.NOW, f"no rows yet of {', '.join(facts.missing)}", href)
    if waits := _waits_for_a_look(facts, today):
        return Step("record", StepState.LATER, waits, href)
    if facts.complete_to is not None and facts.complete_to >= facts.starts_on:
        return Step("record", StepState.NOW, f"complete to {day(facts.complete_to)}", href)
    return Step("record", StepState.NOW, "not yet declared complete", href)


def _waits_for_a_look(facts: Facts, today: date) -> str:
    """Through when behavior is complete, where the next look needs no more of it yet."""
    due, schedule = facts.look_due(today), facts.schedule
    if schedule is None or schedule.kind is Look.FIXED or facts.complete_to is None:
        return ""
    enough = due is not None and facts.is_recorded_to(due - ONE_DAY)
    if not enough and not (facts.is_unveiled and due is None):
        return ""
    coming = schedule.coming(today)
    more = f"; the next look takes in {takes_in(coming)}" if coming else ""
    return f"complete to {day(facts.complete_to)}{more}"


def _analyse(facts: Facts, today: date) -> Step:
    href = f"/pilots/{facts.slug}/analyse"
    if facts.visible_from is None or facts.schedule is None:
        return Step("analyse", StepState.LATER, "", None)
    due = facts.look_due(today)
    name = look_name(facts.schedule, due) if due else ""
    if due is not None and (facts.is_recorded or facts.is_recorded_to(due - ONE_DAY)):
        return Step(
            "analyse", StepState.NOW, f"{name} is due" if name else "run the analysis", href
        )
    if due is not None:
        waits = "once behavior is complete"
        return Step("analyse", StepState.LATER, f"{name} {waits}" if name else waits, href)
    if facts.status is Status.INVALID:
        return Step("analyse", StepState.BLOCKED, "a check failed", href)
    if facts.is_unveiled and facts.analysed_as_of:
        coming = "" if facts.is_decided else next_look(facts.schedule, today)
        line = f"as of {day(facts.analysed_as_of)}{f'; {coming}' if coming else ''}"
        return Step("analyse", StepState.DONE, line, href)
    return Step("analyse", StepState.LATER, f"from {day(facts.visible_from)}", href)


def _value(facts: Facts) -> Step:
    href = f"/pilots/{facts.slug}/value"
    if facts.status is Status.INVALID:
        return Step("value", StepState.BLOCKED, "no number that counts", href)
    if facts.is_unveiled:
        return Step("value", StepState.DONE, "net and return are known", href)
    return Step("value", StepState.LATER, "", None)


def _decide(facts: Facts, zone: ZoneInfo, today: date) -> Step:
    href = f"/pilots/{facts.slug}/decide"
    decision = facts.decision
    if decision is None and facts.goes_on and facts.schedule is not None:
        coming = next_look(facts.schedule, today)
        return Step("decide", StepState.LATER, coming or "the pilot goes on", href)
    if decision is None:
        if facts.is_unveiled:
            return Step("decide", StepState.NOW, "the sponsor accepts or overrides", href)
        return Step("decide", StepState.LATER, "", None)
    said = CHOICES[Choice(decision.choice)]
    if not facts.is_decided:
        return Step("decide", StepState.NOW, f"{said}; waits for a second executive", href)
    return Step("decide", StepState.DONE, f"{said}, {_day(decision.decided_at, zone)}", href)


def _report(facts: Facts) -> Step:
    href = f"/pilots/{facts.slug}/report"
    if not facts.status:
        return Step("report", StepState.LATER, "", None)
    if facts.is_unveiled and facts.is_decided:
        return Step("report", StepState.DONE, "ready", href)
    return Step("report", StepState.LATER, "can be read already", href)


def _day(at: datetime, zone: ZoneInfo) -> str:
    return day(at.astimezone(zone).date())


def _next(facts: Facts, steps: Sequence[Step]) -> NextStep | None:
    """The first step that can be done now."""
    step = next((step for step in steps if step.state is StepState.NOW), None)
    if step is None or step.href is None:
        return None
    sentences = {
        "plan": ("The plan is written and frozen.", "Open plan"),
        "enrol": ("The groups are drawn.", "Draw the groups")
        if facts.listed
        else ("The customers are enrolled.", "Enrol customers"),
        "record": ("What customers did is uploaded and declared complete.", "Upload behavior"),
        "analyse": ("The outcome is analysed.", "Run the analysis"),
        "decide": ("The sponsor accepts or overrides the recommendation.", "Open decision")
        if facts.decision is None
        else ("A second executive confirms the decision.", "Open decision"),
    }
    sentence, action = sentences[step.name]
    return NextStep(step.name, sentence, action, step.href)
