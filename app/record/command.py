"""Record a file from the command line, into the installation's ledger, as a call would.

It becomes a job like any other. A worker that runs takes it; where none does, whoever asks does it,
under the same lease, so that nobody writes the ledger beside somebody else.
"""

import asyncio
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlmodel import Session, col, select
from starlette.datastructures import UploadFile

from app.administration import opened, refuse_old_schema
from app.database import Database
from app.jobs.service import Json
from app.people.caller import Caller
from app.record.correcting import refuse_correction
from app.record.correcting_shown import correction_of, correction_sentences
from app.record.forms import BehaviorQuery, problems_of
from app.record.ledger import behavior_batch
from app.record.measures import known_measures
from app.record.request import ask_to_record
from app.record.service import receipt_of
from app.record.shown import receipt_facts, receipt_sentence
from app.settings import Settings, utc_now
from app.tables import JobRow, JobState, Role, UserRow
from app.web.inbox import inbox_of
from app.web.jobs import answer_of
from app.web.uploads import Upload, store_upload
from experiments.errors import BadFile, BadInput, Problem, Reject
from experiments.intake.preview import preview
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.guess import BehaviorMeaning, behavior_file, guess_behavior
from experiments.words import cell_text

PATIENCE: Final = 2.0  # seconds that a worker has to take the job
PAUSE: Final = 0.05
AGAIN: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a file that was recorded.

    Attributes:
        sentences: In their order.
        rejects: Its refused cells.
    """

    sentences: tuple[str, ...]
    rejects: tuple[Reject, ...]


def asked_of(options: Mapping[str, object]) -> BehaviorQuery:
    """What the options of the command line say of a file.

    Raises:
        BadInput: Names each option at fault.
    """
    try:
        return BehaviorQuery.model_validate({k: v for k, v in options.items() if v is not None})
    except ValidationError as error:
        found = problems_of(error, lambda place: f"--{'.'.join(place).replace('_', '-')}")
        raise BadInput("The options cannot be used:", found) from None


def print_and_record(
    settings: Settings,
    path: Path,
    query: BehaviorQuery,
    *,
    email: str | None,
    work: Callable[[Settings, Database], Callable[[], bool]],
    say: Callable[[str], None],
) -> None:
    """Record a file, say what came of it, and write its refused rows beside it.

    Args:
        settings: Of the installation.
        path: The file.
        query: What was said of its columns.
        email: Who records it; the first admin where None.
        work: Makes what does a job that waits.
        say: Told each sentence.

    Raises:
        BadInput: The file is refused.
    """
    refused = path.with_name(f"{path.name}.refused.csv")
    now = utc_now()
    with opened(settings) as database:
        refuse_old_schema(database)
        with database.reading() as session:
            columns, guesses = columns_of_file(session, path, query)
        for sentence in guesses:
            say(sentence)
        try:
            told = record_here(
                settings,
                database,
                path,
                columns,
                email=email,
                correct=query.correct,
                now=now,
                today=now.astimezone(ZoneInfo(settings.timezone)).date(),
                work=work(settings, database),
            )
        except BadFile as error:
            if error.rejects:
                write_refused(refused, error.rejects, file=path.name)
                say(f"The refused rows are in {refused}.")
            raise
    for sentence in told.sentences:
        say(sentence)
    if told.rejects:
        write_refused(refused, told.rejects, file=path.name)
        say(f"The refused rows are in {refused}.")


def write_refused(path: Path, rejects: Sequence[Reject], *, file: str) -> None:
    """Write refused rows as a table, an entry per bad cell."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("line", "column", "value", "reason", "file"))
        for one in rejects:
            cells = (str(one.line), one.column, one.value, one.reason, file)
            writer.writerow([cell_text(cell) for cell in cells])


def columns_of_file(
    session: Session, path: Path, query: BehaviorQuery
) -> tuple[BehaviorFile, tuple[str, ...]]:
    """What the columns of a file mean: as asked, or as the page would guess, and that in words.

    Raises:
        BadInput: What was asked makes no sense, or nothing can be guessed.
    """
    if query.model_fields_set - {"name", "source", "complete", "strict", "correct"}:
        return query.columns(file=path.name), ()
    seen = preview(path, name=path.name)
    guess = guess_behavior(seen, measures={one.name for one in known_measures(session)})
    session.rollback()
    lacking = [Problem("", sentence) for sentence in guess.missing]
    if guess.needs_date:
        lacking.append(Problem("--occurred-at", "no column holds dates; name one day for all rows"))
    if lacking:
        raise BadInput(f"{path.name}: it is not clear what its columns mean; say it:", lacking)
    columns = behavior_file(
        path.name,
        {one.column: one.meaning for one in guess.columns},
        names={one.column: one.measure for one in guess.columns if one.measure},
        each_row=guess.each_row or None,
        source=query.source,
        complete=query.complete or False,
        strict=query.strict,
    )
    said = [
        f"“{one.column}” is taken for {one.meaning.value}"
        + (f" {one.measure!r}" if one.measure else "")
        + f": {one.reason}."
        for one in guess.columns
        if one.meaning is not BehaviorMeaning.IGNORE
    ]
    if guess.each_row:
        said.append(f"Every row is taken for one event of {guess.each_row!r}.")
    return columns, tuple(said)


