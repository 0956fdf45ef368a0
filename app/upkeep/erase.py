"""Erase a person: the number stays and names nobody, so that every analysis repeats.

What no result was computed from is emptied as well. What a result was computed from stays: without
an id a tier or an age names nobody, and without them the balance of the groups would be another.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.confirming import confirm, refuse_damaged
from app.database import Database
from app.refusals import NotNow
from app.tables import UpkeepKind, UpkeepRow
from app.upkeep.backup_set import Place
from app.upkeep.erasable import in_pilots
from app.upkeep.retention import needed_uploads
from app.upkeep.rounds import noted
from app.upkeep.traces import forget, remove_uploads_of, waiting_for
from app.workspace import open_reader
from experiments.engines.engine import Engine
from experiments.errors import BadInput, Problem
from experiments.ledger.erasing import blank, erase_numbers, erased_numbers, number_of_customer
from experiments.ledger.ledger import Ledger

REFUSED: Final = "Nobody was erased."
OLD_VERSIONS: Final = timedelta(hours=168)  # that a vacuum leaves the files of old versions
LONGEST: Final = 2_000
OWNER: Final = "owner"
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done, and where traces remain. Names nobody.

    Attributes:
        customer: The number that names nobody now; None where the id was in no ledger.
        reason: Why.
        emptied: Per pilot, attributes that were emptied.
        stays: Per pilot, attributes that stay, because results were computed from them.
        uploads: Uploads that were removed.
        entries: Receipts, jobs and answers that named the customer.
        old_versions_until: When a vacuum may take the old files of the ledger.
        backups: Folders of backups, which hold the customer until the last older one is deleted;
            restored, they are erased again.
        out_of_reach: Those of them that could not be told.
    """

    customer: int | None
    reason: str
    emptied: dict[str, list[str]]
    stays: dict[str, list[str]]
    uploads: int
    entries: int
    old_versions_until: datetime
    backups: list[str] = field(default_factory=list)
    out_of_reach: list[str] = field(default_factory=list)


def erase(
    database: Database,
    ledger: Ledger,
    *,
    files: Path,
    customer_id: str,
    reason: str,
    clock: Callable[[], datetime],
    by: int | None = None,
) -> Erased:
    """Erase a customer; begun and interrupted, it can be done again.

    Args:
        database: The registry.
        ledger: The company's.
        files: The installation's folder of files.
        customer_id: As the company calls the customer.
        reason: Why, without naming the customer; it is kept for ever.
        clock: Says what time it is.
        by: Who asked for it.

    Raises:
        BadInput: There is no such customer, or the reason is missing or names the customer.
        NotNow: A list or a job needs a file that names the customer, beside others.
        DamagedLedger: Names the files; a backup is restored first.
    """
    said = _checked(customer_id, reason)
    with database.reading() as session:
        refuse_damaged(session, ledger)
        waits = waiting_for(session, files, customer_id)
    if waits:
        listed = "; ".join(waits)
        raise NotNow(f"{REFUSED} This customer stands in {listed}. Then erase again.")
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as name,
        open_reader(ledger, scratch=Path(name)) as engine,
    ):
        number = number_of_customer(engine, ledger, customer_id)
        with noted(database, UpkeepKind.ERASE, clock=clock, by=by) as done:
            now = clock()
            numbers = [] if number is None else [number]
            with database.reading() as session:
                places = places_of(session)
            out_of_reach = _tell(places, numbers)
            with database.writing() as session:
                needed = needed_uploads(session)
                entries = forget(session, customer_id)
                session.commit()
            removed = remove_uploads_of(files, customer_id, needed=needed, now=now)
            # Last, because by the id everything is found again after an interruption.
            emptied, stays = _erase_numbers(database, ledger, engine, numbers, files, now=now)
            if number is None and not removed and not entries:
                wrong = Problem("customer_id", "is in no ledger, upload or receipt; compare it")
                raise BadInput(REFUSED, [wrong])
            done.result = found = Erased(
                customer=number,
                reason=said,
                emptied=emptied,
                stays=stays,
                uploads=removed,
                entries=entries,
                old_versions_until=now + OLD_VERSIONS,
                backups=[str(place) for place in places],
                out_of_reach=out_of_reach,
            )
    return found


