"""The list of pilots: what it shows, what it can be narrowed to, and what needs the reader."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from app.progress import facts_of
from app.steps import heads_of
from app.tables import Choice, DecisionRow, PilotRow
from tests.app.pilots import Wide
from tests.app.road.planted import Stop, plant
from tests.site import Site

SPRING = Wide(name="Spring mail")
LATER = Wide(name="Łódź, win-back", starts_on=date(2026, 3, 20), lift=3)
DRAFT = Wide(name="Summer letter", starts_on=date(2026, 4, 10))


@contextmanager
def counted_statements(site: Site) -> Iterator[list[str]]:
    """The statements that the registry's readers send meanwhile."""
    sent: list[str] = []

    def see(*args: Any) -> None:
        sent.append(args[2])

    event.listen(site.database.reads, "before_cursor_execute", see)
    yield sent
    event.remove(site.database.reads, "before_cursor_execute", see)


def decide(site: Site, pilot: int, *, needs_second: bool = False) -> None:
    """A decision by the executive on the first analysis."""
    with site.database.writing() as session:
        (facts,) = facts_of(session, [session.get_one(PilotRow, pilot)])
        session.add(
            DecisionRow(
                pilot_id=pilot,
                analysis_id=facts.analysis_id or 0,
                choice=Choice.ROLL_OUT,
                recommended=Choice.ROLL_OUT,
                reason="It pays.",
                fingerprint="0" * 64,
                decided_by=site.users["executive"],
                decided_at=site.now,
                needs_second=needs_second,
            )
        )
        session.commit()


def slugs(site: Site, **query: str) -> list[str]:
    answer = site.script("analyst").get("/pilots", params=query)
    assert answer.status_code == 200, answer.text
    return [item["slug"] for item in answer.json()["items"]]


def needs(site: Site, who: str) -> str:
    """The panel of what needs a reader; empty where there is none."""
    page = site.browser(who).get("/pilots").text
    _, _, panel = page.partition('<section class="today"')
    return " ".join(panel.partition("</section>")[0].split())


def test_an_empty_list_says_what_will_be_here_and_offers_the_next_step(site: Site) -> None:
    page = site.browser("manager").get("/pilots").text
    assert "Every pilot will be a row here" in page
    assert 'href="/pilots/new"' in page
    assert "/pilots/new" not in site.browser("analyst").get("/pilots").text


def test_the_first_address_leads_to_the_list(site: Site) -> None:
    assert site.browser("analyst").get("/").headers["location"] == "/pilots"


def test_the_list_shows_verdict_net_and_step_as_the_report_says_them(site: Site) -> None:
    plant(site, "spring-mail", SPRING, Stop.ANALYSED)
    page = " ".join(site.browser("analyst").get("/pilots").text.split())
    assert "Proved" in page
    assert "EUR<span" in page
    assert "decide" in page
    assert "28 March 2026" in page


def test_a_list_costs_as_many_statements_for_many_pilots_as_for_one(site: Site) -> None:
    for at in range(3):
        plant(site, f"pilot-{at}", Wide(name=f"Pilot {at}", lift=at), Stop.ENROLLED)
    with site.database.reading() as session:
        pilots = session.exec(select(PilotRow)).all()
        with counted_statements(site) as one:
            heads_of(session, pilots[:1], today=site.now.date())
        with counted_statements(site) as many:
            heads_of(session, pilots, today=site.now.date())
    assert len(one) == len(many) <= 6


def test_the_list_is_narrowed_by_status_owner_and_words(each_site: Site) -> None:
    decided = plant(each_site, "decided", SPRING, Stop.ANALYSED)
    decide(each_site, decided)
    plant(
        each_site, "to-decide", Wide(name="Autumn mail", lift=6), Stop.ANALYSED, owner="colleague"
    )
    plant(each_site, "running", LATER, Stop.ENROLLED)
    plant(each_site, "drafted", DRAFT, Stop.DRAFT)
    assert slugs(each_site) == ["drafted", "running", "to-decide", "decided"]
    assert slugs(each_site, status="draft") == ["drafted"]
    assert slugs(each_site, status="running") == ["running"]
    assert slugs(each_site, status="to_decide") == ["to-decide"]
    assert slugs(each_site, status="decided") == ["decided"]
    assert slugs(each_site, status="veiled") == []
    assert slugs(each_site, owner="Colleague@example.com") == ["to-decide"]
    assert slugs(each_site, owner="nobody@example.com") == []
    assert slugs(each_site, q="łÓDŹ") == ["running"]
    assert slugs(each_site, q="letter") == ["drafted"]
    assert slugs(each_site, q="mail") == ["to-decide", "decided"]
    assert slugs(each_site, q="%") == []
    page = each_site.browser("analyst").get("/pilots?q=letter&status=draft&owner=").text
    assert "Summer letter" in page
    assert "Spring mail" not in page
    assert "No pilot like that" in each_site.browser("analyst").get("/pilots?q=nothing").text


