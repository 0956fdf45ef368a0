"""Where results are written: folders that cannot take them are refused in words."""

from pathlib import Path

import pytest

from app.report.service import refuse_unwritable, remove_report, write_rejects
from app.road.run import refuse_missing_files
from experiments.errors import BadInput, BadPlan
from experiments.plan.pilot_file import read_pilot_file
from tests.app.pilots import Wide
from tests.report.test_result import RECEIPT


def test_a_folder_that_is_not_there_yet_is_fine_and_not_made(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_folder_below_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file is not a folder that can be written to"):
        refuse_unwritable(tmp_path / "file" / below)


def test_a_folder_with_a_name_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        refuse_unwritable(tmp_path / ("x" * 300))


def test_what_cannot_be_written_or_removed_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"rejects.csv cannot be written \("):
        write_rejects([RECEIPT], folder=tmp_path / "file")
    (tmp_path / "rejects.csv").mkdir()
    (tmp_path / "report.pdf").mkdir()
    with pytest.raises(BadInput, match=r"rejects.csv cannot be written \("):
        write_rejects([RECEIPT], folder=tmp_path)
    with pytest.raises(BadInput, match=r"report.pdf cannot be written \("):
        remove_report(folder=tmp_path)
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_an_earlier_list_of_refused_rows_does_not_stay(tmp_path: Path) -> None:
    write_rejects([RECEIPT], folder=tmp_path / "out")
    assert (tmp_path / "out" / "rejects.csv").is_file()
    write_rejects([], folder=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    write_rejects([], folder=tmp_path / "nowhere")


def test_a_file_below_a_file_is_missing(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    path.write_text(path.read_text().replace("wide.csv", "wide.csv/x"))
    with pytest.raises(BadPlan) as caught:
        refuse_missing_files(read_pilot_file(path), tmp_path)
    assert len(caught.value.problems) == 2
