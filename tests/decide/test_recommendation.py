"""What a verdict recommends."""

import pytest

from experiments.decide.recommendation import recommend
from experiments.decide.verdict import Reason, Status
from experiments.plan.registration import Registration
from experiments.terms import Choice

EXPECTED = {
    Status.PROVED: Choice.ROLL_OUT,
    Status.DISPROVED: Choice.STOP,
    Status.CONTRADICTED: Choice.STOP,
    Status.NOT_PROVED: Choice.EXTEND,
    Status.SUPPORTED: Choice.EXTEND,
    Status.INVALID: Choice.EXTEND,
    Status.VEILED: None,
}


@pytest.mark.parametrize("status", list(Status))
def test_every_verdict_recommends_one_thing(status: Status) -> None:
    found = recommend(status, registration=Registration.PROSPECTIVE)
    assert found.choice == EXPECTED[status]
    assert found.gate_open == (status is Status.PROVED)


def test_a_proof_after_the_fact_is_repeated() -> None:
    found = recommend(Status.PROVED, registration=Registration.RETROSPECTIVE)
    assert (found.choice, found.gate_open) == (Choice.EXTEND, False)
    assert found.sentence.startswith("Repeat it as a planned pilot")


def test_harm_is_named() -> None:
    found = recommend(
        Status.NOT_PROVED, registration=Registration.PROSPECTIVE, reason=Reason.GUARDRAIL_WORSE
    )
    assert "harm" in found.sentence
