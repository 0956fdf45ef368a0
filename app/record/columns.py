"""The form that asks what the columns of a file of behavior mean, in the words of the screen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from app.progress import needed_measures
from app.record.forms import refuse_unfinished, typed_day
from app.web.columns import chosen_meanings
from experiments.errors import BadInput, Problem
from experiments.pilot import Plan
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.guess import BehaviorGuess, BehaviorMeaning, behavior_file
from experiments.terms import CONTACT, MetricKind

WORDS: Final = {
    "customer_id": "Customer id",
    "occurred_at": "Date",
    "measures": "A measure",
    "measure": "What happened",
    "value": "How much",
    "item": "Item",
    "event_id": "Number of the order or event",
    "source": "Source",
}
HELP: Final = (
    (
        "Number of the order or event",
        "Rows with a number that was recorded before are not counted twice, so that the next "
        "export may hold them again.",
    ),
    (
        "What happened, How much",
        "For a file in which one column says what happened (such as order or complaint) and "
        "another how much.",
    ),
    ("Item", "What it was about, such as a product or the program that wrote to the customer."),
    ("Source", "The system that the row comes from, where several systems send rows."),
)
M = BehaviorMeaning


@dataclass(frozen=True, slots=True)
class Need:
    """A measure that a plan reads, what it is of, and whether the plan counts it as events."""

    measure: str
    what: str
    is_counted: bool


def needs_of(plan: Plan) -> tuple[Need, ...]:
    """What a plan needs, in its order."""
    money = {metric.measure for metric in plan.metrics if metric.kind is MetricKind.MEAN}
    return tuple(
        Need(measure, "contacts by this program", is_counted=False)
        if measure == CONTACT
        else Need(measure, "amount per customer", is_counted=False)
        if measure in money
        else Need(measure, "events", is_counted=True)
        for measure in needed_measures(plan)
    )


def meanings_offered(
    needs: Sequence[Need], known: Collection[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a column may mean, in groups: title, then value and words of each."""
    needed = [need.measure for need in needs]
    named = [*needed, *sorted({*known} - {*needed})]
    return [
        ("", [("", "Leave out"), *_options(M.CUSTOMER_ID, M.OCCURRED_AT)]),
        (
            "Holds a measure",
            [*[(f"measures={name}", f"Measure: {name}") for name in named],
             ("measures", "Another measure")],
        ),
        ("One column says what happened, another how much", _options(M.MEASURE, M.VALUE)),
        ("More", _options(M.EVENT_ID, M.ITEM, M.SOURCE)),
    ]  # fmt: skip


def rows_offered(needs: Sequence[Need], known: Collection[str]) -> list[tuple[str, str]]:
    """Of what each row may be one event: first what the plan counts."""
    ordered = [need.measure for need in sorted(needs, key=lambda need: not need.is_counted)]
    named = [*ordered, *sorted({*known} - {*ordered})]
    return [("", "No"), *((name, f"Yes, each row is one event of “{name}”") for name in named)]


def guessed(guess: BehaviorGuess, known: Collection[str]) -> dict[str, str]:
    """The first state of the form."""
    form = {"each_row": guess.each_row}
    for at, one in enumerate(guess.columns):
        meaning = "" if one.meaning is M.IGNORE else one.meaning.value
        measure = one.measure or one.column
        if one.meaning is M.MEASURES and measure in known:
            meaning = f"{meaning}={measure}"
        form[f"meaning-{at}"] = meaning
    return form


def lacking(guess: BehaviorGuess, needs: Sequence[Need]) -> list[str]:
    """What the file does not seem to have, in sentences."""
    said = [*guess.missing]
    if guess.is_long:
        return said
    still = [f"“{need.measure}” ({need.what})" for need in needs if need.measure not in guess.held]
    if still:
        said.append(
            f"Nothing in this file is {' or '.join(still)} yet; say below what holds it, or upload "
            f"another file for it"
        )
    return said


