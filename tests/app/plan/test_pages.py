"""A manager without training writes a plan, freezes it, and the sponsor signs."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.tables import JournalRow, PilotRow, UserRow
from tests.app.plan.plans import FORM
from tests.plan.example import PILOT_FILE
from tests.site import PASSWORD, Site

PAGE = "/pilots/wiosenna-lodz/plan"


@pytest.fixture
def manager(site: Site) -> TestClient:
    """The manager's browser, with a draft begun."""
    browser = site.browser("manager")
    begun = browser.post("/pilots/new", data={"name": "Wiosenna łódź"})
    assert (begun.status_code, begun.headers["location"]) == (303, PAGE)
    return browser


def freeze(browser: TestClient) -> str:
    """Fill in, review, freeze; the fingerprint."""
    assert browser.post(PAGE, data=FORM).headers["location"] == f"{PAGE}/review"
    review = browser.get(f"{PAGE}/review").text
    version = re.search(r'name="version" value="(\d+)"', review)
    assert version
    frozen = browser.post(f"{PAGE}/freeze", data={"version": version[1]})
    assert frozen.status_code == 303
    found = re.search(r'data-copy="([0-9a-f]{64})"', browser.get(PAGE).text)
    assert found
    return found[1]


def field(page: str, name: str) -> str:
    """What a text field of a page holds."""
    found = re.search(rf'<input value="([^"]*)"[^>]*\bname="{name}"', page)
    assert found, name
    return found[1]


def test_a_pilot_begins_with_its_name_alone(manager: TestClient) -> None:
    page = manager.get(PAGE).text
    assert field(page, "pilot-name") == "Wiosenna łódź"
    assert field(page, "pilot-slug") == "wiosenna-lodz"
    assert field(page, "design-control") == "Control"
    assert field(page, "value-currency") == "EUR"


def test_a_pilot_without_a_name_is_not_begun(site: Site) -> None:
    refused = site.browser("manager").post("/pilots/new", data={"name": " "})
    assert refused.status_code == 422
    assert "Name is missing." in refused.text


def test_a_second_pilot_of_a_name_gets_an_address_of_its_own(manager: TestClient) -> None:
    again = manager.post("/pilots/new", data={"name": "Wiosenna łódź"})
    assert again.headers["location"] == "/pilots/wiosenna-lodz-2/plan"


def test_a_pilot_called_new_gets_another_address(manager: TestClient) -> None:
    begun = manager.post("/pilots/new", data={"name": "New"})
    assert begun.headers["location"] == "/pilots/new-2/plan"


def test_at_most_twenty_fields_have_to_be_filled_in(manager: TestClient) -> None:
    page = re.sub(r"<template>.*?</template>", "", manager.get(PAGE).text, flags=re.DOTALL)
    assert len(re.findall(r"<(?:input|select|textarea)[^>]*\brequired=", page)) <= 20


def test_what_was_typed_stays_after_an_error(manager: TestClient) -> None:
    typed = {**FORM, "value-margin_rate": "fünfzig", "pilot-hypothesis": "Gdzieś <b>tu</b>"}
    page = manager.post(PAGE, data=typed)
    assert page.status_code == 422
    assert field(page.text, "value-margin_rate") == "fünfzig"
    assert field(page.text, "value-pilot-cost_per_treated") == "€ 0,10"
    assert "Gdzieś &lt;b&gt;tu&lt;/b&gt;" in page.text
    assert 'href="#f-value-margin_rate"' in page.text
    assert "&#39;fünfzig&#39; is not a percentage" in page.text


def test_a_draft_is_kept_as_it_was_typed(manager: TestClient) -> None:
    saved = manager.post(PAGE, data={**FORM, "value-margin_rate": "fünfzig", "save": "draft"})
    assert saved.status_code == 303
    page = manager.get(PAGE).text
    assert field(page, "value-margin_rate") == "fünfzig"
    assert field(page, "value-pilot-cost_fixed") == "1 000"


def test_a_draft_saves_itself_and_hands_out_its_new_version(manager: TestClient) -> None:
    first = manager.post(f"{PAGE}/draft", data={**FORM, "version": "1"})
    assert (first.status_code, "Draft saved at 09:00" in first.text) == (200, True)
    assert 'value="2" hx-swap-oob="true"' in first.text
    assert field(manager.get(PAGE).text, "metrics-0-measure") == "spend"


