"""The registry: what people decided. One file per noun."""

from app.tables.analysis import AnalysisRow
from app.tables.batch import BatchKind, BatchRow, BatchState
from app.tables.enrolment import EnrolmentRow
from app.tables.pilot import PilotRow
from app.tables.plan import PlanRow

__all__ = [
    "AnalysisRow",
    "BatchKind",
    "BatchRow",
    "BatchState",
    "EnrolmentRow",
    "PilotRow",
    "PlanRow",
]
