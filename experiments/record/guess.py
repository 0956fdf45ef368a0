"""What do the columns of a file of behavior probably mean? A guess, for a person to correct."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from experiments.enrol.described import described_file
from experiments.enrol.guess import best, customer_column, plain, says
from experiments.errors import BadInput, Problem
from experiments.intake.preview import Column, Looks, Preview
from experiments.plan.pilot_file import ROW_NUMBER, BehaviorFile
from experiments.record.match import MONEY, measure_called, things_alike
from experiments.terms import CONTACT

# Words as `Column.words` gives them, in English, German, Polish, French and Spanish.
_DATE = re.compile(
    "date|day|time|timestamp|datetime|occurred(at|on)?|datum|tag|zeitpunkt|data|dzien|czas|jour|"
    "fecha|dia|(order|purchase|transaction|event)date|(bestell|kauf)datum"
)
_DEED = re.compile(
    "occurred(at|on)?|order(ed)?|purchased?|bought|transaction|event|bestellung|kauf|zakupu?|"
    "zamowienia|achat|commande|compra|pedido|(order|purchase|transaction|event)date|"
    "(bestell|kauf)datum"
)
_SURELY_DATE = re.compile("(order|purchase|event)?date|datetime|timestamp|datum|fecha|occurredat")
_BIRTH = re.compile("birth(day|date)?|dob|geburts(tag|datum)|urodzenia|naissance|nacimiento")
_MEASURE = re.compile("measure|metric|kpi|kennzahl|messgrosse|miara|mesure|medida|event(type)?")
_ITEM = re.compile(
    "item|product|sku|category|program|artikel|produkt|kategorie|kategoria|towar|article|produit|"
    "categorie|articulo|producto|categoria"
)
_EVENT_ID = re.compile(
    "(event|order|transaction|invoice|receipt|ticket|booking)(id|nr|no|num|number|key)?|"
    "(bestell|rechnungs|beleg|auftrags)(id|nr|nummer)|(id|nr|numer)(zamowienia|faktury|transakcji)|"
    "(id|no|numero)(de)?(commande|facture|pedido|factura)"
)
_SOURCE = re.compile("source|system|herkunft|quelle|zrodlo|origine|fuente|origen")
_NUMBERED = re.compile("ids?|nr|no|number|nummer|numer|code|kod|key")

_Rank = Callable[[Column], tuple[int, str] | None]


class BehaviorMeaning(StrEnum):
    """What a column of a file of behavior is for; the names are the keys of the pilot file.

    In wide form several columns are `measures`, each named as one and holding its values; in long
    form the one column `measure` names the measure of its row, and `value` holds the value.
    """

    CUSTOMER_ID = "customer_id"
    OCCURRED_AT = "occurred_at"
    MEASURES = "measures"
    MEASURE = "measure"
    VALUE = "value"
    ITEM = "item"
    EVENT_ID = "event_id"
    SOURCE = "source"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class BehaviorColumn:
    """The guessed meaning of a column, and why in a few words.

    Attributes:
        column: Its name.
        meaning: What it is for.
        reason: Why.
        measure: The known measure that it holds under a name of its own; else empty.
    """

    column: str
    meaning: BehaviorMeaning
    reason: str
    measure: str = ""


@dataclass(frozen=True, slots=True)
class BehaviorGuess:
    """What the columns of a file of behavior probably mean.

    Attributes:
        columns: First `#row`, the row number, which is the customer where no column holds ids;
            then those of the file, in its order.
        is_long: One row per event, with the measure's name in a column; else wide.
        needs_date: No column holds dates, so that one date for all rows must be given.
        missing: What the file does not seem to have, in sentences.
        each_row: The measure of which every row is one event; empty where none.
    """

    columns: tuple[BehaviorColumn, ...]
    is_long: bool
    needs_date: bool
    missing: tuple[str, ...]
    each_row: str = ""

    @property
    def held(self) -> frozenset[str]:
        """The measures of which a wide file holds something."""
        named = {
            one.measure or one.column
            for one in self.columns
            if one.meaning is BehaviorMeaning.MEASURES
        }
        return frozenset({*named, self.each_row} - {""})


def guess_behavior(
    preview: Preview, *, measures: Collection[str], counted: Collection[str] = ()
) -> BehaviorGuess:
    """Guess a meaning for each column, whatever the order of the columns.

    Args:
        preview: The head of the file.
        measures: Names of the measures of the plan and of the ledger.
        counted: Those of them of which the plan counts events.
    """
    known = {*measures, *counted, CONTACT}
    called: dict[str, str] = {}
    found: dict[str, tuple[BehaviorMeaning, str]] = {}

    def left() -> list[Column]:
        return [column for column in preview.columns if column.name not in found]

    def choose(meaning: BehaviorMeaning, rank: _Rank) -> bool:
        chosen = best(left(), rank)
        if chosen is not None:
            found[chosen[0].name] = (meaning, chosen[1])
        return chosen is not None

    # What a measure is called is nothing else in wide form, such as a measure "order".
    names = {column.name for column in preview.columns if _holds_measure(column, known)}
    others = [column for column in preview.columns if column.name not in names]
    customer = customer_column(
        [column for column in others if not _is_called(column, _EVENT_ID)], unique=False
    )
    if customer is not None:
        found[customer[0].name] = (BehaviorMeaning.CUSTOMER_ID, customer[1])
    has_date = choose(BehaviorMeaning.OCCURRED_AT, _date_rank)
    is_long = choose(BehaviorMeaning.MEASURE, _measure_rank(known, is_wide=bool(names)))
    if is_long:
        choose(BehaviorMeaning.EVENT_ID, _event_rank)
        choose(BehaviorMeaning.VALUE, _value_rank)
    else:
        choose(BehaviorMeaning.EVENT_ID, _number_rank(names))
        called = _called(left(), known)
        found.update(_wide_measures(left(), known, called))
    choose(BehaviorMeaning.ITEM, _named(_ITEM, "its name says product or category"))
    choose(BehaviorMeaning.SOURCE, _named(_SOURCE, "its name says source"))
    for column in left():
        found[column.name] = (BehaviorMeaning.IGNORE, _why_not(column, known, is_long=is_long))
    # A row number repeats nobody, so that it stands for customers of files with one row each.
    by_row = customer is None and not is_long and not has_date
    row = (
        (BehaviorMeaning.CUSTOMER_ID, "no column holds ids; row 1 is customer 1 of such a file")
        if by_row
        else (BehaviorMeaning.IGNORE, "the rows are not customers")
    )
    guesses = {ROW_NUMBER: row, **{c.name: found[c.name] for c in preview.columns}}
    columns = tuple(
        BehaviorColumn(name, *guess, "" if name == called.get(name) else called.get(name, ""))
        for name, guess in guesses.items()
    )
    guess = BehaviorGuess(columns, is_long, needs_date=not has_date, missing=())
    each_row = "" if is_long else _each_row(guess, preview, known=known, counted=counted)
    meanings = {meaning for meaning, _ in guesses.values()}
    missing = tuple(_missing(meanings, is_long=is_long, each_row=each_row))
    return replace(guess, each_row=each_row, missing=missing)


def behavior_file(
    name: str,
    meanings: Mapping[str, BehaviorMeaning],
    *,
    names: Mapping[str, str] = MappingProxyType({}),
    each_row: str | None = None,
    occurred_at: date | None = None,
    source: str | None = None,
    complete: bool | date,
    strict: bool,
) -> BehaviorFile:
    """The file of behavior that was meant, from the meaning chosen for each column.

    Args:
        name: The file.
        meanings: By column; `#row` may be the customer.
        names: By column, the measure under which it is recorded, where not its own name.
        each_row: The measure of which every row is one event.
        occurred_at: One date for all rows, where no column holds dates.
        source: What the source is called, where no column says so.
        complete: Whether the file is declared complete, or through which day.
        strict: Whether one bad row refuses the file.

    Raises:
        BadInput: Names the columns at fault.

    Example:
        >>> chosen = {"id": BehaviorMeaning.CUSTOMER_ID, "spend": BehaviorMeaning.MEASURES}
        >>> day = date(2026, 4, 3)
        >>> behavior_file("b.csv", chosen, occurred_at=day, complete=True, strict=False).measures
        ('spend',)
    """
    chosen = {c: meaning for c, meaning in meanings.items() if meaning != BehaviorMeaning.IGNORE}
    given: dict[str, object] = {"complete": complete, "strict": strict, "each_row": each_row}
    given["names"] = {column: measure for column, measure in names.items() if measure != column}
    for meaning, one, what in (
        (BehaviorMeaning.OCCURRED_AT, occurred_at, "one date for all rows"),
        (BehaviorMeaning.SOURCE, source, "one source for all rows"),
    ):
        columns = [column for column, its in chosen.items() if its is meaning]
        if one is not None and columns:
            raise BadInput(
                f"{name}: the chosen meanings of its columns do not fit together:",
                [Problem(repr(columns[0]), f"is {meaning}, and {what} is given; choose one")],
            )
        if one is not None:
            given[meaning.value] = one
        elif meaning is BehaviorMeaning.OCCURRED_AT and not columns:
            raise BadInput(
                f"{name}: nothing says when it happened:",
                [Problem(meaning, "choose the column that holds dates, or give one for all rows")],
            )
    return described_file(BehaviorFile, name, chosen, many=BehaviorMeaning.MEASURES, given=given)


def _holds_measure(column: Column, known: Collection[str]) -> bool:
    """Whether it has a measure's name and numbers, which are not the numbers of orders."""
    is_key = column.is_id and _is_called(column, _EVENT_ID)
    return column.name in known and column.looks in (Looks.NUMBER, Looks.BLANK) and not is_key


