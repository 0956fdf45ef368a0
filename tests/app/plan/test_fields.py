"""The plan's form says what the plan says, and the plan what was typed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.plan.draft import Draft, check_plan
from app.plan.fields import fields_of, typed_fields
from app.plan.forms import errors_at
from app.plan.typed import read_number, read_percent, read_whole
from experiments.errors import BadPlan
from experiments.pilot import Plan
from experiments.plan.fingerprint import canonical_json
from experiments.plan.pilot_file import parse_pilot_file, parse_plan
from experiments.terms import LARGEST, SMALLEST, Direction
from tests.app.plan.plans import FORM
from tests.plan.example import PILOT_FILE
from tests.plan.test_fingerprint import FULL

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
MONEY = st.just(Decimal(0)) | st.decimals(
    min_value=SMALLEST, max_value=LARGEST, allow_nan=False, places=6
)
SHARES = st.decimals(min_value=Decimal("0.0001"), max_value=1, places=4)
DAYS = st.integers(1, 3660)

LOOKS: tuple[dict[str, object], ...] = (
    {},
    {"kind": "supplied", "cluster": "rep"},
    {"kind": "clustered", "cluster": "account"},
    {"look": "always_valid"},
    {"look": "always_valid", "tuning_n": 800},
    {"look": "group_sequential", "looks": ["2026-04-20", "2026-05-07"], "futility": "pocock"},
    {
        "look": "group_sequential",
        "looks": ["2026-05-07"],
        "spending": "hwang-shih-decani",
        "spending_parameter": "-2.5",
    },
)
KINDS = (
    {"kind": "ratio", "denominator": "order", "unit": "PLN"},
    {"kind": "retention", "active_days": 9},
    {"kind": "breadth"},
    {"kind": "latest"},
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with anything that the form can say."""
    arms = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    names = draw(st.lists(NAMES, min_size=3, max_size=3, unique_by=str.casefold))
    share = Decimal(draw(st.integers(1, 99))) / 100
    rest = [Decimal(1) - share, *[Decimal(0)] * (len(arms) - 2)]
    given_shares = dict(zip(arms, (share, *rest), strict=True)) if len(arms) == 2 else None
    start = draw(st.integers(0, 100))
    pick = st.sampled_from
    design = draw(pick(LOOKS))
    return Plan.model_validate(
        {
            "pilot": {
                "name": draw(NAMES),
                "slug": "a-slug",
                "goal": draw(pick(["sales", "service"])),
                "hypothesis": draw(NAMES),
                "owner": "manager@example.com",
                "sponsor": "cfo@example.com",
                "starts_on": "2026-04-10",
                "ends_on": "2026-05-07",
            },
            "design": {
                "control": arms[0],
                "treatments": arms[1:],
                "shares": draw(pick([None, given_shares])),
                "strata": draw(st.lists(NAMES, max_size=2)),
                "alpha": draw(st.decimals("0.0001", "0.5", places=4)),
                "seed": draw(st.none() | st.integers(0, 2**40)),
                "prior": draw(pick([None, {"mean": "-0.5", "sd": "2"}])),
                **design,
            },
            "metrics": [
                {
                    "name": names[0],
                    "kind": "mean",
                    "measure": draw(NAMES),
                    "unit": draw(st.none() | NAMES),
                    "role": "primary",
                    "covariates": draw(st.lists(NAMES, max_size=2)),
                    "window": {"days": [start, start + 14]},
                    "pre_days": draw(st.none() | DAYS),
                },
                {
                    "name": names[1],
                    "kind": "rate",
                    "measure": draw(NAMES),
                    "role": "guardrail",
                    "direction": draw(pick(["up", "down"])),
                    "window": {"days": [0, 30]},
                    "at_least": draw(st.none() | DAYS),
                    "tolerance_relative": draw(SHARES),
                },
                {
                    "name": names[2],
                    "kind": "mean",
                    "measure": draw(NAMES),
                    "role": "secondary",
                    "window": {"days": [0, 30]},
                    "cap": draw(pick([None, {"value": "500.5"}, {"percentile": "99.5"}])),
                    "bootstrap": None if "kind" in design else draw(pick([None, True])),
                },
                {
                    "name": f"{names[2]} 4",
                    "measure": "visit",
                    "role": "secondary",
                    "window": {"days": [0, 30]},
                    **draw(pick(KINDS)),
                },
            ],
            "segments": [{"attribute": name} for name in names[: draw(st.integers(0, 3))]],
            "value": {
                "currency": "PLN",
                "metric": names[0],
                "margin_rate": draw(SHARES),
                "hurdle_rate": draw(MONEY),
                "cost_fixed": draw(MONEY),
                "cost_per_contact": draw(MONEY),
                "cost_of_experiment": draw(MONEY),
                "rollout": draw(pick([None, {"customers": 1000, "cost_per_month": "12.5"}])),
                "discount_rate": draw(SHARES),
            },
        }
    )


