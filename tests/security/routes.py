"""Every route of the site, with the right that it declares."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.dependencies import Allow, Public
from app.people.rights import Right
from app.web.same_origin import SAFE

ALWAYS_OPEN: Final = ("/api/v1/openapi.json", "/static")


@dataclass(frozen=True, slots=True)
class Declared:
    """A route: what it declares of who may use it.

    Attributes:
        method: HTTP method.
        path: With its parameters in braces.
        guards: Rights, or None for a route that says it is public; exactly one is right.
    """

    method: str
    path: str
    guards: tuple[Right | None, ...]

    @property
    def safe(self) -> bool:
        """Whether it changes nothing."""
        return self.method in SAFE

    @property
    def is_call(self) -> bool:
        """Whether it belongs to the HTTP contract, not to the pages."""
        return self.path.startswith("/api/")

    @property
    def right(self) -> Right | None:
        """The right; None where everybody may."""
        (guard,) = self.guards
        return guard

    def address(self, **values: object) -> str:
        """The address for some values; every parameter without one is 1."""
        path = self.path
        while "{" in path:
            before, _, rest = path.partition("{")
            name, _, after = rest.partition("}")
            path = f"{before}{values.get(name.partition(':')[0], 1)}{after}"
        return path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[Declared]:
    """Every method of every route."""
    return [
        Declared(method, str(route.path), tuple(_guards(getattr(route, "dependant", None))))
        for route in iter_route_contexts(app.routes)
        if not str(route.path).startswith(ALWAYS_OPEN)
        for method in sorted((route.methods or {"GET"}) - {"HEAD"})
    ]


def _guards(dependant: Any) -> Iterator[Right | None]:
    for inner in [] if dependant is None else dependant.dependencies:
        if isinstance(inner.call, Allow):
            yield inner.call.right
        elif isinstance(inner.call, Public):
            yield None
        else:
            yield from _guards(inner)
