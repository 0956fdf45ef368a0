"""The form that says what the columns of an upload mean: `meaning-0`, `meaning-1`, ..."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from experiments.errors import BadInput, Problem
from experiments.intake.preview import Preview

Meaning = TypeVar("Meaning", bound=StrEnum)
ROW_NUMBER_NAME = "row number"


async def typed_fields(request: Request) -> dict[str, str]:
    """The texts of a form; of several of one name, each on a line of its own."""
    found: dict[str, str] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


TypedDep = Annotated[dict[str, str], Depends(typed_fields)]


def shown_columns(names: Sequence[str], meanings: Sequence[str]) -> list[dict[str, str]]:
    """Columns as the component shows them; the row number has a name that people read."""
    return [
        {"name": ROW_NUMBER_NAME if at == 0 else name, "meaning": meaning}
        for at, (name, meaning) in enumerate(zip(names, meanings, strict=True))
    ]


def shown_rows(preview: Preview) -> list[tuple[str, ...]]:
    """The first rows, each behind its number."""
    return [(str(at), *row) for at, row in enumerate(preview.rows, start=1)]


def chosen_meanings(
    typed: Mapping[str, Any], names: Sequence[str], kind: type[Meaning]
) -> dict[str, Meaning]:
    """The meaning chosen for each column; one that was left blank is ignored.

    Raises:
        BadInput: At a column whose meaning does not exist.
    """
    found: dict[str, Meaning] = {}
    for at, name in enumerate(names):
        said = typed.get(f"meaning-{at}") or "ignore"
        try:
            found[name] = kind(said)
        except ValueError:
            problem = Problem(repr(name), f"cannot mean {said!r}; choose from the list")
            raise BadInput("The columns were not understood.", [problem]) from None
    return found


def errors_at(error: BadInput, names: Sequence[str], fields: Mapping[str, str]) -> dict[str, str]:
    """Errors by field of the form: at the columns that they name, else at the form as a whole.

    Args:
        error: What was refused.
        names: The columns, in the order of the form.
        fields: Other fields by the key that errors call them.
    """
    if not error.problems:
        return {"": error.what}
    found: dict[str, str] = {}
    for problem in error.problems:
        named = [f"meaning-{at}" for at, name in enumerate(names) if repr(name) in problem.where]
        places = named or [fields.get(problem.where, "")]
        sentence = f"{problem.where}: {problem.what}" if named or not places[0] else problem.what
        for place in places:
            found[place] = f"{found[place]}; {sentence}" if place in found else sentence
    return found
