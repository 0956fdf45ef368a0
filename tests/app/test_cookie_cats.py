"""Cookie Cats' gate, from pilot file to report: a split that warns, is explained, and blocks not.

Source of the data: Tactile Entertainment's test of a gate at level 30 or 40, in ../shared/data.
The expected numbers follow from its counts, 44,700 and 45,489 players of whom 8,502 and 8,279 came
back after 7 days, by the chi-square and Newcombe's formulas.
"""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.road.run import travel
from app.workspace import throwaway_workspace
from experiments.plan.pilot_file import read_pilot_file

pytestmark = pytest.mark.live

PILOT = """\
[pilot]
name = "Gate at level 40"
slug = "gate-40"
goal = "retention"
hypothesis = "A first gate at level 40 instead of 30 keeps more players after a week."
owner = "game@example.com"
sponsor = "cfo@example.com"
starts_on = 2017-01-23
ends_on = 2017-01-30

[design]
control = "gate_30"
treatments = ["gate_40"]

[customers]
file = "cookie_cats.csv.gz"
customer_id = "userid"
arm = "version"

[[behavior]]
file = "cookie_cats.csv.gz"
customer_id = "userid"
occurred_at = 2017-01-30
measures = ["retention_1", "retention_7", "sum_gamerounds"]

[[metrics]]
name = "back after 7 days"
kind = "rate"
measure = "retention_7"
role = "primary"

[[metrics]]
name = "rounds"
kind = "mean"
measure = "sum_gamerounds"
role = "secondary"

[value]
currency = "USD"
metric = "back after 7 days"
value_per_unit = 1
"""


def test_the_uneven_split_warns_is_explained_and_does_not_block(
    tmp_path: Path, shared_data: Path
) -> None:
    shutil.copy(shared_data / "cookie_cats.csv.gz", tmp_path)
    path = tmp_path / "pilot.toml"
    path.write_text(PILOT, encoding="utf-8")
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        journey = travel(
            workspace,
            read_pilot_file(path),
            files=tmp_path,
            now=datetime(2017, 2, 1, 9, tzinfo=UTC),
            today=date(2017, 2, 1),
            at=lambda _: None,
        )
    result = journey.result
    split = next(check for check in result["checks"] if check["name"] == "split")
    assert split["outcome"] == "warned"
    assert split["p_value"] == pytest.approx(0.0086, abs=5e-5)
    for said in ("44,700", "45,489", "9 of 1,000 draws", "lost on the way", "compare the groups"):
        assert said in split["sentence"]
    assert result["verdict"]["status"] == "disproved"
    after_a_week = next(
        estimate["difference"]
        for estimate in result["estimates"]
        if estimate["metric"] == "back after 7 days"
    )
    points = [100 * after_a_week[key] for key in ("value", "low", "high")]
    assert points == pytest.approx([-0.82, -1.33, -0.31], abs=5e-3)
    (shown,) = [check for check in journey.report.checks if check.label == "split"]
    assert shown.text == split["sentence"]
    assert "1 warned (split)" in journey.report.checks_line
