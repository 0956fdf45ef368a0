"""A backup: whole, proved, of one moment; a second one copies only what is new."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from sqlmodel import col, select

from app.database import Database
from app.refusals import NotNow
from app.tables import (
    BatchRow,
    BatchState,
    JobKind,
    JobRow,
    JobState,
    LeaseRow,
    UpkeepKind,
    UpkeepRow,
)
from app.upkeep.backup import BackupFailed, back_up
from app.upkeep.backup_set import Place
from app.upkeep.registry_dump import ENDING, Dumped
from experiments.errors import BadInput
from experiments.ledger.ledger import BEHAVIOR, Ledger
from tests.app.results import analysed_site, record_more
from tests.app.upkeep.installations import backed_up, clock, tree
from tests.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with analysed_site(tmp_path / "site") as opened:
        yield opened


def kept_upload(site: Site, name: str, marker: str | None, **beside: str) -> Path:
    """An upload in the inbox, as intake leaves it."""
    folder = site.settings.files / "inbox" / (name * 32)[:32]
    folder.mkdir(parents=True)
    (folder / "upload.csv").write_text("id\nann\n")
    if marker is not None:
        (folder / "batch").write_text(marker)
    for other, text in beside.items():
        (folder / other.replace("_", ".")).write_text(text)
    return folder


def test_a_backup_names_every_file_and_is_noted(site: Site, tmp_path: Path) -> None:
    made = backed_up(site, tmp_path / "backups")
    name, manifest = Place(tmp_path / "backups").read()
    assert made.name == name
    assert (made.files, made.new_files) == (
        len(manifest.files),
        len({f.sha256 for f in manifest.files}),
    )
    assert {table.name for table in manifest.ledger} == {
        "behavior", "directory", "enrolments/spring-mail",
    }  # fmt: skip
    rows = {table.name: table.rows for table in manifest.ledger}
    assert rows == {"behavior": 800, "directory": 400, "enrolments/spring-mail": 400}
    assert Dumped("analyses", 1) in manifest.registry
    assert "files/accounts/spring-mail-1.parquet" in {file.path for file in manifest.files}
    with site.database.reading() as session:
        row = session.exec(select(UpkeepRow)).one()
        assert (row.kind, row.problem, row.ended_at) == (UpkeepKind.BACKUP, None, clock())
        assert json.loads(row.result_json or "")["name"] == name
        assert session.exec(select(LeaseRow)).all() == []


def test_a_second_backup_copies_only_what_is_new(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    first = backed_up(site, place)
    before = tree(place / "objects")
    record_more(site, tmp_path)
    second = backed_up(site, place)
    new = tree(place / "objects").keys() - before.keys()
    assert second.new_files == len(new) < second.files / 2
    assert second.ledger_through > first.ledger_through
    assert Place(place).names() == sorted([first.name, second.name])


def test_a_damaged_ledger_is_noticed_and_leaves_no_backup(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    backed_up(site, place)
    (data,) = sorted((Path(site.settings.ledger) / "behavior").rglob("part-*.parquet"))[:1]
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 2] ^= 1
    data.write_bytes(raw)
    for object_ in (place / "objects").rglob("*"):  # as at the first backup after the damage
        if object_.is_file() and object_.stat().st_size == len(raw):
            object_.unlink()
    with pytest.raises(BackupFailed, match=data.name):
        back_up(
            site.database,
            Ledger(site.settings.ledger),
            files=site.settings.files,
            place=place,
            clock=clock,
        )
    assert len(Place(place).names()) == 1
    with site.database.reading() as session:
        newest = session.exec(select(UpkeepRow).order_by(col(UpkeepRow.id).desc())).first()
        assert newest is not None
        assert data.name in (newest.problem or "")


def test_fewer_rows_than_a_receipt_promised_are_noticed(site: Site, tmp_path: Path) -> None:
    with site.database.writing() as session:
        batch = session.exec(select(BatchRow).where(BatchRow.kind == "behavior")).one()
        said = json.loads(batch.receipt_json or "")
        batch.receipt_json = json.dumps({**said, "entries": said["entries"] + 1})
        session.add(batch)
        session.commit()
    with pytest.raises(BackupFailed, match=r"800 rows in the ledger, and its receipt says 801"):
        backed_up(site, tmp_path / "backups")


def test_uploads_are_kept_until_a_backup_holds_what_they_became(site: Site, tmp_path: Path) -> None:
    taken = kept_upload(site, "a", "2")
    waiting = kept_upload(site, "b", None, waiting_json="{}")
    drawn_later = kept_upload(site, "c", "")
    refused = kept_upload(site, "d", "77")
    made = backed_up(site, tmp_path / "backups")
    assert (made.uploads_removed, taken.exists()) == (1, False)
    assert all(folder.exists() for folder in (waiting, drawn_later, refused))
    held = {file.path for file in Place(tmp_path / "backups").read()[1].files}
    assert f"files/inbox/{waiting.name}/upload.csv" in held
    assert not [path for path in held if taken.name in path]


def test_rows_of_small_posts_are_kept_until_a_backup_holds_what_they_became(
    site: Site, tmp_path: Path
) -> None:
    before, over = clock() - timedelta(minutes=1), (JobState.DONE, JobState.FAILED)
    with site.database.writing() as session:
        for state in (JobState.RUNNING, *over):
            job = JobRow(
                id=state, kind=JobKind.ROWS, state=state, user_id=1, created_at=before,
                ended_at=before if state in over else None,
                arguments_json=json.dumps({"name": "rows.ndjson", "rows": [["ann"]]}),
            )  # fmt: skip
            session.add(job)
        session.commit()
    backed_up(site, tmp_path / "backups")
    with site.database.reading() as session:
        kept = session.exec(select(JobRow).where(JobRow.kind == JobKind.ROWS)).all()
        rows = {job.state: json.loads(job.arguments_json)["rows"] for job in kept}
    assert rows == {"running": [["ann"]], "done": [], "failed": []}


def test_a_pending_batch_is_not_in_what_the_backup_counts(site: Site, tmp_path: Path) -> None:
    with site.database.writing() as session:
        session.add(
            BatchRow(
                kind="behavior", state=BatchState.PENDING, file_name="", sha256="",
                received_at=clock(),
            )
        )  # fmt: skip
        session.commit()
    assert backed_up(site, tmp_path / "backups").ledger_through == 2


def test_commits_that_the_registry_does_not_know_stay_out(site: Site, tmp_path: Path) -> None:
    """Rows of a batch that is unknown would stand in the way of the batch that gets its number."""
    backed_up(site, tmp_path / "first")
    ledger = Ledger(site.settings.ledger)
    version = ledger.pinned().versions["behavior"]
    row = {
        "customer": 1, "measure": "spend", "occurred_at": date(2026, 4, 1), "value": Decimal(1),
        "batch_no": 99, "recorded_at": clock(),
    }  # fmt: skip
    rows = pa.Table.from_pylist([row], schema=BEHAVIOR)
    ledger.append_behavior(rows.to_reader(), batch_no=99)
    assert ledger.pinned().versions["behavior"] == version + 1
    back_up(
        site.database, ledger, files=site.settings.files, place=tmp_path / "second", clock=clock
    )
    _, manifest = Place(tmp_path / "second").read()
    assert {t.version for t in manifest.ledger if t.name == "behavior"} == {version}


@pytest.mark.parametrize("inside", ["ledger/backups", "files/backups", "."])
def test_a_backup_lies_apart_from_what_it_copies(site: Site, tmp_path: Path, inside: str) -> None:
    with pytest.raises(BadInput, match="lie within each other"):
        backed_up(site, tmp_path / "site" / inside)


def test_two_backups_at_once_into_one_place_are_refused(site: Site, tmp_path: Path) -> None:
    with (
        Place(tmp_path / "backups").alone(),
        pytest.raises(NotNow, match="Another backup"),
    ):
        backed_up(site, tmp_path / "backups")


def test_the_registry_is_dumped_under_the_names_of_its_tables(site: Site, tmp_path: Path) -> None:
    backed_up(site, tmp_path / "backups")
    _, manifest = Place(tmp_path / "backups").read()
    named = {f"registry/{table.name}{ENDING}" for table in manifest.registry}
    assert named == {file.path for file in manifest.files if file.path.startswith("registry/")}


def test_older_backups_go_and_what_stays_is_whole(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    first = backed_up(site, place)
    record_more(site, tmp_path)
    ledger = Ledger(site.settings.ledger)
    made = back_up(
        site.database, ledger, files=site.settings.files, place=place, clock=clock, keep=1
    )
    assert (made.deleted, Place(place).names()) == (1, [made.name])
    _, manifest = Place(place).read()
    held = {path.name for path in (place / "objects").glob("??/*")}
    assert held == {file.sha256 for file in manifest.files}
    assert Place(place).problems(manifest.files) == []
    with pytest.raises(BadInput, match="There is no backup"):
        Place(place).read(first.name)


def test_an_installation_without_a_ledger_is_backed_up(database: Database, tmp_path: Path) -> None:
    made = back_up(
        database,
        Ledger(tmp_path / "none"),
        files=tmp_path / "files",
        place=tmp_path / "backups",
        clock=clock,
    )
    assert (made.ledger_through, made.rows) == (0, 0)
