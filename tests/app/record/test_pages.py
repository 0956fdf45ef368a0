"""The record page and the ledger, as a browser walks through them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.app.pilots import Wide
from tests.app.running import orders_csv, planned, wait_long
from tests.page_forms import PageForm, followed, form_of, send
from tests.site import Site, open_site

PAGE = "/pilots/spring-mail/record"
WIDE = "\n".join(["who,group,age,spend,visit", *Wide().customers()]) + "\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def browser(site: Site) -> TestClient:
    return site.browser("manager")


def enrolled(site: Site) -> None:
    """A pilot with its customers."""
    planned(site, Wide().text())
    answer = site.script("manager").post(
        "/pilots/spring-mail/customers",
        params={"customer_id": "who", "arm": "group", "attributes": ["age"]},
        content=WIDE,
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 201, answer.text


def test_a_wide_file_is_recorded_for_a_pilot(site: Site, browser: TestClient) -> None:
    enrolled(site)
    empty = browser.get(PAGE)
    assert "1 March to 28 March 2026" in empty.text
    files = {"file": ("wide.csv", WIDE)}
    page = followed(browser, browser.post(f"{PAGE}/uploads", files=files))
    form = form_of(page)
    assert form.fields[form.columns["spend"]] == ["measures=spend"]
    assert "Your plan needs:" in page.text
    assert "This pilot’s last day is 28 March 2026." in page.text
    who = {form.columns["who"]: "customer_id", form.columns["age"]: ""}
    undated = send(browser, page, form, **{**who})
    assert undated.status_code == 422
    assert 'href="#f-occurred_on"' in undated.text
    done = followed(
        browser,
        send(browser, page, form_of(undated), occurred_on="2026-03-28", complete="2026-03-28"),
    )
    assert "400 rows taken in." in done.text
    assert "28 March 2026" in done.text
    assert done.text.count("nothing</td>") == 2


def test_a_day_to_come_cannot_be_declared_complete(site: Site, browser: TestClient) -> None:
    enrolled(site)
    page = followed(browser, browser.post(f"{PAGE}/uploads", files={"file": ("wide.csv", WIDE)}))
    refused = send(browser, page, form_of(page), complete="2026-04-02", occurred_on="2026-03-28")
    assert refused.status_code == 422
    assert "is still to come" in refused.text
    assert form_of(refused).fields["complete"] == ["2026-04-02"]


def recorded(browser: TestClient, text: str, name: str = "orders.csv") -> str:
    """Upload a long file under the ledger; the page that it leads to."""
    page = followed(browser, browser.post("/ledger/uploads", files={"file": (name, text)}))
    form = form_of(page)
    return str(followed(browser, send(browser, page, form, **long_form(form))).text)


def long_form(form: PageForm) -> dict[str, str]:
    """What a person says of the columns, whose names say little."""
    meanings = {"what": "measure", "amount": "value", "order": "event_id"}
    return {form.columns[name]: meaning for name, meaning in meanings.items()}


def test_a_long_file_is_recorded_under_the_ledger(browser: TestClient) -> None:
    assert "Nothing is recorded yet" in browser.get("/ledger").text
    text = orders_csv() + "c9,2026-03-05,revenue,12 apples,o99\n"
    receipt = recorded(browser, text)
    assert "40 rows taken in, 1 refused; 40 customers are in no pilot." in receipt
    assert "12 apples" in receipt
    refused = browser.get("/ledger/1/rejects")
    assert refused.headers["content-disposition"] == 'attachment; filename="refused-1.csv"'
    listed = browser.get("/ledger").text
    assert "orders.csv" in listed
    assert 'href="/ledger/1"' in listed


def test_the_same_upload_again_leads_to_its_first_receipt(browser: TestClient) -> None:
    recorded(browser, orders_csv())
    assert "Batch 1" in recorded(browser, orders_csv())


def test_a_batch_is_taken_back_with_a_reason_and_a_tick(browser: TestClient) -> None:
    recorded(browser, orders_csv())
    page = browser.get("/ledger/1")
    form = form_of(page, "/ledger/1/reversal")
    refused = send(browser, page, form)
    assert refused.status_code == 422
    assert {"#f-reason", "#f-sure"} <= set(refused.text.split('"'))
    # Without NUL, which PostgreSQL cannot hold.
    done = followed(browser, send(browser, page, form, reason="Those of\0 May.", sure="yes"))
    assert "The batch is taken back." in done.text
    assert "by batch 2: Those of May." in done.text
    assert "Take back batch" not in done.text
    assert "Reversal of batch 1" in browser.get("/ledger").text
    assert "It takes back" in browser.get("/ledger/2").text


def test_a_batch_of_a_colleague_is_not_taken_back(site: Site, browser: TestClient) -> None:
    recorded(browser, orders_csv())
    colleague = site.browser("colleague")
    assert "Take back batch" not in colleague.get("/ledger/1").text
    answer = colleague.post("/ledger/1/reversal", data={"reason": "Mine.", "sure": "yes"})
    assert answer.status_code == 403
    assert colleague.get("/ledger/1/rejects").status_code == 403


def test_the_columns_are_there_again_after_a_refused_file(browser: TestClient) -> None:
    files = {"file": ("orders.csv", orders_csv(9) + "c9,2026-03-05,revenue,x,o99\n")}
    page = followed(browser, browser.post("/ledger/uploads", files=files))
    form = form_of(page)
    said = {**long_form(form), "strict": "yes"}
    failed = followed(browser, send(browser, page, form, **said))
    assert "Nothing was taken in" in failed.text
    back = form_of(browser.get(str(page.url)))
    assert back.fields == {**form.fields, **{name: [value] for name, value in said.items()}}


def test_measures_are_listed_and_added(site: Site, browser: TestClient) -> None:
    recorded(browser, orders_csv())
    page = browser.get("/measures")
    assert "revenue" in page.text
    form = form_of(page)
    refused = send(browser, page, form, name="visits", kind="event")
    assert refused.status_code == 422
    assert 'href="#f-unit"' in refused.text
    assert form_of(refused).fields["name"] == ["visits"]
    body = {"name": "visits", "unit": "visits", "kind": "event"}
    assert "visits is added." in followed(browser, send(browser, page, form, **body)).text
    assert send(browser, page, form, **body).status_code == 422
    assert "Add a measure" not in site.browser("analyst").get("/measures").text


def test_the_batch_of_an_enrolment_leads_to_its_pilot(site: Site, browser: TestClient) -> None:
    enrolled(site)
    page = browser.get("/ledger/1").text
    assert "400 customers enrolled." in page
    assert 'href="/pilots/spring-mail/enrol"' in page


def test_an_analyst_sees_what_arrived_and_no_receipts(site: Site) -> None:
    enrolled(site)
    analyst = site.browser("analyst")
    page = analyst.get(PAGE)
    assert page.status_code == 200
    assert "Upload behavior" not in page.text
    assert analyst.get("/ledger").status_code == 403


def test_an_export_of_orders_counts_for_the_plan(site: Site, browser: TestClient) -> None:
    """Its own headers, one row per order; the plan reads `spend` and `visit`."""
    enrolled(site)
    rows = [f"c{at:03},2026-03-0{1 + at % 9},A{at:04},{at}.50" for at in range(40)]
    text = "\n".join(["Customer No,Order date,Order no,Spend EUR", *rows]) + "\n"
    page = followed(browser, browser.post(f"{PAGE}/uploads", files={"file": ("s.csv", text)}))
    form = form_of(page)
    said = {name: form.fields[field] for name, field in form.columns.items()}
    assert said["Spend EUR"] == ["measures=spend"]
    assert said["Order no"] == ["event_id"]
    assert form.fields["each_row"] == ["visit"]
    assert not {"event_id</", "wide", "long form"} & set(page.text.split(">"))
    done = followed(browser, send(browser, page, form))
    assert "For this plan: 40 of spend, 40 of visit." in done.text
    page = followed(browser, browser.post(f"{PAGE}/uploads", files={"file": ("s.csv", text)}))
    again = followed(browser, send(browser, page, form_of(page)))
    assert "This file was recorded before, as batch 2 on 1 April 2026" in again.text


def test_rows_that_do_not_count_for_the_plan_are_a_caution(site: Site, browser: TestClient) -> None:
    enrolled(site)
    text = "Customer No,Order date,Points\n" + "c1,2026-03-01,5\n" * 2
    page = followed(browser, browser.post(f"{PAGE}/uploads", files={"file": ("s.csv", text)}))
    done = followed(browser, send(browser, page, form_of(page), each_row=""))
    assert "None of them counts for this plan, which needs spend, visit" in done.text
    assert 'class="notice caution"' in done.text
    page = followed(
        browser,
        browser.post(f"{PAGE}/uploads", files={"file": ("t.csv", text + "c2,2026-03-01,1\n")}),
    )
    done = followed(browser, send(browser, page, form_of(page), each_row=""))
    assert "2 of 3 entries look like entries recorded before (batch 2)" in done.text
    assert "/ledger/3#take-back" in done.text


def test_what_does_not_fit_is_said_in_the_words_of_the_screen(
    site: Site, browser: TestClient
) -> None:
    enrolled(site)
    text = "Customer No,Order date,Kind,Points\n" + "c1,2026-03-01,x,5\n" * 2
    page = followed(browser, browser.post(f"{PAGE}/uploads", files={"file": ("s.csv", text)}))
    form = form_of(page)
    points, kind = form.columns["Points"], form.columns["Kind"]
    for changed, said in (
        ({kind: "measure", points: ""}, "“Kind”: choose the column that says “How much” too"),
        ({kind: "measure", points: "measures=spend"}, "“Points”: “Kind” says what happened"),
        ({kind: "", points: "", "each_row": ""}, "Nothing would be recorded"),
        ({points: "measures=visit", "each_row": "visit"}, "“Points” holds “visit” already"),
        ({form.columns["Customer No"]: ""}, "No column is the “Customer id”; choose it."),
        ({"occurred_on": "2026-03-28"}, "“Order date” holds the dates; leave this empty"),
    ):
        refused = send(browser, page, form, **changed)
        assert refused.status_code == 422
        assert said in refused.text, said
