"""What is wrong with a pilot file or a plan, in the words of the person who wrote it."""

import difflib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from experiments.errors import Problem
from experiments.plan.advice import advise
from experiments.plan.lines import line_of
from experiments.terms import CURRENCY_FORM, SLUG_FORM

FORMS = {
    SLUG_FORM: "made of lower-case letters, digits and hyphens, at most 63, such as spring-letter",
    CURRENCY_FORM: "a currency's three capital letters, such as EUR",
}
# What pydantic adds to the place of a mistake for `date | Name`.
UNION_BRANCHES = ("date", "function-after[_on_one_line(), constrained-str]")


def problems_of(
    text: str, errors: Sequence[ErrorDetails], *, keys: type[BaseModel]
) -> list[Problem]:
    """One problem a place, in the order of the file.

    Args:
        text: The file; empty where what was given is none.
        errors: What pydantic found.
        keys: The model whose keys may stand there.
    """
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
        found.setdefault((line, key), Problem(place, _explain(details, keys)))
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


def _explain(details: ErrorDetails, keys: type[BaseModel]) -> str:
    """What is wrong, in the words of the person who wrote the file."""
    kind, value = details["type"], details["input"]
    context = details.get("ctx", {})
    match kind:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return _unknown_key(details["loc"], keys)
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


def _unknown_key(loc: Sequence[int | str], keys: type[BaseModel]) -> str:
    known = _known_keys(loc[:-1], keys)
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.4)
    hint = f"the nearest known key is {near[0]!r}" if near else f"known are {', '.join(known)}"
    return f"is not a known key; {hint}"


def _known_keys(loc: Sequence[int | str], keys: type[BaseModel]) -> list[str]:
    """The keys that the table at `loc` may have."""
    model: Any = keys
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
