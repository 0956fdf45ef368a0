"""What a plan can show, and what to beware of, stands where it is frozen and signed."""

import re
from datetime import UTC, date, datetime
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient

from app.plan.measures import KnownMeasure, known_measures, unrecorded
from app.tables import BatchKind, BatchRow, BatchState
from tests.app.plan.plans import FORM
from tests.site import Site

PAGE = "/pilots/wiosenna-lodz/plan"
SHARE = {
    **FORM,
    "metrics-0-measure": "visit",
    "metrics-0-kind": "rate",
    "value-value_per_unit": "15",
    "value-pilot-cost_per_treated": "4",
    "value-pilot-cost_fixed": "",
    "outlook-customers": "3 000",
    "outlook-rate": "12",
    "outlook-rate_with": "20",
    "outlook-mean": "left over",
}


@pytest.fixture
def manager(site: Site) -> TestClient:
    """The manager's browser, with a draft begun; the company records complaints and spend."""
    with site.database.writing() as session:
        session.add(
            BatchRow(
                kind=BatchKind.BEHAVIOR,
                state=BatchState.ACCEPTED,
                file_name="a.csv",
                sha256="0" * 64,
                received_at=datetime(2026, 3, 3, 9, tzinfo=UTC),
                measures_json='["complaint", "spend"]',
            )
        )
        session.commit()
    browser = site.browser("manager")
    browser.post("/pilots/new", data={"name": "Wiosenna łódź"})
    return browser


def words(page: str) -> str:
    return " ".join(page.replace("\u00a0", " ").split())


def freeze(manager: TestClient) -> str:
    review = manager.get(f"{PAGE}/review").text
    version = re.findall(r'name="version" value="(\d+)"', review)[0]
    return str(manager.post(f"{PAGE}/freeze", data={"version": version}).headers["location"])


def test_measures_to_choose_from_come_with_the_day_of_their_newest_rows(
    site: Site, manager: TestClient
) -> None:
    with site.database.reading() as session:
        known = known_measures(session, timezone="UTC")
    assert known[0] == KnownMeasure("complaint", "", date(2026, 3, 3))
    page = manager.get(PAGE).text
    assert '<option value="spend">spend, last upload 3 March 2026</option>' in page
    manager.post(PAGE, data={**FORM, "save": "draft"})
    assert '<option value="spend" selected>' in manager.get(PAGE).text
    typed = {**FORM, "metrics-0-measure": "", "metrics-0-other_measure": "calls", "save": "draft"}
    manager.post(PAGE, data=typed)
    page = manager.get(PAGE).text
    assert '<option value="" data-other selected>' in page
    assert re.search(r'value="calls"[^>]*name="metrics-0-other_measure"', page)


def test_a_measure_proposes_how_it_is_counted_and_which_way_is_better(
    site: Site, manager: TestClient
) -> None:
    """Complaints by their name, which is no described measure; euros by what somebody said."""
    described = {"name": "spend", "unit": "EUR", "kind": "money"}
    assert manager.post("/measures", data=described).status_code == 303
    page = manager.get(PAGE).text
    complaint = 'value="complaint" data-kind="count" data-direction="down" data-worse="more"'
    assert f"<option {complaint}>complaint, last upload" in page
    assert '<option value="spend" data-kind="mean">spend, EUR, last upload' in page


def test_a_measure_that_nobody_recorded_is_no_error_and_a_caution_with_the_nearest_name(
    manager: TestClient,
) -> None:
    caution = "Nobody has recorded “complaints” yet; did you mean “complaint”?"
    typed = {**FORM, "metrics-0-measure": "complaints"}
    assert caution in manager.post(f"{PAGE}/outlook", data=typed).text
    assert manager.post(PAGE, data=typed).status_code == 303
    assert caution in manager.get(f"{PAGE}/review").text
    assert caution in manager.get(PAGE).text
    manager.post(PAGE, data=FORM)
    assert "Nobody has recorded" not in manager.get(f"{PAGE}/review").text


