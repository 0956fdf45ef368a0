"""What the machines that watch a site are told."""

import re
from datetime import timedelta
from pathlib import Path

from app.jobs.service import submit
from app.tables import JobKind
from app.web.probes import PATIENCE
from tests.site import Site


def submit_job(site: Site) -> None:
    with site.database.writing() as session:
        submit(
            session,
            kind=JobKind.RECORD,
            arguments={},
            by=site.users["manager"],
            pilot_id=None,
            now=site.now,
        )
        session.commit()


def test_a_site_is_alive_and_ready_for_everybody(site: Site) -> None:
    client = site.visitor()
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "registry": True,
        "ledger": True,
        "worker": True,
        "waiting": 0,
        "running": 0,
        "sign_of_life": None,
        "ledger_damaged": False,
    }


def test_a_job_that_waits_in_vain_says_that_no_worker_works(site: Site) -> None:
    submit_job(site)
    assert site.visitor().get("/readyz").status_code == 200
    site.now += PATIENCE + timedelta(seconds=1)
    answer = site.visitor().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["worker"] is False


def test_a_ledger_that_cannot_be_reached_is_told(site: Site) -> None:
    folder = Path(site.settings.ledger)
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where a folder should be")
    answer = site.visitor().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ledger"] is False


def test_requests_are_counted_by_route_and_status(site: Site) -> None:
    client = site.browser("manager")
    client.get("/pilots/one")
    client.get("/pilots/two")
    client.get("/no/such/page")
    submit_job(site)
    told = client.get("/metrics").text
    assert 'pilotbook_requests_total{method="GET",route="/pilots/{slug}",status="404"} 2.0' in told
    assert re.search(
        r'pilotbook_requests_total\{method="any",route="none",status="404"\} 1.0', told
    )
    assert 'pilotbook_jobs{state="waiting"} 1.0' in told
    assert "pilotbook_request_seconds_bucket" in told
    assert "/pilots/one" not in told
