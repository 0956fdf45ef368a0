"""A restore: into an empty installation only, proved before anything is written, exact."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlmodel import col, select

from app.confirming import Mended, damages_of, mend
from app.tables import (
    AnalysisRow,
    CustomerListRow,
    JobKind,
    JobRow,
    JobState,
    LookRow,
    PilotRow,
    UpkeepKind,
    UpkeepRow,
)
from app.upkeep.backup_set import Manifest, Place
from app.upkeep.erase import erase
from experiments.errors import BadInput
from tests.app.results import SLUG, analysed_site, record_more
from tests.app.upkeep.installations import Empty, backed_up, clock, empty, restored, tree
from tests.postgres import fresh_database
from tests.site import NOW, open_site


@cache
def _example() -> TemporaryDirectory[str]:
    """A site and a backup of it, kept while the process lives."""
    folder = TemporaryDirectory(prefix="pilotbook-tests-")
    with analysed_site(Path(folder.name) / "site") as site:
        backed_up(site, Path(folder.name) / "backups")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one backup, to damage."""
    shutil.copytree(Path(_example().name) / "backups", tmp_path / "backups")
    return tmp_path / "backups"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Empty]:
    with empty(tmp_path / "new") as there:
        yield there


def test_everything_is_there_again(place: Path, fresh: Empty) -> None:
    found = restored(fresh, place)
    site = Path(_example().name) / "site"
    assert tree(fresh.ledger.root) == {
        name: raw for name, raw in tree(site / "ledger").items() if "_last_checkpoint" not in name
    }
    assert tree(fresh.files) == tree(site / "files")
    assert (found.rows, found.erased) == (1600, 0)
    with fresh.database.reading() as session:
        row = session.exec(select(UpkeepRow).order_by(col(UpkeepRow.id).desc())).first()
        assert row is not None
        assert (row.kind, row.problem) == (UpkeepKind.RESTORE, None)
    with fresh.database.writing() as session:
        assert mend(session, fresh.ledger, now=NOW) == Mended()
        assert damages_of(session, fresh.ledger) == ()


@pytest.mark.live
def test_a_restored_site_goes_on_and_its_analyses_repeat(
    place: Path, tmp_path: Path, fresh: Empty
) -> None:
    """The same analysis is the same row; computed anew, it is the same to the last digit."""
    restored(fresh, place)
    with open_site(tmp_path / "new") as site:
        answer = site.script("analyst").post(f"/pilots/{SLUG}/analyses", json={})
        assert answer.status_code == 200  # not 201: it is known
        with site.database.writing() as session:
            kept = session.exec(select(AnalysisRow)).one()
            session.delete(session.exec(select(LookRow)).one())
            session.flush()
            session.delete(kept)
            session.commit()
        (site.settings.files / "accounts" / f"{SLUG}-1.parquet").unlink()
        answer = site.script("analyst").post(f"/pilots/{SLUG}/analyses", json={})
        assert answer.status_code == 201
        with site.database.reading() as session:
            again = session.exec(select(AnalysisRow)).one()
    assert again.result_json == kept.result_json
    assert again.report_json == kept.report_json
    assert again.inputs_sha256 == kept.inputs_sha256