def typed_columns(
    typed: Mapping[str, Any], names: Sequence[str], *, file: str, today: date
) -> BehaviorFile:
    """What a person said of the columns.

    Raises:
        BadInput: Names each column or field at fault.
    """
    complete = typed_day(typed.get("complete", ""), field="complete")
    refuse_unfinished(complete, today=today)
    occurred_on = typed_day(typed.get("occurred_on", ""), field="occurred_on")
    meanings = chosen_meanings(typed, names, BehaviorMeaning)
    called = _called(typed, names, meanings)
    each_row = str(typed.get("each_row") or "").strip()
    problems = _misfits(meanings, called, each_row=each_row, occurred_on=occurred_on)
    if problems:
        raise BadInput("The file was not recorded.", problems)
    return behavior_file(
        file,
        meanings,
        names=called,
        each_row=each_row or None,
        occurred_at=occurred_on,
        complete=complete or False,
        strict=bool(typed.get("strict")),
    )


def _options(*meanings: BehaviorMeaning) -> list[tuple[str, str]]:
    return [(meaning.value, WORDS[meaning.value]) for meaning in meanings]


def _called(
    typed: Mapping[str, Any], names: Sequence[str], meanings: Mapping[str, BehaviorMeaning]
) -> dict[str, str]:
    """Per column of a measure, what the ledger calls it."""
    found = {}
    for at, name in enumerate(names):
        if meanings.get(name) is M.MEASURES:
            chosen = str(typed.get(f"meaning-{at}", "")).partition("=")[2]
            found[name] = chosen or str(typed.get(f"called-{at}") or "").strip() or name
    return found


def _misfits(
    meanings: Mapping[str, BehaviorMeaning],
    called: Mapping[str, str],
    *,
    each_row: str,
    occurred_on: date | None,
) -> list[Problem]:
    """What does not fit together, in the words of the screen."""
    of = {one: [c for c, its in meanings.items() if its is one] for one in BehaviorMeaning}
    problems = [
        Problem(_quoted(columns), f"only one column can be “{WORDS[one]}”; choose one")
        for one, columns in of.items()
        if len(columns) > 1 and one not in (M.MEASURES, M.IGNORE)
    ]
    if not of[M.CUSTOMER_ID]:
        problems.append(Problem("", "No column is the “Customer id”; choose it."))
    if not of[M.OCCURRED_AT] and occurred_on is None:
        said = "Nothing says when it happened: choose the column that holds dates, or give one date"
        problems.append(Problem("occurred_on", f"{said} for all rows."))
    if of[M.OCCURRED_AT] and occurred_on is not None:
        said = f"“{of[M.OCCURRED_AT][0]}” holds the dates; leave this empty"
        problems.append(Problem("occurred_on", f"{said}, or leave that column out."))
    what, much, amounts = of[M.MEASURE], of[M.VALUE], of[M.MEASURES]
    if what and not much:
        problems.append(Problem(_quoted(what), "choose the column that says “How much” too"))
    if much and not what:
        said = "choose the column that says “What happened” too, or the measure that this one holds"
        problems.append(Problem(_quoted(much), said))
    if what and amounts:
        said = f"“{what[0]}” says what happened in each row; leave this column out"
        problems.append(Problem(_quoted(amounts), said))
    if what and each_row:
        said = f"“{what[0]}” says what happened in each row; answer “No” here."
        problems.append(Problem("each_row", said))
    if not (what or much or amounts or each_row):
        said = "Nothing would be recorded: choose the column that holds a measure, or say that each"
        problems.append(Problem("", f"{said} row is one event."))
    return problems + _twice(called, each_row)


def _twice(called: Mapping[str, str], each_row: str) -> list[Problem]:
    problems = []
    for measure in sorted({*called.values()}):
        columns = [column for column, its in called.items() if its == measure]
        if len(columns) > 1:
            said = f"only one column can hold “{measure}”; choose one"
            problems.append(Problem(_quoted(columns), said))
        elif measure == each_row:
            said = f"“{columns[0]}” holds “{measure}” already; answer “No”"
            said += ", or leave that column out."
            problems.append(Problem("each_row", said))
    return problems


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))
