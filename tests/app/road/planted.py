"""Pilots that stand somewhere on the road, made by the services that make them for the site."""

import tempfile
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from pathlib import Path

from sqlmodel import select

from app.analyse.conclusion import conclude
from app.analyse.service import analyse_pilot
from app.enrol.service import enrol_file
from app.plan.draft import Draft
from app.plan.service import register
from app.record.service import record_file
from app.tables import PilotRow, PlanRow, SignatureRow, SignedWhat
from app.workspace import Workspace
from experiments.engines.embedded import open_embedded
from experiments.ledger.ledger import Ledger
from experiments.plan.pilot_file import read_pilot_file
from tests.app.pilots import Wide
from tests.site import EMAILS, Site


class Stop(IntEnum):
    """Where a pilot stands."""

    DRAFT = 0
    FROZEN = 1
    SIGNED = 2
    ENROLLED = 3
    RECORDED = 4
    ANALYSED = 5


def plant(site: Site, slug: str, wide: Wide, stop: Stop, *, owner: str = "manager") -> int:
    """Bring a pilot some way along the road; its number.

    It is frozen on the eve of its start, enrolled on its first day, recorded on the day after its
    last, and analysed as of the site's present day.
    """
    with tempfile.TemporaryDirectory() as name, site.database.writing() as session:
        folder = Path(name)
        path = wide.write(folder)
        text = path.read_text(encoding="utf-8").replace('"spring-mail"', f'"{slug}"')
        text = text.replace("o@example.com", f"{owner}@example.com")
        path.write_text(text.replace("s@example.com", EMAILS["executive"]), encoding="utf-8")
        pilot_file = read_pilot_file(path)
        plan = pilot_file.plan()
        eve = _at(wide.starts_on - timedelta(days=1))
        if stop is Stop.DRAFT:
            pilot = PilotRow(slug=slug, created_at=eve, draft_json=Draft.of_plan(plan).as_json())
        else:
            pilot = register(session, plan, now=eve)
        pilot.owner_id = site.users[owner]
        session.add(pilot)
        session.commit()
        if stop >= Stop.SIGNED:
            _sign(site, pilot)
        with open_embedded(scratch=folder) as engine:
            workspace = Workspace(session, Ledger(site.settings.ledger), engine, folder, "UTC")
            if stop >= Stop.ENROLLED:
                source = pilot_file.customers
                enrol_file(workspace, pilot, folder / source.file, source, now=_at(wide.starts_on))
            if stop >= Stop.RECORDED:
                for columns in pilot_file.behavior:
                    record_file(
                        workspace,
                        folder / columns.file,
                        columns,
                        complete_through=columns.complete_through(ends_on=wide.ends_on),
                        now=_at(wide.ends_on + timedelta(days=1)),
                    )
            if stop >= Stop.ANALYSED:
                finding = analyse_pilot(workspace, pilot, today=site.now.date())
                conclude(workspace, pilot, finding, now=site.now)
        return pilot.id or 0


def _sign(site: Site, pilot: PilotRow) -> None:
    with site.database.writing() as session:
        plan = session.exec(select(PlanRow).where(PlanRow.pilot_id == pilot.id)).one()
        session.add(
            SignatureRow(
                pilot_id=plan.pilot_id,
                user_id=site.users["executive"],
                what=SignedWhat.PLAN,
                fingerprint=plan.fingerprint,
                signed_at=plan.frozen_at,
            )
        )
        session.commit()


def _at(day: date) -> datetime:
    return datetime.combine(day, time(9), tzinfo=UTC)
