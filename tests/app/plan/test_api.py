"""Scripts write, freeze and sign plans, and ask what they lead to."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app.cli import app as command_line
from app.plan.draft import draft_of
from app.plan.service import find_pilot
from app.tables import TokenScope
from experiments.plan.pilot_file import parse_pilot_file
from tests.app.pilots import Wide
from tests.app.plan.plans import plan_json
from tests.site import PASSWORD, Site

PLAN = "/pilots/spring-mail/plan"
TOML = {"Content-Type": "application/toml"}


@pytest.fixture
def script(site: Site) -> TestClient:
    """The manager's script, with a pilot begun."""
    client = site.script("manager")
    assert client.post("/pilots", json=plan_json()).status_code == 201
    return client


def frozen(client: TestClient, plan: str = PLAN) -> str:
    return str(client.post(f"{plan}/freeze").json()["fingerprint"])


def places(answer: Any) -> set[str]:
    return {error["field"] for error in answer.json()["errors"]}


def test_a_plan_begins_a_pilot_with_an_address_and_a_tag(site: Site) -> None:
    begun = site.script("manager").post("/pilots", json=plan_json())
    assert begun.status_code == 201
    assert begun.headers["location"] == "/api/v1/pilots/spring-mail"
    assert begun.headers["etag"] == '"draft-1"'
    assert begun.json()["page"] == "/pilots/spring-mail/plan"


def test_a_pilot_begun_by_a_script_opens_in_the_form(site: Site, script: TestClient) -> None:
    page = site.browser("manager").get("/pilots/spring-mail/plan")
    assert page.status_code == 200
    assert 'value="45"' in page.text


@pytest.mark.parametrize("kind", ["toml", "json"])
def test_a_plan_has_the_fingerprint_that_run_gives_it(
    site: Site, tmp_path: Path, kind: str
) -> None:
    people = (("o@example.com", "manager@example.com"), ("s@example.com", "cfo@example.com"))
    path = Wide().write(tmp_path / "files")
    text = path.read_text()
    for old, new in people:
        text = text.replace(old, new)
    path.write_text(text)
    done = CliRunner().invoke(
        command_line, ["run", str(path), "--no-report", "--out", str(tmp_path)]
    )
    inputs = json.loads((tmp_path / "result.json").read_text())["inputs"]
    assert done.exit_code == 0

    client = site.script("manager")
    if kind == "toml":
        begun = client.post("/pilots", content=text, headers=TOML)
    else:
        plan = parse_pilot_file(text).plan().model_dump(mode="json", exclude_none=True)
        begun = client.post("/pilots", json=plan)
    assert begun.status_code == 201
    assert frozen(client) == inputs["plan"]


def test_a_pilot_file_may_say_what_its_columns_mean(site: Site) -> None:
    text = Wide().text().replace("o@example.com", "manager@example.com")
    text = text.replace("s@example.com", "cfo@example.com")
    assert site.script("manager").post("/pilots", content=text, headers=TOML).status_code == 201
    with site.database.reading() as session:
        pilot = find_pilot(session, "spring-mail")
        assert pilot is not None
        given = draft_of(pilot).given
    assert (given["customers"]["arm"], given["behavior"][0]["customer_id"]) == ("group", "who")


def test_mistakes_are_named_with_key_and_in_toml_with_line(site: Site) -> None:
    client = site.script("manager")
    wrong = plan_json()
    wrong["metrics"][0]["kind"] = "meen"
    wrong["value"]["margin"] = 1
    refused = client.post("/pilots", json=wrong)
    assert refused.status_code == 422
    assert places(refused) == {"metrics[1].kind", "value.margin"}
    toml = client.post("/pilots", content='[pilot]\nname = "a"\nslug = "B"\n', headers=TOML)
    assert "line 3, pilot.slug" in places(toml)
    syntax = client.post("/pilots", content="a = 40%", headers=TOML)
    assert "write 40 % as 0.4" in syntax.json()["detail"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"pilot": "\\ud800"}', "application/json", 422),
        (b'{"pilot": {"name": "\\u0000"}}', "application/json", 422),
        (b"\xff", "application/toml", 422),
        (b"a,b", "text/csv", 415),
        (b" " * (1024**2 + 1), "application/json", 413),
    ],
)
def test_a_body_that_is_no_plan_is_refused(site: Site, body: bytes, kind: str, status: int) -> None:
    headers = {"Content-Type": kind}
    assert (
        site.script("manager").post("/pilots", content=body, headers=headers).status_code == status
    )


