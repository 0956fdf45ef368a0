"""What do the columns of a customers file probably mean? A guess, for a person to correct."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from experiments.enrol.described import described_file
from experiments.enrol.naming import PRIVATE
from experiments.intake.preview import Column, Looks, Preview
from experiments.pilot import Plan
from experiments.plan.pilot_file import ROW_NUMBER, CustomersFile, OtherArms
from experiments.terms import nearest

# Words as `Column.words` gives them, in English, German, Polish, French and Spanish.
_PERSON = (
    "customers?|clients?|kunden?|klient(a|ow)?|clientes?|users?|uzytkownik(a)?|members?|"
    "mitglied(s|er)?|subscribers?|abonnent(en)?|abonne|buyers?|person"
)
_ID = "ids?|nr|no|n|num|number|nummer|numer|numero|key|code|kod"
_PERSON_ID = re.compile(f"({_PERSON})({_ID})|({_ID})({_PERSON})")
_PERSON_ALONE = re.compile(_PERSON)
_ACCOUNT = re.compile(f"(account|konto|household)s?({_ID})?")
_ID_ALONE = re.compile("id|uid|uuid|guid")
_MAIL = re.compile("e?mail(address)?")
_ARM = re.compile(
    "arm|(test)?(group|gruppe)|grupa|groupe|grupo|varian(t|te)|wariant|version|treatment|bucket|"
    "cell|condition|cohort"
)
_TIER = re.compile("tiers?|(kunden)?(stufe|klasse)|poziom|niveau|palier|nivel")
_OWNER = re.compile(
    "owner|(sales)?rep|salesperson|accountmanager|advisor|(kunden)?be(treuer|rater)|opiekun|"
    "doradca|handlowiec|conseiller|vendeur|gestor|vendedor|asesor|responsable"
)
_ENROLLED = re.compile(
    "enrolled|enroll?ment|joined|signup|beitritt|eintritt|anmeldung|zapis(u)?|inscription|"
    "adhesion|inscripcion|alta|ingreso"
)
# Of numbers: what only the time before the pilot, or no program at all, can have made so.
_BEFORE = re.compile(
    "previous|prior|past|before|history|historic(al)?|lastyear|vorjahr(es)?|bisher(ig)?|poprzedni(e)?"
    "|precedent(e)?|anterior(es)?|age|alter|wiek|edad|tenure|since|seit|birthyear|geburtsjahr"
)
_YEAR = re.compile("(19|20)[0-9]{2}")
ARMS_AT_MOST = 20


class CustomerMeaning(StrEnum):
    """What a column of a customers file is for; the names are the keys of the pilot file."""

    CUSTOMER_ID = "customer_id"
    ARM = "arm"
    TIER = "tier"
    OWNER = "owner"
    ENROLLED_AT = "enrolled_at"
    ATTRIBUTE = "attributes"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class CustomerColumn:
    """The guessed meaning of a column, and why in a few words."""

    column: str
    meaning: CustomerMeaning
    reason: str


@dataclass(frozen=True, slots=True)
class CustomersGuess:
    """What the columns of a customers file probably mean.

    Attributes:
        columns: First `#row`, the row number, which is the customer where no column holds ids;
            then those of the file, in its order.
        missing: What the plan needs and the file does not seem to have, in sentences.
        other_arms: Groups in the file that the plan does not name: to be left out, or refused.
    """

    columns: tuple[CustomerColumn, ...]
    missing: tuple[str, ...]
    other_arms: tuple[str, ...]


def guess_customers(preview: Preview, *, plan: Plan) -> CustomersGuess:
    """Guess a meaning for each column, whatever the order of the columns.

    A column that bears the name of a measure or metric of the plan is never an attribute: it would
    be an outcome, known before. Numbers that the plan does not name are left out for that reason
    too, unless their name says that they are older than the pilot: an outcome among the attributes
    would show in the comparison of the groups while outcomes are veiled, a number that is missing
    there costs no more than some precision.

    Args:
        preview: The head of the file.
        plan: Names the groups, the attributes that it needs, and the measures.
    """
    needed = _needed_attributes(plan)
    outcomes = {plain(name) for name in _outcomes(plan)}
    free = [column for column in preview.columns if plain(column.name) not in outcomes]
    unneeded = [column for column in free if column.name not in needed]
    found: dict[str, tuple[CustomerMeaning, str]] = {}
    customer = customer_column(unneeded, unique=True)
    if customer is not None:
        found[customer[0].name] = (CustomerMeaning.CUSTOMER_ID, customer[1])
    arms, doubt = _arm_column([c for c in unneeded if c.name not in found], plan)
    if arms is not None:
        found[arms[0].name] = (CustomerMeaning.ARM, arms[1])
    for meaning, reason, fits in (
        (CustomerMeaning.TIER, "its name says tier", _is_tier),
        (CustomerMeaning.OWNER, "its name says owner", _is_owner),
        (CustomerMeaning.ENROLLED_AT, "days of the pilot, when customers joined", _is_enrolment),
    ):
        # The tier is an attribute too; what the plan needs is nothing else.
        among = free if meaning is CustomerMeaning.TIER else unneeded
        fit = [c.name for c in among if c.name not in found and fits(c, plan)]
        if fit:
            found[min(fit)] = (meaning, reason)
    for column in preview.columns:
        if column.name not in found:
            found[column.name] = _attribute_or_not(
                column, needed=needed, outcomes=outcomes, year=plan.pilot.starts_on.year
            )
    row = (
        (CustomerMeaning.IGNORE, "a column holds the customers' ids")
        if customer is not None
        else (CustomerMeaning.CUSTOMER_ID, "no column holds ids; each row is a customer of its own")
    )
    guesses = {ROW_NUMBER: row, **{c.name: found[c.name] for c in preview.columns}}
    supplied = {
        name
        for name, (meaning, _) in found.items()
        if meaning in (CustomerMeaning.ATTRIBUTE, CustomerMeaning.TIER)
    }
    known = {plain(arm) for arm in plan.design.arms}
    return CustomersGuess(
        columns=tuple(CustomerColumn(name, *guess) for name, guess in guesses.items()),
        missing=(*doubt, *_missing_attributes(preview, needed, supplied)),
        other_arms=tuple(v for v in arms[0].values if plain(v) not in known) if arms else (),
    )


def customers_file(
    name: str,
    meanings: Mapping[str, CustomerMeaning],
    *,
    other_arms: OtherArms = OtherArms.REFUSE,
) -> CustomersFile:
    """The customers file that was meant, from the meaning chosen for each column.

    Args:
        name: The file.
        meanings: By column; `#row` may be the customer.
        other_arms: What to do with customers of arms that the plan does not name.

    Raises:
        BadInput: Names the columns at fault.

    Example:
        >>> chosen = {"id": CustomerMeaning.CUSTOMER_ID, "city": CustomerMeaning.ATTRIBUTE}
        >>> customers_file("c.csv", chosen).attributes
        ('city',)
    """
    return described_file(
        CustomersFile,
        name,
        {c: meaning for c, meaning in meanings.items() if meaning is not CustomerMeaning.IGNORE},
        many=CustomerMeaning.ATTRIBUTE,
        given={"other_arms": other_arms},
    )


def customer_column(columns: Collection[Column], *, unique: bool) -> tuple[Column, str] | None:
    """The column that probably holds the customers' ids, and why.

    Args:
        columns: Among these.
        unique: Whether each customer has one row only, so that ids do not repeat.
    """

    def rank(column: Column) -> tuple[int, str] | None:
        joined = "".join(column.words)
        repeats = unique and not column.is_id
        if _PERSON_ID.fullmatch(joined):
            # Better than none: the rows that repeat a customer will be refused by their lines.
            said = "its name says customer"
            return (6, f"{said}, though its values repeat") if repeats else (0, said)
        if repeats:
            return None
        if _ID_ALONE.fullmatch(joined):
            return (1 if unique else 2), "its name says id"
        if _PERSON_ALONE.fullmatch(joined):
            return (2 if unique else 1), "its name says customer"
        if _MAIL.fullmatch(joined) and column.looks is Looks.TEXT:
            return 3, "an e-mail address tells customers apart"
        if _ACCOUNT.fullmatch(joined):
            return 4, "its name says account"
        if column.words and column.words[-1] == "id" and column.distinct > 1:
            return 5, "its name ends in id"
        return None

    return best(columns, rank)


def best(
    columns: Collection[Column], rank: Callable[[Column], tuple[int, str] | None]
) -> tuple[Column, str] | None:
    """The column of the lowest rank, and why; of equal ones the first by name."""
    ranked = [(*ranking, c.name, c) for c in columns if (ranking := rank(c)) is not None]
    if not ranked:
        return None
    _, reason, _, column = min(ranked, key=lambda one: (one[0], one[2]))
    return column, reason


def says(column: Column, words: re.Pattern[str]) -> bool:
    """Whether a word of a column's name, or all of them written as one, is among some words."""
    return any(map(words.fullmatch, (*column.words, "".join(column.words))))


