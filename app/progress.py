"""What does the registry know of pilots' progress? A few queries for any number of pilots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.tables import (
    AnalysisRow,
    BatchKind,
    BatchRow,
    BatchState,
    CustomerListRow,
    DecisionRow,
    EnrolmentRow,
    LiftRow,
    PilotRow,
    PlanRow,
    SignatureRow,
    SignedWhat,
    UserRow,
)
from experiments.analyse.schedule import Schedule
from experiments.decide.verdict import Status
from experiments.pilot import Plan
from experiments.terms import CONTACT, Look


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one pilot.

    Attributes:
        pilot_id: Its number.
        slug: Its short name.
        name: Its name; empty where the draft has none.
        owner: The owner's e-mail address, else the name in the plan.
        owner_id: The owner's user.
        sponsor: Who is to sign; empty where the draft does not say.
        starts_on: First day; None where the draft does not say.
        ends_on: Last day.
        plan: The frozen plan.
        signed_at: Time of the first signature under the plan.
        listed: Customers who wait for their groups.
        arms: Enrolled customers per arm, in the order of the plan; empty before.
        schedule: On which days outcomes may be looked at; None before enrolment.
        missing: Measures of the plan of which nothing arrived since the pilot began.
        complete_to: Day through which all measures of the plan are declared complete.
        analysis_id: The newest analysis for which the veil was not lifted.
        analysed_as_of: The day as of which it speaks.
        status: Its verdict.
        decision: The newest decision that counts, or waits for a second executive.
    """

    pilot_id: int
    slug: str
    name: str
    owner: str
    owner_id: int | None
    sponsor: str
    starts_on: date | None
    ends_on: date | None
    plan: Plan | None
    signed_at: datetime | None
    listed: int
    arms: Mapping[str, int]
    schedule: Schedule | None
    missing: tuple[str, ...]
    complete_to: date | None
    analysis_id: int | None
    analysed_as_of: date | None
    status: Status | None
    decision: DecisionRow | None

    @property
    def enrolled(self) -> int:
        """Enrolled customers."""
        return sum(self.arms.values())

    @property
    def closes_on(self) -> date | None:
        """The last day that the last look takes in; None before enrolment."""
        return self.schedule.last - timedelta(days=1) if self.schedule else None

    @property
    def visible_from(self) -> date | None:
        """The first day on which outcomes may be looked at."""
        return self.schedule.first if self.schedule else None

    @property
    def is_unveiled(self) -> bool:
        """Whether an analysis has looked at outcomes."""
        return self.status not in (None, Status.VEILED)

    @property
    def is_final(self) -> bool:
        """Whether the last look is taken."""
        if self.schedule is None or self.analysed_as_of is None:
            return False
        return self.is_unveiled and self.analysed_as_of >= self.schedule.last

    @property
    def goes_on(self) -> bool:
        """Whether an earlier look settled nothing, so that the pilot goes on to the next."""
        open_ones = (Status.NOT_PROVED, Status.INVALID)
        return self.is_unveiled and not self.is_final and self.status in open_ones

    @property
    def is_recorded(self) -> bool:
        """Whether behavior is complete: somebody declared it, or an analysis found it so."""
        closes_on = self.closes_on
        return self.is_final or (closes_on is not None and self.is_recorded_to(closes_on))

    def is_recorded_to(self, last: date) -> bool:
        """Whether somebody declared behavior complete through a day."""
        return self.complete_to is not None and self.complete_to >= last

    def look_due(self, today: date) -> date | None:
        """As of which day a permitted look reads that nobody has taken; None where none waits.

        Where any day may be a look, none has to be but the first and the last.
        """
        newest = self.schedule.newest(today) if self.schedule else None
        if newest is None or self.schedule is None or self.is_decided:
            return None
        if not self.is_unveiled or self.analysed_as_of is None:
            return newest
        if self.schedule.kind is Look.ALWAYS_VALID and newest < self.schedule.last:
            return None
        return newest if self.analysed_as_of < newest else None

    @property
    def is_decided(self) -> bool:
        """Whether a decision counts."""
        decision = self.decision
        return decision is not None and _counts(decision)


