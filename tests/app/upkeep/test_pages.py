"""The page on the care of the ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.upkeep.compaction import tidy
from app.upkeep.scrub import scrub
from app.workspace import open_ledger
from experiments.errors import DamagedLedger
from tests.app.results import SLUG, analysed_site
from tests.site import PASSWORD, Site

PAGE = "/ledger/upkeep"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with analysed_site(tmp_path / "site") as opened:
        yield opened


def test_the_page_says_how_the_ledger_is_and_what_was_done(site: Site) -> None:
    ledger = open_ledger(site.settings)
    admin = site.browser("admin")
    assert "Last scrub" in admin.get(PAGE).text
    tidy(site.database, ledger, clock=site.clock)
    scrub(site.database, ledger, clock=site.clock)
    text = admin.get(PAGE).text
    assert "every file is as it was written" in text
    assert "behavior, 2026" in text
    assert "customer ids, and the numbers that stand for them" in text
    assert "0 old files were deleted" in text
    assert "read; all as they were written" in text
    file = next((ledger.root / "behavior").rglob("part-*.parquet"))
    file.unlink()
    with pytest.raises(DamagedLedger):
        scrub(site.database, ledger, clock=site.clock)
    text = admin.get(PAGE).text
    assert f"{file.name} is missing" in text
    assert "Restore it from a backup" in text


def test_a_damaged_ledger_is_read_on_no_page(site: Site) -> None:
    ledger = open_ledger(site.settings)
    [*_, entry] = sorted((ledger.root / "behavior/_delta_log").glob("*.json"))
    entry.write_bytes(b"")
    admin = site.browser("admin")
    rows = admin.post("/ledger/2/rows", data={"customer": "00017"})
    listed = admin.get(f"/pilots/{SLUG}/enrol/list")
    looked = admin.post(f"{PAGE}/erase/look", data={"customer_id": "00017"})
    erased = admin.post(
        f"{PAGE}/erase", data={"customer_id": "00017", "reason": "Letter.", "password": PASSWORD}
    )
    for answer, status in ((rows, 503), (listed, 503), (looked, 422), (erased, 503)):
        assert answer.status_code == status
        assert f"{entry.name} is empty" in answer.text
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert f"{entry.name} is empty" in page.text
    assert "No backup was made from here" in page.text


def test_only_an_admin_sees_it(site: Site) -> None:
    for who in ("manager", "analyst", "executive"):
        assert site.browser(who).get(PAGE).status_code == 403


def test_machines_that_watch_are_told_of_a_damaged_ledger(site: Site) -> None:
    watch = site.visitor()
    assert watch.get("/readyz").json()["ledger_damaged"] is False
    assert "pilotbook_ledger_damaged 0.0" in watch.get("/metrics").text
    ledger = open_ledger(site.settings)
    next((ledger.root / "behavior").rglob("part-*.parquet")).unlink()
    with pytest.raises(DamagedLedger):
        scrub(site.database, ledger, clock=site.clock)
    assert watch.get("/readyz").json()["ledger_damaged"] is True
    assert "pilotbook_ledger_damaged 1.0" in watch.get("/metrics").text