def plain(text: str) -> str:
    """A text without capitals and without doubled, odd or trailing blanks."""
    return " ".join(text.casefold().split())


def _needed_attributes(plan: Plan) -> tuple[str, ...]:
    cluster = () if plan.design.cluster is None else (plan.design.cluster,)
    names = [name for metric in plan.metrics for name in metric.covariates]
    names += [segment.attribute for segment in plan.segments]
    return tuple(dict.fromkeys([*names, *plan.design.strata, *cluster]))


def _outcomes(plan: Plan) -> list[str]:
    names = [[metric.name, metric.measure, metric.denominator or ""] for metric in plan.metrics]
    return [name for group in names for name in group if name]


def _missing_attributes(
    preview: Preview, needed: Collection[str], supplied: Collection[str]
) -> list[str]:
    columns = sorted(column.name for column in preview.columns)
    said = []
    for name in needed:
        if name in supplied:
            continue
        if name in columns:
            why = "its column is something else: a measure or metric of the plan, or the id"
        else:
            why = f"no column has that name; {nearest(name, columns)}"
        said.append(f"The plan needs attribute {name!r}, but {why}")
    return said


def _arm_column(
    columns: Sequence[Column], plan: Plan
) -> tuple[tuple[Column, str] | None, list[str]]:
    """The column that holds the arms, and why; or what to say about there being none."""
    arms = {plain(arm) for arm in plan.design.arms}

    def rank(column: Column) -> tuple[int, str] | None:
        values = {plain(value) for value in column.values}
        named = says(column, _ARM)
        if arms <= values:
            strangers = ", beside others" if values - arms else ""
            return (2 if strangers else 0) + (not named), f"values are the plan's groups{strangers}"
        if len(values & arms) > 1:
            return 4 + (not named), "values are groups of the plan"
        if values and values <= arms:
            return 6 + (not named), "the value of all rows seen is a group of the plan"
        if named and plan.design.seed is None and 1 < len(values) <= ARMS_AT_MOST:
            return 8, "its name says group, though its values are not the plan's groups"
        return None

    ranks = {column.name: ranking[0] for column in columns if (ranking := rank(column))}
    groups = ", ".join(map(repr, plan.design.arms))
    first = sorted(name for name, place in ranks.items() if place == min(ranks.values()))
    if len(first) > 1:
        listed = ", ".join(map(repr, first))
        return None, [f"Columns {listed} all look like the plan's groups ({groups}); choose one"]
    if first or plan.design.seed is not None:
        return best(columns, rank), []
    return None, [
        f"No column holds the plan's groups ({groups}); choose it, or plan a design.seed so that "
        f"Pilotbook draws them"
    ]


