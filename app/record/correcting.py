"""Correct recorded rows as a batch of its own."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import ibis.expr.types as ir
from sqlmodel import Session, col, select

from app.batches import (
    accept,
    excluded,
    number_of,
    pending_batch,
    refuse_reversed,
    sha256_of,
)
from app.confirming import confirm
from app.people.caller import Caller
from app.people.rights import Right, allowed
from app.record.correcting_forms import read_corrections
from app.record.service import meaning_of
from app.refusals import NotAllowed
from app.tables import (
    BatchKind,
    BatchRow,
    BatchState,
    CorrectedBatchRow,
    CorrectionRow,
    EnrolmentRow,
    PilotRow,
    Role,
    UserRow,
)
from app.workspace import Workspace
from experiments.errors import BadInput, Problem
from experiments.intake.told import told_as
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.corrected import Corrected
from experiments.record.correcting import correct
from experiments.record.replacing import replace_events
from experiments.record.staging import stage_behavior

TABLES: Final = ("directory", "behavior", "withdrawn")
AT_ONCE: Final = 5_000  # batches in one question
Foreign = Callable[[Collection[int]], Collection[int]]


def correct_rows(workspace: Workspace, path: Path, *, now: datetime, by: int | None) -> BatchRow:
    """Correct the rows that a file of corrections names, all of them or none.

    A file that was taken in before is not taken in again.

    Args:
        workspace: Registry, ledger and engine.
        path: As `correcting_forms.corrections_upload` wrote it.
        now: When.
        by: Who corrects; where None, somebody who may correct everything.

    Raises:
        BadInput: Names each correction that cannot be made.
        NotNow: A batch of these rows was taken back meanwhile.
    """
    asked = read_corrections(path, zone=workspace.timezone)

    def work(batch: BatchRow, given: _Given) -> Corrected:
        return correct(
            workspace.engine,
            workspace.ledger,
            asked.corrections,
            name=batch.file_name,
            batch_no=number_of(batch),
            recorded_at=now,
            enrolled=given.enrolled,
            without=given.without,
            foreign=given.foreign,
            rounded=asked.rounded,
        )

    return _as_batch(workspace, path, work, reason=asked.reason, now=now, by=by, name=None)


def correct_by_file(
    workspace: Workspace,
    path: Path,
    columns: BehaviorFile,
    *,
    reason: str,
    complete_through: date | None,
    now: datetime,
    by: int | None,
    name: str,
) -> BatchRow:
    """Record a file, in the place of what the ledger has of the same events.

    Args:
        workspace: Registry, ledger and engine.
        path: The file.
        columns: What its columns mean; one holds event ids.
        reason: Why earlier rows are wrong.
        complete_through: The day through which the file is declared complete, if it is.
        now: When.
        by: As for `correct_rows`.
        name: How its sender calls it.

    Raises:
        BadFile: The file cannot be read, or a row was refused under `strict`.
        BadInput: No column holds event ids.
        NotNow: A batch of these rows was taken back meanwhile.
    """
    refuse_without_events(columns)

    def work(batch: BatchRow, given: _Given) -> Corrected:
        with _scratch_file(workspace.scratch / f"staged-{number_of(batch)}.parquet") as waiting:
            with told_as(path, name):
                staged = stage_behavior(path, columns, zone=workspace.timezone, into=waiting)
            batch.complete_through = complete_through
            batch.columns_json = meaning_of(columns)
            return replace_events(
                workspace.engine,
                workspace.ledger,
                staged,
                name=name,
                batch_no=number_of(batch),
                recorded_at=now,
                strict=columns.strict,
                enrolled=given.enrolled,
                without=given.without,
                foreign=given.foreign,
            )

    return _as_batch(workspace, path, work, reason=reason, now=now, by=by, name=name)


def refuse_without_events(columns: BehaviorFile) -> None:
    """Stop where no column of a file holds event ids.

    Raises:
        BadInput: At `event_id`.
    """
    if columns.event_id is None:
        said = "is needed: only by their event ids is it known which rows a file replaces"
        raise BadInput("The file was not recorded.", [Problem("event_id", said)])


def refuse_correction(caller: Caller, columns: BehaviorFile) -> None:
    """Stop where a caller may not replace rows by a file, or the file cannot.

    Raises:
        NotAllowed: The caller has no right to reverse a batch of their own.
        BadInput: No column of the file holds event ids.
    """
    if not caller.may(Right.REVERSE, safe=False):
        raise NotAllowed(f"{caller.email} may record, but not correct; ask an admin.")
    refuse_without_events(columns)


def made_since(session: Session, path: Path, *, since: datetime) -> BatchRow | None:
    """The correction that an upload became since some time, if it did."""
    query = (
        select(BatchRow)
        .join(CorrectionRow, col(CorrectionRow.batch_no) == BatchRow.batch_no)
        .where(
            BatchRow.sha256 == sha256_of(path),
            BatchRow.state == BatchState.ACCEPTED,
            CorrectionRow.made_at >= since,
        )
    )
    return session.exec(query).first()


@dataclass(frozen=True, slots=True)
class _Given:
    """What the registry knows before a correction begins."""

    enrolled: dict[str, ir.Table]
    without: frozenset[int]
    foreign: Foreign


def _as_batch(
    workspace: Workspace,
    path: Path,
    work: Callable[[BatchRow, _Given], Corrected],
    *,
    reason: str,
    now: datetime,
    by: int | None,
    name: str | None,
) -> BatchRow:
    """Do a correction as a batch, and keep who made it, when and why."""
    session = workspace.session
    with pending_batch(
        session,
        kind=BatchKind.BEHAVIOR,
        path=path,
        now=now,
        by=by,
        file_name=name or "Correction",
    ) as batch:
        number = number_of(batch)
        foreign = _foreign(session, by)
        without = excluded(session, through=number)
        enrolled = _enrolled(workspace)
        session.commit()
        done = work(batch, _Given(enrolled, without, foreign))
        confirm(session, workspace.ledger, now=now, tables=TABLES)
        refuse_reversed(session, done.withdrawn)
        if name is None:
            batch.file_name = f"Correction of {_batches(done.withdrawn)}"
        batch.measures_json = json.dumps(done.measures)
        session.add(
            CorrectionRow(
                batch_no=number,
                user_id=by,
                reason=reason,
                withdrawn=sum(done.withdrawn.values()),
                entered=done.receipt.entries,
                touched_json=json.dumps(done.touched),
                made_at=now,
            )
        )
        session.flush()
        for corrected, count in done.withdrawn.items():
            session.add(CorrectedBatchRow(batch_no=number, corrected=corrected, withdrawn=count))
        accept(session, batch, replace(done.receipt, file=batch.file_name))
    return batch


def _batches(numbers: Collection[int]) -> str:
    return f"batch {min(numbers)}" if len(numbers) == 1 else f"{len(numbers):,} batches"


def _foreign(session: Session, by: int | None) -> Foreign:
    """Which batches somebody may not correct: as for reversing one."""
    if by is None or allowed(Right.REVERSE, Role(session.get_one(UserRow, by).role), own=False):
        return lambda _: ()

    def of_others(batches: Collection[int]) -> Collection[int]:
        numbers, own = sorted(batches), set[int | None]()
        for first in range(0, len(numbers), AT_ONCE):
            some = col(BatchRow.batch_no).in_(numbers[first : first + AT_ONCE])
            query = select(BatchRow.batch_no).where(some, BatchRow.user_id == by)
            own |= {*session.exec(query).all()}
        session.commit()
        return {*numbers} - own

    return of_others


def _enrolled(workspace: Workspace) -> dict[str, ir.Table]:
    """Per pilot of the registry, its customers."""
    query = select(PilotRow.slug, EnrolmentRow.batch_no).where(EnrolmentRow.pilot_id == PilotRow.id)
    return {
        slug: workspace.ledger.enrolment(workspace.engine, slug, batch_no=batch_no)
        for slug, batch_no in workspace.session.exec(query).all()
    }


@contextmanager
def _scratch_file(path: Path) -> Iterator[Path]:
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
