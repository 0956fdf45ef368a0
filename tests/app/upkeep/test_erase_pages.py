"""The page on which an admin erases a customer: signed, noted, without the id anywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from app.tables import JournalRow
from tests.app.results import analysed_site
from tests.app.upkeep.installations import backed_up
from tests.site import PASSWORD, Site

PAGE = "/ledger/upkeep/erase"
ID = "00017"
SIGNED = {"customer_id": ID, "reason": "Letter of 1 April.", "password": PASSWORD}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with analysed_site(tmp_path / "site") as opened:
        yield opened


def test_an_admin_erases_and_sees_where_traces_remain(site: Site, tmp_path: Path) -> None:
    backed_up(site, tmp_path / "backups")
    admin = site.browser("admin")
    answer = admin.post(PAGE, data=SIGNED)
    assert answer.status_code == 303
    text = admin.get(answer.headers["location"]).text
    assert "The customer is erased." in text
    assert "admin@example.com" in text
    assert "Letter of 1 April." in text
    assert "until the first upkeep after 8 April 2026" in text
    assert "names nobody any more" in text
    assert str(tmp_path / "backups") in text
    assert ID not in text
    with site.database.reading() as session:
        entries = session.exec(select(JournalRow).order_by(col(JournalRow.id).desc())).all()
    assert entries[0].action == "erase_customer"
    assert "Letter of 1 April." in entries[0].detail_json
    assert not [entry for entry in entries if ID in str(entry)]


def test_who_is_looked_up_is_not_erased(site: Site) -> None:
    admin = site.browser("admin")
    for _ in range(2):
        answer = admin.post(f"{PAGE}/look", data={"customer_id": ID, "reason": "Letter."})
        assert answer.status_code == 200
        assert "stands for this customer, with 2 rows of behavior" in answer.text
        assert "would be emptied" in answer.text
        assert f'value="{ID}"' in answer.text
    unknown = admin.post(f"{PAGE}/look", data={"customer_id": "nobody"})
    assert "knows no customer of that id" in unknown.text
    assert admin.post(f"{PAGE}/look", data={"customer_id": " "}).status_code == 422
    with site.database.reading() as session:
        entries = session.exec(select(JournalRow)).all()
    assert not [entry for entry in entries if ID in str(entry)]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"password": "guessed"}, 422, "is not yours"),
        ({"customer_id": "nobody"}, 422, "is in no ledger"),
        ({"reason": ""}, 422, "is missing"),
        ({"customer_id": ""}, 422, "Customer id: is missing"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    site: Site, change: dict[str, str], status: int, said: str
) -> None:
    answer = site.browser("admin").post(PAGE, data={**SIGNED, **change})
    assert answer.status_code == status
    assert said in answer.text
    assert ({**SIGNED, **change})["reason"] in answer.text


@pytest.mark.parametrize("who", ["manager", "analyst", "executive"])
def test_nobody_else_erases(site: Site, who: str) -> None:
    assert site.browser(who).get(PAGE).status_code == 403
    assert site.browser(who).post(PAGE, data=SIGNED).status_code == 403


def test_before_the_first_backup_the_page_says_how(site: Site) -> None:
    assert "pilotbook backup FOLDER" in site.browser("admin").get(PAGE).text
