"""Which version does an answer show, and does the caller have it already? (RFC 9110)."""

from collections.abc import Mapping
from typing import Final

from fastapi import Request, Response

KEPT_BY_CALLER: Final = "private, no-cache"


def etag(*parts: object) -> str:
    """The tag of an answer; the same parts are the same bytes.

    Example:
        >>> etag(3, "9f2c", "json")
        '"3-9f2c-json"'
    """
    return f'"{"-".join(str(part) for part in parts)}"'


def headers_of(tag: str) -> Mapping[str, str]:
    """Let the caller keep an answer, and ask each time whether it is still the newest."""
    return {"ETag": tag, "Cache-Control": KEPT_BY_CALLER}


def not_modified(request: Request, tag: str) -> Response | None:
    """The answer to a caller that has this version already; None to any other."""
    said = request.headers.get("if-none-match")
    if said is None:
        return None
    known = {each.strip().removeprefix("W/") for each in said.split(",")}
    return Response(status_code=304, headers=headers_of(tag)) if known & {tag, "*"} else None
