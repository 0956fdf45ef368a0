"""The road gives the same result whichever way it is travelled: run, calls, or pages."""

import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from app.road.run import travel
from app.workspace import throwaway_workspace
from experiments.plan.pilot_file import read_pilot_file
from tests.plan.example import PILOT_FILE
from tests.site import Site, open_site
from tests.travel import travel_by_api
from tests.travel_pages import travel_by_pages

pytestmark = pytest.mark.live

WORKED = Path(__file__).resolve().parents[2] / "app/demo/worked"
HILLSTROM = {
    "mens": '["Mens E-Mail"]',
    "womens": '["Womens E-Mail"]',
    "both": '["Mens E-Mail", "Womens E-Mail"]',
}


def by_run(pilot_file: Path, today: date) -> dict[str, Any]:
    """The result of `pilotbook run`."""
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        return travel(
            workspace, read_pilot_file(pilot_file), files=pilot_file.parent,
            now=_noon(today), today=today, at=lambda _: None,
        ).result  # fmt: skip


def by_site(site: Site, pilot_file: Path, way: str) -> dict[str, Any]:
    """The result of a site."""
    browser = site.browser("manager")
    if way == "calls":
        slug = travel_by_api(site.script("manager"), pilot_file)
    else:
        slug = travel_by_pages(browser, pilot_file)
    answer = browser.get(f"/api/v1/pilots/{slug}/results")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def compare(folder: Path, pilot_file: Path, today: date, way: str) -> None:
    """Travel both ways; not a single key may differ.

    Even `inputs` agree, because the fresh site and the run number their batches alike.
    """
    with open_site(folder) as site:
        site.now = _noon(today)
        found = by_site(site, pilot_file, way)
    expected = by_run(pilot_file, today)
    assert found["registration"] == "retrospective"
    assert found.keys() == expected.keys()
    assert {key: found[key] for key in found if found[key] != expected[key]} == {}


@pytest.mark.parametrize("way", ["calls", "pages"])
@pytest.mark.parametrize(
    ("form", "today"),
    [
        ("wide", date(2026, 8, 15)),
        ("long", date(2026, 6, 15)),
        ("clustered", date(2026, 6, 15)),
    ],
)
def test_the_worked_pilots(tmp_path: Path, form: str, today: date, way: str) -> None:
    compare(tmp_path, WORKED / form / "pilot.toml", today, way)


@pytest.mark.parametrize("way", ["calls", "pages"])
@pytest.mark.parametrize("treatments", HILLSTROM)
def test_hillstroms_email(tmp_path: Path, shared_data: Path, treatments: str, way: str) -> None:
    shutil.copy(shared_data / "hillstrom.csv.gz", tmp_path)
    path = tmp_path / "pilot.toml"
    path.write_text(PILOT_FILE.replace('["Mens E-Mail"]', HILLSTROM[treatments]), "utf-8")
    compare(tmp_path, path, date(2008, 5, 1), way)


@pytest.mark.parametrize("way", ["calls", "pages"])
def test_columns_under_other_names_and_rows_that_are_events(tmp_path: Path, way: str) -> None:
    source = tmp_path / "wide"
    shutil.copytree(WORKED / "wide", source)
    path = source / "pilot.toml"
    text = path.read_text("utf-8").replace('measure = "margin"', 'measure = "paid"')
    measures = 'measures = ["margin", "orders", "ordered", "complained"]'
    assert measures in text
    other = 'measures = ["margin", "orders", "complained"]\nnames = { margin = "paid" }'
    path.write_text(text.replace(measures, f'{other}\neach_row = "ordered"'), "utf-8")
    compare(tmp_path, path, date(2026, 8, 15), way)


def _noon(today: date) -> datetime:
    return datetime.combine(today, time(12), UTC)