@given(plans())
@settings(max_examples=150, deadline=None)
def test_a_plan_comes_back_from_its_form_unchanged(plan: Plan) -> None:
    kept = Draft.of_plan(plan).given
    typed = typed_fields(fields_of(plan).items())
    assert canonical_json(check_plan(Draft.of_fields(typed, kept=kept))) == canonical_json(plan)


@pytest.mark.parametrize("text", [PILOT_FILE, FULL], ids=["example", "full"])
def test_the_worked_pilot_files_come_back_from_their_forms_unchanged(text: str) -> None:
    file = parse_pilot_file(text)
    draft = Draft.of_fields(fields_of(file), kept=Draft.of_plan(file).given)
    assert canonical_json(check_plan(draft)) == canonical_json(file.plan())
    assert parse_plan(draft.given).customers == file.customers


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0,10", "0.10"),
        ("1 000", "1000"),
        ("1\u202f000,50", "1000.50"),
        ("€ 0.10", "0.10"),
        ("12,50 PLN", "12.50"),
        ("1,250,000", "1250000"),
        ("1.250.000", "1250000"),
        ("-3", "-3"),
    ],
)
def test_numbers_are_read_as_people_type_them(typed: str, read: str) -> None:
    assert read_number(typed) == Decimal(read)


@pytest.mark.parametrize(
    "typed", ["1,250", "ten", "1e3", "1_000", "٣", "0x10", "--1", "NaN", "1 00"]
)
def test_a_number_that_could_mean_two_things_or_none_is_refused(typed: str) -> None:
    assert isinstance(read_number(typed), str)


@pytest.mark.parametrize(("typed", "share"), [("45", "0.45"), ("45 %", "0.45"), ("0,5%", "0.005")])
def test_percentages_are_read_with_and_without_their_sign(typed: str, share: str) -> None:
    assert read_percent(typed) == Decimal(share)


def test_a_share_typed_as_a_fraction_is_asked_back() -> None:
    assert read_percent("0.45") == "is it 45 % or 0.45 %? Write it with the sign"


def test_a_count_may_have_separators_of_either_kind() -> None:
    assert [read_whole(text) for text in ("12 000", "12,000", "12000")] == [12000] * 3


def test_a_fraction_typed_as_a_percentage_does_not_slip_through_as_a_share() -> None:
    draft = Draft.of_fields({**FORM, "pilot-owner": "m", "value-margin_rate": "0.45"}, kept={})
    with pytest.raises(BadPlan, match=r"value\.margin_rate: '0\.45' is it 45 % or 0\.45 %"):
        check_plan(draft)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"pilot-hypothesis": ""}, "pilot-hypothesis", "Hypothesis is missing."),
        ({"pilot-ends_on": "2026-04-01"}, "pilot-ends_on", "Last day 2026-04-01 is before"),
        ({"value-margin_rate": "lots"}, "value-margin_rate", "'lots' is not a percentage"),
        ({"value-margin_rate": ""}, "value-margin_rate", "Margin is missing."),
        ({"metrics-0-measure": ""}, "metrics-0-measure", "Metric 1, measure is missing."),
        ({"metrics-0-kind": "rate"}, "value-value_per_unit", "Value of one customer who"),
        ({"metrics-0-cap-value": "5"}, "metrics-0-cap-value", "has no cap"),
        ({"metrics-0-window-days-0": "5"}, "metrics-0-window-days-1", "not a number"),
        ({"treatments-0-share": "90"}, "design-control_share", "name each arm once"),
        ({"treatments-0-share": "x"}, "treatments-0-share", "'x' is not a percentage"),
        ({"treatments-0-name": "Control"}, "design-control", "different arms"),
        (
            {"metrics-1-measure": "spend", "metrics-1-kind": "mean", "metrics-1-role": "secondary"},
            "metrics-1-name",
            "is there twice",
        ),
        (
            {"metrics-1-measure": "calls", "metrics-1-kind": "mean",
             "metrics-1-role": "guardrail", "metrics-1-worse": "more"},
            "metrics-1-tolerance_relative",
            "Metric 2, tolerance is missing; 10 means: at most a tenth worse",
        ),
        (
            {"metrics-1-measure": "calls", "metrics-1-kind": "mean",
             "metrics-1-role": "guardrail", "metrics-1-direction": "down",
             "metrics-1-tolerance_relative": "10"},
            "metrics-1-worse",
            "Metric 2, which is worse: choose more or less.",
        ),
        ({"value-rollout-cost_fixed": "9"}, "value-rollout-customers", "is missing"),
        ({"metrics-0-role": "secondary"}, "metrics-0-role", "carries the money"),
    ],
)  # fmt: skip
def test_a_problem_stands_at_its_field_in_the_words_of_the_form(
    changes: dict[str, str], field: str, sentence: str
) -> None:
    fields = typed_fields({**FORM, "pilot-owner": "m@example.com", **changes}.items())
    with pytest.raises(BadPlan) as refused:
        check_plan(Draft.of_fields(fields, kept={}))
    errors = errors_at(refused.value, fields)
    assert sentence in errors[field]
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"design-look": "group_sequential"}, "design-looks",
         "Last day of each look is missing; write the last day that each look takes in"),
        ({"design-look": "group_sequential", "design-looks": "27.4.2026"}, "design-looks",
         "Last day of each look:"),
        ({"design-look": "group_sequential", "design-looks": "2026-05-01\n2026-04-20"},
         "design-looks", "in the order of the calendar"),
        ({"design-look": "group_sequential", "design-looks": "2026-04-20"}, "design-looks",
         "must be the last day of the pilot"),
        ({"design-look": "always_valid"}, "metrics-0-window-days-1",
         "every metric has its days after enrolment"),
        ({"design-kind": "clustered"}, "design-cluster", "name the column of the customer file"),
        ({"design-kind": "supplied", "design-look": "group_sequential",
          "design-looks": "2026-05-07"}, "design-look", "needs groups that chance drew"),
        ({"metrics-1-kind": "ratio", "metrics-1-measure": "visit", "metrics-1-role": "secondary"},
         "metrics-1-denominator", "say what the amount is divided by"),
        ({"metrics-1-kind": "retention", "metrics-1-measure": "visit",
          "metrics-1-role": "secondary"}, "metrics-1-active_days", "has left"),
    ],
)  # fmt: skip
def test_what_a_look_a_group_or_a_kind_needs_is_asked_for_at_its_field(
    changes: dict[str, str], field: str, sentence: str
) -> None:
    fields = typed_fields({**FORM, "pilot-owner": "m@example.com", **changes}.items())
    with pytest.raises(BadPlan) as refused:
        check_plan(Draft.of_fields(fields, kept={}))
    errors = errors_at(refused.value, fields)
    assert list(errors) == [field]
    assert sentence in errors[field]


