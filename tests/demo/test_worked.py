"""The worked pilot files run as they are shipped, and say what their truth is."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.demo.worked import SHIPPED, write_worked

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("name", "exit_status", "why"),
    [
        ("wide", 10, "the voucher costs 2.20 a customer and brings 0.32"),
        ("long", 0, "the letter costs 1.00 a customer and brings 6.8"),
        ("clustered", 0, "the evening costs 1.50 a customer and brings 22 % more, about 6.2"),
    ],
)
def test_a_shipped_pilot_reaches_the_verdict_that_is_true(
    name: str, exit_status: int, why: str, tmp_path: Path
) -> None:
    plan = SHIPPED / name / "pilot.toml"
    ran = CliRunner().invoke(app, ["run", str(plan), "--out", str(tmp_path), "--no-report"])
    assert ran.exit_code == exit_status, f"{why}\n{ran.output}"
    found = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert found["registration"] == "retrospective"


def test_the_long_pilot_is_adjusted_for_its_history(tmp_path: Path) -> None:
    plan = SHIPPED / "long" / "pilot.toml"
    CliRunner().invoke(app, ["run", str(plan), "--out", str(tmp_path), "--no-report"])
    found = json.loads((tmp_path / "result.json").read_text("utf-8"))
    headline = next(e for e in found["estimates"] if e["headline"] and e["metric"] == "margin")
    assert headline["method"] == "lin"
    assert "margin before" in headline["adjusted_for"]


def test_writing_them_again_gives_the_same_customers(tmp_path: Path) -> None:
    write_worked(tmp_path)
    for name in ("wide", "long", "clustered"):
        again = (tmp_path / name / "customers.csv").read_bytes()
        assert again == (SHIPPED / name / "customers.csv").read_bytes()