def _is_called(column: Column, words: re.Pattern[str]) -> bool:
    """Whether the name as a whole is such a word, or the number of such a thing."""
    name = "".join(column.words)
    if column.words and _NUMBERED.fullmatch(column.words[-1]):
        thing = "".join(column.words[:-1])
        return any(map(words.fullmatch, (name, thing)))
    return words.fullmatch(name) is not None


def _date_rank(column: Column) -> tuple[int, str] | None:
    if says(column, _BIRTH):
        return None
    if column.looks is Looks.DATE:
        if says(column, _DEED):
            return 0, "days on which something happened"
        return (1, "its name says date") if says(column, _DATE) else (2, "values are dates")
    if _SURELY_DATE.fullmatch("".join(column.words)):
        return 3, "its name says date, though its values are not written year-month-day"
    return None


def _measure_rank(known: Collection[str], *, is_wide: bool) -> _Rank:
    names = {plain(name) for name in known}

    def rank(column: Column) -> tuple[int, str] | None:
        values = {plain(value) for value in column.values}
        if column.looks is not Looks.TEXT:
            return None
        if values and values <= names:
            return 0, "values are known measures"
        if values and 2 * len(values & names) >= len(values):
            return 1, "most values are known measures"
        if not is_wide and not column.is_id and _is_called(column, _MEASURE):
            return 2, "its name says measure"
        return None

    return rank


