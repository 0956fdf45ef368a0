"""The page of a job: how far it is, where it leads, and the way back."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.jobs.service import Answer, claim, end, renew, submit
from app.tables import JobKind, JobState
from app.work import as_answer
from experiments.errors import BadFile, Reject
from tests.site import NOW, Site, open_site

HTMX = {"HX-Request": "true"}
LATER = NOW + timedelta(seconds=5)
ARGUMENTS = {"slug": "spring", "name": "orders.csv", "back": "/ledger/uploads/1f"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path, working=False) as opened:
        yield opened


def under_way(site: Site, kind: JobKind = JobKind.RECORD) -> str:
    """A job that a worker has begun; its id."""
    with site.database.writing() as session:
        submit(
            session,
            kind=kind,
            arguments=ARGUMENTS,
            by=site.users["manager"],
            pilot_id=None,
            now=NOW,
        )
        job = claim(session, worker="w", kinds={kind}, now=NOW, problem_of=as_answer)
        assert job is not None
        renew(session, [job.id], "w", step="reading the file", share_done=0.4, now=NOW)
        session.commit()
    return job.id


def test_a_job_under_way_shows_its_step_and_asks_again(site: Site) -> None:
    job = under_way(site)
    browser = site.browser("manager")
    page = browser.get(f"/jobs/{job}")
    assert "Recording orders.csv" in page.text
    assert "Reading the file." in page.text
    assert 'http-equiv="refresh"' in page.text
    assert f'hx-get="/jobs/{job}"' in page.text
    part = browser.get(f"/jobs/{job}", headers=HTMX)
    assert part.text.strip().startswith("<div")
    assert "<html" not in part.text


def test_a_file_that_was_recorded_before_is_said_to_be(site: Site) -> None:
    job = under_way(site)
    with site.database.writing() as session:
        end(session, "w", {job: (JobState.DONE, Answer(200, {"batch": 7}))}, now=LATER)
        session.commit()
    page = site.browser("manager").get(f"/jobs/{job}")
    assert page.headers["location"] == "/ledger/7?again=yes"


@pytest.mark.parametrize(
    ("kind", "body", "place"),
    [
        (JobKind.RECORD, {"batch": 7}, "/ledger/7"),
        (JobKind.ENROL, {"batch": 7}, "/pilots/spring/enrol"),
        (JobKind.ASSIGN, {"batch": 7}, "/pilots/spring/enrol"),
        (JobKind.ANALYSE, {"number": 1}, "/pilots/spring/analyse"),
    ],
)
def test_a_job_that_is_done_leads_to_what_came_of_it(
    site: Site, kind: JobKind, body: dict[str, int], place: str
) -> None:
    job = under_way(site, kind)
    with site.database.writing() as session:
        end(session, "w", {job: (JobState.DONE, Answer(201, body))}, now=LATER)
        session.commit()
    browser = site.browser("manager")
    page = browser.get(f"/jobs/{job}")
    assert (page.status_code, page.headers["location"]) == (303, place)
    assert browser.get(f"/jobs/{job}", headers=HTMX).headers["hx-redirect"] == place


def test_a_job_that_failed_lists_its_rows_and_leads_back(site: Site) -> None:
    job = under_way(site)
    rejects = [Reject(at, "amount", "<b>", "is no number") for at in range(2, 302)]
    with site.database.writing() as session:
        problem = as_answer(BadFile("orders.csv: 300 rows are wrong:", rejects=rejects))
        end(session, "w", {job: (JobState.FAILED, problem)}, now=NOW)
        session.commit()
    page = site.browser("manager").get(f"/jobs/{job}")
    assert page.status_code == 200
    assert "The first 20 of 300 refused rows" in page.text
    assert page.text.index("Back to the columns") < page.text.index("<table")
    all_rows = site.browser("manager").get(f"/jobs/{job}/rejects")
    assert len(all_rows.text.splitlines()) == 301
    assert all_rows.text.splitlines()[:2] == [
        "line,column,value,reason",
        "2,amount,<b>,is no number",
    ]
    assert "&lt;b&gt;" in page.text
    assert 'href="/ledger/uploads/1f"' in page.text
    told = site.script("manager").get(f"/jobs/{job}").json()
    assert (told["state"], told["status"]) == ("failed", 422)
    assert len(told["answer"]["errors"]) == 300


def test_a_job_is_its_senders_own(site: Site) -> None:
    job = under_way(site)
    assert site.script("colleague").get(f"/jobs/{job}").status_code == 403
    assert site.script("admin").get(f"/jobs/{job}").status_code == 200
    assert site.script("admin").get("/jobs/none").status_code == 404
