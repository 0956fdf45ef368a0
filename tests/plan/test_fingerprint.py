"""A plan's fingerprint: one text for one plan, another for any other."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.pilot import Plan
from experiments.plan.fingerprint import canonical_json, fingerprint
from experiments.plan.pilot_file import parse_pilot_file
from experiments.terms import LARGEST, SMALLEST
from tests.plan.example import PILOT_FILE, changed

FULL = changed(
    (
        "# more of the design",
        'shares = { "No E-Mail" = 0.4, "Mens E-Mail" = 0.6 }\nseed = 7\n'
        "[design.prior]\nmean = 0.25\nsd = 2",
    ),
    (
        "# more of the last metric",
        '[[metrics]]\nname="g"\nkind="mean"\nmeasure="spend"\nrole="guardrail"\ntolerance=0.5\n'
        "cap={ value = 500 }\nwindow={ days = [0, 90] }\n"
        '[[phases]]\nname="p"\nstarts_on=2008-03-21\nends_on=2008-03-27\n'
        '[[phases.goals]]\nmetric="contact"\ntarget=1000\n'
        '[[waivers]]\ncheck="split"\nreason="known"\nby="cfo"',
    ),
    ("# more of the value", "[value.rollout]\ncustomers = 1000\ncost_fixed = 12.50"),
)
PLAN = parse_pilot_file(FULL).plan()
COSTS = st.just(Decimal(0)) | st.decimals(min_value=SMALLEST, max_value=LARGEST, allow_nan=False)


def loaded(plan: Plan) -> dict[str, Any]:
    return dict(json.loads(canonical_json(plan)))


def reversed_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(entry) for entry in value] if isinstance(value, list) else value


def leaves(value: object, path: tuple[int | str, ...] = ()) -> list[tuple[int | str, ...]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for at, inner in enumerate(value) for leaf in leaves(inner, (*path, at))]
    return [path]


def test_the_fingerprint_is_the_sha256_of_the_canonical_text() -> None:
    text = canonical_json(PLAN)
    assert fingerprint(PLAN) == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_the_canonical_text_reads_back_as_the_same_plan() -> None:
    again = Plan.model_validate_json(canonical_json(PLAN))
    assert again == PLAN
    assert canonical_json(again) == canonical_json(PLAN)


def test_the_order_of_keys_does_not_matter() -> None:
    assert fingerprint(Plan.model_validate(reversed_keys(loaded(PLAN)))) == fingerprint(PLAN)


@pytest.mark.parametrize("written", ["0.1", "0.10", "0.100", "1e-1", "1.0E-1"])
def test_the_way_a_number_is_written_does_not_matter(written: str) -> None:
    plan = parse_pilot_file(FULL.replace("= 0.10", f"= {written}")).plan()
    assert fingerprint(plan) == fingerprint(PLAN)


def test_files_are_no_part_of_the_plan() -> None:
    plan = parse_pilot_file(FULL.replace("hillstrom.csv.gz", "other.csv")).plan()
    assert fingerprint(plan) == fingerprint(PLAN)


def test_a_default_that_is_written_out_does_not_matter() -> None:
    with_defaults = changed(('look = "fixed"', 'look = "fixed"  # written out'))
    without = PILOT_FILE.replace("alpha = 0.05\n", "").replace("hurdle_rate = 0.0\n", "")
    assert fingerprint(parse_pilot_file(with_defaults).plan()) == fingerprint(
        parse_pilot_file(without).plan()
    )


@pytest.mark.parametrize("path", leaves(loaded(PLAN)), ids=lambda path: ".".join(map(str, path)))
def test_any_change_is_another_plan(path: tuple[int | str, ...]) -> None:
    """Every value of the canonical text is changed in turn, in the text itself."""
    given = loaded(PLAN)
    holder: Any = given
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = another(holder[path[-1]], str(path[-1]))
    changed_plan = Plan.model_construct(**given)
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert text != canonical_json(PLAN)
    assert changed_plan != PLAN


def another(value: object, key: str) -> object:
    return value + 1 if isinstance(value, int) else f"{value}{key}"


@settings(max_examples=60, deadline=None)
@given(COSTS, COSTS)
def test_plans_are_equal_exactly_when_their_fingerprints_are(one: Decimal, other: Decimal) -> None:
    def costing(cost: Decimal) -> Plan:
        given = loaded(PLAN)
        given["value"]["pilot"]["cost_fixed"] = cost
        return Plan.model_validate(given)

    assert (fingerprint(costing(one)) == fingerprint(costing(other))) == (one == other)
    assert Plan.model_validate_json(canonical_json(costing(one))) == costing(one)


def test_no_digit_of_a_long_number_is_lost() -> None:
    """Python's decimals keep 28 digits in arithmetic; a plan keeps what was written."""
    digits = "0.1234567890123456789012345678901"
    plans = [parse_pilot_file(FULL.replace("= 0.10", f"= {digits}{last}")).plan() for last in "12"]
    assert fingerprint(plans[0]) != fingerprint(plans[1])
    assert Plan.model_validate_json(canonical_json(plans[0])) == plans[0]
