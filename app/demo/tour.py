"""The demonstration: a company's ledger and three pilots, from plan to verdict.

The company's days pass inside the demonstration: plans are frozen a week before their pilots
begin, and behavior arrives when all of them are over, so that registration is prospective. Every
step is the service's own, with the jobs that it leaves done at once.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path

import ibis
import pyarrow as pa
from sqlmodel import Session, select

from app.analyse.kept import newest, report_kept
from app.analyse.request import ask
from app.database import Database
from app.demo.files import WrittenPilot, write_demo
from app.demo.people import PASSWORD, add_people
from app.demo.pilots import Pilot
from app.enrol.request import ask_to_enrol
from app.people.caller import Caller
from app.plan.service import begin_pilot, freeze, sign_plan
from app.record.request import ask_to_record
from app.road.run import Stage
from app.settings import Settings
from app.tables import JobRow, JobState, PilotRow
from app.web.inbox import inbox_of
from app.work import open_worker
from experiments.engines.engine import Engine, open_engine
from experiments.enrol.assignment import assign
from experiments.pilot import Plan
from experiments.plan.pilot_file import PilotFile, read_pilot_file
from experiments.report.report import PilotReport

NEXT_STARTS: timedelta = timedelta(days=14)
NEXT_LASTS: timedelta = timedelta(days=28)


@dataclass
class Company:
    """A company as its days pass: its installation, its people, and what time it is."""

    settings: Settings
    database: Database
    people: Mapping[str, Caller]
    now: datetime

    def do(self, job: Callable[[Session], JobRow]) -> None:
        """Leave a job to the worker, who does it at once.

        Raises:
            RuntimeError: It failed; the company's own files are never wrong.
        """
        with self.database.writing() as session:
            left = job(session)
            session.commit()
        worker = open_worker(self.settings, self.database, name="demo", clock=lambda: self.now)
        worker.run_one()
        with self.database.reading() as session:
            done = session.get_one(JobRow, left.id)
        if done.state != JobState.DONE:
            raise RuntimeError(f"the demo's job {done.kind} failed: {done.answer_json}")

    def upload(self, file: Path, *, folder: str) -> Path:
        """Put a file where uploads are."""
        kept = inbox_of(self.settings.files) / folder
        kept.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(file, kept / f"upload{file.suffix}"))


def tour(
    settings: Settings, database: Database, *, now: datetime, at: Callable[[Stage], None]
) -> list[PilotReport]:
    """Build the company in a fresh installation, run its pilots, and return their reports.

    Args:
        settings: Of the installation.
        database: Its registry, migrated and empty.
        now: The present, for the plan that waits for its sponsor.
        at: Told each stage as it begins.
    """
    at(Stage.PLAN)
    source = settings.files / "company"
    with open_engine() as engine:
        written = write_demo(source, assign=lambda pilot, ids: drawn_arms(engine, pilot, ids))
    first = min(one.pilot.starts_on for one in written)
    with database.writing() as session:
        people = add_people(session, now=_morning(first - timedelta(days=60)))
        session.commit()
    company = Company(settings, database, people, now)
    files = [read_pilot_file(one.plan_file) for one in written]
    pilots = []
    for one, pilot_file in zip(written, files, strict=True):
        company.now = _morning(one.pilot.starts_on - timedelta(days=7))
        pilots.append(_plan(company, pilot_file.plan()))
        at(Stage.ENROL)
        _enrol(company, pilots[-1], one, pilot_file)
    at(Stage.RECORD)
    company.now = _morning(max(one.pilot.ends_on for one in written) + timedelta(days=1))
    _record(company, source, files[0], through=max(one.pilot.ends_on for one in written))
    company.now = _morning(max(one.pilot.ends_on for one in written) + timedelta(days=2))
    reports = []
    for pilot in pilots:
        at(Stage.ANALYSE)
        reports.append(_analyse(company, pilot))
    company.now = now
    _plan(company, next_plan(files[-1].plan(), today=now.date()), signed=False)
    shutil.rmtree(source)
    at(Stage.REPORT)
    return reports


def drawn_arms(engine: Engine, pilot: Pilot, ids: list[str]) -> Mapping[str, str]:
    """Draw arms as the enrolment will: the effects of the program have to know them."""
    shares = {pilot.program.control: Fraction(1, 2), pilot.program.treatment: Fraction(1, 2)}
    customers = ibis.memtable(pa.table({"customer_id": ids, "stratum": [""] * len(ids)}))
    arms = engine.fetch(assign(engine, customers, seed=pilot.program.seed, shares=shares))
    return {row["customer_id"]: row["arm"] for row in arms.to_pylist()}


def next_plan(plan: Plan, *, today: date) -> Plan:
    """A plan for the weeks to come, after the model of an earlier one."""
    header = plan.pilot.model_copy(
        update={
            "name": "Birthday voucher",
            "slug": "birthday-voucher",
            "hypothesis": "A voucher in the week of their birthday brings customers back.",
            "starts_on": today + NEXT_STARTS,
            "ends_on": today + NEXT_STARTS + NEXT_LASTS,
        }
    )
    return plan.model_copy(update={"pilot": header})


def _plan(company: Company, plan: Plan, *, signed: bool = True) -> PilotRow:
    """Freeze the plan as its owner, and sign it as its sponsor."""
    owner, sponsor = company.people[plan.pilot.owner], company.people[plan.pilot.sponsor]
    with company.database.writing() as session:
        pilot = begin_pilot(session, owner=owner, draft=plan, now=company.now)
        fingerprint = freeze(session, pilot, by=owner, now=company.now)
        session.commit()
        if signed:
            sign_plan(
                session,
                pilot,
                by=sponsor,
                password=PASSWORD,
                fingerprint=fingerprint,
                now=company.now,
            )
            session.commit()
    return pilot


def _enrol(company: Company, pilot: PilotRow, written: WrittenPilot, pilot_file: PilotFile) -> None:
    file = written.customers_file
    upload = company.upload(file, folder=pilot.slug)
    owner = company.people[pilot_file.pilot.owner]
    company.do(
        lambda session: ask_to_enrol(
            session,
            pilot,
            upload,
            pilot_file.customers,
            name=file.name,
            by=owner,
            now=company.now,
        )
    )


def _record(company: Company, source: Path, pilot_file: PilotFile, *, through: date) -> None:
    """The company's behavior arrives once, for all of its pilots."""
    columns = pilot_file.behavior[0]
    file = source / pilot_file.pilot.slug / columns.file
    upload = company.upload(file, folder="behavior")
    owner = company.people[pilot_file.pilot.owner]
    company.do(
        lambda session: ask_to_record(
            session,
            upload,
            columns.model_copy(update={"complete": through}),
            name=file.name,
            by=owner,
            now=company.now,
            today=company.now.date(),
        )
    )


def _analyse(company: Company, pilot: PilotRow) -> PilotReport:
    analyst = company.people["analyst@example.com"]
    company.do(
        lambda session: ask(session, pilot, by=analyst, now=company.now, today=company.now.date())
    )
    with company.database.reading() as session:
        row = newest(session, session.exec(select(PilotRow).where(PilotRow.id == pilot.id)).one())
    if row is None:
        raise RuntimeError(f"nothing was kept of {pilot.slug}")
    return report_kept(row)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9), tzinfo=UTC)
