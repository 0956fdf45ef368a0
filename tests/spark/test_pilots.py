"""The demo's pilots and Hillstrom's e-mail give the same result on DuckDB and on the cluster."""

import shutil
from pathlib import Path

import pytest

from app.demo.files import write_demo
from app.demo.tour import drawn_arms
from experiments.engines.engine import Engine, open_engine
from tests.every_kind import RANDOMIZED, SUPPLIED, write_pilot
from tests.plan.example import PILOT_FILE
from tests.spark.test_every_kind import same_on_both


@pytest.mark.parametrize("design", [RANDOMIZED, SUPPLIED])
def test_other_designs(spark: Engine, tmp_path: Path, design: str) -> None:
    same_on_both(spark, write_pilot(tmp_path, design))


def test_hillstroms_email(spark: Engine, tmp_path: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "hillstrom.csv.gz", tmp_path)
    pilot_file = tmp_path / "pilot.toml"
    pilot_file.write_text(PILOT_FILE, encoding="utf-8")
    same_on_both(spark, pilot_file)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo company's files."""
    folder = tmp_path_factory.mktemp("demo")
    with open_engine() as engine:
        write_demo(folder, assign=lambda pilot, ids: drawn_arms(engine, pilot, ids))
    return folder


@pytest.mark.parametrize("slug", ["loyalty-letter", "win-back", "recipe-booklet"])
def test_the_demos_pilots(spark: Engine, demo: Path, slug: str) -> None:
    same_on_both(spark, demo / slug / "pilot.toml")