def _is_tier(column: Column, plan: Plan) -> bool:
    return bool(column.values) and not column.is_id and says(column, _TIER)


def _is_owner(column: Column, plan: Plan) -> bool:
    return column.looks is Looks.TEXT and not column.is_id and says(column, _OWNER)


def _is_enrolment(column: Column, plan: Plan) -> bool:
    """Days of enrolment lie within the pilot; others would be refused."""
    if column.first_day is None or column.last_day is None or not says(column, _ENROLLED):
        return False
    return plan.pilot.starts_on <= column.first_day and column.last_day <= plan.pilot.ends_on


def _is_older(column: Column, year: int) -> bool:
    pairs = ("".join(pair) for pair in pairwise(column.words))
    years = [int(word) for word in column.words if _YEAR.fullmatch(word)]
    named = any(map(_BEFORE.fullmatch, (*column.words, *pairs)))
    return named or (bool(years) and max(years) < year)


def _attribute_or_not(
    column: Column, *, needed: Collection[str], outcomes: Collection[str], year: int
) -> tuple[CustomerMeaning, str]:
    if plain(column.name) in outcomes:
        return CustomerMeaning.IGNORE, "an outcome of the plan, which cannot be known before"
    if column.name in needed:
        return CustomerMeaning.ATTRIBUTE, "the plan names it"
    if column.distinct <= 1:
        return CustomerMeaning.IGNORE, "it tells no customers apart"
    if says(column, PRIVATE):
        return CustomerMeaning.IGNORE, "it says who somebody is, which no analysis needs"
    if column.looks is Looks.TEXT and column.values and not column.is_id:
        return (
            CustomerMeaning.ATTRIBUTE,
            f"{column.distinct} groups; right if known before the pilot",
        )
    if column.looks is Looks.NUMBER and not column.is_id and _is_older(column, year):
        return CustomerMeaning.ATTRIBUTE, "its name says that it is older than the pilot"
    if column.looks is Looks.NUMBER:
        return (
            CustomerMeaning.IGNORE,
            "the plan does not name it; an attribute only if known before the pilot",
        )
    return CustomerMeaning.IGNORE, "the plan does not name it, and it makes no few groups"