def test_of_two_editors_the_second_is_told_and_loses_nothing(manager: TestClient) -> None:
    manager.post(f"{PAGE}/draft", data={**FORM, "version": "1"})
    late = manager.post(f"{PAGE}/draft", data={**FORM, "version": "1", "design-control": "None"})
    assert (late.status_code, late.headers["hx-retarget"]) == (422, "#conflict")
    page = manager.post(PAGE, data={**FORM, "version": "1", "design-control": "None"})
    assert page.status_code == 412
    assert field(page.text, "design-control") == "None"
    assert "Somebody else saved this plan meanwhile." in page.text
    again = manager.post(PAGE, data={**FORM, "version": "2", "design-control": "None"})
    assert again.status_code == 303


def test_a_page_that_saved_itself_does_not_stand_in_its_own_way(manager: TestClient) -> None:
    typed = {**FORM, "version": "1", "editor": "a"}
    assert manager.post(f"{PAGE}/draft", data=typed).status_code == 200
    assert manager.post(PAGE, data=typed).status_code == 303
    assert manager.post(PAGE, data={**typed, "editor": "b"}).status_code == 412


def test_rows_come_and_go_without_a_script(manager: TestClient) -> None:
    more = manager.post(PAGE, data={**FORM, "add": "metrics"}).text
    assert 'name="metrics-1-measure"' in more
    typed = {**FORM, "metrics-1-measure": "visits", "metrics-1-kind": "count"}
    fewer = manager.post(PAGE, data={**typed, "remove": "metrics-0"}).text
    assert field(fewer, "metrics-0-measure") == "visits"
    assert 'name="metrics-1-measure"' not in fewer


def test_the_address_follows_the_short_name_until_the_plan_is_frozen(manager: TestClient) -> None:
    moved = manager.post(PAGE, data={**FORM, "pilot-slug": "wiosna"})
    assert moved.headers["location"] == "/pilots/wiosna/plan/review"
    assert manager.get(PAGE).status_code == 404


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("taken", "another pilot’s|another pilot&#39;s"),
        ("a--b", "is no address"),
        ("new", "another"),
    ],
)
def test_a_short_name_that_cannot_be_had_is_refused(
    manager: TestClient, slug: str, said: str
) -> None:
    manager.post("/pilots/new", data={"name": "Taken"})
    page = manager.post(PAGE, data={**FORM, "pilot-slug": slug})
    assert page.status_code == 422
    assert re.search(said, page.text)


def test_the_sponsor_is_an_executive_and_the_executives_are_listed(manager: TestClient) -> None:
    page = manager.post(PAGE, data={**FORM, "pilot-sponsor": "colleague@example.com"})
    assert page.status_code == 422
    assert "is no executive; choose one of cfo@example.com, director@example.com" in page.text
    assert '<option value="colleague@example.com" selected>' in page.text


def test_a_disabled_executive_cannot_sponsor(site: Site, manager: TestClient) -> None:
    with site.database.writing() as session:
        cfo = session.get_one(UserRow, site.users["executive"])
        cfo.disabled_at = site.now
        session.add(cfo)
        session.commit()
    assert manager.post(PAGE, data=FORM).status_code == 422


def test_the_owner_cannot_sponsor(manager: TestClient) -> None:
    page = manager.post(PAGE, data={**FORM, "pilot-sponsor": "manager@example.com"})
    assert "is the owner, who cannot sign" in page.text


def test_a_manager_stays_the_owner_whatever_is_sent(site: Site, manager: TestClient) -> None:
    manager.post(PAGE, data={**FORM, "pilot-owner": "colleague@example.com"})
    assert "Owner</dt><dd>manager@example.com" in manager.get(f"{PAGE}/review").text


def test_an_admin_may_name_another_manager(site: Site, manager: TestClient) -> None:
    admin = site.browser("admin")
    assert admin.post(PAGE, data={**FORM, "pilot-owner": "nobody@example.com"}).status_code == 422
    assert (
        admin.post(PAGE, data={**FORM, "pilot-owner": "colleague@example.com"}).status_code == 303
    )
    assert site.browser("colleague").post(PAGE, data=FORM).status_code == 303
    assert manager.post(PAGE, data=FORM).status_code == 403


@pytest.mark.parametrize("who", ["colleague", "analyst", "executive"])
def test_others_read_a_draft_and_cannot_write_it(site: Site, manager: TestClient, who: str) -> None:
    browser = site.browser(who)
    assert "The plan is being written" in browser.get(PAGE).text
    manager.post(PAGE, data=FORM)
    assert "This is a draft; it may still change." in browser.get(PAGE).text
    assert browser.post(PAGE, data=FORM).status_code == 403
    assert browser.post(f"{PAGE}/draft", data=FORM).status_code == 403
    assert browser.post(f"{PAGE}/freeze").status_code == 403


