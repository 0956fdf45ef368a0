"""DuckDB and the cluster give the same result, digit for digit, for every kind of metric."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from app.road.run import travel
from app.workspace import throwaway_workspace
from experiments.analyse.download import accounts_table
from experiments.engines.engine import Engine
from experiments.plan.pilot_file import read_pilot_file
from tests.every_kind import CLUSTERED, write_pilot

TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def on(engine: Engine | None, pilot_file: Path) -> tuple[dict[str, Any], Any]:
    """Result and accounts of a pilot file; on DuckDB where no engine is given."""
    with throwaway_workspace(engine="duckdb", timezone="UTC") as opened:
        workspace = replace(opened, cluster=engine)
        journey = travel(
            workspace, read_pilot_file(pilot_file), files=pilot_file.parent, now=NOW, today=TODAY,
            at=lambda _: None,
        )  # fmt: skip
        finding = journey.finding
        accounts = accounts_table(
            workspace.analysis_engine, finding.plan, finding.analysed,
            finding.enrolment.attributes, tier=finding.enrolment.tier,
        )  # fmt: skip
    return journey.result, accounts


def same_on_both(spark: Engine, pilot_file: Path) -> None:
    """The result is the same but for the name of the engine, and so are the accounts."""
    embedded, accounts = on(None, pilot_file)
    cluster, accounts_of_cluster = on(spark, pilot_file)
    assert embedded["inputs"].pop("engine") == "duckdb"
    assert cluster["inputs"].pop("engine") == "spark"
    assert cluster == embedded
    assert accounts_of_cluster == accounts


def test_in_a_clustered_pilot(spark: Engine, tmp_path: Path) -> None:
    same_on_both(spark, write_pilot(tmp_path, CLUSTERED))