def _event_rank(column: Column) -> tuple[int, str] | None:
    is_event = column.looks is not Looks.DATE and _is_called(column, _EVENT_ID)
    return (0, "its name says event or order") if is_event else None


def _number_rank(measures: Collection[str]) -> _Rank:
    """In wide form numbers of orders repeat nowhere; else their rows contradict each other."""

    def rank(column: Column) -> tuple[int, str] | None:
        if not column.is_id or column.name in measures or column.looks is Looks.DATE:
            return None
        if _is_called(column, _EVENT_ID):
            return 0, "its name says event or order"
        is_key = _is_number_of_a_thing(column) and not _is_called(column, _ITEM)
        return (1, "every row has a number of its own") if is_key else None

    return rank


def _value_rank(column: Column) -> tuple[int, str] | None:
    if column.looks is not Looks.NUMBER or _is_number_of_a_thing(column):
        return None
    return (0, "its name says value") if says(column, MONEY) else (1, "a column of numbers")


def _named(words: re.Pattern[str], reason: str) -> _Rank:
    def rank(column: Column) -> tuple[int, str] | None:
        is_text = column.looks is Looks.TEXT and says(column, words)
        return (0, reason) if is_text or _is_called(column, words) else None

    return rank


def _is_number_of_a_thing(column: Column) -> bool:
    """Whether it is a key, which is made of digits and measures nothing."""
    is_key = bool(column.words) and _NUMBERED.fullmatch(column.words[-1]) is not None
    return is_key or any(_is_called(column, words) for words in (_ITEM, _SOURCE, _EVENT_ID))


