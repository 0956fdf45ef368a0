"""What the commands that care for an installation print, and what they refuse."""

from pathlib import Path

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.cli import app
from app.database import open_database
from app.people.journal import first_broken
from app.tables import AnalysisRow, JournalRow
from tests.app.results import SLUG, analysed_site

pytestmark = pytest.mark.live


def pilotbook(folder: Path, *arguments: str, typed: str = "", status: int = 0) -> Result:
    """Run a command on the installation in a folder."""
    environment = {
        "PILOTBOOK_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}",
        "PILOTBOOK_LEDGER": str(folder / "ledger"),
        "PILOTBOOK_FILES": str(folder / "files"),
        "COLUMNS": "300",
    }
    result = CliRunner().invoke(app, [*arguments], env=environment, input=typed)
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site's folder, with the site stopped."""
    with analysed_site(tmp_path / "site"):
        return tmp_path / "site"


def test_a_backup_is_made_restored_and_proved(folder: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "backups")
    assert "read again and whole" in pilotbook(folder, "backup", place).stdout
    again = pilotbook(folder, "backup", place).stdout
    assert "files, below 0.1 MB, are new" in again
    assert "The ledger counts through batch 2." in again
    said = pilotbook(tmp_path / "new", "restore", place).stdout
    assert "1,600 rows of the ledger, through batch 2." in said
    refused = pilotbook(tmp_path / "new", "restore", place, status=2).stderr
    assert "into an empty installation only" in refused
    assert "name another database in PILOTBOOK_DATABASE_URL" in refused


def test_a_customer_is_erased_by_an_id_from_standard_input(folder: Path) -> None:
    said = pilotbook(folder, "erase", "-", "--reason", "Letter of 1 April.", typed="00017\n").stdout
    assert "names nobody any more" in said
    assert "until the first upkeep after" in said
    database = open_database(folder / "registry.db")
    with database.reading() as session:
        entry = session.exec(select(JournalRow).order_by(col(JournalRow.id).desc())).first()
        assert entry is not None
        assert (entry.action, entry.user_id) == ("erase_customer", None)
        assert "00017" not in str(entry)
        assert first_broken(session) is None
    database.close()
    again = pilotbook(folder, "erase", "00017", "--reason", "Letter of 1 April.", status=2)
    assert "is in no ledger" in again.stderr


def test_the_ledger_is_made_compact(folder: Path) -> None:
    assert "made compact" in pilotbook(folder, "compact", "--whole").stdout


def test_analyses_are_computed_once_more(folder: Path) -> None:
    said = pilotbook(folder, "repeat", SLUG).stdout
    assert said.splitlines() == [
        "Analyses of spring-mail that were computed once more: 1.",
        "Each is what was kept, byte for byte.",
    ]
    database = open_database(folder / "registry.db")
    with database.writing() as session:
        row = session.exec(select(AnalysisRow)).one()
        row.result_json = row.result_json.replace('"proved"', '"disproved"')
        session.add(row)
        session.commit()
    database.close()
    refused = pilotbook(folder, "repeat", SLUG, status=2).stderr
    assert "analysis 1: differs in verdict, verdicts" in refused
    assert "no pilot 'autumn'" in pilotbook(folder, "repeat", "autumn", status=2).stderr


def test_there_is_nothing_to_back_up_before_the_first_migration(tmp_path: Path) -> None:
    said = pilotbook(tmp_path / "site", "backup", str(tmp_path / "backups"), status=2).stderr
    assert "the registry has no tables yet" in said
