"""Every call of the HTTP contract, with requests drawn from its own description.

`make fuzz` draws 200 of each kind; the suite draws a few. Whatever is sent, no answer is a fault of
the server, and every answer is one that the description promises.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.site import Site, open_site
from tests.travel import travel_by_api

EXAMPLES = int(os.environ.get("PILOTBOOK_EXAMPLES", "5"))
WORKED = Path(__file__).resolve().parents[2] / "app/demo/worked/wide/pilot.toml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with an analysed pilot, so that drawn requests sometimes find something."""
    with open_site(tmp_path_factory.mktemp("contract")) as opened:
        travel_by_api(opened.script("manager"), WORKED)
        yield opened


@pytest.fixture(scope="module")
def contract(site: Site) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.app)


schema = schemathesis.pytest.from_fixture("contract")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_was_promised(case: Case, site: Site) -> None:
    case.call_and_validate(headers=site.script("admin").headers)
