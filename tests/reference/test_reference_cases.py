"""The reference cases of the procedures that this version covers, and the runner itself."""

import json
import math
from pathlib import Path

import pytest

from tests.reference.__main__ import judge, main
from tests.reference.adapters import ADAPTERS
from tests.reference.agreement import disagreements
from tests.reference.reading import Case, Results, passes, same

SHARED = Path(__file__).parents[2].parent / "shared"
CASES = SHARED / "cases" / "cases.json"
DATA = SHARED / "data"


@pytest.mark.parametrize("procedure", sorted(ADAPTERS))
def test_the_library_agrees_with_the_reference_cases(
    procedure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not CASES.is_file():
        pytest.skip("the reference cases are not beside this checkout (shared/cases)")
    code = main([str(CASES), "--data", str(DATA), "--only", procedure])
    assert code == 0, capsys.readouterr().out


def _case(expected: dict[str, object], **tolerance: object) -> Case:
    return {"expected": expected, "tolerance": {"rel": 0.01, "abs": 0.001, **tolerance}}


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (100.0, 100.9),
        (0.0, 0.0009),
        ("inf", math.inf),
        ("-inf", -math.inf),
        (False, False),
        ([1.0, 2.0], [1.0, 2.01]),
        (None, None),
    ],
)
def test_agreement_is_the_larger_of_both_tolerances(expected: object, got: object) -> None:
    assert disagreements(_case({"key": expected}), {"key": got}) == []


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (100.0, 101.1),
        (0.0, 0.0011),
        ("inf", 1e300),
        (1e300, math.inf),
        (False, True),
        (1.0, True),
        ([1.0, 2.0], [1.0]),
        (1.0, None),
        (1.0, math.nan),
        (None, 1.0),
    ],
)
def test_disagreement_names_the_key(expected: object, got: object) -> None:
    (found,) = disagreements(_case({"key": expected}), {"key": got})
    assert found.startswith("key is ")


def test_a_missing_key_is_a_failure() -> None:
    assert disagreements(_case({"key": 1.0}), {}) == ["key is missing"]


def test_an_override_replaces_both_tolerances_of_its_key() -> None:
    case = _case({"p": 1.0, "t": 1.0}, keys={"p": {"abs": 0.1}})
    results: Results = {"p": 1.09, "t": 1.009}
    assert disagreements(case, results) == []
    assert len(disagreements(case, {"p": 1.11, "t": 1.011})) == 2


def test_an_unknown_procedure_and_an_unreadable_case_are_failures(tmp_path: Path) -> None:
    assert judge({"procedure": "astrology", "inputs": {}}, tmp_path) == "unknown procedure"
    broken = judge({"procedure": "mean_difference", "inputs": {}}, tmp_path)
    assert broken.startswith("KeyError")


def test_the_runner_prints_failures_and_a_closing_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {
        "id": "good",
        "procedure": "srm_chi_square",
        "inputs": {"observed": [60, 40], "expected_shares": [0.5, 0.5]},
        **_case({"chi2": 4.0}),
    }
    bad = {**good, "id": "bad", **_case({"chi2": 5.0})}
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps({"format": 1, "count": 2, "cases": [good, bad]}))
    assert main([str(cases), "--data", str(tmp_path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["bad (srm_chi_square): chi2 is 4.0, expected 5.0", "1 passed, 1 failed"]
    cases.write_text(json.dumps({"format": 1, "count": 1, "cases": [good]}))
    assert main([str(cases), "--data", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    "wanted",
    [
        {"zone": "Urban"},
        {"zone": ["Urban", "Rural"]},
        {"months": 3},
        {"months": {"<=": 3, ">": 2}},
        {"months": {"gte": 3}},
        {"column": "months", "op": "<", "value": 10},
        {"column": "zone", "op": "in", "values": ["Urban"]},
        [{"zone": "Urban"}, {"months": 3.0}],
        "months <= 3 and zone == 'Urban'",
        "zone != Rural",
    ],
)
def test_a_filter_keeps_the_row_that_meets_it(wanted: object) -> None:
    assert passes({"zone": "Urban", "months": "3"}, wanted)
    assert not passes({"zone": "Rural", "months": "10"}, {"zone": "Urban"})


@pytest.mark.parametrize(
    "wanted",
    [{"zone": "Rural"}, {"months": {">": 3}}, "months > 3", {"zone": {"not in": ["Urban"]}}],
)
def test_a_filter_leaves_out_the_row_that_does_not(wanted: object) -> None:
    assert not passes({"zone": "Urban", "months": "3"}, wanted)


def test_a_group_is_named_by_text_or_number() -> None:
    assert same("1", 1)
    assert same("1.0", 1)
    assert same("No E-Mail", "No E-Mail")
    assert not same("10", 1)
    assert not same("", 0)
