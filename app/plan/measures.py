"""Which measures does the company record, and what is a plan's measure that nobody records?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from pydantic_core import from_json
from sqlalchemy import func
from sqlmodel import Session, col, select

from app.batches import standing
from app.tables import BatchKind, BatchRow, MeasureRow
from experiments.words import day


@dataclass(frozen=True, slots=True)
class KnownMeasure:
    """A measure of the company.

    Attributes:
        name: As files name it.
        unit: What it is counted in; empty where nobody said.
        last: Day on which its newest rows arrived; None where it is described and not recorded.
    """

    name: str
    unit: str
    last: date | None

    @property
    def words(self) -> str:
        """The measure as a choice of a form."""
        rows = f"last upload {day(self.last)}" if self.last else "no rows yet"
        return ", ".join(part for part in (self.name, self.unit, rows) if part)


def known_measures(session: Session, *, timezone: str) -> list[KnownMeasure]:
    """The measures that somebody described, or of which rows arrived, in alphabetical order."""
    texts = (
        standing(BatchKind.BEHAVIOR)
        .order_by(None)
        .with_only_columns(col(BatchRow.measures_json), func.max(BatchRow.received_at))
        .group_by(col(BatchRow.measures_json))
    )
    last: dict[str, date] = {}
    for text, received_at in session.execute(texts).all():
        arrived = received_at.astimezone(ZoneInfo(timezone)).date()
        for name in from_json(text):
            last[name] = max(arrived, last.get(name, date.min))
    units = {row.name: row.unit for row in session.exec(select(MeasureRow)).all()}
    return [
        KnownMeasure(name, units.get(name, ""), last.get(name)) for name in sorted({*units, *last})
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