def test_another_pilot_of_the_same_name_is_a_caution_and_no_error(
    site: Site, manager: TestClient
) -> None:
    assert manager.post(PAGE, data=FORM).status_code == 303
    assert "is called" not in manager.get(f"{PAGE}/review").text
    name = FORM["pilot-name"]
    site.browser("colleague").post("/pilots/new", data={"name": f" {name.upper()} "})
    said = words(manager.get(f"{PAGE}/review").text)
    assert f"Another pilot is called “{name}” as well: wiosenna-lodz-2." in said
    assert freeze(manager) != ""


def test_described_measures_without_rows_are_not_recorded() -> None:
    found = unrecorded(["zeal", "zeal"], [KnownMeasure("zeal", "", None)])
    assert found == ("Nobody has recorded “zeal” yet. If it is new, say who will deliver it.",)


def test_the_outlook_stands_beside_freeze_and_before_the_sponsor(
    site: Site, manager: TestClient
) -> None:
    """4 EUR of cost over 15 EUR a customer is 26.67 points; 8 are expected."""
    assert manager.post(PAGE, data=SHARE).status_code == 303
    review = manager.get(f"{PAGE}/review").text
    freeze(manager)
    for page in (review, site.browser("executive").get(PAGE).text):
        said = words(page)
        assert "An effect of 8.00 points does not pay: it needs more than 26.67 points." in said
        assert "1,500 treated, 1,500 left alone." in said
        assert "What could be done" in said
        assert "not frozen with it: the fingerprint does not hold these numbers" in said
        assert "<dt>With the program you expect</dt><dd>20 % of customers</dd>" in said
        assert "left over" not in said
        assert "counted from 10 April to 7 May 2026" in said


def test_a_plan_without_numbers_beside_it_says_that_its_chance_is_not_known(
    manager: TestClient,
) -> None:
    manager.post(PAGE, data=FORM)
    assert "the chance to prove it is not known" in manager.get(f"{PAGE}/review").text


def test_a_standard_deviation_that_nobody_knows_is_assumed_and_said_so(
    manager: TestClient,
) -> None:
    typed = {**FORM, "outlook-mean": "40", "outlook-effect": "12"}
    panel = words(manager.post(f"{PAGE}/outlook", data=typed).text)
    assert "With 10,000 customers the chance to prove it is" in panel
    assert "standard deviation 120.00 (typed in; the standard deviation is assumed)" in panel
    manager.post(PAGE, data=typed)
    review = words(manager.get(f"{PAGE}/review").text)
    assert "<dt>What a customer brings in these 28 days without the program</dt>" in review
    assert "<dd>40 EUR</dd>" in review
    assert "<dd>120 EUR, assumed: three times the average</dd>" in review
    typed |= {"metrics-0-kind": "count", "value-value_per_unit": "1", "outlook-mean": "4"}
    manager.post(PAGE, data=typed)
    review = words(manager.get(f"{PAGE}/review").text)
    assert "<dt>How much more often with the program</dt><dd>12</dd>" in review
    assert "<dd>4.47, assumed: a little more than the average</dd>" in review
    # Of a geometric distribution: the root of 4 + 16.
    assert "standard deviation 4.47" in manager.post(f"{PAGE}/outlook", data=typed).text


def chance(manager: TestClient, typed: dict[str, str]) -> float:
    """The chance to prove it that the panel shows, in per cent; below 0 where it shows none."""
    panel = words(manager.post(f"{PAGE}/outlook", data=typed).text)
    found = re.search(r"the chance to prove it is (?:above |below )?([\d.]+) ?%", panel)
    return float(found[1]) if found else -1.0


BRANCHES = {
    **FORM,
    "design-kind": "clustered",
    "design-cluster": "branch",
    "outlook-mean": "40",
    "outlook-effect": "6",
}


