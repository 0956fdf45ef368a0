"""Which measures does the company record, and what is a plan's measure that nobody records?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from app.progress import arrivals
from app.tables import MeasureKind, MeasureRow
from experiments.terms import MetricKind
from experiments.words import day

# Parts of names of events that nobody wants.
UNWELCOME: Final = ("complain", "cancel", "churn", "refund", "unsubscri", "opt_out", "opt-out")


@dataclass(frozen=True, slots=True)
class KnownMeasure:
    """A measure of the company.

    Attributes:
        name: As files name it.
        unit: What it is counted in; empty where nobody said.
        last: Day on which its newest rows arrived; None where it is described and not recorded.
        kind: What a value is; None where nobody said.
    """

    name: str
    unit: str
    last: date | None
    kind: MeasureKind | None = None

    @property
    def words(self) -> str:
        """The measure as a choice of a form."""
        rows = f"last upload {day(self.last)}" if self.last else "no rows yet"
        return ", ".join(part for part in (self.name, self.unit, rows) if part)

    @property
    def is_unwelcome(self) -> bool:
        """Whether its name says that less of it is better."""
        return any(word in self.name.casefold() for word in UNWELCOME)

    @property
    def counted(self) -> MetricKind | None:
        """How a plan would count it; None where neither a description nor its name says so."""
        if self.kind is None:
            return MetricKind.COUNT if self.is_unwelcome else None
        return MetricKind.COUNT if self.kind is MeasureKind.EVENT else MetricKind.MEAN


def known_measures(session: Session, *, timezone: str) -> list[KnownMeasure]:
    """The measures that somebody described, or of which rows arrived, in alphabetical order."""
    zone = ZoneInfo(timezone)
    last = {
        name: arrival.received_at.astimezone(zone).date()
        for name, arrival in arrivals(session).items()
    }
    said = {row.name: row for row in session.exec(select(MeasureRow)).all()}
    return [
        KnownMeasure(name, said[name].unit, last.get(name), MeasureKind(said[name].kind))
        if name in said
        else KnownMeasure(name, "", last[name])
        for name in sorted({*said, *last})
    ]


def unrecorded(wanted: Sequence[str], known: Sequence[KnownMeasure]) -> tuple[str, ...]:
    """A caution for each measure that nobody has recorded, with the name that was meant perhaps.

    Example:
        >>> unrecorded(["calls"], [KnownMeasure("call", "", date(2026, 3, 1))])[0][:58]
        'Nobody has recorded “calls” yet; did you mean “call”? If i'
    """
    recorded = [measure.name for measure in known if measure.last]
    folded = {name.casefold(): name for name in recorded}
    cautions = []
    for name in dict.fromkeys(wanted):
        if name in recorded:
            continue
        near = get_close_matches(name.casefold(), folded, n=1)
        meant = f"; did you mean “{folded[near[0]]}”?" if near else "."
        cautions.append(
            f"Nobody has recorded “{name}” yet{meant} If it is new, say who will deliver it."
        )
    return tuple(cautions)
