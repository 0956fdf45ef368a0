"""The throw-away workspace, wherever the folder for temporary files lies."""

import tempfile
from pathlib import Path

import pytest
from sqlmodel import select

from app.database import open_database
from app.road.run import travel
from app.tables import PilotRow
from app.workspace import throwaway_workspace
from experiments.errors import BadInput
from experiments.plan.pilot_file import read_pilot_file
from tests.app.pilots import Wide
from tests.app.test_services import AFTER, TODAY


@pytest.mark.parametrize("folder", ["customer=7", "a b", "50%", "a#b", "a?b", "a*b"])
def test_a_pilot_travels_in_any_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / folder))
    path = Wide().write(tmp_path / "pilot")
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        assert (tmp_path / folder) in workspace.scratch.parents
        journey = travel(
            workspace, read_pilot_file(path), files=path.parent, now=AFTER, today=TODAY,
            at=lambda _: None,
        )  # fmt: skip
        assert workspace.session.exec(select(PilotRow)).one().slug == "spring-mail"
    assert journey.result["customers"] == {"hold": 200, "mail": 200}
    assert journey.result["verdict"]["status"] == "proved"
    assert {entry.name for entry in tmp_path.iterdir()} == {folder, "pilot"}


@pytest.mark.parametrize(("folder", "said"), [("a[b", "stands in its path"), ("no", "TMPDIR")])
def test_a_temporary_folder_that_cannot_be_used_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, said: str
) -> None:
    (tmp_path / "a[b").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / folder))
    with (
        pytest.raises(BadInput, match=said),
        throwaway_workspace(engine="duckdb", timezone="UTC"),
    ):
        pass


@pytest.mark.parametrize("folder", ["a?b=c", "50%41", "a#b"])
def test_the_registry_is_in_the_file_that_was_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    database = open_database(tmp_path / folder / "registry.db")
    with database.writes.connect():
        pass
    database.close()
    assert (tmp_path / folder / "registry.db").is_file()
