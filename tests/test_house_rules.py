"""Rules of the house that no other tool keeps."""

from pathlib import Path

import pytest

from app.cli import EXIT_STATUS, app
from app.settings import Settings
from experiments.decide.verdict import Status

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])
ONE_SITTING = 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= ONE_SITTING


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    groups = [
        ("", app),
        *((f"{group.name} ", group.typer_instance) for group in app.registered_groups),
    ]
    names = [
        f"{prefix}{command.name or getattr(command.callback, '__name__', '')}"
        for prefix, group in groups
        if group is not None
        for command in group.registered_commands
    ]
    assert "user add" in names
    assert [name for name in names if f"pilotbook {name}" not in readme] == []


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [f"PILOTBOOK_{field.upper()}" for field in Settings.model_fields]
    assert names
    assert [name for name in names if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("package", ["stats", "finance"])
def test_every_method_is_explained(package: str) -> None:
    methods = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    modules = [path.name for path in (ROOT / "experiments" / package).glob("[a-z]*.py")]
    assert modules
    assert [name for name in modules if f"`{package}/{name}`" not in methods] == []


def test_every_verdict_has_an_exit_status_of_its_own() -> None:
    assert set(EXIT_STATUS) == {status.value for status in Status}
    assert len(set(EXIT_STATUS.values())) == len(EXIT_STATUS)


def test_the_lock_names_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
