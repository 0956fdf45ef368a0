"""An executive's journey: from what waits today to a signed decision and its report."""

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from app.demo.people import PASSWORD
from tests.journeys.conftest import Visit

pytestmark = pytest.mark.live


def test_an_executive_decides_what_waits_and_takes_the_report_along(visit: Visit) -> None:
    executive = visit("cfo@example.com")
    page = executive.go("/")
    waiting = page.get_by_role("region", name="Needs you today")
    waiting.get_by_role("link", name="Decide Spring loyalty letter").click()
    expect(page.get_by_text("Proved", exact=True).last).to_be_visible()
    page.get_by_label("Roll out", exact=True).check()
    page.get_by_label("Your password").fill("not this one")
    page.get_by_role("button", name="Sign the decision").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Roll out", exact=True)).to_be_checked()
    faults = executive.faults("decide refused")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign the decision").click()
    expect(page.get_by_role("heading", name="Decision: roll out")).to_be_visible()
    expect(page.get_by_text("Decided by cfo@example.com")).to_be_visible()
    faults += executive.faults("decide signed")
    assert faults == []

    page.get_by_role("link", name="Pilots").click()
    assert not waiting.get_by_role("link", name="Decide Spring loyalty letter").is_visible()
    page.get_by_role("link", name="Spring loyalty letter", exact=True).click()
    page.get_by_role("navigation", name="Steps").get_by_role("link", name="report").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download PDF").click()
    assert downloading.value.suggested_filename == "loyalty-letter-1.pdf"
    report = PdfReader(downloading.value.path())
    text = " ".join(" ".join(sheet.extract_text() for sheet in report.pages).split())
    assert "Proved" in text
    assert "Decision Roll out; signed by cfo@example.com on" in text
