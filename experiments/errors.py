"""What can go wrong, and what has no number.

    PilotError                 anything that a person can act on
    ├── BadInput               something sent to Pilotbook is wrong; lists every problem found
    │   ├── BadPlan            a pilot file or plan
    │   └── BadFile            a file of customers or behavior
    ├── MissingMeasure         a metric asks for behavior that nobody recorded
    ├── NotSupported           a plan asks for what this version does not do
    └── DamagedLedger          files of the ledger are lost or changed

`Undefined` is a value, not an error: an answer that does not exist, with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Undefined:
    """There is no number, and this is why; falsy, so that `if result` reads naturally."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, and what to do about it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was refused.

    `line` counts physical lines of a text file from 1, header included (for a spreadsheet its row
    number, for Parquet the record number from 1); `column` is empty when the row as a whole is
    at fault.
    """

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        at = f"line {self.line}" + (f", column {self.column!r}" if self.column else "")
        shown = f" ({self.value!r})" if self.value else ""
        return f"{at}: {self.reason}{shown}"


class PilotError(Exception):
    """Anything that stops the work and that a person can act on."""


class BadInput(PilotError):
    """Something sent to Pilotbook is wrong; `problems` holds each of them."""

    def __init__(self, what: str, problems: Sequence[Problem] = ()) -> None:
        self.what = what
        self.problems = tuple(problems)
        super().__init__(what)

    def __str__(self) -> str:
        shown = [f"  {problem}" for problem in self.problems[:PROBLEMS_SHOWN]]
        hidden = len(self.problems) - len(shown)
        if hidden:
            shown.append(f"  ... and {hidden:,} more")
        return "\n".join([self.what, *shown])


class BadPlan(BadInput):
    """A pilot file or a plan contradicts itself, or says what Pilotbook cannot read."""


class BadFile(BadInput):
    """A file cannot be taken in; `rejects` holds its refused rows."""

    def __init__(
        self, what: str, problems: Sequence[Problem] = (), rejects: Sequence[Reject] = ()
    ) -> None:
        self.rejects = tuple(rejects)
        super().__init__(what, [*problems, *(Problem("", str(reject)) for reject in rejects)])


class MissingMeasure(PilotError):
    """A metric asks for behavior of which nobody recorded a row; silence is not zero."""

    def __init__(self, metric: str, measure: str, recorded: Sequence[str]) -> None:
        self.metric = metric
        self.measure = measure
        self.recorded = tuple(recorded)
        exists = ", ".join(recorded) or "none at all"
        remedy = (
            "Compare the days of its rows, and their customers, with those of the pilot."
            if measure in recorded
            else "Correct the name in the plan, or record the missing behavior."
        )
        super().__init__(
            f"Metric {metric!r} needs measure {measure!r}, but no enrolled customer has a single "
            f"row of it inside the window. Measures recorded: {exists}. {remedy}"
        )


class NotSupported(PilotError):
    """A valid plan asks for something that this version does not do."""


class DamagedLedger(PilotError):
    """Files of the ledger that were safe on disk are lost or changed; nothing is read from it."""

    def __init__(self, damages: Sequence[str]) -> None:
        self.damages = tuple(damages)
        shown = "; ".join(self.damages[:PROBLEMS_SHOWN])
        more = len(self.damages) - PROBLEMS_SHOWN
        super().__init__(
            f"The ledger is damaged: {shown}{f' and {more:,} more' if more > 0 else ''}. Restore "
            f"it from a backup (“pilotbook restore”); until then nothing is read from it or "
            f"written to it."
        )
