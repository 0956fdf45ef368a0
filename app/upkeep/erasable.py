"""What is known of a customer, what of it an erasure empties, and what stays: to be seen before."""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlmodel import select

from app.confirming import refuse_damaged
from app.database import Database
from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan
from app.tables import EnrolmentRow, PilotRow
from app.upkeep.traces import waiting_for
from app.workspace import open_reader
from experiments.analyse.profiles import MOST_LEVELS
from experiments.engines.engine import Engine
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.enrol.naming import planned_attributes
from experiments.ledger.erasing import number_of_customer
from experiments.ledger.ledger import Ledger
from experiments.pilot import Plan


@dataclass(frozen=True, slots=True)
class InPilot:
    """A pilot in which customers are enrolled who shall be erased.

    Attributes:
        pilot: Its slug.
        emptied: Attributes that are emptied.
        columns: Where the enrolment keeps these.
        stays: Attributes that stay, because results were computed from them.
    """

    pilot: str
    emptied: tuple[str, ...]
    columns: tuple[str, ...]
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a customer.

    Attributes:
        number: The number that stands for the customer; None where the ledger knows none.
        rows: Rows of behavior, which stay.
        first: Day of the oldest; None where there is none.
        last: Day of the newest.
        pilots: In which the customer is enrolled.
        waits: What has to be over before, in words.
    """

    number: int | None
    rows: int
    first: date | None
    last: date | None
    pilots: tuple[InPilot, ...]
    waits: tuple[str, ...]


def look_up(database: Database, ledger: Ledger, *, files: Path, customer_id: str) -> Known:
    """What is known of a customer; nothing is changed.

    Args:
        database: The registry.
        ledger: The company's.
        files: The installation's folder of files.
        customer_id: As the company calls the customer.

    Raises:
        DamagedLedger: Names the files.
    """
    with database.reading() as session:
        refuse_damaged(session, ledger)
        waits = waiting_for(session, files, customer_id)
    with (
        tempfile.TemporaryDirectory(prefix="pilotbook-") as name,
        open_reader(ledger, scratch=Path(name)) as engine,
    ):
        number = number_of_customer(engine, ledger, customer_id)
        if number is None:
            return Known(None, 0, None, None, (), tuple(waits))
        behavior = ledger.behavior(engine)
        own = behavior.filter(behavior.customer == number)
        told = own.aggregate(
            rows=own.count(), first=own.occurred_at.min(), last=own.occurred_at.max()
        )
        [found] = engine.fetch(told).to_pylist()
        pilots = in_pilots(database, ledger, engine, [number])
        return Known(number, **found, pilots=tuple(pilots), waits=tuple(waits))


def in_pilots(
    database: Database, ledger: Ledger, engine: Engine, numbers: Collection[int]
) -> list[InPilot]:
    """The pilots in which some customers are enrolled, and what is known of them there."""
    with database.reading() as session:
        enrolled = [
            (pilot.slug, frozen_plan(session, pilot)[0], enrolment_receipt(session, pilot))
            for pilot in session.exec(
                select(PilotRow).join(EnrolmentRow).order_by(PilotRow.slug)
            ).all()
        ]
    found = []
    for slug, plan, receipt in enrolled:
        rows = ledger.enrolment(engine, slug, batch_no=receipt.batch_no)
        if not engine.fetch(rows.filter(rows.customer.isin(sorted(numbers))).limit(1)).num_rows:
            continue
        free = _free_attributes(engine, ledger, plan, receipt, numbers)
        found.append(
            InPilot(
                pilot=slug,
                emptied=tuple(sorted(free)),
                columns=tuple(one.column for one in receipt.attributes if one.name in free),
                stays=tuple(sorted(o.name for o in receipt.attributes if o.name not in free)),
            )
        )
    return found


def _free_attributes(
    engine: Engine,
    ledger: Ledger,
    plan: Plan,
    receipt: EnrolmentReceipt,
    numbers: Collection[int],
) -> frozenset[str]:
    """Names of the attributes of an enrolment that no result is computed from.

    What says who somebody is stands in none. Nor does a text with many values that the plan does
    not ask for; whether it has many must not hang on the customers who are erased.
    """
    planned = planned_attributes(plan, tier=receipt.tier) | {*receipt.strata, receipt.cluster}
    personal = frozenset(receipt.personal) - planned
    known = [one for one in receipt.attributes if one.name not in planned | personal]
    texts = [one for one in known if not one.numeric]
    if not texts:
        return personal
    rows = ledger.enrolment(engine, plan.pilot.slug, batch_no=receipt.batch_no)
    others = rows.filter(rows.customer.notin(sorted(numbers)))
    counts = engine.fetch(
        others.aggregate(**{one.column: others[one.column].nunique() for one in texts})
    ).to_pylist()[0]
    return personal | {one.name for one in texts if counts[one.column] > MOST_LEVELS}
