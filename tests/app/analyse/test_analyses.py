"""Run an analysis, and read what it found."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.analyse.kept import accounts_path
from app.plan.service import register
from app.tables import PilotRow
from experiments.plan.pilot_file import read_pilot_file
from experiments.report.flat import CSV_COLUMNS
from tests.app.pilots import Wide
from tests.app.results import API, PAGE, PLANNED, SLUG, analyse, prepare, signing, workspace
from tests.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path / "site") as opened:
        prepare(opened, tmp_path)
        yield opened


@pytest.fixture
def veiled(tmp_path: Path) -> Iterator[Site]:
    """The pilot of four weeks begins two days before today."""
    with open_site(tmp_path / "site") as opened:
        prepare(opened, tmp_path, Wide(starts_on=date(2026, 3, 30)))
        yield opened


def test_an_analysis_is_made_once_for_the_same_inputs(site: Site) -> None:
    first = site.script("analyst").post(f"{API}/analyses", json={})
    again = site.script("analyst").post(f"{API}/analyses")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.headers["location"] == f"/api/v1{API}/analyses/1"
    assert first.json()["status"] == "proved"
    assert first.json()["as_of"] == "2026-03-29"
    listed = site.script("executive").get(f"{API}/analyses").json()
    assert listed == {"items": [first.json()], "next": None}


def test_an_analysis_whose_accounts_are_gone_writes_them_again(site: Site) -> None:
    analyse(site)
    path = accounts_path(site.settings.files, SLUG, 1)
    path.unlink()
    assert site.script("analyst").get(f"{API}/accounts").status_code == 404
    assert analyse(site)["number"] == 1
    assert path.is_file()
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_an_amendment_is_kept_and_printed(site: Site) -> None:
    analyse(site, amendment="The second week was\nlost to a strike.")
    found = site.script("analyst").get(f"{API}/results").json()
    assert found["amendment"] == "The second week was lost to a strike."
    page = site.browser("executive").get(f"{PAGE}/report")
    assert "The second week was lost to a strike." in page.text


def test_a_day_to_come_is_refused_at_its_field(site: Site) -> None:
    refused = site.script("analyst").post(f"{API}/analyses", json={"as_of": "2026-04-02"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "as_of"


def test_an_earlier_day_does_not_take_the_place_of_a_later_one(site: Site) -> None:
    analyse(site)
    refused = site.script("analyst").post(f"{API}/analyses", json={"as_of": "2026-03-10"})
    assert refused.status_code == 422
    assert "of which analysis 1 speaks already" in refused.json()["errors"][0]["reason"]
    assert site.script("analyst").get(f"{API}/results").status_code == 200


def test_a_day_long_ago_is_veiled(site: Site) -> None:
    assert analyse(site, as_of="0001-01-01")["status"] == "veiled"


def test_without_customers_there_is_nothing_to_analyse(tmp_path: Path) -> None:
    with open_site(tmp_path / "site") as site:
        with workspace(site) as opened:
            register(opened.session, read_pilot_file(Wide().write(tmp_path)).plan(), now=PLANNED)
            opened.session.add(PilotRow(slug="a-draft", created_at=PLANNED))
            opened.session.commit()
        for slug in (SLUG, "a-draft"):
            refused = site.script("admin").post(f"/pilots/{slug}/analyses", json={})
            assert refused.status_code == 409, refused.text
            for page in ("analyse", "value", "decide", "report"):
                shown = site.browser("admin").get(f"/pilots/{slug}/{page}")
                assert shown.status_code == 200
                assert "yet" in shown.text


@pytest.mark.parametrize("body", [{"as_off": "2026-04-01"}, {"amendment": "\0"}, []])
def test_a_body_that_cannot_be_read_is_refused(site: Site, body: object) -> None:
    assert site.script("analyst").post(f"{API}/analyses", json=body).status_code == 422


def test_who_may_run_an_analysis(site: Site) -> None:
    answers = {
        who: site.script(who).post(f"{API}/analyses", json={}).status_code
        for who in ("manager", "colleague", "analyst", "executive", "admin")
    }
    assert answers == {
        "manager": 201, "colleague": 403, "analyst": 200, "executive": 403, "admin": 200,
    }  # fmt: skip


def test_who_may_pull_accounts(site: Site) -> None:
    analyse(site)
    answers = {
        who: site.script(who).get(f"{API}/accounts").status_code
        for who in ("manager", "colleague", "analyst", "executive", "admin")
    }
    assert answers == {
        "manager": 200, "colleague": 403, "analyst": 200, "executive": 403, "admin": 200,
    }  # fmt: skip


@pytest.mark.parametrize(
    "call", ["results", "accounts", "contamination", "value", "decision", "report", "analyses/1"]
)
def test_before_the_first_analysis_there_is_nothing(site: Site, call: str) -> None:
    answer = site.script("analyst").get(f"{API}/{call}")
    assert answer.status_code == 404
    assert "analysis" in answer.json()["detail"]


def test_a_pilot_that_does_not_exist_is_not_found(site: Site) -> None:
    answer = site.script("analyst").get("/pilots/nobody/results")
    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["detail"]


@pytest.mark.parametrize("call", ["results", "results?format=csv", "value"])
def test_a_veiled_analysis_is_kept_and_shows_no_outcome(veiled: Site, call: str) -> None:
    assert analyse(veiled)["status"] == "veiled"
    answer = veiled.script("analyst").get(f"{API}/{call}")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:pilotbook:problem:outcomes-veiled"
    assert answer.json()["visible_from"] == "2026-04-27"
    assert "etag" not in answer.headers


def test_veiled_accounts_leave_the_outcomes_out(veiled: Site) -> None:
    analyse(veiled)
    pulled = veiled.script("analyst").get(f"{API}/accounts")
    known = ["customer", "arm", "tier", "enrolled_at", "age"]
    assert pq.read_table(io.BytesIO(pulled.content)).column_names == known
    written = veiled.script("analyst").get(f"{API}/accounts?format=csv").text
    assert next(csv.reader(io.StringIO(written))) == known


def test_a_veiled_page_shows_checks_alone(veiled: Site) -> None:
    analyse(veiled)
    page = veiled.browser("analyst").get(f"{PAGE}/analyse").text
    assert "Outcomes are veiled until 27 April 2026." in page
    assert "The groups are as large as planned" in page
    assert "Take the numbers with you" not in page
    kept = accounts_path(veiled.settings.files, SLUG, 1)
    assert pq.read_schema(kept).names == ["customer", "arm", "tier", "enrolled_at", "age"]


def test_what_was_veiled_is_read_afterwards_as_a_new_analysis(veiled: Site) -> None:
    analyse(veiled)
    veiled.now = datetime(2026, 4, 27, 9, tzinfo=UTC)
    assert analyse(veiled)["number"] == 2
    found = veiled.script("analyst").get(f"{API}/results")
    assert found.status_code == 200
    numbers = [
        each["number"] for each in veiled.script("analyst").get(f"{API}/analyses").json()["items"]
    ]
    assert numbers == [2, 1]
    report = veiled.script("analyst").get(f"{API}/report?format=json").json()
    looked = next(line for line in report["done"] if line["label"] == "How often looked")
    assert looked["text"].startswith("Once")


def test_a_list_is_read_page_by_page(veiled: Site) -> None:
    analyse(veiled)
    veiled.now = datetime(2026, 4, 27, 9, tzinfo=UTC)
    analyse(veiled)
    first = veiled.script("analyst").get(f"{API}/analyses?limit=1").json()
    rest = veiled.script("analyst").get(f"{API}/analyses?limit=1&cursor={first['next']}").json()
    assert [first["items"][0]["number"], rest["items"][0]["number"]] == [2, 1]
    assert rest["next"] is None


@pytest.mark.parametrize("written", ["json", "csv", "parquet"])
def test_results_that_the_caller_has_are_not_sent_again(site: Site, written: str) -> None:
    analyse(site)
    script = site.script("analyst")
    address = f"{API}/results?format={written}"
    tag = script.get(address).headers["etag"]
    again = script.get(address, headers={"If-None-Match": f'"older", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert script.get(address, headers={"If-None-Match": '"older"'}).status_code == 200


def test_the_csv_says_what_the_json_says(site: Site) -> None:
    """Every cell recomputed from the JSON by the contract's names."""
    analyse(site)
    script = site.script("analyst")
    found = script.get(f"{API}/results").json()["estimates"]
    rows = list(csv.DictReader(io.StringIO(script.get(f"{API}/results?format=csv").text)))
    assert list(rows[0]) == list(CSV_COLUMNS)
    assert len(rows) == len(found)
    for row, estimate in zip(rows, found, strict=True):
        assert row["metric"] == estimate["metric"]
        assert row["segment"] == ""
        assert float(row["mean_treatment"]) == estimate["mean_treatment"]
        for key in ("low", "high", "p_value", "se"):
            assert float(row[key]) == estimate["difference"][key]
        assert float(row["difference"]) == estimate["difference"]["value"]
        assert float(row["relative_high"]) == estimate["relative"]["high"]


