"""A browser, a company to visit, and people who do."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, sync_playwright

from tests.journeys.company import Served, build_once, served
from tests.journeys.visitor import Visitor, open_visitor

Visit = Callable[..., Visitor]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skips where it is missing."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("the browser of the journeys is missing: apt-get install chromium")
    # Its sandbox needs a user other than root.
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=args)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo company, served; after `browser`, without which nobody needs it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with served(build_once(shared), tmp_path_factory.mktemp("company")) as running:
        yield running


@pytest.fixture(scope="package")
def cookies() -> dict[str, StorageState]:
    """What the browsers of those who signed in carry, by their e-mail."""
    return {}


@pytest.fixture
def visit(browser: Browser, site: Served, cookies: dict[str, StorageState]) -> Iterator[Visit]:
    """Opens browsers: `visit()` of a stranger, `visit("cfo@example.com")` of somebody signed in.

    In the end, none of their pages may have complained or called another host.
    """
    visitors = []

    def open_one(email: str = "", **settings: Any) -> Visitor:
        if email and email in cookies:
            settings["storage_state"] = cookies[email]
        visitor = open_visitor(site, browser, **settings)
        visitors.append(visitor)
        if email and email not in cookies:
            visitor.sign_in(email)
            cookies[email] = visitor.context.storage_state()
        return visitor

    yield open_one
    for visitor in visitors:
        visitor.context.close()
    assert [met for visitor in visitors for met in visitor.met] == []
