"""S5 of RELIABILITY.md: guessing is slowed down, and the owner stays able to sign in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from app.people.guessing import PER_ACCOUNT, PER_ADDRESS
from tests.site import ORIGIN, PASSWORD, Site

pytestmark = pytest.mark.live

MANAGER = "manager@example.com"


def visitor_from(site: Site, host: str) -> TestClient:
    return TestClient(
        site.app,
        headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        follow_redirects=False,
        client=(host, 50000),
    )


def enter(client: TestClient, email: str, password: str) -> int:
    return client.post("/sign-in", data={"email": email, "password": password}).status_code


def test_after_ten_wrong_passwords_even_the_right_one_waits(site: Site) -> None:
    client = visitor_from(site, "192.0.2.1")
    assert [enter(client, MANAGER, "wrong") for _ in range(12)] == [422] * 10 + [429] * 2
    answer = client.post("/sign-in", data={"email": MANAGER, "password": PASSWORD})
    assert answer.status_code == 429
    assert "Try again in 5 minutes" in answer.text
    assert answer.headers["retry-after"]


def test_the_owner_signs_in_from_elsewhere_meanwhile(site: Site) -> None:
    guesser = visitor_from(site, "192.0.2.1")
    for _ in range(11):
        enter(guesser, MANAGER, "wrong")
    assert enter(visitor_from(site, "192.0.2.2"), MANAGER, PASSWORD) == 303


def test_capitals_make_no_other_account(site: Site) -> None:
    client = visitor_from(site, "192.0.2.1")
    for _ in range(10):
        enter(client, MANAGER, "wrong")
    assert enter(client, f" {MANAGER.upper()}", "wrong") == 429


def test_many_tries_at_the_same_time_count_as_well(site: Site) -> None:
    client = visitor_from(site, "192.0.2.1")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: enter(client, MANAGER, "wrong"), range(24)))
    assert answers.count(422) == PER_ACCOUNT.amount
    assert answers.count(429) == 24 - PER_ACCOUNT.amount


def test_a_right_password_forgives_the_wrong_ones_before(site: Site) -> None:
    client = visitor_from(site, "192.0.2.1")
    for _ in range(2):
        assert [enter(client, MANAGER, "wrong") for _ in range(9)] == [422] * 9
        assert enter(client, MANAGER, PASSWORD) == 303
        client.cookies.clear()


@pytest.mark.live
def test_one_address_cannot_try_many_accounts(site: Site) -> None:
    client = visitor_from(site, "2001:db8:1:2::1")
    answers = [enter(client, f"user{at}@example.com", "x") for at in range(PER_ADDRESS.amount)]
    assert set(answers) == {422}
    assert enter(client, MANAGER, PASSWORD) == 429
    # The same network of IPv6, within which anybody has many addresses.
    assert enter(visitor_from(site, "2001:db8:1:2:ffff::9"), MANAGER, PASSWORD) == 429
    assert enter(visitor_from(site, "2001:db8:1:3::1"), MANAGER, PASSWORD) == 303


def test_the_password_cannot_be_guessed_through_the_account_page(site: Site) -> None:
    client = site.browser("manager")
    form = {"old_password": "wrong", "password": "another four words here"}
    answers = [client.post("/account/password", data=form).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