def test_the_list_comes_in_pages(site: Site) -> None:
    for at in range(5):
        plant(site, f"pilot-{at}", DRAFT, Stop.DRAFT)
    script = site.script("analyst")
    seen, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        found = script.get("/pilots", params=query).json()
        seen += [item["slug"] for item in found["items"]]
        cursor = found["next"]
        if cursor is None:
            break
    assert seen == [f"pilot-{at}" for at in (4, 3, 2, 1, 0)]


def test_a_draft_that_starts_soon_needs_its_owner(site: Site) -> None:
    plant(site, "drafted", DRAFT, Stop.DRAFT)
    assert "the plan is a draft, and the pilot starts on 10 April 2026" in needs(site, "manager")
    assert needs(site, "colleague") == needs(site, "executive") == ""
    site.now = datetime(2026, 4, 11, 9, tzinfo=UTC)
    assert "its result will be called retrospective" in needs(site, "manager")


def test_a_frozen_plan_needs_its_sponsor_and_the_customers_their_owner(site: Site) -> None:
    plant(site, "frozen", DRAFT, Stop.FROZEN)
    assert "the plan waits for your signature" in needs(site, "executive")
    assert needs(site, "director") == ""
    assert "the customers are not enrolled yet" in needs(site, "manager")


def test_behavior_that_did_not_arrive_needs_the_owner(site: Site) -> None:
    plant(site, "running", LATER, Stop.ENROLLED)
    site.now = datetime(2026, 3, 22, 9, tzinfo=UTC)
    assert needs(site, "manager") == ""
    site.now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    assert "no rows of spend, visit have arrived yet" in needs(site, "manager")


def test_behavior_that_is_not_complete_needs_the_owner_once_the_window_closed(site: Site) -> None:
    half = Wide(name="Half", complete=date(2026, 3, 14))
    plant(site, "half", half, Stop.RECORDED)
    assert "behavior is not declared complete through 28 March 2026" in needs(site, "manager")
    assert needs(site, "analyst") == ""


def test_a_due_analysis_needs_owner_and_analysts(site: Site) -> None:
    plant(site, "due", SPRING, Stop.RECORDED)
    for who in ("manager", "analyst"):
        assert "the outcome not analysed" in needs(site, who)
    assert needs(site, "colleague") == ""


def test_a_decision_needs_the_sponsor_and_an_override_a_second_executive(site: Site) -> None:
    pilot = plant(site, "spring-mail", SPRING, Stop.ANALYSED)
    assert "the decision waits for you" in needs(site, "executive")
    assert needs(site, "director") == ""
    decide(site, pilot, needs_second=True)
    assert needs(site, "executive") == ""
    assert "an override waits for a second executive" in needs(site, "director")
    with site.database.writing() as session:
        row = session.exec(select(DecisionRow)).one()
        row.seconded_at, row.seconded_by = site.now, site.users["director"]
        session.add(row)
        session.commit()
    assert needs(site, "director") == ""


@pytest.mark.parametrize("query", ["status=draft%00", "q=%00", "owner=%00", "cursor=x", "limit=0"])
def test_what_cannot_be_asked_is_refused(each_site: Site, query: str) -> None:
    assert each_site.script("analyst").get(f"/pilots?{query}").status_code == 422
    assert each_site.browser("analyst").get(f"/pilots?{query}").status_code in (200, 422)


def test_the_portfolio_has_the_numbers_of_the_newest_analysis(each_site: Site) -> None:
    plant(each_site, "spring-mail", SPRING, Stop.ANALYSED)
    plant(each_site, "drafted", DRAFT, Stop.DRAFT)
    drafted, spring = each_site.script("analyst").get("/portfolio").json()["items"]
    assert (drafted["status"], drafted["net"], drafted["roi"]) == (None, None, None)
    assert spring["status"] == "proved"
    assert spring["net"]["low"] < spring["net"]["value"] < spring["net"]["high"]
    # 200 treated customers at 1.00 each; the return is the net as a share of that.
    assert spring["roi"]["value"] == pytest.approx(spring["net"]["value"] / 200)


def test_an_answer_is_sent_once(site: Site) -> None:
    plant(site, "drafted", DRAFT, Stop.DRAFT)
    script = site.script("analyst")
    for path in ("/pilots", "/pilots/drafted", "/portfolio"):
        tag = script.get(path).headers["etag"]
        again = script.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