def erase_again(
    database: Database,
    ledger: Ledger,
    *,
    files: Path,
    place: Place,
    clock: Callable[[], datetime],
) -> int:
    """Erase whom somebody erased after a backup was made that is restored now; how many.

    Args:
        database: The registry.
        ledger: The company's.
        files: The installation's folder of files.
        place: The backup's, which remembers their numbers.
        clock: Says what time it is.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as name,
        open_reader(ledger, scratch=Path(name)) as engine,
    ):
        numbers = sorted(place.erased() - erased_numbers(engine, ledger))
        if numbers:
            _erase_numbers(database, ledger, engine, numbers, files, now=clock())
    return len(numbers)


def places_of(session: Session) -> list[Path]:
    """The folders into which backups were made."""
    query = select(UpkeepRow.result_json).where(
        UpkeepRow.kind == UpkeepKind.BACKUP, col(UpkeepRow.result_json).is_not(None)
    )
    return sorted({Path(json.loads(said)["place"]) for said in session.exec(query).all() if said})


def _erase_numbers(
    database: Database,
    ledger: Ledger,
    engine: Engine,
    numbers: Sequence[int],
    files: Path,
    *,
    now: datetime,
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Take ids and free attributes away; per pilot, what was emptied and what stays."""
    emptied: dict[str, list[str]] = {}
    stays: dict[str, list[str]] = {}
    if not numbers:
        return emptied, stays
    for one in in_pilots(database, ledger, engine, numbers):
        blank(ledger, one.pilot, numbers, [OWNER, *one.columns])
        for path in sorted((files / "accounts").glob(f"{one.pilot}-*.parquet")):
            _blank_accounts(path, numbers, one.emptied)
        emptied[one.pilot] = list(one.emptied)
        stays[one.pilot] = list(one.stays)
    erase_numbers(engine, ledger, numbers)
    changed = {"directory", "erased", *(f"enrolments/{slug}" for slug in emptied)}
    _confirm(database, ledger, changed & {*ledger.tables()}, now=now)
    return emptied, stays


def _blank_accounts(path: Path, numbers: Collection[int], free: Collection[str]) -> None:
    """Empty free attributes in the accounts of an analysis.

    An attribute whose name was taken has `attribute_` in front there, and perhaps `_2` behind.
    """
    table = pq.read_table(path)
    named = pc.is_in(table["customer"], pa.array(sorted(numbers), pa.int64()))
    wanted = {name.casefold() for name in free}
    changed = False
    for at, column in enumerate(table.schema):
        given = column.name.casefold()
        other = given.removeprefix("attribute_")
        is_free = bool(wanted & {given, other, re.sub(r"_\d+$", "", other)})
        if is_free and pa.types.is_string(column.type):
            nobody = pa.scalar(None, column.type)
            table = table.set_column(at, column, pc.if_else(named, nobody, table.column(at)))
            changed = True
    if changed and pc.any(named).as_py():
        unfinished = path.with_name(f".{path.name}.unfinished")
        with unfinished.open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def _confirm(database: Database, ledger: Ledger, tables: Collection[str], *, now: datetime) -> None:
    """Confirm what was written; the worker may confirm the same commits at the same time."""
    for tries in range(TRIES):
        try:
            with database.writing() as session:
                confirm(session, ledger, now=now, tables=sorted(tables))
                session.commit()
        except IntegrityError:
            if tries == TRIES - 1:
                raise
        else:
            return


def _tell(places: Sequence[Path], numbers: Collection[int]) -> list[str]:
    """Let the folders of backups remember whom a restore has to erase again; those not reached."""
    missed = []
    for folder in places:
        try:
            if not folder.is_dir():
                raise FileNotFoundError(folder)
            Place(folder).remember_erased(numbers)
        except OSError:
            missed.append(str(folder))
    return missed


def _checked(customer_id: str, reason: str) -> str:
    said = " ".join(reason.split())
    problems = []
    if not customer_id or "\0" in customer_id:
        problems.append(Problem("customer_id", "is missing"))
    if not said:
        problems.append(Problem("reason", "is missing; say who asked for it, and when"))
    elif len(said) > LONGEST or not said.isprintable():
        problems.append(Problem("reason", f"must be plain text of at most {LONGEST:,} characters"))
    elif customer_id and customer_id in said.split():
        problems.append(Problem("reason", "names the customer, and is kept for ever; leave it out"))
    if problems:
        raise BadInput(REFUSED, problems)
    return said