@pytest.mark.parametrize("what", ["registry", "ledger", "files"])
def test_an_installation_that_is_in_use_is_left_alone(place: Path, fresh: Empty, what: str) -> None:
    if what == "registry":
        shutil.copy(Path(_example().name) / "site/registry.db", fresh.files.parent / "registry.db")
    else:
        folder = {"ledger": fresh.ledger.root, "files": fresh.files}[what]
        folder.mkdir(parents=True)
        (folder / "something").write_text("else")
    before = tree(fresh.files.parent)
    with pytest.raises(BadInput) as refused:
        restored(fresh, place)
    assert [problem.where for problem in refused.value.problems] == [what]
    now = tree(fresh.files.parent)
    assert {name: now[name] for name in before if "-shm" not in name and "-wal" not in name} == {
        name: raw for name, raw in before.items() if "-shm" not in name and "-wal" not in name
    }


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("damage", [Path.unlink, cut, flip], ids=["missing", "cut", "flipped"])
@pytest.mark.parametrize("which", ["registry/users", "_delta_log", "part-", "accounts", "manifest"])
def test_a_damaged_backup_is_refused_and_the_file_named(
    place: Path, fresh: Empty, which: str, damage: Callable[[Path], None]
) -> None:
    manifest: Manifest = Place(place).read()[1]
    if which == "manifest":
        path = next((place / "backups").iterdir())
        named = "There is no backup" if damage is Path.unlink else path.name
    else:
        file = next(file for file in manifest.files if which in file.path)
        path, named = Place(place).object(file.sha256), file.path
    damage(path)
    with pytest.raises(BadInput) as refused:
        restored(fresh, place)
    assert named in str(refused.value)
    assert tree(fresh.ledger.root) == {} == tree(fresh.files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "newer Pilotbook"),
        ({"schema": "9999"}, "does not know"),
        ({"files": [{"path": "ledger/../../x", "sha256": "0" * 64, "size": 1}]}, "no file of a"),
        ({"files": [{"path": "/etc/x", "sha256": "0" * 64, "size": 1}]}, "no file of a backup"),
        ({"files": [{"path": "files/x", "sha256": "../x", "size": 1}]}, "no file of a backup"),
    ],
)
def test_a_foreign_backup_is_refused(
    place: Path, fresh: Empty, change: dict[str, object], said: str
) -> None:
    path = next((place / "backups").iterdir())
    raw = json.dumps({**json.loads(path.read_bytes()), **change}).encode()
    path.unlink()
    (
        place / "backups" / f"20260402T030000.000000Z-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    ).write_bytes(raw)
    with pytest.raises(BadInput, match=said):
        restored(fresh, place)
    assert tree(fresh.ledger.root) == {}


def test_a_folder_without_backups_is_refused(tmp_path: Path, fresh: Empty) -> None:
    with pytest.raises(BadInput, match="There is no backup of Pilotbook"):
        restored(fresh, tmp_path)


@pytest.mark.live
def test_an_older_backup_can_be_chosen(tmp_path: Path, fresh: Empty) -> None:
    shutil.copytree(Path(_example().name) / "site", tmp_path / "site")
    place = tmp_path / "backups"
    with open_site(tmp_path / "site", working=False) as site:
        first = backed_up(site, place)
        with site.database.writing() as session:
            session.add(PilotRow(slug="later", created_at=NOW))
            session.commit()
        backed_up(site, place)
    with pytest.raises(BadInput, match=first.name):
        restored(fresh, place, "unknown")
    restored(fresh, place, first.name)
    with fresh.database.reading() as session:
        assert session.exec(select(PilotRow.slug)).all() == [SLUG]


def test_a_list_that_waits_for_its_draw_finds_its_upload_again(
    tmp_path: Path, fresh: Empty
) -> None:
    shutil.copytree(Path(_example().name) / "site", tmp_path / "site")
    with open_site(tmp_path / "site", working=False) as site:
        upload = site.settings.files / "inbox" / ("a" * 32) / "upload.csv"
        upload.parent.mkdir(parents=True)
        upload.write_text("id\nann\n")
        with site.database.writing() as session:
            session.add(PilotRow(slug="later", created_at=NOW))
            session.flush()
            session.add(
                CustomerListRow(
                    pilot_id=2, upload=str(upload), file_name="l.csv", columns_json="{}",
                    customers=1, created_at=NOW,
                )
            )  # fmt: skip
            session.commit()
        backed_up(site, tmp_path / "backups")
    restored(fresh, tmp_path / "backups")
    with fresh.database.reading() as session:
        waiting = session.exec(select(CustomerListRow)).one()
    assert Path(waiting.upload).is_relative_to(fresh.files)
    assert Path(waiting.upload).read_text() == "id\nann\n"


def test_a_job_that_ran_waits_again_for_a_worker(tmp_path: Path, fresh: Empty) -> None:
    shutil.copytree(Path(_example().name) / "site", tmp_path / "site")
    with open_site(tmp_path / "site", working=False) as site:
        with site.database.writing() as session:
            session.add(
                JobRow(
                    id="ran", kind=JobKind.ROWS, state=JobState.RUNNING, user_id=1,
                    arguments_json="{}", worker="gone", lease_until=NOW, created_at=NOW,
                )
            )  # fmt: skip
            session.commit()
        backed_up(site, tmp_path / "backups")
    restored(fresh, tmp_path / "backups")
    with fresh.database.reading() as session:
        job = session.get_one(JobRow, "ran")
    assert (job.state, job.worker, job.attempts) == (JobState.WAITING, None, 1)


@pytest.mark.live
def test_from_sqlite_to_postgresql_and_back(place: Path, tmp_path: Path, postgres_url: str) -> None:
    with fresh_database(postgres_url) as address, empty(tmp_path / "a", address) as there:
        restored(there, place)
        with open_site(tmp_path / "a", database=there.database, working=False) as site:
            found = erase(
                there.database, there.ledger, files=there.files, customer_id="00017",
                reason="Letter of 1 April.", clock=clock,
            )  # fmt: skip
            assert found.customer is not None
            backed_up(site, tmp_path / "again")
    with empty(tmp_path / "b") as back:
        restored(back, tmp_path / "again")
        with back.database.reading() as session:
            assert session.exec(select(AnalysisRow.number)).all() == [1]


def test_a_stopped_restore_can_be_begun_again(place: Path, fresh: Empty) -> None:
    left = fresh.ledger.root / ".restoring" / "behavior"
    left.mkdir(parents=True)
    (left / "half.parquet").write_bytes(b"PAR1")
    restored(fresh, place)
    assert not (fresh.ledger.root / ".restoring").exists()
    assert not list(fresh.ledger.root.rglob("half.parquet"))


@pytest.mark.live
def test_the_next_batch_is_not_taken_for_one_that_was_lost(
    place: Path, tmp_path: Path, fresh: Empty
) -> None:
    """A ledger that is ahead of its registry would not write the batch whose number it has seen."""
    restored(fresh, place)
    with open_site(tmp_path / "new", working=False) as site:
        record_more(site, tmp_path)
        assert backed_up(site, tmp_path / "next").rows == 1600 + 3
