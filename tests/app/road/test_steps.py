"""The seven steps: what each says is done, and what is next."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import select

from app.batches import reverse
from app.steps import head_of
from app.tables import PilotRow, SignatureRow
from tests.app.pilots import Wide
from tests.app.road.planted import Stop, plant
from tests.site import Site

WIDE = Wide(name="Spring mail")


def steps(site: Site) -> dict[str, tuple[str, str]]:
    """State and line of each step, as the call says them."""
    found = site.script("analyst").get("/pilots/spring-mail").json()
    return {step["name"]: (step["state"], step["line"]) for step in found["steps"]}


def overview(site: Site, who: str = "manager") -> str:
    return " ".join(site.browser(who).get("/pilots/spring-mail").text.split())


def test_a_draft_is_to_be_frozen(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.DRAFT)
    assert steps(site) == {
        "plan": ("now", "a draft; freeze it by 1 March 2026"),
        **dict.fromkeys(("enrol", "record", "analyse", "value", "decide", "report"), ("later", "")),
    }
    assert "Nothing is known yet: the plan is a draft." in overview(site)


def test_a_frozen_plan_goes_on_to_its_customers_and_awaits_a_signature(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.FROZEN)
    found = steps(site)
    assert found["plan"] == ("done", "frozen; cfo@example.com has yet to sign")
    assert found["enrol"] == ("now", "upload the customers")
    assert found["record"] == ("later", "")
    page = overview(site)
    assert "cfo@example.com has yet to sign" in page
    assert "Enrol customers" in page


def test_a_signature_has_its_day_in_the_time_zone_of_the_company(site: Site) -> None:
    """10:00 UTC is midnight in Kiritimati, 14 hours ahead."""
    plant(site, "spring-mail", WIDE, Stop.SIGNED)
    with site.database.writing() as session:
        pilot = session.exec(select(PilotRow)).one()
        signature = session.exec(select(SignatureRow)).one()
        signature.signed_at = datetime(2026, 2, 28, 10, tzinfo=UTC)
        session.add(signature)
        session.flush()
        head = head_of(session, pilot, today=site.now.date(), timezone="Pacific/Kiritimati")
    assert head.steps[0].line == "signed 1 March 2026"
    assert not head.unsigned


def test_enrolled_customers_wait_for_behavior(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.ENROLLED)
    site.now = datetime(2026, 2, 20, 9, tzinfo=UTC)
    assert steps(site)["plan"] == ("done", "signed 28 February 2026")
    assert steps(site)["enrol"] == ("done", "400 customers")
    assert steps(site)["record"] == ("later", "from 1 March 2026")
    site.now = datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert steps(site)["record"] == ("now", "no rows yet of spend, visit")
    assert steps(site)["analyse"] == ("later", "from 29 March 2026")
    page = overview(site)
    assert "200 customers in “mail” (50.0 %, planned 50.0 %)" in page
    assert "can be seen from 29 March 2026, not before" in page


def test_behavior_that_is_declared_half_way_is_not_done(site: Site) -> None:
    half = Wide(name="Spring mail", complete=date(2026, 3, 14))
    plant(site, "spring-mail", half, Stop.RECORDED)
    assert steps(site)["record"] == ("now", "complete to 14 March 2026")
    assert steps(site)["analyse"] == ("later", "once behavior is complete")


def test_complete_behavior_is_to_be_analysed(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.RECORDED)
    assert steps(site)["record"] == ("done", "complete to 28 March 2026")
    assert steps(site)["analyse"] == ("now", "run the analysis")
    assert "Run the analysis" in overview(site)


def test_an_analysis_is_to_be_decided_on(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.ANALYSED)
    found = steps(site)
    assert found["analyse"] == ("done", "as of 29 March 2026")
    assert found["value"] == ("done", "net and return are known")
    assert found["decide"] == ("now", "the sponsor accepts or overrides")
    assert found["report"] == ("later", "can be read already")
    page = overview(site)
    # The verdict comes before every number.
    assert page.index("Proved") < page.index("“mail” pays") < page.index("Net of program cost")
    assert "The table behind this chart" in page
    assert "Open decision" in page


def test_a_veiled_analysis_tells_no_outcome(site: Site) -> None:
    site.now = datetime(2026, 3, 20, 9, tzinfo=UTC)
    plant(site, "spring-mail", WIDE, Stop.ANALYSED)
    assert steps(site)["analyse"] == ("later", "from 29 March 2026")
    assert steps(site)["value"] == ("later", "")
    page = overview(site)
    assert "Veiled until 29 March 2026" in page
    assert "What is known" in page
    assert "The table behind this chart" not in page
    assert "Still running, until 28 March 2026; so far" in page
    assert "failed" not in page


def test_a_reversed_batch_has_not_arrived(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.RECORDED)
    with site.database.writing() as session:
        reverse(session, 2, reason="wrong file", by=None, now=site.now)
        session.commit()
    assert steps(site)["record"] == ("now", "no rows yet of spend, visit")


@pytest.mark.parametrize("path", ["/pilots/none", "/api/v1/pilots/none"])
def test_a_pilot_that_does_not_exist_is_not_found(site: Site, path: str) -> None:
    answer = site.browser("manager").get(path)
    assert answer.status_code == 404
    assert "pilot &#39;none&#39;" in answer.text or "pilot 'none'" in answer.text


def test_updates_stand_on_the_first_page(site: Site) -> None:
    plant(site, "spring-mail", WIDE, Stop.DRAFT)
    assert "Add the update" in overview(site)
    assert "Add the update" not in overview(site, "analyst")