def test_numbers_of_a_json_plan_are_exact(site: Site) -> None:
    text = json.dumps(plan_json()).replace("0.45", "0.450000000000000000001")
    client = site.script("manager")
    headers = {"Content-Type": "application/json"}
    assert client.post("/pilots", content=text, headers=headers).status_code == 201
    assert client.get(PLAN).json()["value"]["margin_rate"] == "0.450000000000000000001"


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ({"owner": "colleague@example.com"}, "pilot.owner"),
        ({"sponsor": "analyst@example.com"}, "pilot.sponsor"),
        ({"sponsor": "manager@example.com"}, "pilot.sponsor"),
        ({"slug": "new"}, "pilot.slug"),
        ({"slug": "a--b"}, "pilot.slug"),
    ],
)
def test_wrong_people_and_addresses_are_refused_at_their_keys(
    site: Site, header: dict[str, str], place: str
) -> None:
    refused = site.script("manager").post("/pilots", json=plan_json(**header))
    assert (refused.status_code, places(refused)) == (422, {place})


def test_a_slug_is_given_once(script: TestClient) -> None:
    again = script.post("/pilots", json=plan_json())
    assert (again.status_code, places(again)) == (422, {"pilot.slug"})


def test_what_this_version_does_not_compute_is_refused_at_once(site: Site) -> None:
    plan = plan_json()
    plan["value"]["ltv"] = "bgnbd"
    refused = site.script("manager").post("/pilots", json=plan)
    assert refused.status_code == 422
    assert 'value.ltv = "bgnbd"' in refused.json()["detail"]


@pytest.mark.parametrize("who", ["analyst", "executive"])
def test_only_managers_and_admins_begin_pilots(site: Site, who: str) -> None:
    assert site.script(who).post("/pilots", json=plan_json()).status_code == 403


def test_an_admin_begins_a_pilot_for_a_manager(site: Site) -> None:
    assert site.script("admin").post("/pilots", json=plan_json()).status_code == 201
    assert site.script("manager").put(PLAN, json=plan_json()).status_code == 200


