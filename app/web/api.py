"""What all calls of the HTTP contract share: address, errors, paging, answers of jobs."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from app.web.route import BookRoute

PREFIX: Final = "/api/v1"
_bearer: Final = HTTPBearer(auto_error=False, description="A token, or the cookie of a browser.")


class ErrorPlace(BaseModel):
    """One thing that is wrong, and where."""

    field: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None
    reason: str


class ProblemModel(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:pilotbook:problem:bad-input"])
    title: str
    status: int
    detail: str
    errors: list[ErrorPlace] = []


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a call may answer with, for its description."""
    schema = ProblemModel.model_json_schema()
    # Written out, because the description has no place for definitions of its own.
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["ErrorPlace"]
    content = {"application/problem+json": {"schema": schema}}
    return {status: {"description": "Problem", "content": content} for status in statuses}


def api_router(tag: str) -> APIRouter:
    """A router of the HTTP contract; every call may answer 400, 401, 403, 404, 409 or 422."""
    return APIRouter(
        prefix=PREFIX,
        tags=[tag],
        route_class=BookRoute,
        dependencies=[Depends(_bearer)],
        responses=problems(400, 401, 403, 404, 409, 422),
    )


Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(description="`next` of the page before.", pattern="^[0-9]{1,18}$")
]


def read_cursor(cursor: str | None) -> int:
    """The last number of the page before; 0 where there is none."""
    return int(cursor or 0)


def write_cursor(number: int) -> str:
    """Where the next page begins.

    Example:
        >>> read_cursor(write_cursor(41))
        41
    """
    return str(number)
