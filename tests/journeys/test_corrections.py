"""Who corrects a row, and who looks before erasing: by day and night, at a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from tests.journeys.company import Served
from tests.journeys.conftest import Visit
from tests.journeys.views import ADMIN, MANAGER
from tests.travel import finished

pytestmark = pytest.mark.live

ROW = {"customer_id": "C-77", "occurred_at": "2026-02-03", "measure": "calls", "value": 3}


def test_a_manager_finds_a_wrong_row_and_corrects_it(site: Served, visit: Visit) -> None:
    with site.script(site.token(MANAGER)) as api:
        rows = [{**ROW, "event_id": f"call {at}", "value": at} for at in range(3)]
        batch = finished(api, api.post("/behavior", json=[*rows, ROW, ROW]))["batch"]
    manager = visit(MANAGER)
    page = manager.go(f"/ledger/{batch}")
    page.get_by_label("Customer id").fill("C-77")
    page.get_by_role("button", name="Find rows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Correct a row of batch {batch}")
    assert "C-77" not in page.url
    faults = manager.faults("rows of a customer")
    page.get_by_role("button", name="Correct calls of 2026-02-03, 2").click()
    expect(page.get_by_label("Value")).to_have_value("2")
    page.get_by_label("Value").fill("two")
    page.get_by_label("Why is the row wrong?").fill("The agent called once.")
    page.get_by_role("button", name="Correct this row").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a number")
    faults += manager.faults("a row that is wrong still")
    page.get_by_label("Value").fill("1")
    page.get_by_role("button", name="Correct this row").click()
    expect(page.get_by_role("heading", name="What it corrected")).to_be_visible()
    faults += manager.faults("batch of a correction")
    page.get_by_role("link", name=f"batch {batch}").first.click()
    expect(page.get_by_role("heading", name="Corrections")).to_be_visible()
    faults += manager.faults("batch that was corrected")
    assert faults == []


def test_an_admin_looks_before_anybody_is_erased(site: Served, visit: Visit) -> None:
    with site.script(site.token(MANAGER)) as api:
        finished(api, api.post("/behavior", json=[{**ROW, "customer_id": "C-78"}]))
    admin = visit(ADMIN)
    page = admin.go("/ledger/upkeep/erase")
    page.get_by_label("Customer id").fill("C-78")
    page.get_by_label("Customer id").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("with 1 row of behavior, 3 February 2026")
    expect(page.get_by_role("status")).to_contain_text("The customer is in no pilot.")
    expect(page.get_by_label("Customer id")).to_have_value("C-78")
    assert "C-78" not in page.url
    faults = admin.faults("a customer who may be erased")
    page.get_by_role("button", name="Erase for ever").click()
    expect(page.get_by_text("Nobody.")).to_be_visible()
    assert faults == []
