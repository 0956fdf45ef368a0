"""Describe a file from the meaning that was chosen for each of its columns."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from experiments.errors import BadInput, Problem
from experiments.plan.pilot_file import ROW_NUMBER

Model = TypeVar("Model", bound=BaseModel)


def described_file(
    model: type[Model],
    name: str,
    meanings: Mapping[str, StrEnum],
    *,
    many: StrEnum,
    given: Mapping[str, object],
) -> Model:
    """Build the description of a file; every meaning but `many` is that of one column at most.

    Args:
        model: `CustomersFile` or `BehaviorFile`.
        name: The file.
        meanings: By column, those to heed; named as the keys of the model.
        many: The meaning that several columns may have.
        given: Further keys.

    Raises:
        BadInput: Names the columns at fault.
    """
    by_meaning: dict[str, list[str]] = {}
    for column, meaning in meanings.items():
        by_meaning.setdefault(meaning.value, []).append(column)
    problems = [
        Problem(_quoted(columns), f"only one column can be {meaning}; choose one")
        for meaning, columns in by_meaning.items()
        if meaning != many.value and len(columns) > 1
    ]
    if "customer_id" not in by_meaning:
        problems.append(Problem("customer_id", "choose the column that holds the customers' ids"))
    if ROW_NUMBER in meanings and meanings[ROW_NUMBER].value != "customer_id":
        problems.append(Problem(repr(ROW_NUMBER), "the row number can only be the customer_id"))
    if not problems:
        keys = {key: names[0] for key, names in by_meaning.items() if key != many.value}
        try:
            return model.model_validate(
                {"file": name, **keys, many.value: by_meaning.get(many.value, []), **given}
            )
        except ValidationError as error:
            problems += [_problem(one, by_meaning) for one in error.errors(include_url=False)]
    raise BadInput(f"{name}: the chosen meanings of its columns do not fit together:", problems)


def _problem(details: ErrorDetails, by_meaning: Mapping[str, Sequence[str]]) -> Problem:
    """What the model says is wrong, and about which columns."""
    said = str(details.get("ctx", {}).get("error", details["msg"]))
    match details["loc"]:
        case (str(key), int(place), *_):
            columns = [by_meaning[key][place]]
        case (str(key), *_) if key in by_meaning:
            columns = [*by_meaning[key]]
        case (str(key), *_):
            return Problem(key, said)
        case _:  # of the file as a whole: the message names the keys that do not go together
            keys = re.findall(r"\w+", said)
            columns = [name for key, names in by_meaning.items() if key in keys for name in names]
    return Problem(_quoted(columns), said)


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))
