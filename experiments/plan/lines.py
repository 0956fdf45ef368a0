"""Where in a TOML text does a key stand? The standard parser does not say."""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_LONG_TEXT = re.compile(r"(\"\"\"|''').*?\1", re.DOTALL)
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")


def line_of(text: str, loc: Sequence[int | str]) -> int | None:
    r"""The line of the key at `loc`, or of the nearest table above it, counted from 1.

    Args:
        text: The TOML text.
        loc: Keys and indices from the outside in, such as ("metrics", 1, "kind").

    Example:
        >>> line_of("[pilot]\nname = 1\n[[metrics]]\nkind = 2", ("metrics", 0, "kind"))
        4
    """
    wanted = _flatten(loc)
    best: tuple[int, int] | None = None
    counts: dict[str, int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(_without_long_texts(text).splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _table_path(header[1] == "[[", header[2], counts)
            best = _better(best, table, wanted, number)
        elif key := _KEY.match(line):
            best = _better(best, (*table, *_parts(key[1])), wanted, number)
    return best[1] if best else None


def _without_long_texts(text: str) -> str:
    """The same lines without texts of several lines, which may quote tables and keys."""
    return _LONG_TEXT.sub(lambda found: "\n" * found[0].count("\n"), text)


def _flatten(loc: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(f"#{part}" if isinstance(part, int) else part for part in loc)


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _table_path(is_array: bool, dotted: str, counts: dict[str, int]) -> tuple[str, ...]:
    """The path of a table header; tables inside an array belong to its newest entry."""
    path: list[str] = []
    parts = _parts(dotted)
    for depth, part in enumerate(parts):
        path.append(part)
        name = ".".join(path)
        if is_array and depth == len(parts) - 1:
            counts[name] = counts.get(name, -1) + 1
        if name in counts:
            path.append(f"#{counts[name]}")
    return tuple(path)


def _better(
    best: tuple[int, int] | None, path: tuple[str, ...], wanted: tuple[str, ...], number: int
) -> tuple[int, int] | None:
    """Keep the place that shares the most with what is wanted; the first of equals."""
    # A short form ([value] cost_fixed) is reported at its long place (value.pilot.cost_fixed).
    is_short_form = len(wanted) > 1 and path == (*wanted[:-2], wanted[-1])
    if path != wanted[: len(path)] and not is_short_form:
        return best
    depth = len(wanted) if is_short_form else len(path)
    return (depth, number) if best is None or depth > best[0] else best
