"""Rules of the house that no other tool keeps."""

import ast
import re
from pathlib import Path

import pytest

from app.cli import EXIT_STATUS, app
from experiments.decide.verdict import Status

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])
ONE_SITTING = 400


def public_functions(path: Path) -> list[str]:
    """Names of the functions that a module offers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= ONE_SITTING


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert commands
    assert [name for name in commands if f"pilotbook {name}" not in readme] == []


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    settings = re.findall(r"`(PILOTBOOK_\w+)`", (ROOT / "app/settings.py").read_text("utf-8"))
    assert settings
    assert [name for name in settings if name not in readme] == []


def test_every_statistic_is_in_the_methods() -> None:
    methods = (ROOT / "experiments/README.md").read_text(encoding="utf-8")
    modules = [*(ROOT / "experiments/stats").glob("*.py"), *(ROOT / "experiments/finance").glob("*.py")]
    silent = [
        f"{path.stem}.{name}"
        for path in modules
        for name in public_functions(path)
        if f"`{path.stem}.{name}" not in methods and f"`{name}" not in methods
    ]
    assert silent == []


def test_every_verdict_has_an_exit_status_of_its_own() -> None:
    assert set(EXIT_STATUS) == {status.value for status in Status}
    assert len(set(EXIT_STATUS.values())) == len(EXIT_STATUS)


def test_the_lock_names_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