def test_the_outlook_follows_what_is_typed(manager: TestClient) -> None:
    now = {"outlook-mean": "12", "outlook-sd": "30", "outlook-effect": "1,5"}
    panel = manager.post(f"{PAGE}/outlook", data={**FORM, **now}).text
    assert "The program pays from 0.67 EUR more per customer." in panel
    assert "28 days, until the last window closes." in panel
    assert "<svg" in panel
    empty = manager.post(f"{PAGE}/outlook", data={}).text
    assert "Not known" in empty


def test_the_outlook_says_whether_a_guardrail_can_be_shown_to_be_kept(manager: TestClient) -> None:
    guardrail = {
        "metrics-1-measure": "complaint",
        "metrics-1-kind": "rate",
        "metrics-1-role": "guardrail",
        "metrics-1-worse": "more",
        "metrics-1-tolerance_relative": "10",
    }
    page = f"{PAGE}/outlook"
    silent = manager.post(page, data={**FORM, **guardrail}).text
    assert "no worse than the tolerance" not in silent
    panel = manager.post(page, data={**FORM, **guardrail, "metrics-1-now": "2 %"}).text
    assert "10,000 customers show with a chance of" in panel
    assert "no worse than the tolerance" in panel
    saved = manager.post(PAGE, data={**FORM, **guardrail, "metrics-1-now": "2 %"})
    assert saved.status_code < 400
    assert field(manager.get(PAGE).text, "metrics-1-now") == "2 %"


def test_the_outlook_is_no_entry_of_the_journal(site: Site, manager: TestClient) -> None:
    manager.post(f"{PAGE}/outlook", data=FORM)
    with site.database.reading() as session:
        actions = session.exec(select(JournalRow.action)).all()
    assert actions == ["begin_pilot_page"]


def test_a_plan_is_frozen_as_it_was_reviewed_and_stays_so(manager: TestClient) -> None:
    freeze(manager)
    page = manager.get(PAGE).text
    assert "waits for the signature of cfo@example.com" in page
    assert "0.10 EUR for each treated customer and 1,000 EUR once." in page
    assert '<form method="post" action="/pilots/wiosenna-lodz/plan"' not in page
    assert manager.post(PAGE, data=FORM).status_code == 409
    assert manager.post(f"{PAGE}/draft", data=FORM).status_code == 409
    assert manager.post(f"{PAGE}/freeze").status_code == 409


def test_a_draft_that_changed_since_its_review_is_not_frozen(manager: TestClient) -> None:
    manager.post(PAGE, data=FORM)
    manager.post(PAGE, data={**FORM, "value-margin_rate": "90"})
    assert manager.post(f"{PAGE}/freeze", data={"version": "2"}).status_code == 412


def test_an_incomplete_draft_is_shown_again_with_what_is_missing(manager: TestClient) -> None:
    answer = manager.post(f"{PAGE}/freeze")
    assert answer.headers["location"] == f"{PAGE}?check=yes"
    assert "Hypothesis is missing." in manager.get(f"{PAGE}?check=yes").text


def test_a_review_after_the_first_day_says_that_the_result_is_retrospective(
    manager: TestClient,
) -> None:
    manager.post(PAGE, data={**FORM, "pilot-starts_on": "2026-03-31"})
    assert "makes the result retrospective" in manager.get(f"{PAGE}/review").text


def test_the_sponsor_signs_what_was_shown(site: Site, manager: TestClient) -> None:
    fingerprint = freeze(manager)
    cfo = site.browser("executive")
    said = {"fingerprint": fingerprint, "password": PASSWORD}
    wrong = cfo.post(f"{PAGE}/signature", data={**said, "password": "wrong"})
    assert (wrong.status_code, "is not yours" in wrong.text) == (422, True)
    other = cfo.post(f"{PAGE}/signature", data={**said, "fingerprint": "0" * 64})
    assert other.status_code == 412
    assert cfo.post(f"{PAGE}/signature", data=said).status_code == 303
    assert "Signed by cfo@example.com, 1 April 2026" in cfo.get(PAGE).text
    assert cfo.post(f"{PAGE}/signature", data=said).status_code == 409


@pytest.mark.parametrize("who", ["manager", "colleague", "analyst", "admin", "director"])
def test_nobody_but_the_sponsor_signs(site: Site, manager: TestClient, who: str) -> None:
    said = {"fingerprint": freeze(manager), "password": PASSWORD}
    assert site.browser(who).post(f"{PAGE}/signature", data=said).status_code == 403
    assert "Sign the plan" not in site.browser(who).get(PAGE).text


