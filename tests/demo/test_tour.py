"""The demonstration's verdicts are those of its known truth."""

from typer.testing import CliRunner

from app.cli import app
from app.demo.tour import tour


def test_the_three_verdicts_agree_with_the_truth() -> None:
    journeys = tour(at=lambda _: None)
    statuses = {j.result["pilot"]: j.result["verdict"]["status"] for j in journeys}
    assert statuses == {
        "loyalty-letter": "proved",
        "win-back": "disproved",
        "recipe-booklet": "not_proved",
    }
    assert {journey.result["registration"] for journey in journeys} == {"prospective"}


def test_the_command_prints_a_verdict_per_pilot() -> None:
    ran = CliRunner().invoke(app, ["demo", "--no-serve"])
    assert ran.exit_code == 0, ran.output
    for word in ("✓ Proved", "✕ Disproved", "◦ Not proved"):
        assert word in ran.output
