"""Erasing a person: nobody finds them, nothing else changes."""

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from sqlmodel import select

from app.enrol.service import enrol_file
from app.plan.service import register
from app.record.service import record_file
from app.refusals import NotNow
from app.tables import (
    AnalysisRow,
    CustomerListRow,
    IdempotencyKeyRow,
    JobKind,
    JobRow,
    JobState,
    LookRow,
    PilotRow,
    UpkeepKind,
    UpkeepRow,
)
from app.upkeep.backup_set import Place
from app.upkeep.erase import Erased, erase
from app.upkeep.erased_words import sentences
from app.upkeep.registry_dump import dump_registry, snapshot
from experiments.errors import BadInput
from experiments.ledger.ledger import Ledger
from experiments.plan.pilot_file import read_pilot_file
from tests.app.results import PLANNED, SLUG, analyse, workspace
from tests.app.upkeep.installations import LATER, backed_up, clock, empty, restored
from tests.site import NOW, Site, open_site

ID = "Łódź-anna-4711"
WHY = "Asked for by letter on 1 April."
LINES = [
    f"{f'{at:05}' if at != 17 else ID},{('hold', 'mail')[at % 2]},{20 + at % 50},{at}.50,"
    f"note {at % 40},{491700000000 + at},Mill Street"
    for at in range(60)
]
HEAD = "who,group,age,spend,note,phone,branch"
PHONE = "491700000017"
PILOT = """\
[pilot]
name = "Spring mail"
slug = "spring-mail"
goal = "sales"
hypothesis = "They buy more."
owner = "o@example.com"
sponsor = "s@example.com"
starts_on = 2026-03-01
ends_on = 2026-03-28

[design]
control = "hold"
treatments = ["mail"]

[customers]
file = "wide.csv"
customer_id = "who"
arm = "group"
attributes = ["age", "note", "phone"]
owner = "branch"

[[behavior]]
file = "wide.csv"
customer_id = "who"
occurred_at = 2026-03-28
measures = ["spend"]
complete = true
strict = false

[[metrics]]
name = "spend"
kind = "mean"
measure = "spend"
role = "primary"
covariates = ["age"]

[value]
currency = "EUR"
metric = "spend"
margin_rate = 0.5
cost_per_treated = 1.00
"""


@cache
def _analysed() -> TemporaryDirectory[str]:
    """A site in which a customer with an odd id was analysed, and one row of theirs refused."""
    folder = TemporaryDirectory(prefix="pilotbook-tests-")
    inside = Path(folder.name)
    (inside / "wide.csv").write_text("\n".join([HEAD, *LINES]) + "\n", encoding="utf-8")
    refused = [LINES[17].replace("17.50", "12 or so"), f"other,hold,1,{ID},x,1,y"]
    more = "\n".join([HEAD, "stranger,hold,1,2.00,x,1,y", *refused])
    (inside / "more.csv").write_text(more + "\n", encoding="utf-8")
    (inside / "pilot.toml").write_text(PILOT, encoding="utf-8")
    read = read_pilot_file(inside / "pilot.toml")
    with open_site(inside / "site") as site, workspace(site) as opened:
        row = register(opened.session, read.plan(), now=PLANNED)
        pilot = opened.session.get_one(PilotRow, row.id)
        pilot.owner_id = site.users["manager"]
        opened.session.add(pilot)
        opened.session.commit()
        enrol_file(opened, row, inside / "wide.csv", read.customers, now=PLANNED)
        for name, complete in (("wide.csv", date(2026, 3, 28)), ("more.csv", None)):
            record_file(
                opened,
                inside / name,
                read.behavior[0].model_copy(update={"occurred_at": date(2026, 3, 28)}),
                complete_through=complete,
                now=site.now - timedelta(days=1),
            )
        analyse(site)
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    shutil.copytree(Path(_analysed().name) / "site", tmp_path / "site")
    with open_site(tmp_path / "site") as opened:
        yield opened


def erased(site: Site, customer_id: str = ID, reason: str = WHY) -> Erased:
    return erase(
        site.database,
        Ledger(site.settings.ledger),
        files=site.settings.files,
        customer_id=customer_id,
        reason=reason,
        clock=clock,
    )


