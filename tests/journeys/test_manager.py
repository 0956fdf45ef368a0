"""A manager's journey: from the sign-in to a pilot under way."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.demo.people import PASSWORD
from tests.journeys.conftest import Visit

pytestmark = pytest.mark.live

TODAY = datetime.now(UTC).date()
CUSTOMERS = 400
FOCUSED = """() => {
    const at = document.activeElement;
    return (at.labels?.[0] ?? at).textContent.trim() || at.name;
}"""


def test_a_manager_launches_a_pilot_and_uploads_what_customers_did(
    visit: Visit, tmp_path: Path
) -> None:
    manager = visit()
    page = manager.page
    manager.go("/")
    _sign_in_by_keyboard(page)
    _begin_by_keyboard(page)
    _believe_by_keyboard(page)
    _plan(page)
    faults = manager.faults("plan form filled")
    _freeze(page)

    page.get_by_label("Steps of this pilot").get_by_role("link", name="enrol").click()
    _choose(page, "Customers", _customers(tmp_path))
    expect(page.get_by_label("Meaning of customer_id")).to_have_value("customer_id")
    page.get_by_label("Meaning of tier").select_option(label="Value tier")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Draw the groups")).to_be_visible()
    page.get_by_label("tier").check()
    page.get_by_role("button", name="Draw the groups").click()
    expect(page.get_by_role("heading", name="Who gets the program")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Treatment list (CSV)").click()
    with downloading.value.path().open(encoding="utf-8") as file:
        treated = list(csv.DictReader(file))
    assert len(treated) == CUSTOMERS / 2
    assert {row["group"] for row in treated} == {"Letter"}
    assert len({row["customer_id"] for row in treated}) == CUSTOMERS / 2

    page.get_by_label("Steps of this pilot").get_by_role("link", name="record").click()
    _choose(page, "Behavior", _behavior(tmp_path))
    page.get_by_label("Complete through").fill(str(TODAY - timedelta(days=1)))
    page.get_by_role("button", name="Record this file").click()
    expect(page.get_by_text("801 rows")).to_be_visible()
    faults += manager.faults("record receipt")
    page.get_by_role("link", name="The receipt in full").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Batch")
    assert faults == []


def _sign_in_by_keyboard(page: Page) -> None:
    _tab_to(page, "E-mail")
    page.keyboard.type("manager@example.com")
    _tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/pilots")


def _begin_by_keyboard(page: Page) -> None:
    _tab_to(page, "New pilot")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pilots/new")
    _tab_to(page, "Name")
    page.keyboard.type("Autumn letter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pilots/autumn-letter/plan")


def _believe_by_keyboard(page: Page) -> None:
    _tab_to(page, "Name")
    _tab_to(page, "Hypothesis")
    page.keyboard.type("A letter makes customers spend more within a month.")
    _tab_to(page, "Goal")
    page.keyboard.type("Keep")
    _tab_to(page, "Sponsor")
    page.keyboard.type("cfo")
    _tab_to(page, "First day")
    page.keyboard.type(TODAY.strftime("%m%d%Y"))
    _tab_to(page, "Last day")
    page.keyboard.type((TODAY + timedelta(days=29)).strftime("%m%d%Y"))
    expect(page.get_by_role("status")).to_contain_text("Draft saved at")
    expect(page.get_by_label("First day")).to_have_value(str(TODAY))


def _plan(page: Page) -> None:
    page.get_by_label("Group without the program").fill("Nothing")
    page.get_by_role("group", name="Program 1").get_by_label("Name").fill("Letter")
    metric = page.get_by_role("group", name="Metric 1")
    metric.get_by_label("Measure", exact=True).select_option("revenue")
    page.get_by_label("Margin", exact=True).fill("40")
    page.get_by_label("Cost per treated customer").fill("1")
    before = page.locator("#outlook").inner_text()
    page.get_by_label("Customers, all groups together").fill(str(CUSTOMERS))
    page.get_by_label("What a customer brings").fill("20")
    page.get_by_label("How much customers differ").fill("30")
    expect(page.locator("#outlook")).not_to_have_text(before)


def _freeze(page: Page) -> None:
    page.get_by_role("button", name="Check and review").click()
    expect(page.get_by_role("heading", name="The plan, to be read once more")).to_be_visible()
    page.get_by_role("button", name="Freeze the plan").click()
    expect(page.get_by_text("The plan waits for the signature of cfo@example.com")).to_be_visible()


def _choose(page: Page, label: str, file: Path) -> None:
    page.get_by_label(label, exact=True).set_input_files(file)
    page.get_by_role("button", name="Show the first rows").click()
    expect(page.get_by_role("heading", name=f"What do the columns of {file.name}")).to_be_visible()


def _tab_to(page: Page, label: str) -> None:
    """Press Tab until the field, link or button of that name has the cursor."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if str(page.evaluate(FOCUSED)).startswith(label):
            return
    raise AssertionError(f"nobody comes to {label!r} by keyboard")


def _customers(folder: Path) -> Path:
    file = folder / "customers.csv"
    rows = [f"K{number:04},{'best' if number % 4 == 0 else 'next'}" for number in range(CUSTOMERS)]
    file.write_text("\n".join(["customer_id,tier", *rows, ""]), encoding="utf-8")
    return file


def _behavior(folder: Path) -> Path:
    """Two purchases of each customer before the pilot, and one on its first day."""
    file = folder / "purchases.csv"
    rows = [
        f"K{number % CUSTOMERS:04},{TODAY - timedelta(1 + number % 30)},revenue,{number % 40}.50"
        for number in range(2 * CUSTOMERS)
    ]
    rows.append(f"K0000,{TODAY},revenue,12.00")
    head = "customer_id,date,measure,amount"
    file.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return file
