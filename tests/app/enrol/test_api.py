"""Customers over HTTP: enrol, draw, list, compare, and who may."""

import io
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, variance
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from tests.app.pilots import Wide
from tests.app.running import DRAWN_LATER, customers_csv, in_folder, planned, wait_long
from tests.site import Site, open_site

CSV = {"Content-Type": "text/csv"}
ADDRESS = "/pilots/spring-call/customers"
LISTED = {"customer_id": "id", "tier": "tier"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def api(site: Site) -> TestClient:
    """A script of the owner of a pilot whose groups are drawn later."""
    planned(site, DRAWN_LATER)
    return site.script("manager")


def enrol_wide(site: Site, api: TestClient, **query: Any) -> Any:
    slug = planned(site, Wide().text())
    text = "\n".join(["who,group,age,spend,visit", *Wide().customers()]) + "\n"
    known = {"customer_id": "who", "arm": "group", "attributes": ["age"], **query}
    return api.post(f"/pilots/{slug}/customers", params=known, content=text, headers=CSV)


def test_customers_whose_groups_are_known_are_enrolled(site: Site) -> None:
    api = site.script("manager")
    answer = enrol_wide(site, api)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert answer.headers["location"] == "/api/v1/pilots/spring-mail/assignment"
    assert receipt["arms"] == {"hold": 200, "mail": 200}
    assert (receipt["accepted"], receipt["rejected"], receipt["rejects"]) == (400, 0, [])
    assert len(receipt["fingerprint"]) == 64
    assert receipt["assigned"] is False
    assert enrol_wide_again(api).status_code == 409


def enrol_wide_again(api: TestClient) -> Any:
    return api.post(
        "/pilots/spring-mail/customers",
        params={"customer_id": "who", "arm": "group"},
        content="who,group\na,mail\n",
        headers=CSV,
    )


def test_customers_without_groups_wait_for_the_draw(api: TestClient) -> None:
    answer = api.post(ADDRESS, params=LISTED, content=customers_csv(), headers=CSV)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["waiting"], answer.json()["accepted"]) == (True, 40)
    assert api.get("/pilots/spring-call/assignment").status_code == 409
    drawn = api.post("/pilots/spring-call/assignment", json={"seed": 7, "strata": ["tier"]})
    assert drawn.status_code == 201, drawn.text
    receipt = drawn.json()
    assert receipt["arms"] == {"hold": 20, "call": 20}
    assert (receipt["seed"], receipt["strata"], receipt["assigned"]) == (7, ["tier"], True)
    again = api.post("/pilots/spring-call/assignment", json={"seed": 7})
    assert again.status_code == 409


def test_the_server_draws_a_seed_where_none_is_given(api: TestClient) -> None:
    api.post(ADDRESS, params=LISTED, content=customers_csv(), headers=CSV)
    assert api.post("/pilots/spring-call/assignment").json()["seed"] >= 0


@pytest.mark.parametrize(
    "body", [{"seed": -1}, {"seed": 2**63}, {"seed": "7"}, {"strata": "tier"}, {"sed": 7}]
)
def test_a_draw_that_cannot_be_is_refused(api: TestClient, body: object) -> None:
    api.post(ADDRESS, params=LISTED, content=customers_csv(), headers=CSV)
    assert api.post("/pilots/spring-call/assignment", json=body).status_code == 422