def _called(columns: Collection[Column], known: Collection[str]) -> dict[str, str]:
    """The known measures that columns hold, by column; one column each."""
    found = {column.name: column.name for column in columns if _holds_measure(column, known)}
    open_measures = {*known} - {*found.values()}
    meant: dict[str, list[str]] = {}
    for column in columns:
        if column.name in found or column.looks is not Looks.NUMBER:
            continue
        measure = measure_called(column, open_measures)
        if measure is not None and not (column.is_id and _is_number_of_a_thing(column)):
            meant.setdefault(measure, []).append(column.name)
    return found | {names[0]: measure for measure, names in meant.items() if len(names) == 1}


def _each_row(
    guess: BehaviorGuess, preview: Preview, *, known: Collection[str], counted: Collection[str]
) -> str:
    """The measure of which each row is probably one event; empty where none seems so.

    A number of the order says so, or that customers come back on other days; a file with one row
    per customer counts nothing by its rows.
    """
    its = {one.meaning: one.column for one in guess.columns}
    columns = {column.name: column for column in preview.columns}
    still = sorted({*counted} - guess.held - {CONTACT})
    event = columns.get(its.get(BehaviorMeaning.EVENT_ID, ""))
    if event is not None:
        for among in (still, sorted({*known} - guess.held)):
            named = [measure for measure in among if things_alike(event.words, measure)]
            if named:
                return named[0]
    customer = columns.get(its.get(BehaviorMeaning.CUSTOMER_ID, ""))
    comes_back = customer is not None and not customer.is_id and not guess.needs_date
    return still[0] if len(still) == 1 and (event is not None or comes_back) else ""


def _wide_measures(
    columns: Collection[Column], known: Collection[str], called: Mapping[str, str]
) -> dict[str, tuple[BehaviorMeaning, str]]:
    """Known measures; where there is none, every column of numbers."""
    if called:
        return {name: (BehaviorMeaning.MEASURES, "a known measure") for name in called}
    return {
        column.name: (BehaviorMeaning.MEASURES, "a column of numbers; it becomes a new measure")
        for column in columns
        if column.looks is Looks.NUMBER
        and not _is_number_of_a_thing(column)
        and measure_called(column, known) is None
    }


def _why_not(column: Column, known: Collection[str], *, is_long: bool) -> str:
    alike = sorted(name for name in known if plain(name) == plain(column.name))
    if alike and not is_long:
        if column.name not in known:
            return f"measure {alike[0]!r} is written otherwise; rename the column, if it is meant"
        return "it has the name of a measure, but holds no numbers"
    if not is_long and _is_called(column, _EVENT_ID):
        return "several rows have the same number, so that it tells no events apart"
    if column.looks is Looks.NUMBER and not is_long:
        return "no known measure has this name"
    return "nothing that records what customers did"


def _missing(found: Collection[BehaviorMeaning], *, is_long: bool, each_row: str) -> Iterable[str]:
    if BehaviorMeaning.CUSTOMER_ID not in found:
        yield "No column holds the customers' ids; choose it"
    if BehaviorMeaning.OCCURRED_AT not in found:
        yield "No column holds dates; choose it, or give one date for all rows"
    if is_long and BehaviorMeaning.VALUE not in found:
        yield "No column holds the values of the measures; choose it"
    if not is_long and not each_row and BehaviorMeaning.MEASURES not in found:
        yield "No column holds a measure; choose one, or say that each row is one event"
