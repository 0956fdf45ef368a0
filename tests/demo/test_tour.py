"""The demonstration's verdicts are those of its known truth."""

from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app.administration import opened
from app.cli import app
from app.demo.installation import built
from app.demo.people import PASSWORD, PEOPLE
from app.tables import PilotRow, SignatureRow


@pytest.mark.live
def test_the_three_verdicts_agree_with_the_truth() -> None:
    with built(at=lambda _: None) as (settings, reports):
        words = {report.slug: report.verdict.word for report in reports}
        folders = [Path(settings.ledger), Path(settings.files)]
        assert all(folder.is_dir() for folder in folders)
        with opened(settings) as database, database.reading() as session:
            signed = set(session.exec(select(SignatureRow.pilot_id)).all())
            pilots = session.exec(select(PilotRow)).all()
    assert [row.slug for row in pilots if row.id not in signed] == ["birthday-voucher"]
    assert words == {
        "loyalty-letter": "✓ Proved",
        "win-back": "✕ Disproved",
        "recipe-booklet": "◦ Not proved",
    }
    assert all("prospective" in report.registration.lower() for report in reports)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.live
def test_the_command_prints_a_verdict_per_pilot_and_who_may_sign_in() -> None:
    ran = CliRunner().invoke(app, ["demo", "--no-serve"])
    assert ran.exit_code == 0, ran.output
    for word in ("✓ Proved", "✕ Disproved", "◦ Not proved", PASSWORD, *PEOPLE):
        assert word in ran.output.replace("\n", "") or word in ran.output


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_the_demo_refuses_a_port_that_is_none(port: str) -> None:
    assert CliRunner().invoke(app, ["demo", "--port", port]).exit_code == 2