def test_a_look_that_is_chosen_anew_leaves_nothing_of_the_one_before() -> None:
    typed = {
        **FORM,
        "pilot-owner": "m@example.com",
        "design-kind": "randomized",
        "design-cluster": "account",
        "design-look": "always_valid",
        "design-looks": "2026-05-07",
        "design-spending": "kim-demets",
        "design-spending_parameter": "2",
        "design-futility": "pocock",
        "design-tuning_n": "2 000",
        "metrics-0-window-days-0": "0",
        "metrics-0-window-days-1": "14",
    }
    design = check_plan(Draft.of_fields(typed_fields(typed.items()), kept={})).design
    assert (design.cluster, design.looks, design.spending, design.futility) == (
        None,
        (),
        None,
        None,
    )
    assert design.tuning_n == 2000
    fixed = {**typed, "design-look": "fixed"}
    assert check_plan(Draft.of_fields(typed_fields(fixed.items()), kept={})).design.tuning_n is None


def test_what_the_choices_made_leave_no_use_for_is_no_part_of_the_plan() -> None:
    typed = {
        **FORM,
        "pilot-owner": "m@example.com",
        "metrics-0-kind": "rate",
        "metrics-0-direction": "down",
        "metrics-0-cap-value": "100",
        "value-value_per_unit": "12",
        "metrics-1-measure": "calls",
        "metrics-1-kind": "count",
        "metrics-1-role": "secondary",
        "metrics-1-at_least": "2",
        "metrics-1-tolerance_relative": "10",
    }
    plan = check_plan(Draft.of_fields(typed_fields(typed.items()), kept={}))
    first, second = plan.metrics
    assert (first.unit, first.cap, first.direction) == (None, None, Direction.UP)
    assert plan.value.margin_rate is None
    assert plan.value.value_per_unit == 12
    assert (second.at_least, second.tolerance_relative) == (None, None)


@pytest.mark.parametrize(("worse", "better"), [("more", Direction.DOWN), ("less", Direction.UP)])
def test_a_guardrail_says_what_is_worse(worse: str, better: Direction) -> None:
    typed = {
        **FORM,
        "pilot-owner": "m@example.com",
        "metrics-1-measure": "calls",
        "metrics-1-kind": "count",
        "metrics-1-role": "guardrail",
        "metrics-1-direction": "up",
        "metrics-1-worse": worse,
        "metrics-1-tolerance_relative": "10",
    }
    plan = check_plan(Draft.of_fields(typed_fields(typed.items()), kept={}))
    assert plan.metrics[1].direction is better


def test_a_measure_is_chosen_or_else_typed() -> None:
    form = [
        ("metrics-0-measure", "spend"),
        ("metrics-0-other_measure", "left over"),
        ("metrics-1-measure", ""),
        ("metrics-1-other_measure", "calls"),
    ]
    assert typed_fields(form) == {"metrics-0-measure": "spend", "metrics-1-measure": "calls"}


def test_blank_rows_are_left_out_and_the_others_numbered_anew() -> None:
    form = [("metrics-3-measure", "b"), ("metrics-1-measure", " "), ("metrics-0-measure", "a")]
    assert typed_fields(form) == {"metrics-0-measure": "a", "metrics-1-measure": "b"}
