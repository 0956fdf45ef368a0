"""Accept the recommendation, or override it with a second executive."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlmodel import col, select, update

from app.tables import PilotRow, PlanRow, SignatureRow
from tests.app.pilots import Wide
from tests.app.results import API, PAGE, analyse, analysed_site, prepare, record_more, signing
from tests.page_forms import followed
from tests.site import PASSWORD, Site, open_site

WRONG = {"password": "another four words"}
REASON = "The brand team wants no letters at all."
LATER = datetime(2026, 4, 20, 9, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with analysed_site(tmp_path / "site") as opened:
        yield opened


def freeze_late(site: Site) -> None:
    """Move the freezing of the plan behind the outcome."""
    with site.database.writing() as session:
        session.exec(update(PlanRow).values(frozen_at=datetime(2026, 3, 31, tzinfo=UTC)))
        session.commit()


def seconding(site: Site, **other: str) -> dict[str, str]:
    decision = site.script("director").get(f"{API}/decision").json()["decision"]
    return {"password": PASSWORD, "fingerprint": decision["fingerprint"], **other}


def test_accepting_the_recommendation_counts_at_once(site: Site) -> None:
    answer = site.script("executive").post(f"{API}/decision", json=signing(site))
    assert answer.status_code == 201
    decision = answer.json()["decision"]
    assert decision["choice"] == decision["recommended"] == "roll_out"
    assert decision["decided_by"] == "cfo@example.com"
    assert decision["counts"]
    assert site.script("analyst").get(f"{API}/decision").json() == answer.json()
    with site.database.reading() as session:
        signed = session.exec(select(SignatureRow)).all()
    assert [(row.what, row.user_id) for row in signed] == [("decision", site.users["executive"])]
    assert signed[0].fingerprint == answer.json()["fingerprint"]


def test_a_decision_is_made_once_for_an_analysis(site: Site) -> None:
    script = site.script("executive")
    assert script.post(f"{API}/decision", json=signing(site)).status_code == 201
    again = script.post(f"{API}/decision", json=signing(site, choice="stop", reason=REASON))
    assert again.status_code == 409
    assert "needs a newer analysis" in again.json()["detail"]


def test_a_wrong_password_is_refused_at_its_field(site: Site) -> None:
    body = signing(site, **WRONG)
    refused = site.script("executive").post(f"{API}/decision", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "password"
    assert site.script("analyst").get(f"{API}/decision").json()["decision"] is None


def test_somebody_who_guesses_passwords_is_slowed_down(site: Site) -> None:
    script, body = site.script("executive"), signing(site, **WRONG)
    statuses = [script.post(f"{API}/decision", json=body).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


def test_a_newer_analysis_makes_what_was_read_stale(site: Site, tmp_path: Path) -> None:
    stale = signing(site)
    record_more(site, tmp_path)
    assert analyse(site)["number"] == 2
    refused = site.script("executive").post(f"{API}/decision", json=stale)
    assert refused.status_code == 412
    assert "newer analysis came" in refused.json()["detail"]


@pytest.mark.parametrize(("reason", "says"), [("", "is missing"), ("No.", "has 1 word")])
def test_an_override_needs_a_sentence(site: Site, reason: str, says: str) -> None:
    body = signing(site, choice="stop", reason=reason)
    refused = site.script("executive").post(f"{API}/decision", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "reason"
    assert says in refused.json()["errors"][0]["reason"]


def test_an_override_counts_once_another_executive_has_signed(site: Site) -> None:
    body = signing(site, choice="stop", reason=REASON)
    first = site.script("executive").post(f"{API}/decision", json=body).json()["decision"]
    assert first["needs_second"]
    assert not first["counts"]
    own = site.script("executive").post(f"{API}/decision/second", json=seconding(site))
    assert own.status_code == 403
    other = site.script("director").post(f"{API}/decision/second", json=seconding(site))
    assert other.status_code == 201
    assert other.json()["decision"]["counts"]
    assert other.json()["decision"]["seconded_by"] == "director@example.com"
    twice = site.script("director").post(f"{API}/decision/second", json=seconding(site))
    assert twice.status_code == 409


def test_a_second_signs_what_was_shown(site: Site) -> None:
    """The decision is replaced while the second executive reads it."""
    script = site.script("executive")
    script.post(f"{API}/decision", json=signing(site, choice="stop", reason=REASON))
    shown = seconding(site)
    script.post(f"{API}/decision", json=signing(site, choice="extend", reason=REASON))
    refused = site.script("director").post(f"{API}/decision/second", json=shown)
    assert refused.status_code == 412
    wrong = seconding(site, **WRONG)
    assert site.script("director").post(f"{API}/decision/second", json=wrong).status_code == 422
    signed = site.script("director").post(f"{API}/decision/second", json=seconding(site))
    assert signed.json()["decision"]["choice"] == "extend"


def test_there_is_nothing_to_second_before_a_decision(site: Site) -> None:
    body = {"password": PASSWORD, "fingerprint": "0" * 64}
    refused = site.script("director").post(f"{API}/decision/second", json=body)
    assert refused.status_code == 404


def test_a_proof_after_the_fact_opens_no_gate(tmp_path: Path) -> None:
    with open_site(tmp_path / "site") as site:
        prepare(site, tmp_path)
        freeze_late(site)
        analyse(site)
        said = site.script("executive").get(f"{API}/decision").json()["recommendation"]
        assert (said["choice"], said["gate_open"]) == ("extend", False)
        assert "planned pilot" in said["sentence"]
        waiver = signing(site, reason="The board accepts the risk of a late plan.")
        signed = site.script("executive").post(f"{API}/decision", json=waiver).json()["decision"]
        assert signed["needs_second"]


def test_nothing_is_decided_while_outcomes_are_veiled(tmp_path: Path) -> None:
    with open_site(tmp_path / "site") as site:
        prepare(site, tmp_path, Wide(starts_on=date(2026, 3, 30)))
        analyse(site)
        assert signing(site)["fingerprint"]
        refused = site.script("executive").post(f"{API}/decision", json=signing(site))
        assert refused.status_code == 409
        assert refused.json()["visible_from"] == "2026-04-27"
        assert "Sign the decision" not in site.browser("executive").get(f"{PAGE}/decide").text


def test_a_newer_analysis_may_lead_to_another_decision(tmp_path: Path) -> None:
    """Another batch makes the analysis another one."""
    with open_site(tmp_path / "site") as site:
        prepare(site, tmp_path)
        analyse(site, as_of="2026-03-29")
        site.script("executive").post(f"{API}/decision", json=signing(site))
        site.now = LATER
        record_more(site, tmp_path)
        assert analyse(site)["number"] == 2
        again = signing(site, choice="stop", reason=REASON)
        signed = site.script("executive").post(f"{API}/decision", json=again).json()
        assert (signed["analysis"], signed["decision"]["analysis"]) == (2, 2)
        earlier = site.script("analyst").get(f"{API}/report?format=json&analysis=1").json()
        assert earlier["signatures"][-1]["text"].startswith("Roll out; signed by cfo@example.com")


def test_who_may_decide(site: Site) -> None:
    answers = {
        who: site.script(who).post(f"{API}/decision", json=signing(site)).status_code
        for who in ("manager", "colleague", "analyst", "admin", "director")
    }
    assert answers == {
        "manager": 403, "colleague": 403, "analyst": 403, "admin": 403, "director": 201,
    }  # fmt: skip


def test_the_owner_does_not_decide_even_as_an_executive(site: Site) -> None:
    with site.database.writing() as session:
        owned = update(PilotRow).where(col(PilotRow.owner_id) == site.users["manager"])
        session.exec(owned.values(owner_id=site.users["executive"]))
        session.commit()
    refused = site.script("executive").post(f"{API}/decision", json=signing(site))
    assert refused.status_code == 403
    assert "You own this pilot" in refused.json()["detail"]


@pytest.mark.parametrize(
    "wrong", [{"choice": "maybe"}, {"fingerprint": "x"}, {"reason": "a\0b c d"}, {"more": 1}]
)
def test_a_body_that_cannot_be_read_is_refused(site: Site, wrong: dict[str, object]) -> None:
    body = {**signing(site), **wrong}
    assert site.script("executive").post(f"{API}/decision", json=body).status_code == 422


def test_the_page_asks_signs_and_shows_who_signed(site: Site) -> None:
    browser = site.browser("executive")
    asked = browser.get(f"{PAGE}/decide").text
    assert "Recommendation: roll out" in asked
    form = {**signing(site, choice="stop"), **WRONG, "reason": "Too dear."}
    refused = browser.post(f"{PAGE}/decide", data=form)
    assert refused.status_code == 422
    assert "Too dear." in refused.text
    assert "Your password: is not yours" in refused.text
    form |= {"password": PASSWORD, "reason": REASON}
    signed = browser.post(f"{PAGE}/decide", data=form)
    assert (signed.status_code, signed.headers["location"].partition("?")[0]) == (
        303, f"{PAGE}/decide",
    )  # fmt: skip
    waits = browser.get(f"{PAGE}/decide").text
    assert "Against the recommendation. The brand team" in waits
    assert "Second the decision" not in waits
    director = site.browser("director")
    assert "Second the decision" in director.get(f"{PAGE}/decide").text
    seconded = director.post(f"{PAGE}/decide/second", data=seconding(site))
    assert seconded.status_code == 303
    done = browser.get(f"{PAGE}/decide").text
    assert "Seconded by director@example.com" in done
    assert "Sign the decision" not in done


def test_after_signing_the_page_says_whether_the_decision_counts(site: Site) -> None:
    browser = site.browser("executive")
    waits = browser.post(f"{PAGE}/decide", data=signing(site, choice="stop", reason=REASON))
    said = followed(browser, waits).text
    assert "Signed. Another executive has to sign it too before it counts." in said
    director = site.browser("director")
    counts = director.post(f"{PAGE}/decide/second", data=seconding(site))
    assert "Signed. The decision counts." in followed(director, counts).text


def test_a_reason_is_kept_without_nul_which_postgresql_cannot_hold(site: Site) -> None:
    form = signing(site, choice="stop", reason=f"{REASON}\0")
    followed(browser := site.browser("executive"), browser.post(f"{PAGE}/decide", data=form))
    decision = site.script("analyst").get(f"{API}/decision").json()["decision"]
    assert decision["reason"] == REASON


def test_a_page_that_is_stale_keeps_what_was_typed(site: Site) -> None:
    form = signing(site, choice="stop", reason=REASON, fingerprint="0" * 64)
    refused = site.browser("executive").post(f"{PAGE}/decide", data=form)
    assert refused.status_code == 412
    assert REASON in refused.text
    assert "A newer analysis came" in refused.text


def test_only_executives_see_the_form(site: Site) -> None:
    page = site.browser("manager").get(f"{PAGE}/decide").text
    assert "Executives decide" in page
    assert "Your password" not in page
