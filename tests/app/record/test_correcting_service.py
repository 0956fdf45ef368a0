"""Corrections as batches of the registry: stopped workers, reversals meanwhile, what was seen."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.batches import reverse
from app.confirming import confirm
from app.record import correcting
from app.record.correcting import correct_by_file, made_since
from app.record.correcting_shown import correction_of, corrections_to
from app.record.service import record_file
from app.refusals import NotNow
from app.tables import BatchRow, BatchState, CorrectionRow
from app.workspace import Workspace
from experiments.analyse.rows import first_outcome_recorded_at
from experiments.behavior.accounts import Enrolment
from experiments.errors import BadInput
from tests.app.kept import NOW, ORDERS, WITH_IDS, kept_workspace
from tests.behavior.ledgers import Member, enrolment, small_plan

LINES = ["who,day,what,amount,order", "a,2026-03-05,revenue,5,o1", "b,2026-03-02,revenue,7,o2"]
LATER = NOW + timedelta(days=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with kept_workspace(tmp_path / "kept") as opened:
        record_file(opened, written(tmp_path, LINES), WITH_IDS, complete_through=None, now=NOW)
        yield opened


def written(folder: Path, lines: list[str], name: str = "orders.csv") -> Path:
    """A file of these lines."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def corrected(workspace: Workspace, path: Path) -> BatchRow:
    """Send a file again, in the place of what is recorded."""
    return correct_by_file(
        workspace, path, WITH_IDS, reason="Wrong till.", complete_through=None, now=LATER,
        by=None, name=path.name,
    )  # fmt: skip


def test_a_correction_is_found_again_by_what_it_was_made_of(
    workspace: Workspace, tmp_path: Path
) -> None:
    """So that a job whose worker was stopped after it does not do it again."""
    path = written(tmp_path, [LINES[0], LINES[1].replace("5,o1", "6,o1")], "again.csv")
    assert made_since(workspace.session, path, since=NOW) is None
    batch = corrected(workspace, path)
    found = made_since(workspace.session, path, since=NOW)
    assert found is not None
    assert found.batch_no == batch.batch_no == 2
    assert made_since(workspace.session, path, since=LATER + timedelta(seconds=1)) is None
    line = correction_of(workspace.session, 2)
    assert line is not None
    assert (line.corrects, line.withdrawn, line.entered) == ({1: 1}, 1, 1)
    assert corrections_to(workspace.session, 1) == [line]


def test_a_batch_that_is_taken_back_meanwhile_refuses_its_correction(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def while_somebody_reverses(*args: object, **named: object) -> int:
        reverse(workspace.session, 1, reason="All of it.", by=None, now=LATER)
        workspace.session.commit()
        return confirm(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(correcting, "confirm", while_somebody_reverses)
    path = written(tmp_path, [LINES[0], LINES[1].replace("5,o1", "6,o1")], "again.csv")
    with pytest.raises(NotNow, match="Batch 1 was taken back meanwhile"):
        corrected(workspace, path)
    batch = workspace.session.get_one(BatchRow, 2)
    assert batch.state == BatchState.DISCARDED
    assert workspace.session.exec(select(CorrectionRow)).all() == []


def test_a_file_without_event_ids_replaces_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not recorded") as caught:
        correct_by_file(
            workspace, written(tmp_path, LINES), ORDERS, reason="Wrong.", complete_through=None,
            now=LATER, by=None, name="orders.csv",
        )  # fmt: skip
    assert caught.value.problems[0].where == "event_id"


def test_an_outcome_that_was_withdrawn_was_seen_all_the_same(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Its first recording decides whether the plan was there before."""
    moved = [LINES[0], LINES[1].replace("03-05", "02-05"), LINES[2].replace("03-02", "02-02")]
    corrected(workspace, written(tmp_path, moved, "again.csv"))
    enrolled: Enrolment = enrolment([Member(1, "mail", date(2026, 3, 1)), Member(2, "control")])

    def first(*, with_withdrawn: bool) -> object:
        return first_outcome_recorded_at(
            workspace.engine,
            small_plan(),
            behavior=workspace.ledger.behavior(workspace.engine, with_withdrawn=with_withdrawn),
            enrolment=enrolled,
        )

    assert first(with_withdrawn=True) == NOW
    assert first(with_withdrawn=False) is None
