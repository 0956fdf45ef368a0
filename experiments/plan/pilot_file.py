"""Read a pilot file: one TOML text from plan to value, with the files of customers and behavior.

A plan that comes as JSON or from a form is read by the same rules. Every problem is reported at
once, each with its key, in a file with its line, and what to do.
"""

import difflib
import json
import posixpath
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from experiments.errors import BadInput, BadPlan, Problem
from experiments.pilot import Plan
from experiments.plan.advice import advise, explain_syntax
from experiments.plan.lines import line_of
from experiments.terms import CURRENCY_FORM, SLUG_FORM, Name, Part

FORMS = {
    SLUG_FORM: "made of lower-case letters, digits and hyphens, at most 63, such as spring-letter",
    CURRENCY_FORM: "a currency's three capital letters, such as EUR",
}
ROW_NUMBER = "#row"
# What pydantic adds to the place of a mistake for `date | Name`.
UNION_BRANCHES = ("date", "function-after[_on_one_line(), constrained-str]")


AnyFile = TypeVar("AnyFile", bound=Plan)
Columns = TypeVar("Columns", bound=Part)


class OtherArms(StrEnum):
    """What to do with customers whose arm the plan does not name."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave_out"


class CustomersFile(Part):
    """Which file holds the customers, and what its columns mean."""

    file: Name
    customer_id: Name
    arm: Name | None = None
    other_arms: OtherArms = OtherArms.REFUSE
    attributes: tuple[Name, ...] = ()
    tier: Name | None = None
    owner: Name | None = None
    enrolled_at: Name | None = None

    @model_validator(mode="after")
    def _columns_have_one_meaning(self) -> Self:
        _refuse_twice("attribute", self.attributes)
        _refuse_two_meanings(
            (self.customer_id, self.arm, self.enrolled_at),
            (*self.attributes, self.tier, self.owner),
        )
        if self.arm is None and self.other_arms is OtherArms.LEAVE_OUT:
            raise ValueError("other_arms needs arm = ...: without it Pilotbook assigns everybody")
        return self


class BehaviorFile(Part):
    """Which file holds behavior, wide or long, and what its columns mean."""

    file: Name
    customer_id: Name
    occurred_at: date | Name
    measures: tuple[Name, ...] = ()
    measure: Name | None = None
    value: Name | None = None
    item: Name | None = None
    event_id: Name | None = None
    source: Name | None = None
    complete: bool | date = True
    strict: bool = True

    @field_validator("complete", mode="before")
    @classmethod
    def _is_yes_no_or_a_day(cls, given: object) -> object:
        # Not left to pydantic, for which 1 is as good as true, and a number as good as a day.
        if isinstance(given, bool) or (isinstance(given, date) and not isinstance(given, datetime)):
            return given
        raise ValueError("should be true, false or a date without quotes, such as 2026-04-27")

    def complete_through(self, *, ends_on: date) -> date | None:
        """The day through which the file is declared complete; None where it is not."""
        if isinstance(self.complete, bool):
            return ends_on if self.complete else None
        return self.complete

    @model_validator(mode="after")
    def _is_wide_or_long(self) -> Self:
        if bool(self.measures) == (self.measure is not None):
            raise ValueError(
                "name measures = [...] (wide, a column per measure) or measure and value (long)"
            )
        if (self.measure is None) != (self.value is None):
            raise ValueError("measure and value go together (long form)")
        if self.measures and self.event_id is not None:
            raise ValueError("event_id is for long form; a wide row is several events")
        return self

    @model_validator(mode="after")
    def _columns_have_one_meaning(self) -> Self:
        _refuse_twice("measure", self.measures)
        _refuse_two_meanings(
            (*self.measures, self.value, self.occurred_at),
            (self.customer_id, self.measure, self.item, self.event_id, self.source),
        )
        return self


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {twice[0]!r} is named twice")


def _refuse_two_meanings(
    strict: Sequence[str | date | None], others: Sequence[str | date | None]
) -> None:
    """No column of the first kind may have a second meaning, of either kind."""
    named = [name for name in (*strict, *others) if name is not None]
    twice = [name for name in strict if name is not None and named.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]!r} has two meanings; name another column for one")


class PlanFile(Plan):
    """A plan, and what it may say of the files of customers and behavior."""

    customers: CustomersFile | None = None
    behavior: tuple[BehaviorFile, ...] = ()

    @model_validator(mode="after")
    def _outcomes_are_not_known_before(self) -> Self:
        """An outcome among the attributes would lie beside the arm while outcomes are veiled."""
        source = self.customers
        if source is None:
            return self
        attributes = [
            name for name in (*source.attributes, source.tier, source.owner) if name is not None
        ]
        for behavior in self.behavior:
            if posixpath.normpath(behavior.file) != posixpath.normpath(source.file):
                continue
            day = behavior.occurred_at
            if isinstance(day, date) and day < self.pilot.starts_on:
                continue  # what happened before the pilot may be both history and attribute
            both = [name for name in attributes if name in (*behavior.measures, behavior.value)]
            if both:
                raise ValueError(
                    f"column {both[0]!r} of {source.file!r} is behavior, so that it cannot be an "
                    f"attribute, tier or owner, which must be known before the pilot; remove it "
                    f"from [customers], or from [[behavior]]"
                )
        return self

    def plan(self) -> Plan:
        """The plan alone, as a web form or the API would have filled it."""
        return Plan.model_construct(**{name: getattr(self, name) for name in Plan.model_fields})


class PilotFile(PlanFile):
    """A plan together with the files that `pilotbook run` takes in."""

    customers: CustomersFile
    behavior: Annotated[tuple[BehaviorFile, ...], Field(min_length=1)]


def read_pilot_file(path: Path) -> PilotFile:
    """Read and check a pilot file.

    Raises:
        BadPlan: The file is missing, is not TOML, or says something that does not hold together.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadPlan(f"There is no pilot file {path}; check the path.") from None
    except IsADirectoryError:
        raise BadPlan(f"{path} is a folder; name the pilot file inside it.") from None
    except OSError as error:
        raise BadPlan(
            f"The pilot file {path} cannot be read ({error.strerror}); check the path, and who may "
            f"read it."
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadPlan(
            f"{path.name} is not UTF-8 text (line {line}); save it as UTF-8 and try again."
        ) from None
    return parse_pilot_file(text, name=path.name)


def parse_pilot_file(text: str, *, name: str = "pilot file") -> PilotFile:
    """Read and check the text of a pilot file; `name` is how messages call it.

    Raises:
        BadPlan: As `read_pilot_file`.
    """
    return _parse_toml(PilotFile, text, name)


def parse_plan_file(text: str, *, name: str = "pilot file") -> PlanFile:
    """Read and check the text of a pilot file that need not name files of customers and behavior.

    Raises:
        BadPlan: As `read_pilot_file`.
    """
    return _parse_toml(PlanFile, text, name)


def parse_plan(given: Mapping[str, Any]) -> PlanFile:
    """Read and check a plan given as keys and values, as a form or a draft has it.

    Raises:
        BadPlan: Each problem with its key, such as `metrics[2].kind`.
    """
    try:
        return PlanFile.model_validate(given)
    except ValidationError as error:
        raise _refused("", "The plan", error) from None


def parse_plan_json(text: str | bytes) -> PlanFile:
    """Read and check a plan written as JSON; its numbers are exact.

    Raises:
        BadPlan: It is not a JSON object, or as `parse_plan`.
    """
    try:
        given = json.loads(text, parse_float=Decimal)
        json.dumps(given, default=str, ensure_ascii=False).encode()  # half a character fails here
    except (ValueError, RecursionError) as error:
        raise BadPlan(f"The plan is not valid JSON: {error}.") from None
    if not isinstance(given, dict):
        raise BadPlan("A plan is a JSON object with pilot, design, metrics and value.")
    return parse_plan(given)


def read_columns(kind: type[Columns], given: Mapping[str, Any], *, name: str) -> Columns:
    """Read and check what the columns of a file mean, given as keys and values.

    Args:
        kind: `CustomersFile` or `BehaviorFile`.
        given: Its keys without `file`; days as dates.
        name: What the file is called.

    Raises:
        BadInput: Each problem with its key.
    """
    try:
        return kind.model_validate({**given, "file": name})
    except ValidationError as error:
        problems = _problems("", error.errors(include_url=False))
        raise BadInput(f"{name} cannot be read as described:", problems) from None


def _parse_toml(kind: type[AnyFile], text: str, name: str) -> AnyFile:
    try:
        # Decimals, so that 0.1 in the file is a tenth and not a binary neighbour of it.
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan(f"{name} is not valid TOML: {explain_syntax(text, str(error))}.") from None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise _refused(text, name, error) from None


def _refused(text: str, name: str, error: ValidationError) -> BadPlan:
    problems = _problems(text, error.errors(include_url=False))
    return BadPlan(f"{name} has {_count(len(problems))}:", problems)


def _count(problems: int) -> str:
    return "a problem" if problems == 1 else f"{problems} problems"


def _problems(text: str, errors: Sequence[ErrorDetails]) -> list[Problem]:
    """One problem a place, in the order of the file."""
    found: dict[tuple[int, str], Problem] = {}
    for details in errors:
        inside = any(
            other["loc"][: len(details["loc"])] == details["loc"] and other is not details
            for other in errors
        )
        if details["type"] == "too_short" and inside:
            continue  # a list counts as empty because its entries are wrong: those are reported
        line, key = line_of(text, details["loc"]) or 0, _key(details["loc"])
        place = f"line {line}, {key}" if line else key
        found.setdefault((line, key), Problem(place, _explain(details)))
    return [found[place] for place in sorted(found)]


def _key(loc: Sequence[int | str]) -> str:
    """The key as people write it: metrics[2].kind is the kind of the second metric."""
    key = ""
    for part in loc:
        if isinstance(part, int):
            key += f"[{part + 1}]"
        elif part not in UNION_BRANCHES:
            key += f".{part}" if key else part
    return key


def _explain(details: ErrorDetails) -> str:
    """What is wrong, in the words of the person who wrote the file."""
    kind, value = details["type"], details["input"]
    context = details.get("ctx", {})
    match kind:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return _unknown_key(details["loc"])
        case "enum":
            choices = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            near = difflib.get_close_matches(str(value), choices, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            return f'"{value}" is not known; choose one of {", ".join(choices)}{hint}'
        case "too_short":
            return "is empty; give at least one entry"
        case "value_error":
            return str(context["error"])
        case _ if details["loc"][-1] in UNION_BRANCHES:
            return f"{_shown(value)} is neither a date (2026-03-21) nor the name of a column"
        case "string_pattern_mismatch":
            return f"{value!r} is not {FORMS[context['pattern']]}"
        case "decimal_parsing" | "decimal_type" | "int_parsing" | "int_type":
            return f"{_shown(value)} is not a number; {advise(f'x = {value}') or 'write 0.4'}"
        case "tuple_type":
            return f"{_shown(value)} is not a list; write [{_shown(value)}] with straight quotes"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{_shown(value)} is not a group of keys with values"
        case "date_parsing" | "date_from_datetime_parsing" | "date_type":
            return f"{_shown(value)} is not a day; {advise('x = 1.1.2026')}"
        case _:
            message = details["msg"].removeprefix("Input should be ")
            return f"{_shown(value)} should be {message}"


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    return f"{value!r}" if len(repr(value)) < 60 else f"{repr(value)[:57]}..."


def _unknown_key(loc: Sequence[int | str]) -> str:
    known = _known_keys(loc[:-1])
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.4)
    hint = f"the nearest known key is {near[0]!r}" if near else f"known are {', '.join(known)}"
    return f"is not a known key; {hint}"


def _known_keys(loc: Sequence[int | str]) -> list[str]:
    """The keys that the table at `loc` may have."""
    model: Any = PilotFile
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner_model(model.model_fields[part].annotation) or model
    known = list(model.model_fields)
    if model.__name__ == "Value":
        known += list(model.model_fields["pilot"].annotation.model_fields)
    return known


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None
