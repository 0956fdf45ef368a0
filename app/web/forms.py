"""What all forms share: typed words, errors at their fields, and where to go afterwards."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Form
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator

from experiments.errors import BadInput

# Without NUL, which PostgreSQL cannot hold.
Said = Annotated[str, Form(), AfterValidator(lambda said: said.replace("\0", ""))]


def after(path: str, notice: str) -> RedirectResponse:
    """Where a browser goes after a form was taken in, with a sentence on what happened."""
    return RedirectResponse(f"{path}?notice={quote(notice)}", 303)


def errors_of(error: BadInput, labels: Mapping[str, str]) -> dict[str, str]:
    """The errors of a form by field, each a sentence; "" is the form as a whole.

    Args:
        error: What was refused.
        labels: What the form calls its fields.

    Example:
        >>> from experiments.errors import Problem
        >>> refused = BadInput("No.", [Problem("days", "is 0")])
        >>> errors_of(refused, {"days": "Days"})
        {'days': 'Days: is 0'}
    """
    if not error.problems:
        return {"": error.what}
    found: dict[str, str] = {}
    for problem in error.problems:
        known = problem.where in labels
        said = f"{labels[problem.where]}: {problem.what}" if known else str(problem)
        name = problem.where if known else ""
        found[name] = f"{found[name]}; {said}" if name in found else said
    return found
