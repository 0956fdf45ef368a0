"""`pilotbook run` on groups that people chose: what it may say, and with which exit status."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.analyse.chosen import drawn, rows_of

pytestmark = pytest.mark.live

PILOT = """
[pilot]
name = "Chosen mail"
slug = "chosen-mail"
goal = "sales"
hypothesis = "Those whom we chose buy more."
owner = "owner"
sponsor = "sponsor"
starts_on = 2026-03-01
ends_on = 2026-03-31

[design]
kind = "supplied"
control = "none"
treatments = ["mail"]

[customers]
file = "customers.csv"
customer_id = "id"
arm = "group"
attributes = ["region"]

[[behavior]]
file = "behavior.csv"
customer_id = "id"
occurred_at = "day"
measure = "measure"
value = "value"

[[metrics]]
name = "spend"
kind = "mean"
measure = "spend"
unit = "EUR"
role = "primary"

[value]
currency = "EUR"
metric = "spend"
margin_rate = 0.5
cost_per_treated = 0.5
"""


def write(folder: Path, *, effect: float, pilot: str = PILOT) -> Path:
    """Customers whom people chose, and what they bought over five months."""
    got, spend = drawn(1, effect=effect)
    tables: dict[str, list[tuple[object, ...]]] = {
        "customers": [
            ("id", "group", "region"),
            *(
                (f"c{at}", "mail" if one else "none", ["north", "south"][at % 2])
                for at, one in enumerate(got)
            ),
        ],
        "behavior": [
            ("id", "day", "measure", "value"),
            *((f"c{at}", day, name, value) for at, name, day, value in rows_of(spend)),
        ],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    path = folder / "pilot.toml"
    path.write_text(pilot)
    return path


@pytest.mark.parametrize(
    ("effect", "status", "exit_code"),
    [(3.0, "supported", 13), (-1.0, "contradicted", 15), (1.0, "not_proved", 11)],
)
def test_the_exit_status_is_the_verdict(
    tmp_path: Path, effect: float, status: str, exit_code: int
) -> None:
    """Half of the effect is margin, and the program costs 0.50; the interval is 0.85 wide."""
    path = write(tmp_path, effect=effect)
    found = CliRunner().invoke(
        app, ["run", str(path), "--out", str(tmp_path / "out"), "--no-report"]
    )
    assert found.exit_code == exit_code, found.output
    verdict = json.loads((tmp_path / "out" / "result.json").read_text())["verdict"]
    assert verdict["status"] == status
    assert "people chose" in verdict["sentence"].lower()


def test_people_who_chose_must_say_whom(tmp_path: Path) -> None:
    pilot = PILOT.replace('arm = "group"\n', "").replace(
        'kind = "supplied"', 'kind = "supplied"\nseed = 1'
    )
    path = write(tmp_path, effect=0, pilot=pilot)
    found = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert found.exit_code == 2
    assert "customers.arm: is missing; where people chose the groups" in found.stderr
