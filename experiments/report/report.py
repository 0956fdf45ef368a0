"""The report as one typed object; page, PDF and JSON show it and compute nothing.

Every text is ready to be printed: numbers with unit and interval, sentences complete.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Tone(StrEnum):
    """What a thing means to the reader; never shown by colour alone."""

    GOOD = "good"
    BAD = "bad"
    CAUTION = "caution"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """The verdict on one treatment.

    Attributes:
        treatment: The arm.
        word: Shape and word, such as "✓ Proved".
        tone: Its meaning.
        sentence: The verdict in plain words and money.
        why: The reason.
        advice: What to do.
    """

    treatment: str
    word: str
    tone: Tone
    sentence: str
    why: str
    advice: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the three figures of the first page: a label, a number, its interval, what it is."""

    label: str
    value: str
    interval: str
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list: what it is about, and what it says."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check: its name, what it came to in a word, and its sentence."""

    label: str
    outcome: str
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of the effects chart.

    Rows have different units, so each is drawn on its own scale, as a relative change.

    Attributes:
        label: The metric, and the treatment where there are several.
        value: Relative change; 0.1 is ten per cent more.
        low: Lower limit.
        high: Upper limit.
        text: The effect in its own unit, with its interval.
        relative_text: The relative change, with its interval.
        headline: Whether it decides.
        tone: Good, bad, or plain where the interval holds 0.
        break_even: Relative change at which the program pays, for the row that carries money.
    """

    label: str
    value: float
    low: float
    high: float
    text: str
    relative_text: str
    headline: bool
    tone: Tone
    break_even: float | None


@dataclass(frozen=True, slots=True)
class EffectsChart:
    """A forest plot.

    Attributes:
        title: The finding, a sentence.
        rows: From top to bottom.
        left_out: Effects that have no finite relative interval, each a sentence.
    """

    title: str
    rows: tuple[Effect, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One arm in one period, per enrolled customer."""

    arm: str
    starts_on: date
    ends_on: date
    mean: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class TimeChart:
    """The money metric's measure over time, by arm.

    Attributes:
        title: The finding, a sentence.
        unit: Of the axis.
        control: The arm drawn in grey; treatments are drawn in their own colours.
        treatments: In the order of their colours.
        starts_on: First day of the pilot.
        points: By period, then arm.
    """

    title: str
    unit: str
    control: str
    treatments: tuple[str, ...]
    starts_on: date
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The share of customers not lapsed from a day on, with its interval."""

    day: float
    share: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm's share of customers not yet lapsed, a point for each day on which it is known."""

    arm: str
    customers: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class RetentionChart:
    """How long customers stay: control and one treatment.

    Attributes:
        title: The finding, a sentence.
        treatment_place: Which of the plan's treatments it is, from 0; says its colour.
        curves: Of control, then of the treatment.
        notes: What a lapse is, the test, and the average time.
    """

    title: str
    treatment_place: int
    curves: tuple[Curve, Curve]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of the money waterfall: an amount per treated customer, or a total of those before."""

    label: str
    amount: float
    text: str
    is_total: bool


@dataclass(frozen=True, slots=True)
class Money:
    """What one treatment is worth on one basis.

    Attributes:
        title: A sentence.
        steps: Per treated customer, from margin to net.
        lines: The figures in full, with intervals.
        decides: Whether the verdict uses this basis.
    """

    title: str
    steps: tuple[Step, ...]
    lines: tuple[Line, ...]
    decides: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table: a caption that says how to read it, column heads, and rows of ready text.

    Attributes:
        caption: A sentence or two.
        heads: Column heads; those of numbers are set flush right.
        numeric: Per column, whether it holds numbers.
        rows: Ready texts.
        strong: Rows to be set heavier.
    """

    caption: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of tables, with a sentence above."""

    title: str
    lead: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class PilotReport:
    """Everything that a reader sees.

    Attributes:
        title: The pilot's name.
        slug: Its short name.
        question: What was believed.
        people: Owner, sponsor and dates in one line.
        registration: Whether the plan came before the outcome, a sentence.
        verdict: The pilot's.
        other_verdicts: Of the other treatments, where there are several.
        figures: Net, return, effect per customer; empty while veiled.
        effects: The chart of effects; None while veiled.
        over_time: The chart over time; None where there is no time.
        done: What was done, five lines.
        checks_line: All checks in one sentence.
        checks: Each check.
        money: What the program is worth, per treatment and basis.
        segments: Effects by tier and other segments.
        numbers: Method, and every number.
        glossary: Statistical terms, a sentence each.
        fingerprints: Of plan and enrolment, and what else identifies the computation.
        made_on: The day as of which the report speaks.
        signatures: Who signed plan and decision, and when; added where the report is shown.
        retention: How long customers stay, per metric of retention and treatment.
    """

    title: str
    slug: str
    question: str
    people: str
    registration: str
    verdict: VerdictLine
    other_verdicts: tuple[VerdictLine, ...]
    figures: tuple[Figure, ...]
    effects: EffectsChart | None
    over_time: TimeChart | None
    done: tuple[Line, ...]
    checks_line: str
    checks: tuple[CheckLine, ...]
    money: tuple[Money, ...]
    segments: tuple[Section, ...]
    numbers: Section
    glossary: tuple[Line, ...]
    fingerprints: tuple[Line, ...]
    made_on: date
    signatures: tuple[Line, ...] = ()
    retention: tuple[RetentionChart, ...] = ()