def _counts(decision: DecisionRow) -> bool:
    return not decision.needs_second or decision.seconded_at is not None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What of a measure arrived: when the last upload, and through when it is complete."""

    received_at: datetime
    complete_through: date | None


def facts_of(session: Session, pilots: Sequence[PilotRow], *, timezone: str = "UTC") -> list[Facts]:
    """The facts of several pilots, in their order; days are those of the time zone."""
    zone = ZoneInfo(timezone)
    asked = {"ids": [pilot.id for pilot in pilots if pilot.id is not None]}
    rows = {row[0]: row for row in session.execute(_SINGLE, asked).all()}
    enrolled = any(row.receipt_json is not None for row in rows.values())
    arrived = arrivals(session) if enrolled else {}
    signed = {row[0]: row[1] for row in session.execute(_SIGNED, asked).all()}
    analyses = {row[0]: tuple(row[1:]) for row in session.execute(_NEWEST, asked).all()}
    decisions = {row.pilot_id: row for row in session.exec(_DECIDED, params=asked).all()}
    return [
        _facts(
            pilot,
            rows[pilot.id],
            arrivals=arrived,
            signed_at=signed.get(pilot.id),
            analysis=analyses.get(pilot.id, (None,) * 3),
            decision=decisions.get(pilot.id),
            zone=zone,
        )
        for pilot in pilots
        if pilot.id is not None
    ]


def needed_measures(plan: Plan) -> tuple[str, ...]:
    """The measures that a plan's answer needs."""
    named = [metric.measure for metric in plan.metrics]
    named += [metric.denominator for metric in plan.metrics if metric.denominator]
    if plan.value.pilot.cost_per_contact or plan.value.rollout_costs().cost_per_contact:
        named.append(CONTACT)
    return tuple(dict.fromkeys(named))


def arrivals(session: Session) -> dict[str, Arrival]:
    """Per measure what arrived in accepted batches that are not reversed."""
    found: dict[str, Arrival] = {}
    for text, received_at, complete in session.execute(_ARRIVED).all():
        for measure in from_json(text):
            known = found.get(measure, Arrival(received_at, None))
            through = max((d for d in (known.complete_through, complete) if d), default=None)
            found[measure] = Arrival(max(known.received_at, received_at), through)
    return found


# Statements are built once: building them takes longer than running them.


_IDS: Final[sa.BindParameter[Any]] = sa.bindparam("ids", expanding=True)
_REVERSAL: Final = aliased(BatchRow)
_ARRIVED: Final = (
    sa.select(
        col(BatchRow.measures_json),
        func.max(BatchRow.received_at),
        func.max(BatchRow.complete_through),
    )
    .where(
        col(BatchRow.kind) == BatchKind.BEHAVIOR,
        col(BatchRow.state) == BatchState.ACCEPTED,
        # Read once; a look for the reversal of each batch takes several times as long.
        col(BatchRow.batch_no).not_in(
            select(_REVERSAL.reverses).where(col(_REVERSAL.reverses).is_not(None))
        ),
    )
    .group_by(col(BatchRow.measures_json))
)
# Per pilot what there is at most one of.
_SINGLE: Final = (
    sa.select(
        col(PilotRow.id),
        col(UserRow.email),
        col(PlanRow.canonical_json),
        col(EnrolmentRow.receipt_json),
        col(CustomerListRow.customers),
    )
    .join(UserRow, col(UserRow.id) == PilotRow.owner_id, isouter=True)
    .join(PlanRow, col(PlanRow.pilot_id) == PilotRow.id, isouter=True)
    .join(EnrolmentRow, col(EnrolmentRow.pilot_id) == PilotRow.id, isouter=True)
    .join(CustomerListRow, col(CustomerListRow.pilot_id) == PilotRow.id, isouter=True)
    .where(col(PilotRow.id).in_(_IDS))
)
# The first signature under the frozen plan.
_SIGNED: Final = (
    sa.select(col(SignatureRow.pilot_id), func.min(SignatureRow.signed_at))
    .join(PlanRow, col(PlanRow.pilot_id) == SignatureRow.pilot_id)
    .where(
        col(SignatureRow.pilot_id).in_(_IDS),
        col(SignatureRow.what) == SignedWhat.PLAN,
        col(SignatureRow.fingerprint) == PlanRow.fingerprint,
    )
    .group_by(col(SignatureRow.pilot_id))
)
_LATER: Final = aliased(AnalysisRow)
# Only columns that stand before the long texts, which would be read as well.
_NEWEST: Final = sa.select(
    col(AnalysisRow.pilot_id), col(AnalysisRow.id), col(AnalysisRow.as_of), col(AnalysisRow.status)
).where(
    col(AnalysisRow.pilot_id).in_(_IDS),
    col(AnalysisRow.number)
    == select(func.max(_LATER.number))
    .where(
        _LATER.pilot_id == AnalysisRow.pilot_id,
        col(_LATER.id).not_in(
            select(LiftRow.analysis_id).where(col(LiftRow.analysis_id).is_not(None))
        ),
    )
    .correlate(AnalysisRow)
    .scalar_subquery(),
)
_DECIDED: Final = (
    select(DecisionRow).where(col(DecisionRow.pilot_id).in_(_IDS)).order_by(col(DecisionRow.id))
)


