"""Every route x every role x own or foreign pilot, batch and job, anonymous included."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import SQLModel

from app.jobs.service import submit
from app.people.rights import RIGHTS, Reach, Right, allowed
from app.tables import (
    BatchKind,
    BatchRow,
    BatchState,
    JobKind,
    JobState,
    PilotRow,
    Role,
    TokenScope,
)
from tests.security.routes import Declared, routes_of
from tests.site import NOW, PEOPLE, Site, open_site

pytestmark = pytest.mark.live

REFUSED = (401, 403)
_numbers = itertools.count()
WHOSE = ("own", "foreign")
# A sign-in that is tried too often is refused for a reason of its own.
OWN_RULES = {"POST /sign-in"}


@dataclass(frozen=True)
class Things:
    """What addresses name, by whose it is."""

    slug: dict[str, str]
    batch: dict[str, int]
    job: dict[str, str]

    def of(self, whose: str) -> dict[str, object]:
        """Values for the parameters of an address."""
        return {"slug": self.slug[whose], "batch": self.batch[whose], "job": self.job[whose]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("rights"), working=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def routes(site: Site) -> list[Declared]:
    return routes_of(site.app)


def things_of(site: Site, who: str) -> Things:
    """A pilot, a batch and a job of somebody, and of a colleague."""
    stranger = "colleague" if who != "colleague" else "manager"
    owners = {"own": site.users[who], "foreign": site.users[stranger]}
    slugs, batches, jobs = {}, {}, {}
    with site.database.writing() as session:
        for whose, user in owners.items():
            slug = f"{who}-{whose}-{next(_numbers)}"
            session.add(PilotRow(slug=slug, owner_id=user, created_at=NOW))
            batch = BatchRow(
                kind=BatchKind.BEHAVIOR, state=BatchState.ACCEPTED, file_name="f.csv",
                sha256=slug, user_id=user, received_at=NOW, receipt_json=None,
            )  # fmt: skip
            session.add(batch)
            job = submit(
                session, kind=JobKind.RECORD, arguments={}, by=user, pilot_id=None, now=NOW
            )
            job.state = JobState.FAILED
            session.flush()
            slugs[whose], batches[whose], jobs[whose] = slug, batch.batch_no or 0, job.id
        session.commit()
    return Things(slugs, batches, jobs)


def names_a_thing(route: Declared) -> bool:
    return any(f"{{{name}" in route.path for name in ("slug", "batch", "job"))


def test_every_route_declares_exactly_one_right(routes: list[Declared]) -> None:
    assert [str(route) for route in routes if len(route.guards) != 1] == []


def test_only_these_routes_are_open_to_everybody(routes: list[Declared]) -> None:
    open_to_all = {str(route) for route in routes if route.guards == (None,)}
    assert open_to_all == {
        "GET /sign-in",
        "POST /sign-in",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_the_rights_are_those_of_the_design() -> None:
    """Source: the table of rights in README.md, copied here cell by cell."""
    all_, own, none = Reach.ALL, Reach.OWN, Reach.NONE
    roles = (Role.MANAGER, Role.ANALYST, Role.EXECUTIVE, Role.ADMIN)
    assert {right: tuple(RIGHTS[right][role] for role in roles) for right in Right} == {
        Right.READ: (all_, all_, all_, all_),
        Right.WRITE: (own, none, none, all_),
        Right.RECORD: (all_, none, none, all_),
        Right.REVERSE: (own, none, none, all_),
        Right.ANALYSE: (own, all_, none, all_),
        Right.PULL_ACCOUNTS: (own, all_, none, all_),
        Right.SEE_CUSTOMERS: (own, none, none, all_),
        Right.SIGN: (none, none, all_, none),
        Right.LIFT: (none, none, none, all_),
        Right.FOLLOW: (own, own, own, all_),
        Right.OWN_ACCOUNT: (own, own, own, own),
        Right.ADMINISTER: (none, none, none, all_),
    }


@pytest.mark.parametrize("who", PEOPLE)
def test_a_role_gets_in_exactly_where_it_has_the_right(
    site: Site, routes: list[Declared], who: str
) -> None:
    """Anything but 401 and 403 is getting in: an empty body is refused for other reasons."""
    things, role, script = things_of(site, who), PEOPLE[who], site.script(who)
    wrong, tried = [], 0
    for route in routes:
        if route.right is None or str(route) in OWN_RULES:
            continue
        for whose in WHOSE if names_a_thing(route) else ("none",):
            client = script if route.is_call else site.browser(who)
            own = {"own": True, "foreign": False, "none": None}[whose]
            if own and route.right is Right.SIGN:
                continue  # nobody signs for a pilot of their own, whatever their role
            address = route.address(**things.of(whose if whose != "none" else "own"))
            answer = client.request(route.method, f"http://testserver{address}")
            tried += 1
            got_in = answer.status_code not in REFUSED
            if got_in != allowed(route.right, role, own=own) or answer.status_code >= 500:
                wrong.append(f"{route} {whose}: {answer.status_code}")
    assert wrong == []
    assert tried > 60


def test_nobody_gets_in_without_a_sign_in(site: Site, routes: list[Declared]) -> None:
    """A call answers 401; a page leads to the sign-in."""
    things, visitor, wrong = things_of(site, "manager"), site.visitor(), []
    for route in routes:
        if route.right is None:
            continue
        answer = visitor.request(route.method, route.address(**things.of("own")))
        to_sign_in = answer.headers.get("location", "").startswith("http://testserver/sign-in")
        refused = answer.status_code == 401 if route.is_call else to_sign_in
        if not refused:
            wrong.append(f"{route}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize("scope", TokenScope)
def test_a_token_reaches_no_further_than_its_scope(
    site: Site, routes: list[Declared], scope: TokenScope
) -> None:
    things, wrong = things_of(site, "admin"), []
    script = site.script("admin", scope)
    for route in routes:
        if route.right is None or not route.is_call or route.right is Right.SIGN:
            continue
        may = route.safe or scope is TokenScope.MANAGE
        may = may or (scope is TokenScope.RECORD and route.right is Right.RECORD)
        answer = script.request(
            route.method, f"http://testserver{route.address(**things.of('own'))}"
        )
        if (answer.status_code not in REFUSED) != may:
            wrong.append(f"{route}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {},
    ],
    ids=["foreign origin", "cross-site", "same-site", "opaque origin", "no header"],
)
def test_no_other_site_can_make_a_browser_change_anything(
    site: Site, routes: list[Declared], headers: dict[str, str]
) -> None:
    things, browser = things_of(site, "manager"), site.browser("manager")
    for name in ("origin", "sec-fetch-site"):
        del browser.headers[name]
    before, wrong, tried = contents(site), [], 0
    for route in routes:
        if not route.safe:
            answer = browser.request(
                route.method, route.address(**things.of("own")), headers=headers
            )
            tried += 1
            if answer.status_code != 403:
                wrong.append(f"{route}: {answer.status_code}")
    assert wrong == []
    assert tried > 20
    assert contents(site) == before


@pytest.mark.parametrize("who", ["manager", "admin"])
def test_reading_changes_nothing(site: Site, routes: list[Declared], who: str) -> None:
    things, browser = things_of(site, who), site.browser(who)
    before = contents(site)
    for route in routes:
        if route.safe:
            browser.request(route.method, route.address(**things.of("own")))
    assert contents(site) == before


@pytest.mark.parametrize("who", [None, "manager"])
def test_every_answer_carries_the_headers_that_protect_its_reader(
    site: Site, routes: list[Declared], who: str | None
) -> None:
    """OWASP ASVS 5.0, 3.4: policy, no sniffing, no framing, no referrer to others."""
    things = things_of(site, "manager")
    client: TestClient = site.visitor() if who is None else site.browser(who)
    wrong = []
    for route in routes:
        answer = client.request(route.method, route.address(**things.of("own")))
        policy = answer.headers.get("content-security-policy", "")
        if not (
            "default-src 'none'" in policy
            and "frame-ancestors 'none'" in policy
            and "unsafe" not in policy
            and answer.headers.get("x-content-type-options") == "nosniff"
            and answer.headers.get("referrer-policy") == "same-origin"
            and "cache-control" in answer.headers
        ):
            wrong.append(str(route))
    assert wrong == []


def contents(site: Site) -> list[str]:
    """Everything in the registry, as text."""
    with site.database.reads.connect() as connection:
        return [
            f"{name} {tuple(row)}"
            for name in sorted(SQLModel.metadata.tables)
            for row in connection.execute(text(f"SELECT * FROM {name}"))  # noqa: S608
        ]