def test_the_parquet_is_typed_and_says_what_the_json_says(site: Site) -> None:
    analyse(site)
    script = site.script("analyst")
    found = script.get(f"{API}/results").json()["estimates"]
    table = pq.read_table(io.BytesIO(script.get(f"{API}/results?format=parquet").content))
    assert table.column_names == list(CSV_COLUMNS)
    types = {name: str(table.schema.field(name).type) for name in CSV_COLUMNS}
    assert (types["metric"], types["headline"], types["n_control"], types["low"]) == (
        "string", "bool", "int64", "double",
    )  # fmt: skip
    assert table["difference"].to_pylist() == [each["difference"]["value"] for each in found]


def test_results_are_chosen_by_metric(site: Site) -> None:
    analyse(site)
    script = site.script("analyst")
    found = script.get(f"{API}/results?metric=visitors").json()
    assert {each["metric"] for each in found["estimates"]} == {"visitors"}
    refused = script.get(f"{API}/results?metric=visitor")
    assert refused.status_code == 422
    assert "did you mean 'visitors'?" in refused.json()["errors"][0]["reason"]
    assert script.get(f"{API}/results?segment=age").status_code == 422


def test_the_accounts_are_what_was_recorded(site: Site) -> None:
    """Sums by arm, from the lines of the file that was recorded."""
    analyse(site)
    script = site.script("analyst")
    table = pq.read_table(io.BytesIO(script.get(f"{API}/accounts").content))
    rows = [line.split(",") for line in Wide().customers()]
    for arm in ("hold", "mail"):
        recorded = sum(float(row[3]) for row in rows if row[1] == arm)
        pulled = sum(float(row["spend"]) for row in table.to_pylist() if row["arm"] == arm)
        assert pulled == pytest.approx(recorded)
    written = script.get(f"{API}/accounts?format=csv").text
    as_text = list(csv.DictReader(io.StringIO(written)))
    assert list(as_text[0]) == table.column_names
    assert len(as_text) == table.num_rows == 400


