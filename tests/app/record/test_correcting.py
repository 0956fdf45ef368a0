"""Corrections over HTTP and on pages: who may, what they leave behind, and how they are undone."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.tables import TokenScope
from app.upkeep.traces import names
from tests.app.running import (
    DRAWN_LATER,
    customers_csv,
    in_folder,
    orders_csv,
    planned,
    wait_long,
)
from tests.page_forms import followed, form_of, send
from tests.site import Site, open_site

LONG = {
    "customer_id": "customer", "occurred_at": "day", "measure": "what", "value": "amount",
    "event_id": "order",
}  # fmt: skip
CSV = {"Content-Type": "text/csv"}
WRONG = "The till booked it twice."
FIRST = {"event_id": "o1", "instead": {"value": 2}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def api(site: Site) -> TestClient:
    return site.script("manager")


def recorded(api: TestClient, text: str, **query: Any) -> Any:
    """Send a file of orders."""
    return api.post("/behavior", params={**LONG, **query}, content=text, headers=CSV)


def corrected(api: TestClient, *rows: dict[str, Any], reason: str = WRONG) -> Any:
    """Ask for corrections."""
    return api.post("/behavior/corrections", json={"reason": reason, "rows": rows})


def told(answer: Any) -> dict[str, str]:
    """What a refusal says, by place."""
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["reason"] for error in answer.json()["errors"]}


def enrolled(site: Site, api: TestClient) -> None:
    """A pilot with its customers."""
    planned(site, DRAWN_LATER)
    api.post(
        "/pilots/spring-call/customers",
        params={"customer_id": "id", "tier": "tier"},
        content=customers_csv(),
        headers=CSV,
    )
    drawn = api.post("/pilots/spring-call/assignment", json={"seed": 1})
    assert drawn.status_code == 201, drawn.text


def test_a_correction_is_a_batch_with_a_receipt(site: Site, api: TestClient) -> None:
    enrolled(site, api)
    batch = recorded(api, orders_csv(4)).json()["batch"]
    answer = corrected(
        api,
        {"event_id": "o1", "measure": "revenue", "instead": {"value": "2.25"}},
        {"batch": batch, "customer_id": "c002", "occurred_at": "2026-03-03", "instead": None},
    )
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    number = receipt["batch"]
    assert answer.headers["location"] == f"/api/v1/behavior/{number}"
    assert receipt["corrects"] == [{"batch": batch, "withdrawn": 2}]
    assert receipt["touches"] == [{"pilot": "spring-call", "customers": 2}]
    assert (receipt["withdrawn"], receipt["entered"], receipt["measures"]) == (2, 1, {"revenue": 1})
    assert (receipt["reason"], receipt["corrected_by"]) == (WRONG, "manager@example.com")
    assert receipt["file"] == f"Correction of batch {batch}"
    listed = api.get(f"/behavior/{batch}/corrections").json()["items"]
    assert [(one["batch"], one["reason"]) for one in listed] == [(number, WRONG)]
    assert api.get(f"/behavior/{number}/corrections").json()["items"] == []
    # What was asked is kept, as an upload is.
    assert sum(name.endswith(".ndjson") for name in in_folder(site.settings.files)) == 1


def test_a_correction_is_undone_before_what_it_corrects(api: TestClient) -> None:
    batch = recorded(api, orders_csv(4)).json()["batch"]
    first = corrected(api, FIRST).json()["batch"]
    second = corrected(api, {"event_id": "o1", "instead": {"value": 3}}).json()["batch"]

    def taken_back(number: int) -> Any:
        return api.request("DELETE", f"/behavior/{number}", json={"reason": "No, it was right."})

    for number, later in ((batch, first), (first, second)):
        refused = taken_back(number)
        assert refused.status_code == 409
        assert f"were corrected by batch {later}" in refused.json()["detail"]
    assert [taken_back(number).status_code for number in (second, first)] == [200, 200]
    # The row is back, and may be corrected again.
    again = corrected(api, FIRST).json()
    assert again["corrects"] == [{"batch": batch, "withdrawn": 1}]


def test_a_pilots_page_counts_the_rows_that_count(site: Site, api: TestClient) -> None:
    enrolled(site, api)
    browser = site.browser("manager")

    def rows() -> str:
        page = browser.get("/pilots/spring-call/record").text
        found = re.search(r'data-label="Rows">([^<]*)</td><td data-label="Days">([^<]*)<', page)
        assert found is not None
        return " ".join(found.groups())

    assert rows() == "none yet "
    batch = recorded(api, orders_csv(4)).json()["batch"]
    assert rows() == "4 1 March to 4 March 2026"
    gone = corrected(api, FIRST, {"event_id": "o2", "instead": None}).json()["batch"]
    assert rows() == "3 1 March to 4 March 2026"
    api.request("DELETE", f"/behavior/{gone}", json={"reason": "No, it was right."})
    assert rows() == "4 1 March to 4 March 2026"
    corrected(api, *({"event_id": f"o{at}", "instead": None} for at in range(4)))
    assert rows() == "none yet "
    assert api.get(f"/behavior/{batch}").json()["measures"] == {"revenue": 4}


def test_only_own_batches_are_corrected_but_by_an_admin(site: Site, api: TestClient) -> None:
    recorded(api, orders_csv(4))
    said = told(corrected(site.script("colleague"), FIRST))
    assert said["rows.0"] == "is of batch 1, which somebody else sent; ask them, or an admin"
    file = recorded(site.script("colleague"), orders_csv(2).replace("1.50", "9"), correct=WRONG)
    assert file.status_code == 201
    assert file.json()["rejects"][0]["reason"].startswith("is of batch 1, which somebody else sent")
    assert corrected(site.script("admin"), FIRST).status_code == 201
    assert corrected(site.script("analyst"), FIRST).status_code == 403
    gate = site.script("manager", TokenScope.RECORD)
    assert corrected(gate, FIRST).status_code == 403
    assert recorded(gate, orders_csv(2), correct=WRONG).status_code == 403
    assert len([one for one in in_folder(site.settings.files) if "upload" in one]) == 3


def test_what_cannot_be_read_or_found_is_refused_by_place(api: TestClient) -> None:
    recorded(api, orders_csv(4))
    wrong = {"value": "1,5", "occurred_at": "03/01/2026"}
    assert told(corrected(api, FIRST, {"event_id": "o2", "instead": wrong})) == {
        "rows.1.instead.occurred_at": "is not a date that can be read without guessing; write it "
        "year-month-day, such as 2026-02-28 ('03/01/2026')",
        "rows.1.instead.value": "is not a number; write 1.5 ('1,5')",
    }
    gone = told(corrected(api, FIRST, {"event_id": "o9", "instead": None}))
    assert gone["rows.1"].startswith("there is no such row")
    for row in (
        {"measure": "revenue", "instead": None}, {"event_id": "o1", "instead": {}},
        {"event_id": "o1"},
    ):  # fmt: skip
        assert corrected(api, row).status_code == 422
    assert corrected(api, FIRST, reason=" ").status_code == 422
    assert api.get("/behavior").json()["items"][-1]["batch"] == 1
    assert api.get("/behavior/1/corrections").json()["items"] == []


def test_a_file_replaces_the_events_that_it_sends_again(api: TestClient) -> None:
    recorded(api, orders_csv(4))
    changed = orders_csv(5).replace("1.50", "9.00")
    refused = recorded(api, changed, strict=True)
    assert refused.status_code == 422
    answer = recorded(api, changed, correct=WRONG, strict=True, name="again.csv")
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert (receipt["withdrawn"], receipt["entered"], receipt["repeated"]) == (1, 2, 3)
    assert (receipt["file"], receipt["reason"]) == ("again.csv", WRONG)
    assert receipt["corrects"] == [{"batch": 1, "withdrawn": 1}]
    idle = recorded(api, changed, correct=WRONG).json()
    assert (idle["withdrawn"], idle["entered"], idle["repeated"]) == (0, 0, 5)
    back = recorded(api, orders_csv(4), correct="It was right.").json()
    assert back["corrects"] == [{"batch": receipt["batch"], "withdrawn": 1}]


def test_rows_of_json_replace_events_too(api: TestClient) -> None:
    row = {"customer_id": "c1", "measure": "revenue", "value": 5, "occurred_at": "2026-03-01"}
    api.post("/behavior", json=[{**row, "event_id": "o1"}])
    answer = api.post("/behavior", json=[{**row, "event_id": "o1", "value": 6}],
                      params={"correct": WRONG})  # fmt: skip
    assert (answer.status_code, answer.json()["withdrawn"]) == (201, 1)
    without = api.post("/behavior", json=[row], params={"correct": WRONG})
    assert told(without)["event_id"].startswith("is needed")


def test_the_same_call_under_one_key_corrects_once(api: TestClient) -> None:
    recorded(api, orders_csv(4))
    body = {"reason": WRONG, "rows": [FIRST]}
    key = {"Idempotency-Key": "one"}
    answers = [api.post("/behavior/corrections", json=body, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(api.get("/behavior/1/corrections").json()["items"]) == 1


def find(browser: TestClient, customer: str) -> Any:
    """Look for the rows of a customer of batch 1."""
    page = browser.get("/ledger/1")
    return send(browser, page, form_of(page, "/ledger/1/rows"), customer=customer)


def choose(browser: TestClient, found: Any) -> Any:
    """Choose the first row that was found."""
    (name,) = re.findall(r'name="row" value="([^"]*)"', found.text)
    return send(browser, found, form_of(found, "/ledger/1/rows"), row=unescape(name))


def test_a_row_is_found_and_corrected_on_pages(site: Site, api: TestClient) -> None:
    recorded(api, orders_csv(4))
    browser = site.browser("manager")
    asked = choose(browser, find(browser, "c001"))
    form = form_of(asked, "/ledger/1/corrections")
    assert [form.fields[name] for name in ("customer_id", "occurred_at", "value", "item")] == [
        ["c001"], ["2026-03-02"], ["1.5"], [""],
    ]  # fmt: skip
    refused = send(browser, asked, form, value="x", reason=WRONG, what="correct")
    assert refused.status_code == 422
    assert 'href="#f-value"' in refused.text
    assert form_of(refused, "/ledger/1/corrections").fields["value"] == ["x"]
    done = followed(browser, send(browser, asked, form, value="2", reason=WRONG, what="correct"))
    assert "1 row withdrawn of" in done.text
    assert WRONG in done.text
    assert WRONG in browser.get("/ledger/1").text
    assert "No row of this batch that counts" in find(browser, "c001").text
    correction = browser.get("/ledger/2").text
    assert "The rows that it withdrew count again then." in correction
    assert "Yes, take this correction back" in correction


def test_a_row_is_withdrawn_on_pages_with_a_reason(site: Site, api: TestClient) -> None:
    recorded(api, orders_csv(4))
    browser = site.browser("manager")
    asked = choose(browser, find(browser, "c001"))
    form = form_of(asked, "/ledger/1/corrections")
    refused = send(browser, asked, form, what="withdraw")
    assert refused.status_code == 422
    assert "say in some words why" in refused.text
    done = followed(browser, send(browser, asked, form, reason=WRONG, what="withdraw"))
    assert "1 row withdrawn of" in done.text
    assert "0 entered" in done.text


def test_pages_keep_customers_ids_out_of_addresses_and_from_others(
    site: Site, api: TestClient
) -> None:
    recorded(api, orders_csv(4))
    found = find(site.browser("manager"), "c001")
    assert "c001" not in str(found.url)
    other = site.browser("colleague")
    assert "Find rows" not in other.get("/ledger/1").text
    assert other.post("/ledger/1/rows", data={"customer": "c001"}).status_code == 403


def test_what_was_asked_is_kept_in_rows_that_intake_reads(site: Site, api: TestClient) -> None:
    """So that whoever looks for a customer in kept uploads finds them there, and nobody else."""
    recorded(api, orders_csv(4))
    moved = {"customer_id": "c\u2028 9", "item": "so\u00ean"}
    gone = {"customer_id": "c002", "item": None, "instead": None}
    assert corrected(api, {"event_id": "o1", "instead": moved}, gone).status_code == 201
    (file,) = site.settings.files.rglob("upload.ndjson")
    assert [names(file, who) for who in ("c\u2028 9", "c002", "c003")] == [True, True, False]
