"""The whole road with the ledger in an object store, against the same in a folder."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.confirming import mend
from app.road.run import Journey, travel
from app.settings import Settings
from app.stored import to_text
from app.workspace import Workspace, open_ledger, read_objects, throwaway_workspace
from experiments.plan.pilot_file import read_pilot_file
from experiments.report.plain import as_json
from tests.app.pilots import Wide
from tests.site import NOW

pytestmark = pytest.mark.live


def travelled(workspace: Workspace, file: Path) -> Journey:
    """The road, once there and back."""
    return travel(
        workspace,
        read_pilot_file(file),
        files=file.parent,
        now=NOW,
        today=date(2026, 4, 1),
        at=lambda _: None,
    )


def test_a_ledger_in_an_object_store_gives_the_result_of_one_in_a_folder(
    bucket: str, tmp_path: Path
) -> None:
    file = Wide().write(tmp_path)
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        local = travelled(workspace, file)
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        ledger = open_ledger(Settings(ledger=bucket))
        read_objects(workspace.engine, ledger)
        stored = travelled(replace(workspace, ledger=ledger), file)
        assert set(ledger.tables()) == {"behavior", "directory", "enrolments/spring-mail"}
        # What a worker that starts would look at is whole.
        assert mend(workspace.session, ledger, now=NOW).torn == ()
    assert as_json(stored.result) == as_json(local.result)
    assert to_text(stored.report) == to_text(local.report)
