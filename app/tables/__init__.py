"""The registry: what people decided. One file per noun."""

from app.tables.analysis import AnalysisRow
from app.tables.batch import BatchKind, BatchRow, BatchState
from app.tables.commit import CommitRow
from app.tables.correction import CorrectedBatchRow, CorrectionRow
from app.tables.customer_list import CustomerListRow
from app.tables.data_file import DataFileRow
from app.tables.decision import DecisionRow
from app.tables.enrolment import EnrolmentRow
from app.tables.idempotency_key import IdempotencyKeyRow
from app.tables.job import JobKind, JobRow, JobState
from app.tables.journal import JournalRow
from app.tables.lease import LeaseRow
from app.tables.lift import LiftRow
from app.tables.look import LookRow
from app.tables.measure import MeasureKind, MeasureRow
from app.tables.pilot import PilotRow
from app.tables.plan import PlanRow
from app.tables.sign_in import SignInRow
from app.tables.signature import SignatureRow, SignedWhat
from app.tables.token import TokenRow, TokenScope
from app.tables.update import UpdateRow
from app.tables.upkeep import UpkeepKind, UpkeepRow
from app.tables.user import Role, UserRow
from experiments.terms import Choice

__all__ = [
    "AnalysisRow",
    "BatchKind",
    "BatchRow",
    "BatchState",
    "Choice",
    "CommitRow",
    "CorrectedBatchRow",
    "CorrectionRow",
    "CustomerListRow",
    "DataFileRow",
    "DecisionRow",
    "EnrolmentRow",
    "IdempotencyKeyRow",
    "JobKind",
    "JobRow",
    "JobState",
    "JournalRow",
    "LeaseRow",
    "LiftRow",
    "LookRow",
    "MeasureKind",
    "MeasureRow",
    "PilotRow",
    "PlanRow",
    "Role",
    "SignInRow",
    "SignatureRow",
    "SignedWhat",
    "TokenRow",
    "TokenScope",
    "UpdateRow",
    "UpkeepKind",
    "UpkeepRow",
    "UserRow",
]
