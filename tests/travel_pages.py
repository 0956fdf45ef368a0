"""Travel the road of a pilot file over its pages, form by form, as a person would."""

import time
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from tests.page_forms import PageForm, form_of, send

CUSTOMER_KEYS = ("customer_id", "arm", "tier", "owner", "enrolled_at")
BEHAVIOR_KEYS = ("customer_id", "occurred_at", "measure", "value", "item", "event_id", "source")


def travel_by_pages(browser: TestClient, pilot_file: Path) -> str:
    """Plan, freeze, enrol, record and analyse; the pilot's slug.

    Args:
        browser: The browser of the plan's owner.
        pilot_file: The pilot file, with its data beside it.
    """
    given = tomllib.loads(pilot_file.read_text(encoding="utf-8"))
    folder, pilot = pilot_file.parent, f"/pilots/{given['pilot']['slug']}"
    page = arrived(browser, _upload(browser, "/pilots/new/file", pilot_file))
    page = browser.get(f"{pilot}/plan/review")
    page = arrived(browser, send(browser, page, form_of(page, f"{pilot}/plan/freeze")))
    customers = given["customers"]
    page = arrived(browser, _upload(browser, f"{pilot}/enrol/uploads", folder / customers["file"]))
    form = form_of(page)
    other = {"other_arms": customers.get("other_arms", "refuse")}
    page = arrived(browser, send(browser, page, form, **other, **_customers(form, customers)))
    assert "enrolled:" in page.text
    for behavior in given["behavior"]:
        file = folder / behavior["file"]
        page = arrived(browser, _upload(browser, f"{pilot}/record/uploads", file))
        form = form_of(page)
        through = behavior.get("complete", True)
        declared = given["pilot"]["ends_on"] if through is True else through or ""
        said = {"complete": str(declared), **_behavior(form, behavior)}
        page = arrived(browser, send(browser, page, form, **said))
        assert "taken in" in page.text
    page = browser.get(f"{pilot}/analyse")
    arrived(browser, send(browser, page, form_of(page)))
    return str(given["pilot"]["slug"])


def arrived(browser: TestClient, answer: Any, *, seconds: float = 120) -> Any:
    """The page that an answer leads to; waits, as a person does, while a job is under way."""
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        page = browser.get(address)
        if page.status_code == 303:
            address = page.headers["location"]
        elif address.startswith("/jobs/") and 'class="job ' in page.text:
            time.sleep(0.05)
        else:
            assert page.status_code == 200, page.text
            assert not address.startswith("/jobs/"), page.text
            return page
    raise TimeoutError(address)


def _upload(browser: TestClient, address: str, file: Path) -> Any:
    return browser.post(address, files={"file": (file.name, file.read_bytes())})


def _customers(form: PageForm, columns: Mapping[str, Any]) -> dict[str, str]:
    meant = {name: "attributes" for name in columns.get("attributes", [])}
    meant |= {columns[key]: key for key in CUSTOMER_KEYS if key in columns}
    return _meanings(form, meant)


def _behavior(form: PageForm, columns: Mapping[str, Any]) -> dict[str, str]:
    names = columns.get("names", {})
    meant = {
        column: f"measures={names[column]}" if column in names else "measures"
        for column in columns.get("measures", [])
    }
    at = columns["occurred_at"]
    named = [key for key in BEHAVIOR_KEYS if isinstance(columns.get(key), str)]
    meant |= {columns[key]: key for key in named}
    day = {"occurred_on": at.isoformat()} if isinstance(at, date) else {}
    return {**_meanings(form, meant), **day, "each_row": columns.get("each_row", "")}


def _meanings(form: PageForm, meant: Mapping[str, str]) -> dict[str, str]:
    """A meaning for every column that is shown; none for the others."""
    found = {field: meant.get(name, "") for name, field in form.columns.items()}
    return {**found, "meaning-0": meant.get("#row", "")}