def holding(folder: Path, said: str = ID) -> list[str]:
    """Files in which a text stands: as it is, or in a column of Parquet."""
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        if path.suffix == ".parquet":
            raw += str(pq.read_table(path).to_pydict()).encode()
        if said.encode() in raw or json.dumps(said)[1:-1].encode() in raw:
            found.append(str(path.relative_to(folder)))
    return found


def dumped(site: Site, into: Path) -> Path:
    into.mkdir()
    with snapshot(site.database) as connection:
        dump_registry(connection, into)
    return into


def upload(site: Site, name: str, marker: str | None, text: str = f"who\n{ID}\nother\n") -> Path:
    folder = site.settings.files / "inbox" / (name * 32)[:32]
    folder.mkdir(parents=True)
    (folder / "upload.csv").write_text(text, encoding="utf-8")
    if marker is not None:
        (folder / "batch").write_text(marker)
    return folder / "upload.csv"


def test_after_the_vacuum_the_id_is_found_nowhere(site: Site, tmp_path: Path) -> None:
    upload(site, "a", "1")
    (upload(site, "b", None).parent / "waiting.json").write_text(json.dumps({"preview": ID}))
    with site.database.writing() as session:
        job = JobRow(
            id="j", kind=JobKind.RECORD, state=JobState.DONE, user_id=1, created_at=NOW,
            arguments_json=json.dumps({"rows": [{"customer_id": ID, "value": "1"}]}),
            answer_json=json.dumps({"rejects": [{"value": "x", "reason": f"{ID} is unknown"}]}),
        )  # fmt: skip
        key = IdempotencyKeyRow(
            caller="1", key="k", request_sha256="0", created_at=NOW, status=201,
            body=json.dumps({"rejects": [{"value": ID, "reason": "x"}]}).encode(),
        )  # fmt: skip
        session.add_all([job, key])
        session.commit()
    assert len(holding(tmp_path / "site" / "ledger")) >= 1
    assert len(holding(tmp_path / "site" / "ledger", PHONE)) >= 1
    assert holding(dumped(site, tmp_path / "before"))
    found = erased(site)
    assert (found.uploads, found.entries) == (2, 4)  # the receipt, the job twice, the answer
    for table in Ledger(site.settings.ledger).tables():  # as the upkeep does after 168 hours
        DeltaTable(Path(site.settings.ledger) / table).vacuum(
            retention_hours=0, enforce_retention_duration=False, dry_run=False
        )
    assert holding(tmp_path / "site" / "ledger") == []
    assert holding(tmp_path / "site", PHONE) == []
    assert holding(tmp_path / "site" / "files") == []
    assert holding(dumped(site, tmp_path / "after")) == []


def test_analyses_repeat_to_the_last_digit(site: Site) -> None:
    with site.database.reading() as session:
        before = session.exec(select(AnalysisRow.result_json)).one()
    erased(site)
    with site.database.writing() as session:
        session.delete(session.exec(select(LookRow)).one())
        session.flush()
        session.delete(session.exec(select(AnalysisRow)).one())
        session.commit()
    analyse(site)
    with site.database.reading() as session:
        assert session.exec(select(AnalysisRow.result_json)).one() == before


def test_the_id_sent_again_is_somebody_new(site: Site, tmp_path: Path) -> None:
    found = erased(site)
    path = tmp_path / "again.csv"
    path.write_text(f"who,spend\n{ID},5\n", encoding="utf-8")
    read = read_pilot_file(Path(_analysed().name) / "pilot.toml")
    with workspace(site) as opened:
        record_file(opened, path, read.behavior[0], complete_through=None, now=LATER)
        directory = opened.engine.fetch(opened.ledger.directory(opened.engine)).to_pylist()
    numbers = {row["customer"] for row in directory if row["customer_id"] == ID}
    assert numbers
    assert numbers != {found.customer}


def test_free_texts_are_emptied_and_what_results_rest_on_stays(site: Site) -> None:
    found = erased(site)
    assert (found.emptied, found.stays) == (
        {SLUG: ["note", "phone"]},
        {SLUG: ["age"]},
    )
    with workspace(site) as opened:
        rows = opened.engine.fetch(
            opened.ledger.enrolment(opened.engine, SLUG, batch_no=1)
        ).to_pylist()
    mine = [row for row in rows if row["customer"] == found.customer]
    others = [row for row in rows if row["customer"] != found.customer]
    known = ("attribute_0", "attribute_1", "attribute_2", "owner")
    assert [[row[name] for name in known] for row in mine] == [["37", None, None, None]]
    assert all(row[name] for row in others for name in known)
    accounts = pq.read_table(site.settings.files / "accounts" / f"{SLUG}-1.parquet").to_pylist()
    assert "phone" not in accounts[0]  # it says who somebody is
    notes = {row["customer"]: row["note"] for row in accounts}
    assert notes.pop(found.customer or 0) is None
    assert None not in notes.values()


