"""Which column of a file is meant by which name? Bound by name, never by position."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from experiments.errors import BadFile, Problem
from experiments.intake.limits import HEADER_COLUMNS
from experiments.intake.tally import LINE, ROW

NAMES_SHOWN = 20
GENERATED = (LINE, ROW)


def tidy(names: Sequence[str | None]) -> tuple[str, ...]:
    """Names without the blanks around them."""
    return tuple((name or "").strip() for name in names)


def refuse_wide(width: int, *, file: str) -> None:
    """Refuse a header that no table made for people has."""
    if width > HEADER_COLUMNS:
        raise BadFile(
            f"{file}: the header has {width:,} columns; at most {HEADER_COLUMNS:,} are read. "
            f"Send the columns that are needed, one record per line."
        )


def bind(header: Sequence[str], wanted: Sequence[str] | None, *, file: str) -> dict[str, int]:
    """Find the wanted names in a header.

    Args:
        header: Tidy names, in the order of the file.
        wanted: Names to find; None for all. `#line` and `#row` may be among them: every batch
            has them anyway.
        file: Name of the file, for messages.

    Returns:
        The position of each wanted column, in the order of `wanted`.

    Raises:
        BadFile: A wanted name is missing, stands twice, or is reserved; or, with all wanted,
            a column has no name.

    Example:
        >>> bind(["spend", "id"], ["id"], file="a.csv")
        {'id': 1}
    """
    refuse_wide(len(header), file=file)
    if not any(header):
        raise BadFile(f"{file} has no header; its first line must name the columns.")
    times = Counter(header)
    names = list(dict.fromkeys(header if wanted is None else wanted))
    problems = []
    for name in names:
        if name in GENERATED:
            if name in times:
                problems.append(
                    Problem(f"column {name!r}", "is a name that Pilotbook gives; rename the column")
                )
        elif not name:
            place = header.index("") + 1 if "" in times else 0
            problems.append(Problem("header", f"column {place} has no name; give it one"))
        elif times[name] > 1:
            problems.append(
                Problem(f"column {name!r}", f"stands {times[name]} times in the header; keep one")
            )
        elif name not in times:
            problems.append(Problem(f"column {name!r}", _missing(name, header)))
    if problems:
        problems.append(Problem("header", f"has {_listed(header)}"))
        raise BadFile(f"{file}: the header does not have what is needed.", problems)
    return {name: header.index(name) for name in names if name not in GENERATED}


def _missing(name: str, header: Sequence[str]) -> str:
    by_lower = {known.lower(): known for known in reversed(header) if known}
    near = [by_lower[low] for low in get_close_matches(name.lower(), by_lower, n=3)]
    if not near:
        return "is not in the header"
    return f"is not in the header; nearest: {', '.join(map(repr, near))}"


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in header[:NAMES_SHOWN])
    hidden = len(header) - NAMES_SHOWN
    return f"{shown} and {hidden:,} more" if hidden > 0 else shown