def record_here(
    settings: Settings,
    database: Database,
    path: Path,
    columns: BehaviorFile,
    *,
    email: str | None,
    correct: str | None = None,
    now: datetime,
    today: date,
    work: Callable[[], bool],
) -> Told:
    """Record a file and wait for it.

    Args:
        settings: Of the installation.
        database: Its registry.
        path: The file; a copy of it is kept.
        columns: What its columns mean.
        email: Who records it; the first admin where None.
        correct: Why earlier rows are wrong, where its events replace those of the ledger.
        now: The present time.
        today: The day in the company's time zone.
        work: Does a job that waits, if there is one; called where no worker does.

    Raises:
        BadInput: The file is refused, or nobody has that address.
        NotAllowed: Whoever records may not correct.
    """
    if not path.is_file():
        raise BadFile(f"{path.name}: there is no such file. Correct the name or the folder.")
    with database.writing() as session:
        by = caller_named(session, email)
        session.rollback()
        if correct is not None:
            refuse_correction(by, columns)
        upload = _take_in(path, inbox=inbox_of(settings.files))
        job = ask_to_record(
            session,
            upload.path,
            columns,
            name=path.name,
            by=by,
            now=now,
            today=today,
            correct=correct,
        )
        session.commit()
    ended = done_here(database, job.id, work=work)
    answer = answer_of(ended)
    with database.reading() as session:
        batch = behavior_batch(session, answer["batch"])
        correction = correction_of(session, answer["batch"])
    receipt = receipt_of(batch)
    first = f"Batch {receipt.batch_no}: {receipt_sentence(receipt)}"
    if ended.answer_status == AGAIN:
        first = f"Recorded before, as batch {receipt.batch_no}; nothing was added."
    corrected = () if correction is None else correction_sentences(correction)
    facts = receipt_facts(receipt, complete_through=batch.complete_through)
    return Told(
        (first, *corrected, *(f"{name}: {value}" for name, value in facts)), receipt.rejects
    )


def _take_in(path: Path, *, inbox: Path) -> Upload:
    with path.open("rb") as file:
        return asyncio.run(store_upload(UploadFile(file, filename=path.name), inbox=inbox))


def first_admin(session: Session) -> Caller:
    """In whose name is recorded what nobody sent.

    Raises:
        BadInput: There is no admin.
    """
    return caller_named(session, None)


def caller_named(session: Session, email: str | None) -> Caller:
    """Who does something from the command line; the first admin where None.

    Raises:
        BadInput: Nobody has that address, or there is no admin.
    """
    who = col(UserRow.role) == Role.ADMIN if email is None else col(UserRow.email) == email
    active = col(UserRow.disabled_at).is_(None)
    user = session.exec(select(UserRow).where(who, active).order_by(col(UserRow.id))).first()
    if user is None:
        raise BadInput(
            f"Nobody signs in as {email}; see `pilotbook user add`."
            if email
            else "The installation has no admin yet; see `pilotbook user add`."
        )
    return Caller(user.id or 0, user.email, Role(user.role))


def done_here(database: Database, job_id: str, *, work: Callable[[], bool]) -> JobRow:
    """A job once it is done, by a worker or, where none takes it, by whoever waits.

    Raises:
        BadInput: It failed.
    """
    begun = time.monotonic()
    while True:
        with database.reading() as session:
            job = session.get_one(JobRow, job_id)
        if job.ended_at is not None:
            if job.state == JobState.FAILED:
                raise _refusal(answer_of(job))
            return job
        is_late = job.state == JobState.WAITING and time.monotonic() - begun > PATIENCE
        if not (is_late and work()):
            time.sleep(PAUSE)


def _refusal(problem: Json) -> BadInput:
    """The problem of a job, as the error that it was."""
    errors: Sequence[Json] = problem.get("errors", [])
    others = [
        Problem(one.get("field") or "", one["reason"]) for one in errors if one.get("line") is None
    ]
    return BadFile(problem["detail"], others, rejects_of(problem))


def rejects_of(problem: Json) -> list[Reject]:
    """The refused rows of a problem document."""
    return [
        Reject(one["line"], one["column"], one["value"], one["reason"])
        for one in problem.get("errors", [])
        if one.get("line") is not None
    ]