def test_a_stratum_that_nobody_knows_is_named(api: TestClient) -> None:
    api.post(ADDRESS, params=LISTED, content=customers_csv(), headers=CSV)
    answer = api.post("/pilots/spring-call/assignment", json={"strata": ["region"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "strata"


def test_one_wrong_row_refuses_the_file_with_its_line(site: Site, api: TestClient) -> None:
    text = customers_csv() + "c000,gold\n"
    answer = api.post(ADDRESS, params=LISTED, content=text, headers=CSV)
    assert answer.status_code == 422
    assert 42 in [error["line"] for error in answer.json()["errors"]]
    assert not in_folder(site.settings.files)


def test_a_column_that_is_not_there_is_named(api: TestClient) -> None:
    answer = api.post(
        ADDRESS, params={"customer_id": "ident"}, content=customers_csv(), headers=CSV
    )
    assert answer.status_code == 422
    assert "ident" in answer.json()["detail"] + str(answer.json()["errors"])


def test_the_list_comes_as_table_or_json(site: Site) -> None:
    api = site.script("manager")
    enrol_wide(site, api)
    address = "/pilots/spring-mail/assignment"
    everybody = api.get(address).json()
    assert (len(everybody["items"]), everybody["next"]) == (400, None)
    assert everybody["items"][0] == {
        "customer_id": "00000", "arm": "hold", "tier": None, "owner": None,
        "enrolled_at": "2026-03-01",
    }  # fmt: skip
    mailed = api.get(address, params={"arm": "mail", "format": "csv"})
    assert mailed.headers["content-type"].startswith("text/csv")
    assert mailed.text.splitlines()[:2] == [
        "customer_id,arm,tier,owner,enrolled_at",
        "00001,mail,,,2026-03-01",
    ]
    assert len(mailed.text.splitlines()) == 201
    table = pq.read_table(io.BytesIO(api.get(address, params={"format": "parquet"}).content))
    assert table.num_rows == 400
    assert api.get(address, params={"arm": "post"}).status_code == 422
    assert api.get(address, params={"format": "xml"}).status_code == 422


def test_balance_and_overlaps_are_told(site: Site) -> None:
    api = site.script("manager")
    enrol_wide(site, api)
    balance = api.get("/pilots/spring-mail/balance").json()
    assert [check["name"] for check in balance["checks"]] == ["split", "balance"]
    (gap,) = balance["gaps"]
    assert (gap["treatment"], gap["variable"]) == ("mail", "age")
    assert gap["difference"] == pytest.approx(difference_by_hand())
    assert api.get("/pilots/spring-mail/overlaps").json() == {"items": [], "next": None}
    planned(site, DRAWN_LATER)
    rows = "\n".join(["id,tier", *(f"{at:05},gold" for at in range(390, 410))]) + "\n"
    api.post(ADDRESS, params=LISTED, content=rows, headers=CSV)
    api.post("/pilots/spring-call/assignment", json={"seed": 1})
    found = api.get("/pilots/spring-mail/overlaps").json()["items"]
    assert found == [{"pilot": "spring-call", "customers": 10, "arms": {"hold": 5, "mail": 5}}]


def difference_by_hand() -> float:
    """Rosenbaum and Rubin's standardised difference of the ages, written out."""
    rows = [line.split(",") for line in Wide().customers()]
    ages = {arm: [int(row[2]) for row in rows if row[1] == arm] for arm in ("mail", "hold")}
    spread = (variance(ages["mail"]) + variance(ages["hold"])) / 2
    return float((mean(ages["mail"]) - mean(ages["hold"])) / spread**0.5)


def test_the_pilot_file_says_what_columns_mean(site: Site) -> None:
    api = site.script("manager")
    made = api.post("/pilots", content=DRAWN_LATER, headers={"Content-Type": "application/toml"})
    assert made.status_code == 201, made.text
    assert api.post(ADDRESS, content=customers_csv(), headers=CSV).status_code == 409
    assert api.post("/pilots/spring-call/plan/freeze").is_success
    answer = api.post(ADDRESS, content=customers_csv(), headers=CSV)
    assert (answer.status_code, answer.json()["waiting"]) == (201, True), answer.text


def test_only_the_owner_enrols_and_sees_customers(site: Site) -> None:
    api = site.script("manager")
    enrol_wide(site, api)
    for who in ("colleague", "analyst", "executive"):
        other = site.script(who)
        assert other.get("/pilots/spring-mail/assignment").status_code == 403
        assert other.post("/pilots/spring-mail/assignment", json={}).status_code == 403
        assert other.get("/pilots/spring-mail/balance").status_code == 200
    assert site.script("admin").get("/pilots/spring-mail/assignment").status_code == 200
