"""S8 of RELIABILITY.md: one entry for each change and each refusal, in a chain that shows edits."""

import json

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from app.people.journal import first_broken
from app.tables import JournalRow
from tests.site import PASSWORD, Site

NEW = {"email": "new@example.com", "role": "analyst", "password": "four more words here"}


def entries(site: Site) -> list[JournalRow]:
    with site.database.reading() as session:
        return list(session.exec(select(JournalRow).order_by(col(JournalRow.id))).all())


def told(site: Site) -> list[tuple[str, int, int | None]]:
    return [(row.action, row.status, row.user_id) for row in entries(site)]


def test_each_change_and_each_refusal_is_one_entry(site: Site) -> None:
    admin, manager = site.users["admin"], site.users["manager"]
    site.browser("admin").post("/people", data=NEW)
    site.browser("admin").post("/people", data=NEW)
    site.browser("manager").post("/people", data=NEW)
    site.browser("manager").get("/pilots")
    site.visitor().post("/people", data=NEW)
    assert told(site) == [
        ("add_user", 303, admin),
        ("add_user", 422, admin),
        ("add_user", 403, manager),
        ("add_user", 401, None),
    ]


def test_an_entry_says_what_is_after(site: Site) -> None:
    site.browser("admin").post("/people", data=NEW)
    (row,) = entries(site)
    assert json.loads(row.detail_json) == {"after": {"email": "new@example.com", "role": "analyst"}}


def test_signing_in_and_failing_to_is_written_down_without_a_password(site: Site) -> None:
    client = site.visitor()
    for email, password in (
        ("manager@example.com", "a wrong password"),
        ("my secret by mistake", "x"),
        ("manager@example.com", PASSWORD),
    ):
        client.post("/sign-in", data={"email": email, "password": password})
    assert told(site) == [
        ("sign_in", 422, None),
        ("sign_in", 422, None),
        ("sign_in", 303, site.users["manager"]),
    ]
    written = "".join(row.detail_json for row in entries(site))
    assert "manager@example.com" in written
    assert PASSWORD not in written
    assert "secret" not in written
    assert "wrong" not in written


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE journal SET status = 200 WHERE id = 2",
        "UPDATE journal SET detail_json = '{}' WHERE id = 2",
        "UPDATE journal SET user_id = 1 WHERE id = 2",
        "DELETE FROM journal WHERE id = 2",
    ],
)
def test_one_edited_row_breaks_the_chain(each_site: Site, edit: str) -> None:
    admin = each_site.browser("admin")
    for at in range(4):
        admin.post("/people", data=NEW | {"email": f"new{at}@example.com", "role": "none"})
        admin.post("/people", data=NEW | {"email": f"new{at}@example.com"})
    with each_site.database.writing() as session:
        assert first_broken(session) is None
        assert "The chain is whole" in admin.get("/people/journal?check=true").text
        session.execute(text(edit))
        session.commit()
        assert first_broken(session) in (2, 3)
    assert "was edited" in admin.get("/people/journal?check=true").text


def test_the_journal_is_filtered_and_paged(site: Site) -> None:
    admin = site.browser("admin")
    for _ in range(60):
        admin.post("/people", data={})
    site.browser("manager").post("/account/sign-ins/end")
    page = admin.get("/people/journal").text
    assert "end sign ins" in page
    assert page.count("<tr>") == 51
    assert "Older" in page
    assert admin.get("/people/journal?who=manager@example.com").text.count("<tr>") == 2
    assert admin.get("/people/journal?action=end_sign_ins").text.count("<tr>") == 2
    assert "end_sign_ins" in admin.get("/people/journal?refused=yes").text
    assert admin.get("/people/journal?refused=yes&action=end_sign_ins").text.count("<tr>") == 0
    assert admin.get("/people/journal?cursor=%00").status_code == 422


def test_the_journal_is_for_admins(site: Site) -> None:
    for who in ("manager", "analyst", "executive"):
        assert site.browser(who).get("/people/journal").status_code == 403
        assert site.browser(who).get("/people").status_code == 403
