"""result.json and its table: every key of PILOT_FILE.md, no number that JSON does not have."""

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.decide.verdict import decide
from experiments.errors import Reject, Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.report.flat import as_csv, rejects_csv
from experiments.report.plain import as_json, number_or_reason
from experiments.report.result import result
from tests.evidence import (
    CONTROL,
    SPLIT_FAILED,
    TREATMENT,
    Columns,
    analysed,
    analysis_of,
    evidence_of,
    metric,
    plan_of,
    veiled_analysis,
)


def drawn(arms: tuple[str, ...] = (TREATMENT, CONTROL), n: int = 80) -> dict[str, Columns]:
    rng = np.random.default_rng(1)
    return {
        arm: {
            "spend": rng.normal(20 + 3 * (arm != CONTROL), 4, n).round(2),
            "visit": (rng.random(n) < 0.4).astype(float),
            "before": rng.normal(5, 1, n).round(2),
        }
        for arm in arms
    }


def rich_plan(**more: Any) -> Plan:
    return plan_of(
        metrics=[
            metric("spend", role="primary", unit="EUR"),
            metric("visit", kind="rate", role="guardrail", tolerance="0.4"),
        ],
        segments=[{"attribute": "tier"}],
        **more,
    )


RECEIPT = Receipt(
    batch_no=1, file="@b.csv", counted=3, accepted=2, rejected=1, entries=4, repeated=1, rounded=5,
    blank=6, unmatched=7, first=date(2026, 3, 1), last=None, measures={"spend": 4},
    rejects=(Reject(line=3, column="=spend", value="+1", reason="is no number"),),
)  # fmt: skip


