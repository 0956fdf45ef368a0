"""Can everybody use every page: by day and night, at a desk and on a phone, by eye and by ear?"""

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser
from starlette.routing import Match, Route

from app.main import PAGES
from tests.journeys.company import Served
from tests.journeys.conftest import Visit
from tests.journeys.views import MANAGER, VIEWS, View, prepare
from tests.journeys.visitor import open_visitor

pytestmark = pytest.mark.live

# They lead elsewhere, answer machines, or answer with a file.
NO_PAGES = {
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/pilots/{slug}/enrol/list",
    "/jobs/{job}/rejects",
    "/ledger/{batch}/rejects",
}


@pytest.fixture(scope="package")
def prepared(
    site: Served, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Any]:
    """What the paths of views name."""
    manager = open_visitor(site, browser)
    manager.sign_in(MANAGER)
    found = prepare(site, manager, tmp_path_factory.mktemp("prepared"))
    manager.context.close()
    return found


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_everybody_can_use_the_page(view: View, prepared: Mapping[str, Any], visit: Visit) -> None:
    visitor = visit(view.who)
    visitor.go(view.path.format(**prepared))
    assert visitor.faults(str(view)) == []


def test_every_page_of_the_site_is_looked_at() -> None:
    routes = [
        route
        for router in PAGES
        for route in router.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    seen = {_route_of(view, routes) for view in VIEWS}
    assert {route.path for route in routes} - NO_PAGES - seen == set()


def _route_of(view: View, routes: list[Route]) -> str:
    scope = {"type": "http", "method": "GET", "path": view.path.partition("?")[0]}
    matching = [route.path for route in routes if route.matches(scope)[0] == Match.FULL]
    return matching[0] if matching else ""
