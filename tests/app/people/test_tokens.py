"""S7 of RELIABILITY.md: a token is shown once, kept as a hash, and refused once it has ended."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.tables import TokenRow, TokenScope
from tests.site import Site

FORM = {"name": "Nightly upload", "scope": "record", "days": "30"}


def make(site: Site, who: str = "manager", **changed: str) -> str:
    """A token made on the account page."""
    answer = site.browser(who).post("/account/tokens", data=FORM | changed)
    assert answer.status_code == 200
    secrets: set[str] = set(re.findall(r"pilotbook_[\w-]{43}", answer.text))
    assert len(secrets) == 1
    return secrets.pop()


def status(site: Site, secret: str, path: str = "/api/v1/pilots") -> int:
    return site.visitor().get(path, headers={"Authorization": f"Bearer {secret}"}).status_code


def only_token(site: Site) -> int:
    with site.database.reading() as session:
        return session.exec(select(TokenRow)).one().id or 0


def test_a_token_is_shown_once_with_an_example(site: Site) -> None:
    client = site.browser("manager")
    answer = client.post("/account/tokens", data=FORM)
    alone, example = re.findall(r"<pre><code>(.*)</code></pre>", answer.text)
    assert re.fullmatch(r"pilotbook_[\w-]{43}", alone)
    assert re.fullmatch(
        r'curl -H "Authorization: Bearer pilotbook_[\w-]{43}" http://testserver/api/v1/pilots',
        example,
    )
    assert "pilotbook_" not in client.get("/account").text
    assert "Nightly upload" in client.get("/account").text


def test_no_secret_is_in_the_registry(site: Site, tmp_path: Path) -> None:
    """A search of all bytes of the database and its write-ahead log."""
    secret = make(site)
    session_secret = site.browser("manager").cookies["pilotbook"].partition(".")[0]
    assert status(site, secret) == 200
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("registry.db*"))
    assert secret.encode() not in stored
    assert secret.removeprefix("pilotbook_").encode() not in stored
    assert session_secret.encode() not in stored


def test_a_revoked_token_is_refused_at_once(site: Site) -> None:
    secret = make(site)
    assert status(site, secret) == 200
    client = site.browser("manager")
    assert client.post(f"/account/tokens/{only_token(site)}/revoke").status_code == 303
    assert status(site, secret) == 401
    assert "revoked" in client.get("/account").text


def test_an_admin_revokes_the_token_of_another(site: Site) -> None:
    secret = make(site)
    address = f"/people/{site.users['manager']}/tokens/{only_token(site)}/revoke"
    assert site.browser("colleague").post(address).status_code == 403
    assert status(site, secret) == 200
    assert site.browser("admin").post(address).status_code == 303
    assert status(site, secret) == 401


def test_nobody_revokes_the_token_of_another_as_their_own(site: Site) -> None:
    secret = make(site)
    address = f"/account/tokens/{only_token(site)}/revoke"
    assert site.browser("colleague").post(address).status_code == 422
    assert status(site, secret) == 200


def test_a_token_ends_by_itself(site: Site) -> None:
    secret = make(site, days="2")
    site.now += timedelta(days=2) - timedelta(seconds=1)
    assert status(site, secret) == 200
    site.now += timedelta(seconds=1)
    assert status(site, secret) == 401


@pytest.mark.parametrize("said", ["pilotbook_unknown", "", "Bearer"])
def test_an_unknown_token_is_refused(site: Site, said: str) -> None:
    answer = site.visitor().get("/api/v1/pilots", headers={"Authorization": f"Bearer {said}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_that_does_not_count_is_not_mended_by_a_cookie(site: Site) -> None:
    client = site.browser("manager")
    answer = client.get("/api/v1/pilots", headers={"Authorization": "Bearer unknown"})
    assert answer.status_code == 401


@pytest.mark.parametrize("scope", list(TokenScope))
def test_no_token_changes_an_account_or_administers(site: Site, scope: TokenScope) -> None:
    script = site.script("admin", scope)
    for path in ("/account/tokens", "/account/password", "/people"):
        answer = script.post(f"http://testserver{path}", data=FORM)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": " "}, "Name: say what it is for"),
        ({"days": "0"}, "Days: 0 is not between 1 and 366"),
        ({"days": "soon"}, "is no number of days"),
        ({"scope": "all"}, "What it may do: choose one"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(
    site: Site, changed: dict[str, str], said: str
) -> None:
    answer = site.browser("manager").post("/account/tokens", data=FORM | changed)
    assert answer.status_code == 422
    assert said in answer.text
    for typed in (FORM | changed).values():
        assert typed.strip() in answer.text
    assert "pilotbook_" not in answer.text