def read(plan: Plan, analysis: Analysis, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    decision = decide(plan, analysis)
    found = result(
        plan,
        analysis,
        decision,
        registration=Registration.RETROSPECTIVE,
        sentences={verdict.treatment: "It pays." for verdict in decision.verdicts},
        receipts=receipts,
    )
    loaded: dict[str, Any] = json.loads(as_json(found), parse_constant=pytest.fail)
    return loaded


def rich(**more: Any) -> tuple[Plan, Analysis]:
    plan = rich_plan(**more)
    arms = drawn(plan.design.arms)
    levels = {arm: ["=best", "rest"] * 40 for arm in arms}
    return plan, analysed(plan, arms, covariates=["before"], segments={"tier": levels})


NUMBER = (int, float)
READING = {"value": NUMBER, "low": NUMBER, "high": NUMBER}
VERDICT = {
    "treatment": str,
    "status": str,
    "reason": (str, type(None)),
    "sentence": str,
    "basis": str,
    "verdict_on": str,
    "contrast": READING,
    "net": READING,
    "roi": READING,
    "probability_of_loss": NUMBER,
    "margin": READING,
    "break_even": NUMBER,
    "cost": NUMBER,
    "customers": NUMBER,
    "control_group_cost": (*NUMBER, type(None)),
}
SHAPE = {
    "pilot": str,
    "registration": str,
    "verdict": VERDICT,
    "verdicts": [VERDICT],
    "checks": [
        {
            "name": str,
            "outcome": str,
            "blocking": bool,
            "value": NUMBER,
            "p_value": NUMBER,
            "sentence": str,
        }
    ],
    "estimates": [
        {
            "metric": str,
            "kind": str,
            "role": str,
            "treatment": str,
            "control": str,
            "segment": (str, type(None)),
            "level": (str, type(None)),
            "method": str,
            "headline": bool,
            "n_treatment": int,
            "n_control": int,
            "mean_treatment": NUMBER,
            "mean_control": NUMBER,
            "difference": {
                **READING,
                "se": NUMBER,
                "p_value": NUMBER,
                "simultaneous": (dict, type(None)),
            },
            "relative": READING,
        }
    ],
    "inputs": {
        "plan": str,
        "enrolment": str,
        "ledger_through": int,
        "as_of": str,
        "engine": str,
        "pilotbook": str,
    },
}


def assert_shaped(found: Any, shape: Any, at: str) -> None:
    """Every key is there with its type; a value may be undefined with a reason instead."""
    if isinstance(found, dict) and set(found) == {"undefined"}:
        assert isinstance(found["undefined"], str), at
    elif isinstance(shape, dict):
        assert isinstance(found, dict), at
        for key, inner in shape.items():
            assert key in found, f"{at}.{key}"
            assert_shaped(found[key], inner, f"{at}.{key}")
    elif isinstance(shape, list):
        for place, one in enumerate(found):
            assert_shaped(one, shape[0], f"{at}[{place}]")
    else:
        assert isinstance(found, shape), f"{at}: {found!r}"


@pytest.mark.parametrize("treatments", [[TREATMENT], ["A", "B"]])
def test_every_key_of_the_contract_is_there(treatments: list[str]) -> None:
    plan, analysis = rich(design={"treatments": treatments})
    found = read(plan, analysis)
    assert_shaped(found, SHAPE, "result")
    assert len(found["verdicts"]) == len(treatments)
    assert found["verdict"] in found["verdicts"]
    joint = [one["difference"]["simultaneous"] for one in found["estimates"]]
    for one in joint:
        assert (one is not None) is (len(treatments) > 1)
        assert one is None or set(one) == {"low", "high", "p_value"}
    headlines = [one for one in found["estimates"] if one["headline"]]
    assert [(one["metric"], one["treatment"]) for one in headlines] == [
        (name, arm) for arm in treatments for name in ("spend", "visit")
    ]


def test_what_has_no_number_has_a_reason() -> None:
    plan = plan_of()
    arms: dict[str, Columns] = {TREATMENT: {"spend": [0.0]}, CONTROL: {"spend": [0.0, 1.0]}}
    found = read(plan, analysed(plan, arms))
    reason = {"undefined": "the treatment group has one customer, and a variance needs at least 2"}
    assert found["estimates"][0]["difference"] == reason
    assert found["verdict"]["contrast"] == found["verdict"]["roi"] == reason
    assert_shaped(found["verdict"], VERDICT, "verdict")
    assert found["verdict"]["customers"] == found["verdict"]["control_group_cost"] == reason


def test_a_veiled_result_holds_no_outcome() -> None:
    plan = rich_plan()
    found = read(plan, veiled_analysis(plan))
    assert_shaped(found["verdict"], VERDICT, "verdict")
    assert found["estimates"] == []
    assert found["verdict"]["status"] == "veiled"
    assert found["verdict"]["visible_from"] == "2026-04-01"


def test_an_invalid_result_still_shows_the_numbers() -> None:
    plan = rich_plan()
    evidence = evidence_of(plan, drawn())
    found = read(plan, analysis_of(plan, evidence, checks=[SPLIT_FAILED]))
    assert found["verdict"]["status"] == "invalid"
    assert found["verdict"]["failed_checks"] == ["split"]
    assert found["verdict"]["net"]["value"] > 0


def test_covariates_are_named_as_people_name_them() -> None:
    found = read(*rich())
    adjusted = next(one for one in found["estimates"] if one["method"] == "lin")
    assert adjusted["adjusted_for"] == ["before"]
    assert "known " not in json.dumps(found["estimates"])


def test_no_infinity_is_invented() -> None:
    assert number_or_reason(math.inf) == {"undefined": "there is no bound"}
    assert number_or_reason(math.nan) == {"undefined": "the computation gives no number"}
    assert number_or_reason(Undefined("why")) == {"undefined": "why"}


def test_a_number_that_json_has_not_becomes_its_reason_wherever_it_stands() -> None:
    found = json.loads(as_json({"a": math.nan, "b": [{"low": -math.inf}], "c": 1.5, "d": True}))
    assert found == {
        "a": {"undefined": "the computation gives no number"},
        "b": [{"low": {"undefined": "there is no bound"}}],
        "c": 1.5,
        "d": True,
    }


def test_the_table_is_blank_where_there_is_no_number() -> None:
    found = read(*rich())
    found["estimates"][0]["difference"]["high"] = math.inf
    (first, *_) = csv.DictReader(io.StringIO(as_csv(found)))
    assert first["high"] == ""
    assert first["low"]


def test_the_table_has_a_row_per_estimate_and_no_formula() -> None:
    plan, analysis = rich()
    found = read(plan, analysis)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(rows) == len(found["estimates"])
    assert {row["level"] for row in rows} == {"", "'=best", "rest"}
    for row, estimate in zip(rows, found["estimates"], strict=True):
        assert float(row["difference"]) == estimate["difference"]["value"]
        assert row["undefined"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_escaped(start: str) -> None:
    plan = plan_of(design={"treatments": [f"x{start}", "B"]})
    found = read(plan, analysed(plan, drawn(plan.design.arms)))
    found["estimates"][0]["treatment"] = f"{start}HYPERLINK(1)"
    (first, *_) = csv.DictReader(io.StringIO(as_csv(found)))
    assert first["treatment"] == f"'{start}HYPERLINK(1)".replace("\r", " ")


def test_refused_rows_are_a_table_without_formulas() -> None:
    text = rejects_csv([RECEIPT])
    assert list(csv.reader(io.StringIO(text))) == [
        ["line", "column", "value", "reason", "file"],
        ["3", "'=spend", "'+1", "is no number", "'@b.csv"],
    ]


def test_receipts_say_what_the_files_brought() -> None:
    plan, analysis = rich()
    (found,) = read(plan, analysis, receipts=[RECEIPT])["receipts"]
    assert found == {
        "file": "@b.csv", "counted": 3, "accepted": 2, "rejected": 1, "entries": 4, "repeated": 1,
        "rounded": 5, "blank": 6, "unmatched": 7, "first": "2026-03-01", "last": None,
        "measures": {"spend": 4}, "withdrawn": {},
    }  # fmt: skip
    assert read(plan, analysis)["receipts"] == []


def test_the_same_analysis_gives_the_same_bytes() -> None:
    assert json.dumps(read(*rich())) == json.dumps(read(*rich()))