def test_customers_who_belong_together_are_asked_for_and_heeded(
    site: Site, manager: TestClient
) -> None:
    unsaid = words(manager.post(f"{PAGE}/outlook", data=BRANCHES).text)
    assert "say how many customers a cluster has" in unsaid
    twenty = {**BRANCHES, "outlook-cluster_size": "20"}
    alike = {**twenty, "outlook-icc": "0,2"}
    one_by_one = chance(manager, {**alike, "design-kind": "randomized"})
    assert one_by_one > chance(manager, twenty) > chance(manager, alike) > 0
    manager.post(PAGE, data=alike)
    review = words(manager.get(f"{PAGE}/review").text)
    assert "<dt>Customers who belong together, on average</dt><dd>20</dd>" in review
    assert "<dt>How alike they are (intraclass correlation)</dt><dd>0,2</dd>" in review
    api = site.script("manager")
    asked = api.get("/pilots/wiosenna-lodz/power").json()["power"]
    assert asked == api.get("/pilots/wiosenna-lodz/power?cluster_size=20&icc=0.2").json()["power"]
    assert asked < api.get("/pilots/wiosenna-lodz/power?icc=0.01").json()["power"]
    manager.post(PAGE, data={**alike, "design-kind": "randomized"})
    assert "belong together, on average" not in manager.get(f"{PAGE}/review").text


def test_what_a_ratio_is_divided_by_is_asked_for_and_heeded(manager: TestClient) -> None:
    basket = {
        **FORM,
        "metrics-0-kind": "ratio",
        "metrics-0-denominator": "order",
        "value-value_per_unit": "0,4",
        "outlook-mean": "25",
        "outlook-effect": "5",
    }
    unsaid = words(manager.post(f"{PAGE}/outlook", data=basket).text)
    assert "a ratio is not planned without the mean of its denominator" in unsaid
    typed = {**basket, "outlook-denominator": "2"}
    # What is divided is 50 on average; three times that is assumed.
    assert "standard deviation 150.00" in words(manager.post(f"{PAGE}/outlook", data=typed).text)
    assert chance(manager, typed) > 0
    wrong = words(manager.post(f"{PAGE}/outlook", data={**typed, "outlook-denominator": "0"}).text)
    assert "A denominator of 0.0 on average divides nothing" in wrong


def test_supplied_groups_are_asked_what_weighting_leaves(manager: TestClient) -> None:
    chosen = {**BRANCHES, "design-kind": "supplied", "design-cluster": ""}
    half = {**chosen, "outlook-effective_share": "50"}
    assert chance(manager, chosen) < 0 < chance(manager, half)
    assert chance(manager, half) < chance(manager, {**half, "outlook-effective_share": "100"})
    manager.post(PAGE, data=half)
    assert "50 % of the control group" in words(manager.get(f"{PAGE}/review").text)


def test_the_form_asks_what_the_metric_that_decides_needs(manager: TestClient) -> None:
    panel = manager.post(f"{PAGE}/outlook", data=SHARE).text
    assert 'id="money-kind" data-kind="rate" hidden hx-swap-oob="true"' in panel
    assert ">in these 28 days</span>" in panel
    manager.post(PAGE, data={**SHARE, "save": "draft"})
    assert 'id="money-kind" data-kind="rate" hidden>' in manager.get(PAGE).text


def test_the_owner_goes_on_to_enrol_and_tells_the_sponsor(site: Site, manager: TestClient) -> None:
    manager.post(PAGE, data=FORM)
    page = words(manager.get(freeze(manager)).text)
    assert "The plan is frozen." in page
    assert 'href="/pilots/wiosenna-lodz/enrol">Next: enrol customers</a>' in page
    assert "You need not wait for it to enrol. Nobody was sent a mail." in page
    assert 'data-copy="http://testserver/pilots/wiosenna-lodz/plan"' in page
    mail = unquote(re.findall(r'href="(mailto:[^"]*)"', page)[0])
    assert mail.startswith("mailto:cfo@example.com?subject=Please sign the plan of Wiosenna łódź")
    assert mail.endswith("http://testserver/pilots/wiosenna-lodz/plan")
    sponsor = site.browser("executive").get(PAGE).text
    assert "mailto:" not in sponsor
    assert "Next: enrol" not in sponsor


def test_a_page_shows_no_notice_but_its_own(manager: TestClient) -> None:
    saved = manager.post(PAGE, data={**FORM, "save": "draft"}).headers["location"]
    assert "The draft is saved." in manager.get(saved).text
    signed = saved.partition("?")[2]
    for made_up in ("notice=Pay+here.", signed.replace("saved", "lost"), "notice="):
        page = manager.get(f"{PAGE}?{made_up}").text
        assert 'role="status">' not in page.partition("<h1>")[0]
    elsewhere = manager.get(f"/pilots?{signed}").text
    assert "The draft is saved." not in elsewhere
