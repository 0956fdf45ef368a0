"""The enrol page, as a browser walks through it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.tables import PilotRow
from tests.app.pilots import Wide
from tests.app.running import DRAWN_LATER, customers_csv, in_folder, planned, wait_long
from tests.page_forms import followed, form_of, send
from tests.site import NOW, Site, open_site

PAGE = "/pilots/spring-call/enrol"
UPLOADS = f"{PAGE}/uploads"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def browser(site: Site) -> TestClient:
    """The browser of the owner of a pilot whose groups are drawn later."""
    planned(site, DRAWN_LATER)
    return site.browser("manager")


def test_customers_are_enrolled_under_a_frozen_plan_alone(site: Site) -> None:
    with site.database.writing() as session:
        session.add(PilotRow(slug="draft", owner_id=site.users["manager"], created_at=NOW))
        session.commit()
    page = site.browser("manager").get("/pilots/draft/enrol")
    assert page.status_code == 200
    assert "Freeze the plan first" in page.text
    assert 'href="/pilots/draft/plan"' in page.text


def test_from_upload_to_receipt_with_groups_in_the_file(site: Site) -> None:
    planned(site, Wide().text())
    browser = site.browser("manager")
    text = "\n".join(["who,group,age,spend,visit", *Wide().customers()]) + "\n"
    files = {"file": ("wide.csv", text)}
    page = followed(browser, browser.post("/pilots/spring-mail/enrol/uploads", files=files))
    assert "What do the columns of wide.csv mean?" in page.text
    form = form_of(page)
    meanings = {name: form.fields[field] for name, field in form.columns.items()}
    assert meanings["group"] == ["arm"]
    assert meanings["spend"] == [""]
    columns = {form.columns["who"]: "customer_id"}
    done = followed(browser, send(browser, page, form, **columns))
    assert "400 customers enrolled: 200 in hold, 200 in mail." in done.text
    assert "Customers of “hold” must not get the program" in done.text
    assert "arm=mail" in done.text
    assert "arm=hold" not in done.text
    listed = browser.get("/pilots/spring-mail/enrol/list", params={"arm": "mail"})
    assert len(listed.text.splitlines()) == 201
    assert listed.text.splitlines()[0] == "who,group,age"
    assert 'filename="spring-mail-mail.csv"' in listed.headers["content-disposition"]
    everybody = browser.get("/pilots/spring-mail/enrol/list")
    assert 'filename="spring-mail-all.csv"' in everybody.headers["content-disposition"]


def test_what_was_chosen_is_still_there_after_a_refusal(browser: TestClient) -> None:
    page = followed(browser, browser.post(UPLOADS, files={"file": ("c.csv", customers_csv())}))
    form = form_of(page)
    both = {field: "customer_id" for field in form.columns.values()}
    refused = send(browser, page, form, **both)
    assert refused.status_code == 422
    assert "only one column can be “Customer id”" in refused.text
    assert 'href="#f-meaning-1"' in refused.text
    assert set(map(tuple, form_of(refused).fields.values())) >= {("customer_id",)}


def test_a_refused_file_leads_back_to_its_columns(site: Site, browser: TestClient) -> None:
    files = {"file": ("c.csv", customers_csv() + "c001,gold\n")}
    page = followed(browser, browser.post(UPLOADS, files=files))
    failed = followed(browser, send(browser, page, form_of(page)))
    assert "Nothing was taken in" in failed.text
    assert "c001" in failed.text
    back = str(page.url).removeprefix("http://testserver")
    assert f'href="{back}"' in failed.text
    assert form_of(browser.get(back)).fields == form_of(page).fields
    assert any("upload.csv" in name for name in in_folder(site.settings.files))


def test_groups_are_drawn_and_compared(browser: TestClient) -> None:
    page = followed(browser, browser.post(UPLOADS, files={"file": ("c.csv", customers_csv())}))
    page = followed(browser, send(browser, page, form_of(page)))
    assert "40 customers wait for their groups" in page.text
    assert "50 %, about 20 customers" in page.text
    assert "The draw is final" in page.text
    form = form_of(page, f"{PAGE}/draw")
    assert form.fields["seed"][0].isdecimal()
    refused = send(browser, page, form, seed="many", strata=["tier"])
    assert refused.status_code == 422
    assert form_of(refused, f"{PAGE}/draw").fields == {"seed": ["many"], "strata": ["tier"]}
    done = followed(browser, send(browser, page, form, seed="2026", strata=["tier"]))
    assert "40 customers enrolled: 20 in hold, 20 in call." in done.text
    assert "with seed 2026, within tier" in done.text
    assert "The groups are alike, and as large as planned." in done.text
    counts = [line for line in done.text.splitlines() if '<th scope="row">gold</th>' in line]
    assert counts == [
        '<tr><th scope="row">gold</th><td class="number">10</td><td class="number">10</td>'
        '<td class="number">20</td></tr>'
    ]


def test_what_says_who_somebody_is_stands_on_the_list_alone(site: Site) -> None:
    planned(site, Wide().text())
    head, *lines = ["who,group,age,spend,visit", *Wide().customers()]
    text = "\n".join(
        [f"{head},phone", *(f"{one},{600000000 + at}" for at, one in enumerate(lines))]
    )
    asked = {"customer_id": "who", "arm": "group", "attributes": ["age", "phone"]}
    headers = {"Content-Type": "text/csv"}
    receipt = site.script("manager").post(
        "/pilots/spring-mail/customers", params=asked, content=f"{text}\n", headers=headers
    )
    assert receipt.json()["personal"] == ["phone"]
    browser = site.browser("manager")
    page = browser.get("/pilots/spring-mail/enrol").text
    assert "“phone” says who somebody is: on these lists, in no comparison" in page
    assert ">phone<" not in page
    listed = browser.get("/pilots/spring-mail/enrol/list", params={"arm": "mail"}).text
    assert listed.splitlines()[0] == "who,group,age,phone"


def test_a_file_that_cannot_be_read_is_said_so_at_its_field(
    site: Site, browser: TestClient
) -> None:
    for name, text, said in (
        ("c.exe", "x", "cannot be read"),
        ("c.csv", "", "is empty"),
        ("c.parquet", "id,tier\n", "c.parquet"),
    ):
        page = browser.post(UPLOADS, files={"file": (name, text)})
        assert page.status_code in (415, 422), page.text
        assert said in page.text
        assert 'href="#f-file"' in page.text
    assert not in_folder(site.settings.files)


def test_an_upload_belongs_to_its_sender(site: Site, browser: TestClient) -> None:
    answer = browser.post(UPLOADS, files={"file": ("c.csv", customers_csv())})
    assert browser.get(answer.headers["location"]).status_code == 200
    assert site.browser("admin").get(answer.headers["location"]).status_code == 404
    assert browser.get(f"{UPLOADS}/{'0' * 32}").status_code == 404


def test_customers_of_two_pilots_are_warned_of(site: Site, browser: TestClient) -> None:
    planned(site, DRAWN_LATER.replace("spring-call", "spring-gift"))
    for slug in ("spring-call", "spring-gift"):
        address = f"/pilots/{slug}/enrol"
        files = {"file": ("c.csv", customers_csv())}
        page = followed(browser, browser.post(f"{address}/uploads", files=files))
        page = followed(browser, send(browser, page, form_of(page)))
        done = followed(browser, send(browser, page, form_of(page, f"{address}/draw")))
    assert "40 customers are also in this pilot" in done.text
    assert "40 customers are also in this pilot" in browser.get(PAGE).text


def test_others_read_and_do_not_change(site: Site, browser: TestClient) -> None:
    analyst = site.browser("analyst")
    page = analyst.get(PAGE)
    assert page.status_code == 200
    assert '<input type="file"' not in page.text
    files = {"file": ("c.csv", customers_csv())}
    assert analyst.post(UPLOADS, files=files).status_code == 403


def test_a_plan_that_needs_what_is_no_column_leads_to_a_copy(site: Site) -> None:
    planned(site, DRAWN_LATER.replace("[design]", '[design]\nstrata = ["gold, silver"]'))
    browser = site.browser("manager")
    page = followed(browser, browser.post(UPLOADS, files={"file": ("c.csv", customers_csv())}))
    assert (
        "The plan needs “gold, silver”, which is no column of c.csv: it has id, tier. "
        "Nobody is enrolled yet: copy the plan, correct “Even out by”, freeze it, and leave this "
        "one."
    ) in page.text
    assert 'action="/pilots/spring-call/plan/copy"' in page.text
    assert ">Continue</button>" not in page.text
    upload = str(page.url).removeprefix("http://testserver")
    refused = browser.post(upload, data={"meaning-1": "customer_id", "meaning-2": "attributes"})
    assert refused.status_code == 422
    assert "“Even out by”: &#39;gold, silver&#39; is no attribute of the customers" in refused.text
    copied = browser.post("/pilots/spring-call/plan/copy")
    assert copied.headers["location"].startswith("/pilots/spring-call-2/plan")
    assert browser.get(copied.headers["location"]).status_code == 200


def test_the_first_page_says_what_comes_after_enrolment(site: Site) -> None:
    days = {"2026-03-01": "2026-04-10", "2026-03-28": "2026-05-07"}
    text = DRAWN_LATER
    for before, day in days.items():
        text = text.replace(before, day)
    planned(site, text)
    browser = site.browser("manager")
    page = followed(browser, browser.post(UPLOADS, files={"file": ("c.csv", customers_csv())}))
    page = followed(browser, send(browser, page, form_of(page)))
    done = followed(browser, send(browser, page, form_of(page, f"{PAGE}/draw")))
    assert "leave them out of the program" in done.text
    assert 'href="/pilots/spring-call/record">record what customers do</a>' in done.text
    first = browser.get("/pilots/spring-call").text
    assert "Send the list to whoever runs the program." in first
    assert "The sponsor has yet to sign." in first
    assert "From 10 April 2026 on, upload behavior" in first
    assert "The outcome can be seen from 8 May 2026, not before." in first
    assert '<span class="nowrap">10 April</span> to <span class="nowrap">7 May 2026</span>' in first
    assert "Nothing can be done now" not in first
    assert "Customers can be enrolled meanwhile" not in first
