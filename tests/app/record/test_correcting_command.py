"""Corrections from the command line: events sent again, and rows that a file names."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.record.command import asked_of, print_and_record
from app.record.correcting_command import print_and_correct
from app.refusals import NotAllowed
from app.settings import Settings
from app.work import hand
from experiments.errors import BadFile, BadInput
from tests.site import Site, open_site

SAID = {"customer_id": "customer", "occurred_at": "day", "measures": ["revenue"]}
WITH_IDS = {**SAID, "event_id": "order"}
SALES = "customer,day,revenue,order\nc1,2026-03-05,5,o1\nc2,2026-03-06,7,o2\n"
WHY = "The till was wrong."


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr("app.record.command.PATIENCE", 0.0)
    with open_site(tmp_path / "site", working=False) as opened:
        yield opened


def of(site: Site) -> Settings:
    """The settings of a command on the site's installation."""
    url = f"sqlite:///{site.database.writes.url.database}"
    return Settings(**{**site.settings.model_dump(), "database_url": url})


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def recorded(site: Site, path: Path, **options: object) -> list[str]:
    """Record from the command line; what was said."""
    said: list[str] = []
    print_and_record(of(site), path, asked_of(options), email=None, work=hand, say=said.append)
    return said


def corrected(site: Site, path: Path, *, email: str | None = None) -> list[str]:
    """Correct from the command line; what was said."""
    said: list[str] = []
    print_and_correct(of(site), path, email=email, work=hand, say=said.append)
    return said


def test_events_are_replaced_with_a_reason(site: Site, tmp_path: Path) -> None:
    recorded(site, written(tmp_path / "sales.csv", SALES), **WITH_IDS)
    again = written(tmp_path / "again.csv", SALES.replace(",7,", ",8,"))
    with pytest.raises(BadFile, match="o2"):
        recorded(site, again, **WITH_IDS, strict=True)
    assert recorded(site, again, **WITH_IDS, correct=WHY)[:3] == [
        "Batch 3: 2 rows taken in; 1 customer is in no pilot.",
        "1 row was withdrawn (1 of batch 1), 1 entered.",
        "It touches no customer of a pilot.",
    ]


def test_events_are_replaced_where_the_columns_are_guessed(site: Site, tmp_path: Path) -> None:
    sales = SALES.replace("customer,day,revenue,order", "customer_id,date,revenue,order_id")
    recorded(site, written(tmp_path / "sales.csv", sales), **{
        "customer_id": "customer_id", "occurred_at": "date", "measures": ["revenue"],
        "event_id": "order_id",
    })  # fmt: skip
    said = recorded(site, written(tmp_path / "b.csv", sales.replace(",7,", ",8,")), correct=WHY)
    assert "1 row was withdrawn (1 of batch 1), 1 entered." in said


def test_what_replaces_nothing_is_refused(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path / "sales.csv", SALES)
    with pytest.raises(BadInput, match="event_id"):
        recorded(site, file, **SAID, correct=WHY)
    with pytest.raises(BadInput, match="--correct"):
        asked_of({"correct": " "})


def test_rows_are_corrected_and_withdrawn_by_name(site: Site, tmp_path: Path) -> None:
    recorded(site, written(tmp_path / "sales.csv", SALES), **WITH_IDS)
    rows = [
        {"event_id": "o1", "instead": {"value": 6}},
        {"customer_id": "c2", "measure": "revenue", "instead": None},
    ]
    file = written(tmp_path / "c.json", json.dumps({"reason": WHY, "rows": rows}))
    assert corrected(site, file) == [
        f"Batch 2: {WHY}",
        "2 rows were withdrawn (2 of batch 1), 1 entered.",
        "It touches no customer of a pilot.",
    ]
    with pytest.raises(BadInput, match="2 of 2 corrections cannot be made") as refused:
        corrected(site, file)
    assert [one.where for one in refused.value.problems] == ["rows.0", "rows.1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "c.json is no list"), ('{"reason": "x", "rows": []}', "rows"), (None, "cannot be read")],
)
def test_a_file_that_names_nothing_is_refused(
    site: Site, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "c.json"
    if text is not None:
        written(path, text)
    with pytest.raises(BadFile, match=said):
        corrected(site, path)


def test_only_who_may_reverse_corrects(site: Site, tmp_path: Path) -> None:
    body = {"reason": WHY, "rows": [{"event_id": "o1", "instead": None}]}
    file = written(tmp_path / "c.json", json.dumps(body))
    with pytest.raises(NotAllowed, match="ask an admin"):
        corrected(site, file, email="analyst@example.com")