def test_the_page_runs_an_analysis_and_shows_it(site: Site) -> None:
    browser = site.browser("analyst")
    before = browser.get(f"{PAGE}/analyse").text
    assert "what 400 customers did, as of 29 March 2026, from the ledger up to batch 2" in before
    sent = browser.post(f"{PAGE}/analyse", data={"as_of": "", "amendment": ""})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{PAGE}/analyse")
    after = browser.get(f"{PAGE}/analyse").text
    assert "“mail” pays." in after
    assert "Nothing has changed since analysis 1." in after
    assert f"{PAGE}/report?analysis=1" in after
    assert "/accounts" in after
    assert "Accounts" not in site.browser("executive").get(f"{PAGE}/analyse").text


def test_days_on_the_page_are_those_of_the_company(site: Site) -> None:
    """At 20:00 UTC it is the next day already where days begin first."""
    east = site.settings.model_copy(update={"timezone": "Pacific/Kiritimati"})
    site.app.state.settings = east
    site.now = datetime(2026, 4, 1, 20, tzinfo=UTC)
    analyse(site)
    decided = site.browser("executive").post(f"{PAGE}/decide", data=signing(site))
    assert decided.status_code == 303
    for page in ("analyse", "value"):
        said = site.browser("analyst").get(f"{PAGE}/{page}").text
        assert "roll out, 2 April 2026" in said


def test_a_note_is_kept_without_nul_which_postgresql_cannot_hold(site: Site) -> None:
    sent = site.browser("analyst").post(f"{PAGE}/analyse", data={"amendment": "A strike.\0"})
    assert sent.status_code == 303


def test_what_was_typed_stays_when_it_is_refused(site: Site) -> None:
    typed = {"as_of": "31.3.2026", "amendment": "A strike."}
    refused = site.browser("analyst").post(f"{PAGE}/analyse", data=typed)
    assert refused.status_code == 422
    assert 'value="31.3.2026"' in refused.text
    assert "A strike." in refused.text
    assert "is no day; write it like 2026-07-31" in refused.text


def test_pages_before_the_first_analysis_say_what_will_be_there(site: Site) -> None:
    browser = site.browser("executive")
    for page, title in (
        ("value", "No value yet"), ("decide", "Nothing to decide yet"), ("report", "No report yet"),
    ):  # fmt: skip
        answer = browser.get(f"{PAGE}/{page}")
        assert answer.status_code == 200
        assert title in answer.text
