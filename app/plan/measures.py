"""Which measures does the company know? Those described, and those of which rows arrived."""

from sqlmodel import Session, col, select

from app.batches import standing
from app.tables import BatchKind, MeasureRow


def known_measures(session: Session) -> list[str]:
    """Names of measures, in alphabetical order."""
    described = set(session.exec(select(col(MeasureRow.name))).all())
    arrived = session.exec(standing(BatchKind.BEHAVIOR)).all()
    return sorted(described.union(*(batch.measures for batch in arrived)))
