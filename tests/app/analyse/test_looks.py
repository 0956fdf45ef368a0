"""Several looks, and the veil lifted: what each is called, who is told, and what stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.analyse.repeating import parts_that_differ
from app.tables import JournalRow, LiftRow
from tests.app.looked import ANY_DAY, FIXED, PLANNED, Joining
from tests.app.results import API, PAGE, SLUG, analyse, prepare, workspace
from tests.page_forms import followed
from tests.site import PASSWORD, Site, open_site

pytestmark = pytest.mark.live

REASON = "Customers complain, and we must know."
# What the treatment brings more: settled at once, and by no look before the last.
CLEAR, FAINT = 4444.44, 2.5


def on(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, 9, tzinfo=UTC)


@contextmanager
def running(tmp_path: Path, pilot: Joining, day: int) -> Iterator[Site]:
    """A site on a day of March on which the pilot has come so far."""
    with open_site(tmp_path / "site") as site:
        site.now = on(day)
        prepare(site, tmp_path, pilot)
        yield site


def steps(site: Site) -> dict[str, tuple[str, str]]:
    found = site.script("analyst").get(f"/pilots/{SLUG}").json()
    return {step["name"]: (step["state"], step["line"]) for step in found["steps"]}


def lift(site: Site, who: str = "admin", **other: str) -> Any:
    body = {"reason": REASON, "password": PASSWORD, **other}
    return site.script(who).post(f"{API}/lifts", json=body)


def waiting(site: Site, who: str = "analyst") -> str:
    return " ".join(site.browser(who).get("/pilots").text.split())


def looked(site: Site, query: str = "") -> str:
    found = site.script("analyst").get(f"{API}/report?format=json{query}").json()
    done = {line["label"]: str(line["text"]) for line in found["done"]}
    return done["How often looked"]


def test_a_planned_look_is_due_taken_and_followed_by_the_next(tmp_path: Path) -> None:
    """Who joined from 2 to 8 March, half of the 14 days, is complete on 15 March."""
    with running(tmp_path, Joining(gap=FAINT), 14) as site:
        assert steps(site)["analyse"] == ("later", "from 15 March 2026")
        page = " ".join(site.browser("manager").get(PAGE).text.split())
        assert "at 2 planned looks, on 15 March 2026 and 22 March 2026, and not between" in page
        assert analyse(site)["look"] is None
        site.now = on(16)
        assert steps(site)["analyse"] == ("now", "look 1 of 2 is due")
        assert "look 1 of 2 is due, and behavior is complete" in waiting(site)
        first = analyse(site)
        assert first["as_of"] == "2026-03-15"
        assert first["status"] == "not_proved"
        look = first["look"]
        assert (look["asked_by"], look["number"], look["planned"]) == (
            "analyst@example.com", 1, 2,
        )  # fmt: skip
        assert look["information"] == pytest.approx(0.5)
        assert look["boundary"] == pytest.approx(2.9626, abs=1e-4)
        assert looked(site) == (
            "Look 1 of 2 planned, on 15 March 2026, at 50% of the information; "
            "read 2.96 standard errors wide"
        )
        # Between looks the newest permitted one stands, and nobody is asked for anything.
        found = steps(site)
        assert found["analyse"] == (
            "done", "as of 15 March 2026; next look 22 March 2026 (look 2 of 2)",
        )  # fmt: skip
        assert found["decide"] == ("later", "next look 22 March 2026 (look 2 of 2)")
        site.now = on(18)
        assert site.script("analyst").post(f"{API}/analyses").json()["number"] == first["number"]
        assert "look 2 of 2" not in waiting(site)
        assert "decision waits" not in waiting(site, "executive")
        page = " ".join(site.browser("manager").get(PAGE).text.split())
        assert "The look as of 15 March 2026 stands until another one is taken." in page
        site.now = on(22)
        assert "look 2 of 2 is due" in waiting(site)
        second = analyse(site)
        assert (second["look"]["number"], second["look"]["information"]) == (2, 1.0)
        page = " ".join(site.browser("analyst").get(f"{PAGE}/analyse").text.split())
        assert "Outcomes have been looked at 2 times." in page
        assert "1 of 2, 2.96 standard errors wide, at 50% of the information" in page
        assert "Look 2 of 2" in page
        assert steps(site)["decide"][0] == "now"


def test_a_look_whose_rows_are_missing_leaves_the_earlier_one_standing(tmp_path: Path) -> None:
    with running(tmp_path, Joining(gap=FAINT, complete=date(2026, 3, 14)), 16) as site:
        analyse(site)
        site.now = on(22)
        assert "not declared complete through 21 March 2026, which look 2 of 2 takes in" in waiting(
            site, "manager"
        )
        assert steps(site)["analyse"] == ("later", "look 2 of 2 once behavior is complete")
        refused = site.script("analyst").post(f"{API}/analyses")
        assert refused.status_code == 409
        assert "the look as of 15 March 2026 stands" in refused.json()["detail"]
        assert site.script("analyst").get(f"{API}/results").status_code == 200


def test_a_look_that_settles_it_may_be_decided_on(tmp_path: Path) -> None:
    with running(tmp_path, Joining(gap=CLEAR), 16) as site:
        assert analyse(site)["status"] == "proved"
        assert steps(site)["decide"][0] == "now"
        assert "decision waits for you" in waiting(site, "executive")


def test_an_always_valid_pilot_may_be_looked_at_on_any_day(tmp_path: Path) -> None:
    with running(tmp_path, Joining(ANY_DAY, gap=FAINT), 8) as site:
        assert analyse(site)["status"] == "veiled"
        for day in (12, 17):
            site.now = on(day)
            found = analyse(site)
            assert found["as_of"] == f"2026-03-{day}"
            assert found["look"]["boundary"] > 2.5
            assert found["look"]["number"] is None
        assert looked(site).startswith("2 times, this time as of 17 March 2026; read ")
        assert steps(site)["analyse"][0] == "done"
        assert "Every day may be a look" in " ".join(site.browser("manager").get(PAGE).text.split())


@pytest.mark.parametrize("design", [FIXED, PLANNED, ANY_DAY], ids=["fixed", "planned", "any day"])
def test_a_lifted_veil_shows_numbers_that_prove_nothing(tmp_path: Path, design: str) -> None:
    day = 7 if design == ANY_DAY else 12
    with running(tmp_path, Joining(design, gap=CLEAR), day) as site:
        analyse(site)
        answer = lift(site)
        assert answer.status_code == 201, answer.text
        found = answer.json()
        assert (found["status"], found["as_of"]) == ("invalid", f"2026-03-{day:02}")
        assert found["look"]["lifted"] == {
            "by": "admin@example.com", "on": f"2026-03-{day:02}", "reason": REASON,
        }  # fmt: skip
        result = site.script("executive").get(f"{API}/results").json()
        checks = {check["name"]: check for check in result["checks"]}
        assert (checks["looks"]["outcome"], checks["looks"]["blocking"]) == ("failed", True)
        assert result["look"]["lifted"]["reason"] == REASON
        said = f"Before the plan allowed, by admin@example.com on {day} March 2026, because: "
        assert looked(site).startswith(said)
        # The road goes on as if nothing had been seen.
        assert steps(site)["analyse"][0] == "later"
        decision = site.script("executive").get(f"{API}/decision").json()
        assert decision["recommendation"]["choice"] is None
        with site.database.reading() as session:
            entries = session.exec(select(JournalRow.action, JournalRow.detail_json)).all()
            row = session.exec(select(LiftRow)).one()
        assert [REASON in detail for action, detail in entries if action == "lift_veil"] == [True]
        assert row.fingerprint == result["inputs"]["plan"]


def test_every_later_report_says_who_lifted_the_veil(tmp_path: Path) -> None:
    with running(tmp_path, Joining(gap=CLEAR), 12) as site:
        analyse(site)
        lift(site)
        # Also the reports of analyses before and after it, veiled or not.
        veiled = analyse(site)
        assert (veiled["status"], veiled["number"]) == ("veiled", 3)
        site.now = on(16)
        look = analyse(site)
        assert (look["status"], look["number"]) == ("proved", 4)
        words = "admin@example.com on 12 March 2026, because: Customers complain"
        for number in (1, 2, 3, 4):
            for who in ("manager", "executive"):
                assert words in site.browser(who).get(f"{PAGE}/report?analysis={number}").text
        result = site.script("analyst").get(f"{API}/results").json()
        check = next(check for check in result["checks"] if check["name"] == "looks")
        assert (check["outcome"], check["value"]) == ("warned", 1.0)
        assert "looked at once before the plan allowed" in check["sentence"]
        assert result["lifts"] == [
            {"by": "admin@example.com", "on": "2026-03-12", "reason": REASON}
        ]
        assert look["look"]["number"] == 1
        assert looked(site).startswith("Look 1 of 2 planned, on 15 March 2026")
        assert site.script("analyst").post(f"{API}/analyses").status_code == 200
        # Repeated, each knows the lifts that it knew.
        with workspace(site) as opened:
            assert parts_that_differ(opened, SLUG) == dict.fromkeys((1, 2, 3, 4), ())


def test_between_two_looks_the_veil_is_lifted_too(tmp_path: Path) -> None:
    with running(tmp_path, Joining(gap=FAINT), 16) as site:
        first = analyse(site)
        site.now = on(18)
        assert lift(site).json()["as_of"] == "2026-03-18"
        page = " ".join(site.browser("analyst").get(f"{PAGE}/analyse").text.split())
        assert "looked at 2 times, 1 of them before the plan allowed" in page
        again = analyse(site)  # the planned look stands, and now says that somebody looked
        assert (again["as_of"], again["number"]) == (first["as_of"], 3)


@pytest.mark.parametrize("who", ["manager", "analyst", "executive"])
def test_nobody_but_an_admin_lifts_the_veil(tmp_path: Path, who: str) -> None:
    with running(tmp_path, Joining(), 12) as site:
        assert lift(site, who).status_code == 403
        assert "Lift the veil" not in site.browser(who).get(f"{PAGE}/analyse").text


@pytest.mark.parametrize(
    ("body", "field"),
    [({"password": "wrong"}, "password"), ({"reason": "why not"}, "reason"),
     ({"reason": ""}, "reason"), ({"as_of": "2026-03-13"}, "as_of")],
)  # fmt: skip
def test_a_lift_is_signed_and_has_a_reason(
    tmp_path: Path, body: dict[str, str], field: str
) -> None:
    with running(tmp_path, Joining(), 12) as site:
        refused = lift(site, **body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == field
        with site.database.reading() as session:
            assert session.exec(select(LiftRow)).all() == []


@pytest.mark.parametrize("day", [1, 2, 15, 22, 30])
def test_where_nothing_is_veiled_nothing_is_lifted(tmp_path: Path, day: int) -> None:
    """Before it began, on a planned look, and after the last."""
    with running(tmp_path, Joining(), day) as site:
        assert lift(site).status_code == 409


def test_a_lift_without_the_rows_shows_nothing_and_is_no_look(tmp_path: Path) -> None:
    with running(tmp_path, Joining(complete=date(2026, 3, 10)), 26) as site:
        site.now = on(20)
        found = lift(site).json()
        assert (found["status"], found["look"]) == ("veiled", None)
        assert "Veil lifted" not in site.browser("admin").get(f"{PAGE}/report").text


def test_the_page_lifts_the_veil(tmp_path: Path) -> None:
    with running(tmp_path, Joining(), 12) as site:
        browser = site.browser("admin")
        page = browser.get(f"{PAGE}/analyse").text
        assert "Lift the veil" in page
        refused = browser.post(f"{PAGE}/lift", data={"reason": REASON, "password": "no"})
        assert refused.status_code == 422
        assert REASON in refused.text
        sent = browser.post(f"{PAGE}/lift", data={"reason": REASON, "password": PASSWORD})
        assert followed(browser, sent).status_code == 200
        after = browser.get(f"{PAGE}/analyse").text
        assert "cannot be judged" in after
        assert "before the plan allowed, by admin@example.com on 12 March 2026" in after
