"""Hillstrom's e-mail test of 2008, from pilot file to verdict, against the published figures.

Source of the data: MineThatData E-Mail Analytics Challenge (Kevin Hillstrom, 2008), in
../shared/data. The expected effects and intervals are the figures published for it; they follow
from the counts and moments of the file by Welch's and Newcombe's formulas.
"""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.road.run import Stage, travel
from app.workspace import throwaway_workspace
from experiments.plan.pilot_file import read_pilot_file
from tests.plan.example import PILOT_FILE

pytestmark = pytest.mark.live

NOW = datetime(2008, 5, 1, 9, tzinfo=UTC)


def result_for(folder: Path, data: Path, treatments: str) -> dict[str, Any]:
    """The result of the pilot file of PILOT_FILE.md with other treatments."""
    shutil.copy(data / "hillstrom.csv.gz", folder)
    path = folder / "pilot.toml"
    path.write_text(PILOT_FILE.replace('["Mens E-Mail"]', treatments), encoding="utf-8")
    stages: list[Stage] = []
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        journey = travel(
            workspace, read_pilot_file(path), files=folder, now=NOW, today=date(2008, 5, 1),
            at=stages.append,
        )  # fmt: skip
    assert stages == list(Stage)
    return journey.result


def effect(result: dict[str, Any], metric: str, method: str, treatment: str) -> dict[str, Any]:
    (found,) = [
        estimate
        for estimate in result["estimates"]
        if (estimate["metric"], estimate["method"], estimate["treatment"])
        == (metric, method, treatment)
        and estimate["segment"] is None
    ]
    return dict(found["difference"])


def three(found: dict[str, Any]) -> tuple[float, float, float]:
    return found["value"], found["low"], found["high"]


def split_p(result: dict[str, Any]) -> float:
    return float(next(c["p_value"] for c in result["checks"] if c["name"] == "split"))


def test_the_mens_email_pays(tmp_path: Path, shared_data: Path) -> None:
    result = result_for(tmp_path, shared_data, '["Mens E-Mail"]')
    mens = "Mens E-Mail"
    visit = three(effect(result, "visit", "newcombe", mens))
    assert visit == pytest.approx((0.0766, 0.0700, 0.0832), abs=5e-5)
    conversion = three(effect(result, "conversion", "newcombe", mens))
    assert conversion == pytest.approx((0.0068, 0.0050, 0.0086), abs=5e-5)
    spend = three(effect(result, "spend", "welch", mens))
    assert spend == pytest.approx((0.770, 0.485, 1.055), abs=5e-4)
    # By hand: a margin of 0.45 and a cost of 0.10 on the unadjusted effect.
    by_hand = tuple((0.45 * number - 0.10) / 0.10 for number in spend)
    assert by_hand == pytest.approx((2.46, 1.18, 3.75), abs=6e-3)
    # The verdict reads the effect adjusted for `history`.
    assert three(result["verdict"]["roi"]) == pytest.approx((2.45, 1.17, 3.73), abs=6e-3)
    assert result["verdict"]["status"] == "proved"
    assert split_p(result) == pytest.approx(0.996, abs=5e-4)
    assert result["customers"] == {"No E-Mail": 21_306, "Mens E-Mail": 21_307}


def test_the_womens_email_is_not_proved_to_pay(tmp_path: Path, shared_data: Path) -> None:
    result = result_for(tmp_path, shared_data, '["Womens E-Mail"]')
    spend = effect(result, "spend", "welch", "Womens E-Mail")
    assert three(spend) == pytest.approx((0.424, 0.169, 0.680), abs=5e-4)
    assert spend["p_value"] == pytest.approx(0.0011, abs=5e-5)
    assert three(result["verdict"]["roi"]) == pytest.approx((0.90, -0.25, 2.05), abs=6e-3)
    assert result["verdict"]["status"] == "not_proved"
    assert split_p(result) == pytest.approx(0.695, abs=5e-4)


def test_two_treatments_are_read_together_too(tmp_path: Path, shared_data: Path) -> None:
    result = result_for(tmp_path, shared_data, '["Mens E-Mail", "Womens E-Mail"]')
    assert split_p(result) == pytest.approx(0.904, abs=5e-4)
    assert [verdict["treatment"] for verdict in result["verdicts"]] == [
        "Mens E-Mail",
        "Womens E-Mail",
    ]
    for treatment, alone in (
        ("Mens E-Mail", (0.770, 0.485, 1.055)),
        ("Womens E-Mail", (0.424, 0.169, 0.680)),
    ):
        spend = effect(result, "spend", "welch", treatment)
        assert three(spend) == pytest.approx(alone, abs=5e-4)
        together = spend["simultaneous"]
        assert together["low"] < spend["low"] < spend["high"] < together["high"]
        assert together["p_value"] > spend["p_value"]