def test_a_plan_is_changed_by_whoever_saw_its_newest_version(script: TestClient) -> None:
    tag = script.get(PLAN).headers["etag"]
    changed = script.put(PLAN, json=plan_json(name="Other"), headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    late = script.put(PLAN, json=plan_json(name="Late"), headers={"If-Match": tag})
    assert late.status_code == 412
    assert script.get(PLAN).json()["pilot"]["name"] == "Other"
    assert script.put(PLAN, json=plan_json(name="Any")).status_code == 200
    assert script.put(PLAN, json=plan_json(), headers={"If-Match": "*"}).status_code == 200


def test_a_known_plan_is_not_sent_again(script: TestClient) -> None:
    tag = script.get(PLAN).headers["etag"]
    assert script.get(PLAN, headers={"If-None-Match": tag}).status_code == 304


def test_a_plan_that_is_got_can_be_put_back(script: TestClient) -> None:
    assert script.put(PLAN, json=script.get(PLAN).json()).status_code == 200


def test_another_slug_moves_the_draft(script: TestClient) -> None:
    moved = script.put(PLAN, json=plan_json(slug="summer"))
    assert moved.headers["location"] == "/api/v1/pilots/summer/plan"
    assert script.get(PLAN).status_code == 404


def test_a_foreign_pilot_is_read_and_not_written(site: Site, script: TestClient) -> None:
    colleague = site.script("colleague")
    assert colleague.get(PLAN).status_code == 200
    assert colleague.put(PLAN, json=plan_json()).status_code == 403
    assert colleague.post(f"{PLAN}/freeze").status_code == 403


def test_a_frozen_plan_stays_as_it_is(script: TestClient) -> None:
    fingerprint = frozen(script)
    before = script.get(PLAN)
    assert before.headers["etag"] == f'"{fingerprint}"'
    assert script.put(PLAN, json=plan_json(name="Other")).status_code == 409
    assert script.post(f"{PLAN}/freeze").status_code == 409
    assert script.get(PLAN).json() == before.json()


def test_a_freeze_of_another_version_is_refused(script: TestClient) -> None:
    assert script.post(f"{PLAN}/freeze", headers={"If-Match": '"draft-9"'}).status_code == 412


def test_a_late_freeze_says_that_the_result_is_retrospective(site: Site) -> None:
    client = site.script("manager")
    client.post("/pilots", json=plan_json(starts_on="2026-03-31"))
    answer = client.post(f"{PLAN}/freeze").json()
    assert answer["retrospective"] is True
    assert "cannot open the roll-out by itself" in answer["sentence"]


def test_the_sponsor_signs_once_what_was_frozen(site: Site, script: TestClient) -> None:
    cfo = site.script("executive")
    said = {"password": PASSWORD, "fingerprint": "0" * 64}
    assert cfo.post(f"{PLAN}/signature", json=said).status_code == 409
    said["fingerprint"] = frozen(script)
    assert script.post(f"{PLAN}/signature", json=said).status_code == 403
    assert site.script("director").post(f"{PLAN}/signature", json=said).status_code == 403
    other = {**said, "fingerprint": "0" * 64}
    assert cfo.post(f"{PLAN}/signature", json=other).status_code == 412
    wrong = cfo.post(f"{PLAN}/signature", json={**said, "password": "wrong"})
    assert (wrong.status_code, places(wrong)) == (422, {"password"})
    signed = cfo.post(f"{PLAN}/signature", json=said)
    assert (signed.status_code, signed.json()["by"]) == (201, "cfo@example.com")
    assert cfo.post(f"{PLAN}/signature", json=said).status_code == 409


def test_a_token_that_only_records_neither_plans_nor_signs(site: Site, script: TestClient) -> None:
    client = site.script("manager", TokenScope.RECORD)
    assert client.put(PLAN, json=plan_json()).status_code == 403
    assert client.get(PLAN).status_code == 200


def test_readiness_says_what_is_there_and_what_is_missing(site: Site, script: TestClient) -> None:
    def outcomes() -> dict[str, str]:
        checks = script.get("/pilots/spring-mail/readiness").json()["checks"]
        return {check["name"]: check["outcome"] for check in checks}

    assert outcomes() == {
        "plan": "passed",
        "frozen": "failed",
        "signed": "failed",
        "customers": "failed",
        "behavior: spend": "failed",
        "outcomes": "not_applicable",
    }
    said = {"password": PASSWORD, "fingerprint": frozen(script)}
    site.script("executive").post(f"{PLAN}/signature", json=said)
    assert (outcomes()["frozen"], outcomes()["signed"]) == ("passed", "passed")


def test_readiness_of_an_incomplete_draft_names_its_first_problem(site: Site) -> None:
    site.browser("manager").post("/pilots/new", data={"name": "Half"})
    checks = site.script("analyst").get("/pilots/half/readiness").json()["checks"]
    assert [check["outcome"] for check in checks] == ["failed"]


def test_power_is_that_of_the_plan(script: TestClient) -> None:
    """Break-even is 0.10 of cost over a margin of 0.45."""
    query = {"effect": 2, "customers": 20000, "mean": 12, "sd": 30}
    answer = script.get("/pilots/spring-mail/power", params=query).json()
    assert answer["break_even"] == pytest.approx(0.1 / 0.45)
    assert 0.9 < answer["power"] < 1
    assert {"customers": 20000, "power": answer["power"]} in answer["curve"]
    assert answer["customers_needed"] < 20000


def test_power_says_whether_a_guardrail_can_be_shown_to_be_kept(script: TestClient) -> None:
    plan = plan_json()
    guardrail = {"name": "complaint", "kind": "rate", "measure": "complaint", "role": "guardrail"}
    plan["metrics"].append({**guardrail, "direction": "down", "tolerance": "0.02"})
    assert script.put(PLAN, json=plan).status_code == 200
    query: dict[str, Any] = {"mean": 12, "sd": 30, "customers": 8000}
    answer = script.get("/pilots/spring-mail/power", params=query).json()
    assert answer["guardrails"] == []
    query["guardrail"] = "complaint:0.1"
    (found,) = script.get("/pilots/spring-mail/power", params=query).json()["guardrails"]
    assert found["metric"] == "complaint"
    assert 0.8 < found["power"] < 0.9
    query["guardrail"] = "complaint:much"
    assert script.get("/pilots/spring-mail/power", params=query).status_code == 422


def test_power_knows_the_break_even_of_the_horizon(script: TestClient) -> None:
    answer = script.get("/pilots/spring-mail/power", params={"mean": 12, "sd": 30}).json()
    assert answer["break_even"] < answer["break_even_horizon"] < 1.1 * answer["break_even"]


def test_power_without_a_baseline_says_what_to_give(script: TestClient) -> None:
    refused = script.get("/pilots/spring-mail/power", params={"effect": 2})
    assert (refused.status_code, places(refused)) == (422, {"mean"})
    assert "give mean and sd in the query" in refused.json()["errors"][0]["reason"]


def test_power_without_an_effect_still_knows_break_even(script: TestClient) -> None:
    answer = script.get("/pilots/spring-mail/power", params={"mean": 12, "sd": 30}).json()
    assert answer["power"] == {"undefined": "no effect is assumed yet"}
    assert answer["break_even"] == pytest.approx(0.1 / 0.45)


@pytest.mark.parametrize("query", ["customers=0", "mean=nan", "sd=-1", "rate=2", "effect=1e300"])
def test_a_size_that_cannot_be_is_refused(script: TestClient, query: str) -> None:
    assert script.get(f"/pilots/spring-mail/power?{query}").status_code == 422


def test_updates_come_page_by_page(site: Site, script: TestClient) -> None:
    address = "/pilots/spring-mail/updates"
    for text in ("one", "dwa", "three"):
        assert script.post(address, json={"text": text}).status_code == 201
    first = site.script("analyst").get(address, params={"limit": 2}).json()
    assert [item["text"] for item in first["items"]] == ["three", "dwa"]
    rest = script.get(address, params={"limit": 2, "cursor": first["next"]}).json()
    assert ([item["text"] for item in rest["items"]], rest["next"]) == (["one"], None)
    assert script.post(address, json={"text": "\0"}).status_code == 422
    assert site.script("colleague").post(address, json={"text": "x"}).status_code == 403
