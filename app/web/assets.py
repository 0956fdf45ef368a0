"""Where are the files that pages load, and how do their addresses change when they do?

One fingerprint of all files stands in the address, so that a browser keeps every file for ever and
asks again after an upgrade. Addresses inside the style sheet are relative and follow along.
"""

import hashlib
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment
from markupsafe import Markup
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from experiments.report.glyphs import FONTS
from experiments.report.html import Terms

STATIC: Final = Path(__file__).parent.parent / "static"
TYPEFACE: Final = "InterVariable.woff2"

_UNWANTED: Final = re.compile(
    r' (?:style|aria-roledescription)="[^"]*"(?=[^<>]*>)| role="graphics-[^"]*"(?=[^<>]*>)'
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class Assets(StaticFiles):
    """The static files, and the reports' typeface, which is kept once."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, packages=[("experiments.report", FONTS.name)])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; a browser may keep it, as its address names its contents."""
        response = await super().get_response(path, scope)
        if response.status_code < 400:
            response.headers["Cache-Control"] = _FOR_EVER
        return response


@cache
def mounted_at() -> str:
    """The folder of addresses under which the files are served, such as "/static/1f0c9a2b"."""
    found = hashlib.sha256()
    for path in (*sorted(STATIC.rglob("*")), FONTS / TYPEFACE):
        if path.is_file():
            found.update(path.name.encode())
            found.update(path.read_bytes())
    return f"/static/{found.hexdigest()[:8]}"


def asset(name: str) -> str:
    """The address of a static file, such as "pilotbook.css".

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not any((folder / name).is_file() for folder in (STATIC, FONTS)):
        raise FileNotFoundError(f"app/static has no {name}.")
    return f"{mounted_at()}/{name}"


@lru_cache(maxsize=256)
def drawn(svg: str) -> Markup:
    """A drawing of the report, without what a page forbids (styles) or would read out (parts).

    Example:
        >>> drawn('<svg class="chart" style="max-width:100%"><g role="graphics-symbol"/></svg>')
        Markup('<svg class="chart"><g/></svg>')
    """
    return Markup(_UNWANTED.sub("", str(svg)))  # noqa: S704 - a drawing of our own, already escaped


def equip(environment: Environment) -> None:
    """Give templates what the components under `components/` rely on."""
    environment.globals["asset"] = asset
    environment.filters |= {"drawn": drawn, "anchor": Terms.anchor}