def test_it_is_noted_with_reason_and_number_and_without_the_id(site: Site) -> None:
    found = erased(site)
    with site.database.reading() as session:
        row = session.exec(select(UpkeepRow).where(UpkeepRow.kind == UpkeepKind.ERASE)).one()
    assert json.loads(row.result_json or "")["customer"] == found.customer
    assert json.loads(row.result_json or "")["reason"] == WHY
    assert ID not in str(row)


@pytest.mark.parametrize(
    ("customer_id", "reason", "where"),
    [
        ("nobody", WHY, "customer_id"),
        ("", WHY, "customer_id"),
        (ID, " ", "reason"),
        (ID, f"Letter of {ID} arrived.", "reason"),
    ],
)
def test_what_cannot_be_erased_is_said(
    site: Site, customer_id: str, reason: str, where: str
) -> None:
    with pytest.raises(BadInput) as refused:
        erased(site, customer_id, reason)
    assert [problem.where for problem in refused.value.problems] == [where]


def test_erasing_twice_is_refused_the_second_time(site: Site) -> None:
    erased(site)
    with pytest.raises(BadInput, match="is in no ledger"):
        erased(site)


def test_a_waiting_list_that_names_them_comes_first(site: Site) -> None:
    path = upload(site, "c", "")
    with site.database.writing() as session:
        session.add(PilotRow(slug="later", created_at=NOW))
        session.flush()
        session.add(
            CustomerListRow(
                pilot_id=2, upload=str(path), file_name="l", columns_json="{}", customers=2,
                created_at=NOW,
            )
        )  # fmt: skip
        session.commit()
    with pytest.raises(NotNow, match="'later' that waits for its draw"):
        erased(site)
    assert path.exists()


def test_an_open_job_that_names_them_comes_first(site: Site) -> None:
    path = upload(site, "d", None)
    with site.database.writing() as session:
        session.add(
            JobRow(
                id="open", kind=JobKind.RECORD, state=JobState.RUNNING, user_id=1, created_at=NOW,
                worker="w", lease_until=NOW + timedelta(days=1),
                arguments_json=json.dumps({"upload": str(path)}),
            )
        )  # fmt: skip
        session.commit()
    with pytest.raises(NotNow, match="job open"):
        erased(site)


def test_uploads_of_others_stay(site: Site) -> None:
    kept = upload(site, "e", "1", text=f"who\n{ID}0\nother\n")
    erased(site)
    assert kept.exists()


@pytest.mark.live
def test_a_restore_of_an_older_backup_erases_them_again(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    backed_up(site, place)
    found = erased(site)
    assert (found.backups, found.out_of_reach) == ([str(place)], [])
    assert (place / "erased.json").read_text() == f"[{found.customer}]"
    with empty(tmp_path / "new") as there:
        assert restored(there, place).erased == 1
        with open_site(tmp_path / "new", working=False) as back, workspace(back) as opened:
            directory = opened.engine.fetch(opened.ledger.directory(opened.engine)).to_pylist()
            assert ID not in {row["customer_id"] for row in directory}
            assert len(directory) == len(LINES)  # and a stranger, less one
            rows = opened.engine.fetch(
                opened.ledger.enrolment(opened.engine, SLUG, batch_no=1)
            ).to_pylist()
            assert [row["owner"] for row in rows if row["customer"] == found.customer] == [None]


def test_a_place_that_is_out_of_reach_is_named(site: Site, tmp_path: Path) -> None:
    backed_up(site, tmp_path / "backups")
    shutil.move(tmp_path / "backups", tmp_path / "elsewhere")
    found = erased(site)
    assert found.out_of_reach == [str(tmp_path / "backups")]
    said = " ".join(sentences(found, timezone="UTC"))
    assert "could not be reached" in said
    assert "until the first upkeep after 9 April 2026" in said
    assert ID not in said
    assert Place(tmp_path / "elsewhere").erased() == frozenset()
