"""Travel the road of a pilot file over HTTP, call by call, as a script would."""

import time
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2

Json = dict[str, Any]


def travel_by_api(api: httpx2.Client, pilot_file: Path) -> str:
    """Plan, freeze, enrol, record and analyse; the pilot's slug.

    Args:
        api: A script of the plan's owner, whose addresses begin at the contract's.
        pilot_file: The pilot file, with its data beside it.
    """
    text = pilot_file.read_text(encoding="utf-8")
    given = tomllib.loads(text)
    slug, ends_on = given["pilot"]["slug"], given["pilot"]["ends_on"]
    done(api.post("/pilots", content=text, headers={"Content-Type": "application/toml"}))
    done(api.post(f"/pilots/{slug}/plan/freeze"))
    customers = given["customers"]
    receipt = send_file(api, f"/pilots/{slug}/customers", pilot_file.parent, customers)
    if receipt["waiting"]:
        finished(api, api.post(f"/pilots/{slug}/assignment", json={}))
    for behavior in given["behavior"]:
        complete = behavior.pop("complete", True)
        through = ends_on if complete is True else complete or None
        send_file(api, "/behavior", pilot_file.parent, {**behavior, "complete": through})
    finished(api, api.post(f"/pilots/{slug}/analyses", json={}))
    return str(slug)


def send_file(api: httpx2.Client, address: str, folder: Path, columns: Json) -> Json:
    """Post a file as a raw body, with what its columns mean in the query."""
    file = folder / columns["file"]
    query = {
        key: _as_query(value)
        for key, value in columns.items()
        if key != "file" and value is not None
    }
    return finished(
        api, api.post(address, params={**query, "name": file.name}, content=file.read_bytes())
    )


def _as_query(value: Any) -> Any:
    if isinstance(value, dict):
        return [f"{column}:{measure}" for column, measure in value.items()]
    return value.isoformat() if isinstance(value, date) else value


def finished(api: httpx2.Client, answer: httpx2.Response, *, seconds: float = 120) -> Json:
    """The answer of a call; waits for its job where it is long work."""
    document = done(answer)
    if answer.status_code != 202:
        return document
    deadline = time.monotonic() + timedelta(seconds=seconds).total_seconds()
    while time.monotonic() < deadline:
        job = done(api.get(str(api.base_url.join(answer.headers["location"]))))
        if job["state"] == "failed":
            raise AssertionError(job)
        if job["state"] == "done":
            return dict(job["answer"])
        time.sleep(0.05)
    raise TimeoutError(answer.headers["location"])


def done(answer: httpx2.Response) -> Json:
    """The body of an answer that is no error."""
    assert answer.is_success, answer.text
    return dict(answer.json())
