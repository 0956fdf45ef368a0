"""What a run leaves behind: a line of JSON per finished cell, and a table of all of them."""

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from tests.studies.cells import Cell, Side, Tally
from tests.studies.reasons import Known, known

# A false "proved" of the product may be this frequent unless the product says why it may be wrong.
MOST_PROVED = 0.03


@dataclass(frozen=True, slots=True)
class Finished:
    """A cell with what was counted."""

    cell: Cell
    tally: Tally

    @property
    def side(self) -> Side:
        """How its errors compare with what is nominal."""
        return self.cell.side(self.tally)

    @property
    def why(self) -> Known | None:
        """The explanation of a cell that is off; None where there is none."""
        return known(self.cell.name, self.side)

    @property
    def proved_too_often(self) -> bool:
        """Whether "proved" is wrong so often that the product must say so."""
        if not self.cell.proves or self.side not in (Side.LIBERAL, Side.SHIFTED):
            return False
        return self.tally.high / self.tally.replicates > MOST_PROVED


def fingerprint(module: str) -> str:
    """Of the sources that a family of cells stands on, so that a change runs it again."""
    digest = hashlib.sha256()
    for name in sorted(_stands_on(module)):
        digest.update(inspect.getsource(sys.modules[name]).encode())
    return digest.hexdigest()[:16]


def _stands_on(module: str) -> set[str]:
    """The module and all of this project that it imports names from, directly or not."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        name = ahead.pop()
        if name in found or not name.startswith(("experiments.", "tests.studies.")):
            continue
        found.add(name)
        ahead += _imported(importlib.import_module(name))
    return found


def _imported(module: ModuleType) -> list[str]:
    return [
        str(getattr(value, "__module__", None) or getattr(value, "__name__", ""))
        for value in vars(module).values()
        if callable(value) or inspect.ismodule(value)
    ]


def read(path: Path) -> dict[str, tuple[str, Tally]]:
    """Fingerprint and tally of each cell, the last line of each; a torn last line is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["cell"]] = (row["fingerprint"], Tally(**row["tally"]))
    return found


def append(path: Path, finished: Finished, *, stands_on: str, seconds: float) -> None:
    """Keep one finished cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {
        "cell": finished.cell.name,
        "fingerprint": stands_on,
        "tally": asdict(finished.tally),
        "seconds": round(seconds, 2),
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def table(finished: Sequence[Finished], *, missing: Sequence[str] = ()) -> str:
    """All cells in Markdown: those that are off with their reasons first, then every one."""
    off = [one for one in finished if one.side is not Side.ON]
    proving = [one for one in finished if one.cell.proves]
    lines = [
        "# Error rates, each tail apart",
        "",
        "Written by `make simulate`. The low tail errs where the whole interval lies below the",
        "truth (wrongly disproved), the high tail where it lies above (wrongly proved); 2.5 % each",
        "is nominal unless another share is named. A cell is off where a tail, or both together,",
        "lie outside the 99.9 % Monte Carlo interval around nominal. Of the cells that are on,",
        "one in several hundred would be off by chance in another run.",
        "",
        f"{len(finished)} cells, {len(off)} off: "
        + ", ".join(f"{sum(one.side is side for one in off)} {side}" for side in list(Side)[1:])
        + ".",
    ]
    if missing:
        lines += ["", f"Not finished: {len(missing)} cells."]
    lines += ["", '## How often "proved" is wrong', ""]
    lines += _proved(proving)
    lines += ["", "## Cells that are off", ""]
    lines += _off(off)
    lines += ["", "## Every cell", ""]
    lines += _every(finished)
    return "\n".join(lines) + "\n"


def _proved(finished: Iterable[Finished]) -> list[str]:
    lines = _header(
        "what is read", "data", "proved %", "of them, few events expected", "at most 3 %"
    )
    for one in finished:
        share = one.tally.high / one.tally.replicates
        few = f"{one.tally.seen / one.tally.high:.0%}" if one.tally.high else "-"
        verdict = "no" if one.proved_too_often else "yes"
        what = f"{one.cell.family}: {one.cell.method}"
        lines.append(_row(what, one.cell.data, f"{share:.2%}", few, verdict))
    return lines


def _off(finished: Iterable[Finished]) -> list[str]:
    lines = _header("method", "data", "low %", "high %", "it is", "reason", "the product shows")
    for one in finished:
        why = one.why
        reason, shown = (why.reason, why.shown) if why else ("**not explained**", "")
        if one.proved_too_often and not shown:
            shown = "**nothing**"
        what = f"{one.cell.family}: {one.cell.method}"
        lines.append(_row(what, one.cell.data, *_shares(one)[:2], one.side, reason, shown))
    return lines


def _every(finished: Iterable[Finished]) -> list[str]:
    lines = _header(
        "method", "data", "low %", "high %", "coverage %", "no answer %", "replicates", "verdict"
    )
    for one in finished:
        tally, cell = one.tally, one.cell
        nominal = "" if (cell.low, cell.high) == (0.025, 0.025) else f" ({_nominal(cell)})"
        what = f"{cell.family}: {cell.method}{nominal}"
        none = f"{100 * tally.undefined / tally.replicates:.1f}"
        lines.append(_row(what, cell.data, *_shares(one), none, f"{tally.replicates:,}", one.side))
    return lines


def _shares(one: Finished) -> tuple[str, str, str]:
    tally, cell = one.tally, one.cell
    answered = tally.replicates - tally.undefined
    asked = [
        f"{100 * count / tally.replicates:.2f}" if nominal is not None else "-"
        for count, nominal in ((tally.low, cell.low), (tally.high, cell.high))
    ]
    held = answered - tally.low - tally.high
    return asked[0], asked[1], f"{100 * held / answered:.2f}" if answered else "-"


def _nominal(cell: Cell) -> str:
    shares = [share for share in (cell.low, cell.high) if share is not None]
    return "nominal " + " and ".join(f"{share:.1%}" for share in shares)


def _header(*names: str) -> list[str]:
    return [_row(*names), _row(*("---" for _ in names))]


def _row(*values: str) -> str:
    return "| " + " | ".join(values) + " |"


def unexplained(finished: Iterable[Finished]) -> list[Finished]:
    """Cells that are off without a reason, and false proofs that the product does not point out."""
    return [
        one
        for one in finished
        if one.side is not Side.ON
        and (one.why is None or (one.proved_too_often and not one.why.shown))
    ]
