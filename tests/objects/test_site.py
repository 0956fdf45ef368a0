"""A site whose ledger is in an object store: calls, pages, backup, and what is said without it."""

from pathlib import Path
from typing import Any

import pytest

from app.confirming import confirm
from app.settings import Settings
from app.upkeep.backup import back_up
from app.upkeep.restore import restore
from app.workspace import open_ledger, read_objects
from experiments.engines.embedded import open_embedded
from experiments.errors import BadInput, NotSupported
from experiments.ledger.ledger import Ledger
from tests.app.running import orders_csv, wait_long
from tests.app.upkeep.installations import empty
from tests.site import Site, open_site

LONG = {
    "customer_id": "customer", "occurred_at": "day", "measure": "what", "value": "amount",
    "event_id": "order",
}  # fmt: skip


def values(ledger: Ledger) -> list[tuple[Any, ...]]:
    """Batch, event and value of every row that counts."""
    with open_embedded(threads=1) as engine:
        read_objects(engine, ledger)
        rows = engine.fetch(ledger.behavior(engine)).to_pylist()
    return sorted((row["batch_no"], row["event_id"], row["value"]) for row in rows)


def backed_up(site: Site, place: Path) -> None:
    ledger = open_ledger(site.settings)
    with site.database.writing() as session:
        confirm(session, ledger, now=site.now)
        session.commit()
    back_up(site.database, ledger, files=site.settings.files, place=place, clock=site.clock)


@pytest.mark.live
def test_a_site_records_corrects_and_backs_up_in_an_object_store(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_long(monkeypatch)
    with open_site(tmp_path / "site", ledger=bucket) as site:
        assert site.visitor().get("/readyz").json()["ledger"]
        api = site.script("manager")
        text = {"Content-Type": "text/csv"}
        sent = api.post("/behavior", params=LONG, content=orders_csv(3), headers=text)
        assert sent.status_code == 201, sent.text
        body = {"reason": "Booked twice.", "rows": [{"event_id": "o1", "instead": None}]}
        assert api.post("/behavior/corrections", json=body).status_code == 201
        found = values(open_ledger(site.settings))
        assert [row[1] for row in found] == ["o0", "o2"]
        page = site.browser("manager").post("/ledger/1/rows", data={"customer": "c002"})
        assert "2026-03-03" in page.text
        backed_up(site, tmp_path / "backups")
        with empty(tmp_path / "restored") as other:
            to = open_ledger(Settings(ledger=f"{bucket}/restored"))
            restore(
                other.database, to, files=other.files, place=tmp_path / "backups", clock=site.clock
            )
            assert values(to) == found
        assert not (tmp_path / "site" / "ledger").exists()
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        gone = site.visitor().get("/readyz")
        assert (gone.status_code, gone.json()["ledger"]) == (503, False)


def test_what_reads_an_object_store_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_it(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("app.workspace.import_module", without_it)
    ledger = open_ledger(Settings(ledger="s3://books/ledger"))
    with open_embedded(threads=1) as engine, pytest.raises(NotSupported, match=r"pilotbook\[s3\]"):
        read_objects(engine, ledger)


@pytest.mark.parametrize(
    "place", ["s3://", "s3://Books/ledger", "s3://books", "gs://books/ledger", "s3://books/a b"]
)
def test_an_address_that_is_none_is_refused_by_its_name(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOOK_LEDGER", place)
    with pytest.raises(BadInput, match="s3://bucket/prefix") as caught:
        Settings.from_environment()
    assert caught.value.problems[0].where == "PILOTBOOK_LEDGER"


def test_the_address_of_a_ledger_reaches_processes_beside_this_one() -> None:
    settings = Settings(ledger="s3://books/ledger")
    assert settings.as_environment()["PILOTBOOK_LEDGER"] == "s3://books/ledger"
    assert Settings(ledger="/data/ledger").ledger == Path("/data/ledger")