def test_an_owner_who_became_an_executive_cannot_sign_their_own_plan(
    site: Site, manager: TestClient
) -> None:
    said = {"fingerprint": freeze(manager), "password": PASSWORD}
    with site.database.writing() as session:
        pilot = session.exec(select(PilotRow)).one()
        pilot.owner_id = site.users["executive"]
        session.add(pilot)
        session.commit()
    refused = site.browser("executive").post(f"{PAGE}/signature", data=said)
    assert (refused.status_code, "do not sign their own plans" in refused.text) == (403, True)


def test_wrong_passwords_are_counted(site: Site, manager: TestClient) -> None:
    said = {"fingerprint": freeze(manager), "password": "wrong"}
    cfo = site.browser("executive")
    answers = [cfo.post(f"{PAGE}/signature", data=said).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


def test_a_pilot_file_fills_the_form(site: Site) -> None:
    browser = site.browser("manager")
    file = {"file": ("mens.toml", PILOT_FILE.encode())}
    begun = browser.post("/pilots/new/file", files=file)
    assert begun.headers["location"].startswith("/pilots/mens-email/plan?check=yes")
    page = browser.get(begun.headers["location"]).text
    assert field(page, "value-margin_rate") == "45"
    assert "treatments-0-name" in page


def test_a_pilot_file_with_mistakes_is_refused_line_by_line(site: Site) -> None:
    file = {"file": ("mens.toml", PILOT_FILE.replace('"sales"', '"selling"').encode())}
    refused = site.browser("manager").post("/pilots/new/file", files=file)
    assert refused.status_code == 422
    assert "line 4, pilot.goal" in refused.text


def test_a_pilot_file_of_somebody_else_becomes_the_readers(site: Site) -> None:
    file = {"file": ("mens.toml", PILOT_FILE.encode())}
    begun = site.browser("colleague").post("/pilots/new/file", files=file)
    assert "You%20are%20the%20owner%20now" in begun.headers["location"]
    with site.database.reading() as session:
        pilot = session.exec(select(PilotRow)).one()
    assert pilot.owner_id == site.users["colleague"]


def test_updates_are_listed_the_newest_first(site: Site, manager: TestClient) -> None:
    page = "/pilots/wiosenna-lodz/updates"
    for text in ("Pierwsza wieść", "Second\nwith two lines"):
        assert manager.post(page, data={"text": text}).status_code == 303
    shown = site.browser("analyst").get(page).text
    assert shown.index("Second<br>with two lines") < shown.index("Pierwsza wieść")
    assert "What is new" not in shown
    assert manager.post(page, data={"text": "  "}).status_code == 422
    assert site.browser("colleague").post(page, data={"text": "x"}).status_code == 403


def test_problems_that_hide_behind_others_are_told_at_once(manager: TestClient) -> None:
    typed = {
        **FORM,
        "pilot-hypothesis": "",
        "pilot-ends_on": "2026-04-01",
        "metrics-0-kind": "count",
        "value-pilot-cost_fixed": "abc",
    }
    page = manager.post(PAGE, data=typed)
    assert page.status_code == 422
    assert "Hypothesis is missing." in page.text
    assert "Last day 2026-04-01 is before “First day” 2026-04-10; swap or correct" in page.text
    assert "Value of one event is missing." in page.text
    assert "Cost, once: &#39;abc&#39; is not a number" in page.text


def test_a_frozen_plan_is_copied_with_its_outlook_into_a_new_draft(
    site: Site, manager: TestClient
) -> None:
    manager.post(PAGE, data={**FORM, "outlook-mean": "12", "design-strata": "gold, silver"})
    assert manager.post(f"{PAGE}/copy").status_code == 409
    review = manager.get(f"{PAGE}/review").text
    version = re.findall(r'name="version" value="(\d+)"', review)[0]
    manager.post(f"{PAGE}/freeze", data={"version": version})
    assert f'action="{PAGE}/copy"' in manager.get(PAGE).text
    assert site.browser("colleague").post(f"{PAGE}/copy").status_code == 403
    copied = manager.post(f"{PAGE}/copy")
    assert copied.headers["location"].startswith("/pilots/wiosenna-lodz-2/plan?")
    page = manager.get(copied.headers["location"]).text
    assert "The plan is copied." in page
    assert field(page, "pilot-slug") == "wiosenna-lodz-2"
    assert field(page, "outlook-mean") == "12"
    assert "gold, silver</textarea>" in page
    typed = {**FORM, "pilot-slug": "wiosenna-lodz-2", "design-strata": "Loyalty level"}
    assert manager.post("/pilots/wiosenna-lodz-2/plan", data=typed).status_code == 303
    assert "gold, silver" in manager.get(PAGE).text
