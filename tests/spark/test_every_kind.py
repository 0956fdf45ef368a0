"""DuckDB and the cluster give the same result, digit for digit, for every kind of metric."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from sqlmodel import select

from app.analyse.conclusion import result_of
from app.analyse.service import Finding, analyse_pilot
from app.road.run import travel
from app.tables import PilotRow
from app.workspace import Workspace, throwaway_workspace
from experiments.analyse.download import accounts_table
from experiments.engines.engine import Engine
from experiments.plan.pilot_file import read_pilot_file
from experiments.plan.registration import Registration
from tests.every_kind import CLUSTERED, write_pilot

TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def same_on_both(spark: Engine, pilot_file: Path) -> None:
    """A road with the cluster, analysed again on DuckDB: the same result, and the same accounts."""
    with throwaway_workspace(engine="duckdb", timezone="UTC") as embedded:
        cluster = replace(embedded, cluster=spark)
        journey = travel(
            cluster, read_pilot_file(pilot_file), files=pilot_file.parent, now=NOW, today=TODAY,
            at=lambda _: None,
        )  # fmt: skip
        pilot = embedded.session.exec(select(PilotRow)).one()
        finding = analyse_pilot(
            embedded, pilot, today=TODAY, known_registration=Registration.RETROSPECTIVE
        )
        result = result_of(finding, journey.receipts)
        assert not finding.analysed.analysis.veiled
        assert journey.result["inputs"].pop("engine") == "spark"
        assert result["inputs"].pop("engine") == "duckdb"
        assert result == journey.result
        assert accounts(embedded, finding) == accounts(cluster, journey.finding)


def accounts(workspace: Workspace, finding: Finding) -> pa.Table:
    """The accounts of a finding, on the engine that made it."""
    return accounts_table(
        workspace.analysis_engine, finding.plan, finding.analysed, finding.enrolment.attributes,
        tier=finding.enrolment.tier,
    )  # fmt: skip


def test_in_a_clustered_pilot(spark: Engine, tmp_path: Path) -> None:
    same_on_both(spark, write_pilot(tmp_path, CLUSTERED))
