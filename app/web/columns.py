"""The form that says what the columns of an upload mean: `meaning-0`, `meaning-1`, ..."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request

from experiments.errors import BadInput, Problem
from experiments.intake.preview import Preview
from experiments.plan.pilot_file import ROW_NUMBER

Meaning = TypeVar("Meaning", bound=StrEnum)
# How forms call the keys of a plan that the customers' file has to fit.
PLAN_WORDS: Final = {
    "design.strata": "Even out by",
    "design.cluster": "Cluster",
    "design.seed": "Seed",
    "customers.arm": "Group",
    "customers.attributes": "Known before",
    "covariates": "Compare at equal",
    "segments": "Look at some customers apart",
}


async def typed_fields(request: Request) -> dict[str, str]:
    """The texts of a form; of several of one name, each on a line of its own."""
    found: dict[str, str] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


TypedDep = Annotated[dict[str, str], Depends(typed_fields)]


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column of an upload, and what was said of it.

    Attributes:
        at: Its number, by which the form calls it; the row number is 0.
        name: As in the header.
        meaning: The chosen one; empty where it is left out.
        called: The name typed for what it holds.
    """

    at: int
    name: str
    meaning: str
    called: str


@dataclass(frozen=True, slots=True)
class ShownUpload:
    """The head of an upload, as the form shows it.

    Attributes:
        columns: Those of the file.
        rows: Its first rows.
        size: How many rows there are, in words.
        ask_row: Whether to ask if rows are customers, because no column seems to hold ids.
        by_row: The answer so far.
    """

    columns: tuple[ShownColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    size: str
    ask_row: bool
    by_row: bool


def shown_upload(preview: Preview, typed: Mapping[str, Any], *, ask_row: bool) -> ShownUpload:
    """The head of an upload and what was said of its columns.

    Args:
        preview: The head.
        typed: The form.
        ask_row: Whether no column seems to hold the customers' ids.
    """
    by_row = bool(typed.get("meaning-0"))
    rows = f"{preview.records:,} rows" if preview.is_whole else f"over {preview.records - 1:,} rows"
    return ShownUpload(
        columns=tuple(
            ShownColumn(at, one.name, typed.get(f"meaning-{at}", ""), typed.get(f"called-{at}", ""))
            for at, one in enumerate(preview.columns, start=1)
        ),
        rows=preview.rows,
        size="1 row" if preview.is_whole and preview.records == 1 else rows,
        ask_row=ask_row or by_row,
        by_row=by_row,
    )


def column_names(preview: Preview) -> list[str]:
    """The row number and the columns, in the order in which the form calls them."""
    return [ROW_NUMBER, *(column.name for column in preview.columns)]


def chosen_meanings(
    typed: Mapping[str, Any], names: Sequence[str], kind: type[Meaning]
) -> dict[str, Meaning]:
    """The meaning chosen for each column; one that was left blank is ignored.

    What follows a "=" says more about the meaning. The row number is the customer only where no
    column is.

    Raises:
        BadInput: At a column whose meaning does not exist.
    """
    found: dict[str, Meaning] = {}
    for at, name in enumerate(names):
        said = typed.get(f"meaning-{at}") or "ignore"
        try:
            found[name] = kind(said.partition("=")[0])
        except ValueError:
            problem = Problem(repr(name), f"cannot mean {said!r}; choose from the list")
            raise BadInput("The columns were not understood.", [problem]) from None
    customers = [name for name, meaning in found.items() if meaning.value == "customer_id"]
    if len(customers) > 1 and ROW_NUMBER in customers:
        del found[ROW_NUMBER]
    return found


def on_screen(said: str, words: Mapping[str, str]) -> str:
    """A sentence with the words of the screen for the keys of files.

    Example:
        >>> on_screen("only one column can be customer_id", {"customer_id": "Customer id"})
        'only one column can be “Customer id”'
    """
    if not words:
        return said
    keys = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b")
    return keys.sub(lambda key: f"“{words[key[0]]}”", said)


def errors_at(
    error: BadInput,
    names: Sequence[str],
    fields: Mapping[str, str],
    words: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Errors by field of the form: at the columns that they name, else at the form as a whole.

    Args:
        error: What was refused.
        names: The columns, in the order of the form.
        fields: Other fields by the key that errors call them.
        words: What the screen calls keys of files.
    """
    if not error.problems:
        return {"": error.what}
    found: dict[str, str] = {}
    for problem in error.problems:
        named = {
            f"meaning-{at}": name for at, name in enumerate(names) if repr(name) in problem.where
        }
        places = [*named] or [fields.get(problem.where, "")]
        what = on_screen(problem.what, words)
        where = ", ".join(f"“{name}”" for name in named.values()) or on_screen(problem.where, words)
        sentence = f"{where}: {what}" if where and (named or not places[0]) else what
        for place in places:
            found[place] = f"{found[place]}; {sentence}" if place in found else sentence
    return found