def _facts(
    pilot: PilotRow,
    row: sa.Row[Any],
    *,
    arrivals: Mapping[str, Arrival],
    signed_at: datetime | None,
    analysis: tuple[Any, ...],
    decision: DecisionRow | None,
    zone: ZoneInfo,
) -> Facts:
    plan = _plan(row.canonical_json) if row.canonical_json else None
    said = _said(pilot, plan)
    receipt = from_json(row.receipt_json) if row.receipt_json else None
    schedule = None
    missing: tuple[str, ...] = ()
    complete_to = None
    if plan is not None and receipt is not None:
        last = date.fromisoformat(receipt["last_enrolled_on"])
        schedule = Schedule.of(plan, last_enrolled_on=last)
        missing, complete_to = _arrived(plan, arrivals, zone)
    analysis_id, as_of, status = analysis
    return Facts(
        pilot_id=pilot.id or 0,
        slug=pilot.slug,
        name=_text(said.get("name")),
        owner=row.email or _text(said.get("owner")),
        owner_id=pilot.owner_id,
        sponsor=_text(said.get("sponsor")),
        starts_on=_day(said.get("starts_on")),
        ends_on=_day(said.get("ends_on")),
        plan=plan,
        signed_at=signed_at,
        listed=row.customers or 0,
        arms=receipt["arms"] if receipt else {},
        schedule=schedule,
        missing=missing,
        complete_to=complete_to,
        analysis_id=analysis_id,
        analysed_as_of=as_of,
        status=Status(status) if status else None,
        # One that waits for its second falls with a newer analysis.
        decision=decision
        if decision and (_counts(decision) or decision.analysis_id == analysis_id)
        else None,
    )


def _arrived(
    plan: Plan, arrivals: Mapping[str, Arrival], zone: ZoneInfo
) -> tuple[tuple[str, ...], date | None]:
    """Which measures of a plan did not arrive, and through when all are declared complete.

    What came before the pilot began tells of the time before.
    """
    missing, through = [], []
    for name in needed_measures(plan):
        arrival = arrivals.get(name)
        complete = arrival.complete_through if arrival else None
        through.append(complete or date.min)
        last = arrival.received_at.astimezone(zone).date() if arrival else date.min
        if max(last, through[-1]) < plan.pilot.starts_on:
            missing.append(name)
    return tuple(missing), min(through) if min(through) > date.min else None


@lru_cache(maxsize=512)
def _plan(text: str) -> Plan:
    """A frozen plan; its text never changes."""
    return Plan.model_validate_json(text)


def _said(pilot: PilotRow, plan: Plan | None) -> Mapping[str, Any]:
    """The head of the plan, or what its draft says of it so far."""
    if plan is not None:
        return plan.pilot.model_dump()
    draft = from_json(pilot.draft_json)
    head = draft.get("pilot") if isinstance(draft, dict) else None
    return head if isinstance(head, dict) else {}


def _day(said: object) -> date | None:
    if isinstance(said, date):
        return said
    try:
        return date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None


def _text(said: object) -> str:
    return said.strip() if isinstance(said, str) else ""
