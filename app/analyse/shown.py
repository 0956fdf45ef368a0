"""What the page of analyses says: which looks are planned, which were taken, what is read next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.analyse.kept import Head, report_kept
from app.analyse.looks import Look
from app.looking import look_name
from app.steps import PilotHead
from app.tables import AnalysisRow
from experiments.report.report import Tone
from experiments.report.sentences import WORDS
from experiments.report.wording import counted
from experiments.terms import Look as Kind
from experiments.words import day, moment


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list of analyses, in words.

    Attributes:
        number: Of the analysis.
        as_of: The day as of which outcomes were read.
        look: Which look it is, and how it is read; who lifted the veil; or that it is none.
        word: Shape and word of its verdict.
        tone: Its meaning.
        net: What it found, with its interval; empty of a veiled one.
        asked_by: Who asked for it.
        batch: Highest batch that was read.
        made: When.
    """

    number: int
    as_of: str
    look: str
    word: str
    tone: Tone
    net: str
    asked_by: str
    batch: int
    made: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned look, in words.

    Attributes:
        name: Which of how many.
        as_of: The day as of which it reads.
        state: Taken, due, or still to come.
    """

    name: str
    as_of: str
    state: str


def to_read(head: PilotHead, *, through: int, today: date) -> str:
    """What an analysis would read today, in a sentence; empty before customers are enrolled."""
    schedule = head.facts.schedule
    if schedule is None:
        return ""
    customers = counted(head.facts.enrolled, "customer", "customers")
    newest = schedule.newest(today)
    if newest is None:
        return (
            f"Outcomes are veiled until {day(schedule.first)}. An analysis today checks the "
            f"groups of {customers} and looks at no outcome."
        )
    name = look_name(schedule, newest)
    return (
        f"An analysis now reads what {customers} did, as of {day(newest)}"
        f"{f' ({name})' if name else ''}, from the ledger up to batch {through:,}."
    )


def count_words(looks: Mapping[int, Look]) -> str:
    """How often outcomes have been looked at, in a sentence; empty where they have not."""
    lifted = sum(look.lifted is not None for look in looks.values())
    if not looks:
        return ""
    times = counted(len(looks), "time", "times")
    before = f", {lifted:,} of them before the plan allowed" if lifted else ""
    return f"Outcomes have been looked at {times}{before}."


def planned_looks(head: PilotHead, today: date) -> list[Planned]:
    """The planned looks, where they are several."""
    schedule = head.facts.schedule
    if schedule is None or len(schedule.days) == 1 or schedule.kind is not Kind.GROUP_SEQUENTIAL:
        return []
    taken = head.facts.analysed_as_of if head.facts.is_unveiled else None
    found = []
    for as_of in schedule.days:
        if taken is not None and as_of == taken:
            state = "stands"
        elif taken is not None and as_of < taken:
            state = "is over"
        elif as_of > today:
            state = "is to come"
        else:
            state = "is due" if as_of == schedule.newest(today) else "was not taken"
        found.append(Planned(look_name(schedule, as_of), day(as_of), state))
    return found


def nets_of(session: Session, kept: list[Head]) -> dict[int, str]:
    """Per analysis that was not veiled, its net as its report says it."""
    found = {}
    for each in kept:
        row = None if each.veiled else session.get(AnalysisRow, each.id)
        figures = report_kept(row).figures if row is not None else ()
        if figures:
            found[each.id] = f"{figures[0].value} ({figures[0].interval})"
    return found


def row_of(each: Head, look: Look | None, net: str, zone: ZoneInfo) -> Row:
    """An analysis, in words."""
    word, tone = WORDS[each.status]
    return Row(
        number=each.number,
        as_of=day(each.as_of),
        look=_look_words(look),
        word=word,
        tone=tone,
        net=net,
        asked_by=look.asked_by if look else "",
        batch=each.ledger_through,
        made=moment(each.created_at.astimezone(zone)),
    )


def _look_words(look: Look | None) -> str:
    if look is None:
        return "none"
    if look.lifted is not None:
        return f"before the plan allowed, {look.lifted.words}"
    name = f"{look.number} of {look.planned}" if look.number and look.planned else ""
    width = "" if look.boundary is None else f"{look.boundary:.2f} standard errors wide"
    share = "" if look.information is None else f"at {look.information:.0%} of the information"
    return ", ".join(part for part in (name, width, share) if part) or "on any day"
