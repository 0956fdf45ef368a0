"""S4 of RELIABILITY.md: a session that has ended is refused at once, however it ended."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner
from sqlalchemy import func
from sqlmodel import select

from app.people.pages import path_of_this_site
from app.people.sign_ins import IDLE, LONGEST, sign_in
from app.tables import SignInRow, UserRow
from tests.site import EMAILS, KEY, ORIGIN, PASSWORD, Site

COOKIE = "pilotbook"
MANAGER = "manager@example.com"


class SignerAt(TimestampSigner):
    """Signs as of a moment."""

    def __init__(self, key: str, *, at: float) -> None:
        super().__init__(key)
        self.at = at

    def get_timestamp(self) -> int:
        """The moment."""
        return int(self.at)


def enter(client: TestClient, password: str = PASSWORD, **more: str) -> int:
    """The status of a try to sign in as the manager."""
    form = {"email": MANAGER, "password": password, **more}
    return client.post("/sign-in", data=form).status_code


def sees_pilots(client: TestClient) -> bool:
    return client.get("/pilots").status_code == 200


def test_who_signs_in_is_let_in(site: Site) -> None:
    client = site.visitor()
    assert client.get("/pilots").headers["location"] == f"{ORIGIN}/sign-in?next=%2Fpilots"
    assert enter(client) == 303
    assert sees_pilots(client)


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(each_site: Site) -> None:
    client = each_site.visitor()
    answers = [
        client.post("/sign-in", data={"email": email, "password": "wrong"})
        for email in (MANAGER, "nobody@example.com", "nul\0@example.com")
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert answers[0].text.replace(MANAGER, "") == answers[1].text.replace("nobody@example.com", "")


def test_a_secret_planted_before_signing_in_opens_nothing_afterwards(site: Site) -> None:
    """Session fixation."""
    client, other = site.visitor(), site.visitor()
    planted = TimestampSigner(KEY).sign("planted").decode()
    client.cookies.set(COOKIE, planted, domain="testserver.local", path="/")
    assert enter(client) == 303
    assert client.cookies.get(COOKIE) != planted
    other.cookies.set(COOKIE, planted)
    assert not sees_pilots(other)


def test_signing_in_again_ends_the_session_before(site: Site) -> None:
    client, other = site.visitor(), site.visitor()
    enter(client)
    before = client.cookies[COOKIE]
    enter(client)
    assert client.cookies[COOKIE] != before
    other.cookies.set(COOKIE, before)
    assert not sees_pilots(other)


def test_a_secret_is_worth_nothing_after_signing_out(site: Site) -> None:
    client, thief = site.browser("manager"), site.visitor()
    thief.cookies.set(COOKIE, client.cookies[COOKIE])
    assert sees_pilots(thief)
    answer = client.post("/sign-out")
    assert answer.status_code == 303
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert not sees_pilots(thief)


def test_changing_the_password_ends_all_other_sessions(site: Site) -> None:
    client, other = site.browser("manager"), site.browser("manager")
    new = "another four words here"
    form = {"old_password": PASSWORD, "password": new}
    assert client.post("/account/password", data=form).status_code == 303
    assert sees_pilots(client)
    assert not sees_pilots(other)
    assert enter(site.visitor()) == 422
    assert enter(site.visitor(), new) == 303


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old_password": "wrong", "password": "another four words here"}, "is not the present"),
        ({"old_password": PASSWORD, "password": "short"}, "has 5 characters"),
        ({"old_password": PASSWORD, "password": "manager@example.com"}, "is the e-mail address"),
    ],
)
def test_a_password_is_not_changed_for_a_weak_one_or_by_a_stranger(
    site: Site, form: dict[str, str], said: str
) -> None:
    answer = site.browser("manager").post("/account/password", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert enter(site.visitor()) == 303


def test_a_disabled_user_is_out_at_once(site: Site) -> None:
    client, script = site.browser("manager"), site.script("manager")
    disable = f"/people/{site.users['manager']}/disable"
    assert site.browser("admin").post(disable).status_code == 303
    assert not sees_pilots(client)
    assert script.get("/pilots").status_code == 401
    assert enter(site.visitor()) == 422


def test_a_session_ends_after_eight_idle_hours(site: Site) -> None:
    with site.database.writing() as session:
        user = session.get_one(UserRow, site.users["manager"])
        secret = sign_in(session, user, now=site.now)
        session.commit()
    for idle, open_still in ((IDLE, True), (IDLE + timedelta(seconds=1), False)):
        client = site.visitor()
        signer = SignerAt(KEY, at=(site.now - idle).timestamp())
        client.cookies.set(COOKIE, signer.sign(secret).decode())
        assert sees_pilots(client) is open_still


def test_a_session_ends_after_a_day_however_busy(site: Site) -> None:
    client = site.browser("manager")
    site.now += LONGEST - timedelta(seconds=1)
    assert sees_pilots(client)
    site.now += timedelta(seconds=1)
    assert not sees_pilots(client)


def test_a_user_ends_one_session_or_all_others(site: Site) -> None:
    client, one, two = (site.browser("manager") for _ in range(3))
    with site.database.reading() as session:
        newest = session.exec(select(func.max(SignInRow.id))).one()
    assert client.post(f"/account/sign-ins/{newest}/end").status_code == 303
    assert [sees_pilots(each) for each in (client, one, two)] == [True, True, False]
    client.post("/account/sign-ins/end")
    assert [sees_pilots(each) for each in (client, one, two)] == [True, False, False]


def test_nobody_ends_the_session_of_another(site: Site) -> None:
    theirs = site.browser("analyst")
    for number in range(1, 4):
        site.browser("manager").post(f"/account/sign-ins/{number}/end")
    assert sees_pilots(theirs)


def test_an_admin_ends_the_sessions_of_a_user(site: Site) -> None:
    client = site.browser("manager")
    address = f"/people/{site.users['manager']}"
    assert EMAILS.get("manager", MANAGER) in site.browser("admin").get(address).text
    assert site.browser("admin").post(f"{address}/sign-ins/end").status_code == 303
    assert not sees_pilots(client)


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere.example",
        "https://elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "\n//elsewhere.example",
        "javascript:alert(1)",
        "elsewhere.example",
        "",
    ],
)
def test_signing_in_never_leads_away_from_the_site(site: Site, target: str) -> None:
    assert path_of_this_site(target) == "/pilots"
    form = {"email": MANAGER, "password": PASSWORD, "next": target}
    answer = site.visitor().post("/sign-in", data=form)
    assert answer.headers["location"] == "/pilots"


def test_signing_in_leads_to_the_page_that_was_asked_for(site: Site) -> None:
    form = {"email": MANAGER, "password": PASSWORD, "next": "/pilots/spring-mail/plan"}
    answer = site.visitor().post("/sign-in", data=form)
    assert answer.headers["location"] == "/pilots/spring-mail/plan"


def test_the_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    form = {"email": MANAGER, "password": PASSWORD}
    plain = site.visitor().post("/sign-in", data=form).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    secured = TestClient(site.app, base_url="https://testserver", follow_redirects=False).post(
        "/sign-in", data=form, headers={"Origin": "https://testserver"}
    )
    cookie = secured.headers["set-cookie"]
    assert cookie.startswith("__Host-pilotbook=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
