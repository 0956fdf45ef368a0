"""The watched folder, and recording from the command line: each file once, and said in words."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.record.command import asked_of, print_and_record
from app.record.watched import Watched
from app.settings import Settings
from app.tables import BatchRow, JobRow
from app.work import hand, open_worker
from experiments.errors import BadFile, BadInput
from tests.site import NOW, Site, open_site

SALES = "customer,day,revenue\nc1,2026-03-01,5.50\nc2,2026-03-02,7\n"
MEANING = 'customer_id = "customer"\noccurred_at = "day"\nmeasures = ["revenue"]\n'
SAID = {"customer_id": "customer", "occurred_at": "day", "measures": ["revenue"]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path / "site", working=False) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "drop"
    path.mkdir()
    return path


def watching(site: Site, folder: Path) -> Watched:
    settings = site.settings.model_copy(update={"watch": folder})
    return Watched(settings, site.database, clock=site.clock, quiet=5.0)


def put(path: Path, text: str, *, seconds_ago: float = 60) -> Path:
    path.write_text(text)
    at = (NOW - timedelta(seconds=seconds_ago)).timestamp()
    os.utime(path, (at, at))
    return path


def work(site: Site) -> bool:
    """Do one job that waits."""
    return open_worker(site.settings, site.database, name="t", clock=site.clock).run_one()


def names(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def count(site: Site, kind: type[BatchRow] | type[JobRow]) -> int:
    with site.database.reading() as session:
        return len(session.exec(select(kind)).all())


def test_a_file_that_lies_still_is_recorded_and_put_away(site: Site, folder: Path) -> None:
    put(folder / "sales.csv", SALES)
    put(folder / "sales.csv.toml", MEANING)
    watched = watching(site, folder)
    watched.look()
    assert count(site, JobRow) == 0  # nobody knows yet whether it still grows
    watched.look()
    assert work(site)
    watched.look()
    assert names(folder) == [
        "taken/000001-sales.csv", "taken/000001-sales.csv.receipt.json",
        "taken/000001-sales.csv.toml",
    ]  # fmt: skip
    receipt = json.loads((folder / "taken/000001-sales.csv.receipt.json").read_text())
    assert (receipt["batch"], receipt["file"], receipt["accepted"]) == (1, "sales.csv", 2)


def test_a_file_that_still_grows_is_left_alone(site: Site, folder: Path) -> None:
    put(folder / "behavior.toml", MEANING)
    put(folder / "sales.csv", SALES, seconds_ago=2)
    watched = watching(site, folder)
    watched.look()
    watched.look()
    put(folder / "sales.csv", f"{SALES}c3,2026-03-03,1\n", seconds_ago=60)
    watched.look()
    assert count(site, JobRow) == 0


def test_a_file_is_recorded_once_over_crashes(site: Site, folder: Path) -> None:
    """Whoever watches forgets all at any moment; the job is the same, and so is its batch."""
    put(folder / "behavior.toml", MEANING)
    put(folder / "sales.csv", SALES)
    for _ in range(3):
        first = watching(site, folder)
        first.look()
        first.look()
    assert count(site, JobRow) == 1
    assert work(site)
    assert not work(site)
    again = watching(site, folder)
    again.look()
    again.look()
    assert count(site, BatchRow) == 1
    assert names(folder / "taken") == ["000001-sales.csv", "000001-sales.csv.receipt.json"]


def test_the_same_bytes_later_are_known_by_their_content(site: Site, folder: Path) -> None:
    put(folder / "behavior.toml", MEANING)
    for name in ("sales.csv", "again.csv"):
        put(folder / name, SALES)
        watched = watching(site, folder)
        for _ in range(3):
            watched.look()
            work(site)
        watched.look()
    assert count(site, BatchRow) == 1
    assert "taken/000001-again.csv" in names(folder)


@pytest.mark.parametrize(
    ("text", "meaning", "reason"),
    [
        (SALES.replace("7", "seven"), MEANING, "1 of 2 rows are wrong"),
        (SALES, MEANING.replace("revenue", "sales"), "sales.csv: the header does not have what"),
        (SALES, f"{MEANING}complete = true\n", "through which day"),
        (SALES, "customer_id = ", "cannot be read as TOML"),
        (SALES, f"{MEANING}complete = 2027-01-01\n", "was not recorded"),
    ],
    ids=["bad row", "column", "complete", "toml", "future"],
)
def test_a_file_that_is_refused_lies_beside_the_reason(
    site: Site, folder: Path, text: str, meaning: str, reason: str
) -> None:
    put(folder / "behavior.toml", meaning)
    put(folder / "sales.csv", text)
    watched = watching(site, folder)
    for _ in range(3):
        watched.look()
        work(site)
    [problem] = (folder / "refused").glob("*.problem.json")
    assert reason in problem.read_text()
    assert not (folder / "sales.csv").exists()
    refused = list((folder / "refused").glob("*.refused.csv"))
    assert [one.read_text().splitlines()[1][:10] for one in refused] == (
        ["3,revenue,"] if "rows" in reason else []
    )


def test_a_file_of_which_nothing_is_said_waits(site: Site, folder: Path) -> None:
    put(folder / "sales.csv", SALES)
    put(folder / "behavior.toml", f'[[behavior]]\nfile = "orders*.csv"\n{MEANING}')
    watched = watching(site, folder)
    watched.look()
    watched.look()
    assert names(folder) == ["behavior.toml", "sales.csv"]
    put(folder / "orders-3.csv", SALES)
    watched.look()
    watched.look()
    assert count(site, JobRow) == 1


def recorded(site: Site, path: Path, **options: object) -> list[str]:
    """Record from the command line; what was said."""
    said: list[str] = []
    url = f"sqlite:///{site.database.writes.url.database}"
    settings = Settings(**{**site.settings.model_dump(), "database_url": url})
    print_and_record(settings, path, asked_of(options), email=None, work=hand, say=said.append)
    return said


def test_a_file_is_recorded_from_the_command_line_without_a_worker(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.record.command.PATIENCE", 0.0)
    file = put(tmp_path / "sales.csv", SALES)
    said = recorded(site, file, **SAID, complete="2026-03-28")
    assert said[0] == "Batch 1: 2 rows taken in; 2 customers are in no pilot."
    assert "Complete through: 28 March 2026" in said
    assert recorded(site, file, **SAID)[0] == ("Recorded before, as batch 1; nothing was added.")


def test_columns_are_guessed_and_the_guess_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.record.command.PATIENCE", 0.0)
    recorded(site, put(tmp_path / "sales.csv", SALES), **SAID)
    said = recorded(site, put(tmp_path / "more.csv", SALES.replace("c", "d").replace("day", "date")
                              .replace("dustomer", "customer")))  # fmt: skip
    assert any("customer" in one and "customer_id" in one for one in said)
    assert any("revenue" in one and "measures" in one for one in said)
    with pytest.raises(BadInput, match="not clear what its columns mean"):
        recorded(site, put(tmp_path / "odd.csv", "a,b\nx,y\n"))


def test_refused_rows_stand_beside_the_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.record.command.PATIENCE", 0.0)
    file = put(tmp_path / "sales.csv", SALES.replace("7", "seven"))
    beside = tmp_path / "sales.csv.refused.csv"
    with pytest.raises(BadFile, match="1 of 2 rows are wrong"):
        recorded(site, file, **SAID, strict=True)
    assert beside.read_text().splitlines()[1].startswith("3,revenue,seven,")
    beside.unlink()
    said = recorded(site, file, **SAID)
    assert said[0].startswith("Batch ")
    assert said[-1] == f"The refused rows are in {beside}."
    with pytest.raises(BadFile, match="there is no such file"):
        recorded(site, tmp_path / "none.csv", **SAID)
    with pytest.raises(BadInput, match="--complete"):
        asked_of({"complete": "soon"})
