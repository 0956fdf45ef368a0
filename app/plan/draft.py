"""A plan as far as it is written: kept as it was typed, checked when somebody asks."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from app.plan.fields import Fields, fields_of, given_of
from app.tables import PilotRow
from experiments.errors import BadPlan, Problem
from experiments.pilot import Plan
from experiments.plan.pilot_file import parse_plan

FORM: Final = "form"
LONGEST_SLUG: Final = 63
# What takes the place of what is missing or cannot be read, to see what else is wrong.
STAND_INS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("name", "slug", "hypothesis", "owner", "sponsor", "measure", "control"), "-"),
    "goal": "sales",
    "treatments": ["+"],
    "currency": "EUR",
    "margin_rate": "0.5",
    "value_per_unit": "1",
    "tolerance": "1",
    "tolerance_relative": "0.1",
    "rollout": {"customers": 1},
    "attribute": "-",
}
# Letters that are not a plain letter with a mark, which taking the marks off would lose.
LETTERS: Final = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "Đ": "D"}
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan as far as it is written.

    Attributes:
        given: Keys and values as in the pilot file, complete or not; may also say what the
            columns of the files of customers and behavior mean.
        fields: As typed into the form; None where it was not used.
    """

    given: Mapping[str, Any]
    fields: Fields | None = None

    @classmethod
    def of_plan(cls, plan: Plan) -> Self:
        """The draft of a complete plan, with its files where it names some."""
        return cls(plan.model_dump(mode="json", exclude_none=True))

    @classmethod
    def of_fields(cls, fields: Fields, *, kept: Mapping[str, Any]) -> Self:
        """The draft of a form; of the draft before stays what the form does not show."""
        return cls(given_of(fields, kept)[0], fields)

    def as_json(self) -> str:
        """The text that the registry keeps."""
        form = {} if self.fields is None else {FORM: self.fields}
        return json.dumps({**self.given, **form})

    def form(self) -> Fields:
        """The fields of the form, as typed; filled in where the plan came in another way."""
        return fields_of(parse_plan(self.given)) if self.fields is None else self.fields

    def said(self, key: str) -> str:
        """What the draft says of the pilot, such as its name; "" where it is silent."""
        header = self.given.get("pilot", {})
        found = header.get(key, "") if isinstance(header, dict) else ""
        return found if isinstance(found, str) else ""


def draft_of(pilot: PilotRow) -> Draft:
    """The draft of a pilot, also after its plan was frozen."""
    given = json.loads(pilot.draft_json)
    return Draft(given, given.pop(FORM, None))


def check_plan(draft: Draft) -> Plan:
    """The plan that a draft says.

    Raises:
        BadPlan: Each problem with its key, such as `metrics[2].kind`.
    """
    given, unread = draft.given, dict[str, Problem]()
    if draft.fields is not None:
        given, problems = given_of(draft.fields, draft.given)
        unread = {problem.where: problem for problem in problems}
    try:
        plan = parse_plan(given).plan()
    except BadPlan as error:
        found = [*error.problems, *_behind(given, [*unread.values(), *error.problems])]
        others = [problem for problem in found if problem.where not in unread]
        raise refused([*unread.values(), *others]) from None
    if unread:
        raise refused(list(unread.values()))
    return plan


def _behind(given: Mapping[str, Any], found: Sequence[Problem]) -> list[Problem]:
    """The problems that show once those found are mended, so that all are told at once."""
    mended = {key: _copied(part) for key, part in given.items()}
    for problem in found:
        path = re.findall(r"[^.\[\]]+", problem.where)
        at = 2 if path[:1] in (["metrics"], ["segments"]) else 1
        if len(path) <= at:
            continue
        part: Any = mended.get(path[0])
        if at == 2 and isinstance(part, list):
            rows = {str(number): row for number, row in enumerate(part, start=1)}
            part = rows.get(path[1])
        if isinstance(part, dict):
            part.pop(path[at], None)
            if path[at] in ("control", "treatments"):
                part.pop("shares", None)
            if path[at] in STAND_INS:
                part[path[at]] = STAND_INS[path[at]]
    try:
        parse_plan(mended).plan()
    except BadPlan as error:
        places = {problem.where for problem in found}
        return [problem for problem in error.problems if problem.where not in places]
    return []


def _copied(part: Any) -> Any:
    """A section or its rows, to be changed; what is inside stays shared."""
    if isinstance(part, list):
        return [dict(row) if isinstance(row, dict) else row for row in part]
    return dict(part) if isinstance(part, dict) else part


def text_of_file(content: bytes, *, name: str) -> str:
    """The text of a pilot file that was sent.

    Raises:
        BadPlan: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadPlan(f"{name} is not UTF-8 text (line {line}); save it as UTF-8.") from None


def refused(problems: list[Problem]) -> BadPlan:
    """The refusal of a plan."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return BadPlan(f"The plan has {count}:", problems)


def proposed_slug(name: str) -> str:
    """A short name for addresses.

    Example:
        >>> proposed_slug("Wiosenna łódź, 2026"), proposed_slug("...")
        ('wiosenna-lodz-2026', 'pilot')
    """
    plain = unicodedata.normalize("NFKD", name.translate(LETTERS)).encode("ascii", "ignore")
    words = re.findall(r"[a-z0-9]+", plain.decode().lower())
    return "-".join(words)[:LONGEST_SLUG].strip("-") or "pilot"
