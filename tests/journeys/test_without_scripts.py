"""What people whose browser runs no scripts can do: the same, a click or two longer."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit

pytestmark = pytest.mark.live

MANAGER = "manager@example.com"


def test_a_draft_is_saved_without_scripts(visit: Visit) -> None:
    visitor = visit(java_script_enabled=False)
    page = visitor.sign_in(MANAGER)
    page.get_by_role("button", name="New pilot").click()
    page.get_by_label("Name").fill("Quiet letter")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.get_by_label("Hypothesis").fill("It works without scripts.")
    page.get_by_role("button", name="Add a metric").click()
    expect(page.get_by_role("group", name="Metric 2")).to_be_visible()
    page.get_by_role("button", name="Save draft").last.click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    expect(page.get_by_label("Hypothesis")).to_have_value("It works without scripts.")


def test_a_file_is_recorded_without_scripts(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("who,day,calls\nQ1,2026-01-02,3\nQ2,2026-01-03,1\n", encoding="utf-8")
    visitor = visit(MANAGER, java_script_enabled=False)
    page = visitor.go("/ledger")
    page.get_by_label("Behavior").set_input_files(file)
    page.get_by_role("button", name="Show the first rows").click()
    page.get_by_label("Meaning of who").select_option("customer_id")
    page.get_by_label("Meaning of day").select_option("occurred_at")
    page.get_by_label("Meaning of calls").select_option("measures")
    page.get_by_role("button", name="Record this file").click()
    expect(page.get_by_text("2 rows taken in")).to_be_visible()


def test_a_page_of_long_work_leads_on_without_scripts(visit: Visit) -> None:
    visitor = visit(MANAGER, java_script_enabled=False)
    page = visitor.go("/pilots/win-back/analyse")
    page.get_by_text("As of another day, or with a note").click()
    page.get_by_label("What differs from the plan").fill("The letters went out a day late.")
    with visitor.site.busy():
        page.get_by_role("button", name="Run the analysis").click()
        page.wait_for_url("**/jobs/*")
        expect(page.get_by_text("This page leads on by itself.")).to_be_visible()
    page.wait_for_url("**/pilots/win-back/analyse*")
    expect(page.get_by_role("rowheader", name="2", exact=True)).to_be_visible()


def test_a_page_of_long_work_leads_on_with_scripts_too(visit: Visit) -> None:
    visitor = visit(MANAGER)
    page = visitor.go("/pilots/recipe-booklet/analyse")
    page.get_by_text("As of another day, or with a note").click()
    page.get_by_label("What differs from the plan").fill("The booklet was printed twice.")
    with visitor.site.busy():
        page.get_by_role("button", name="Run the analysis").click()
        page.wait_for_url("**/jobs/*")
        expect(page.get_by_text("This page leads on by itself.")).to_be_visible()
        assert visitor.faults("job") == []
    page.wait_for_url("**/pilots/recipe-booklet/analyse*")
    expect(page.get_by_role("rowheader", name="2", exact=True)).to_be_visible()
