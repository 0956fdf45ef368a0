"""What all forms share: typed words, errors at their fields, and where to go afterwards."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, Signer
from pydantic import AfterValidator
from starlette.types import Receive, Scope, Send

from experiments.errors import BadInput, PilotError

# Without NUL, which PostgreSQL cannot hold.
Said = Annotated[str, Form(), AfterValidator(lambda said: said.replace("\0", ""))]


class After(RedirectResponse):
    """A redirect whose notice is signed, for that page alone, as soon as the key is at hand."""

    def __init__(self, path: str, notice: str) -> None:
        super().__init__(path, 303)
        self.path, self.notice = path, notice

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        signer = _signer(scope["app"].state.secret_key, self.path.partition("?")[0])
        signed = quote(signer.sign(self.notice).decode(), safe="")
        self.headers["location"] += f"{'&' if '?' in self.path else '?'}notice={signed}"
        await super().__call__(scope, receive, send)


def after(path: str, notice: str) -> RedirectResponse:
    """Where a browser goes after a form was taken in, with a sentence on what happened."""
    return After(path, notice)


def notice_of(request: Request) -> str:
    """The sentence that the request before left for this page; "" where a link made one up."""
    signer = _signer(request.app.state.secret_key, request.url.path)
    try:
        return signer.unsign(request.query_params.get("notice", "")).decode()
    except BadSignature:
        return ""


def _signer(key: str, path: str) -> Signer:
    return Signer(key, salt=f"notice {quote(path)}")


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


def said_of(error: PilotError) -> str:
    """An error as one sentence of a field."""
    return " ".join(str(error).split("\n  "))
