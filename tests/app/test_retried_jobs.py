"""A job whose worker was stopped after its work was done is answered as if it was done once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.jobs.service import wait
from app.tables import BatchRow, JobKind, JobRow, JobState
from tests.app.running import (
    DRAWN_LATER,
    customers_csv,
    in_folder,
    orders_csv,
    planned,
    wait_long,
)
from tests.site import Site, open_site

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


def tried_again(site: Site, kind: JobKind) -> tuple[int | None, dict[str, Any]]:
    """Let the newest job of a kind begin once more, as after a worker that was killed."""
    with site.database.writing() as session:
        job = session.exec(select(JobRow).where(JobRow.kind == kind)).one()
        job.state, job.attempts = JobState.WAITING, 1
        job.answer_json = job.answer_status = job.ended_at = None
        session.add(job)
        session.commit()
    ended = wait(site.database, job.id, seconds=60)
    return ended.answer_status, json.loads(ended.answer_json or "")


def batches(site: Site) -> int:
    with site.database.reading() as session:
        return len(session.exec(select(BatchRow)).all())


def test_behavior_is_recorded_once(site: Site) -> None:
    columns = {"customer_id": "customer", "occurred_at": "day", "measure": "what"}
    first = site.script("manager").post(
        "/behavior", params={**columns, "value": "amount"}, content=orders_csv(), headers=CSV
    )
    kept = in_folder(site.settings.files)
    assert tried_again(site, JobKind.RECORD) == (201, first.json())
    assert batches(site) == 1
    assert in_folder(site.settings.files) == kept


def test_customers_are_enrolled_and_drawn_once(site: Site) -> None:
    planned(site, DRAWN_LATER)
    api = site.script("manager")
    address = "/pilots/spring-call"
    query = {"customer_id": "id", "tier": "tier"}
    api.post(f"{address}/customers", params=query, content=customers_csv(), headers=CSV)
    drawn = api.post(f"{address}/assignment", json={"seed": 7})
    assert drawn.status_code == 201, drawn.text
    assert tried_again(site, JobKind.ASSIGN) == (201, drawn.json())
    # The file that was listed is the one that is enrolled by now.
    status, receipt = tried_again(site, JobKind.ENROL)
    assert (status, receipt["fingerprint"]) == (201, drawn.json()["fingerprint"])
    assert batches(site) == 1
