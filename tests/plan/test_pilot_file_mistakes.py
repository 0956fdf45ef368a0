"""The pilot file: every mistake is named with its key, its line and what to do."""

from pathlib import Path

import pytest

from experiments.errors import BadPlan
from experiments.plan.pilot_file import parse_pilot_file, read_pilot_file
from tests.plan.example import (
    BEHAVIOR,
    BEHAVIOR_FILE,
    CUSTOMERS,
    DESIGN,
    METRIC,
    PILOT_FILE,
    VALUE,
    WIDE,
    changed,
)


def line_of_text(text: str, part: str) -> int:
    return next(at for at, line in enumerate(text.splitlines(), start=1) if part in line)


def problems(text: str) -> list[str]:
    with pytest.raises(BadPlan) as caught:
        parse_pilot_file(text)
    return [str(problem) for problem in caught.value.problems]


def only_problem(text: str) -> str:
    (problem,) = problems(text)
    return problem


PHASE = '[[phases]]\nname = "p"\nstarts_on = 2008-03-21\nends_on = {}\n'
GOAL = PHASE.format("2008-03-27") + '[[phases.goals]]\nmetric = "vist"\ntarget = 1'
EARLY_GOAL = GOAL.replace("vist", "visit")
STRANGE_GOAL = GOAL.replace("vist", "q")
WAIVER = '[[waivers]]\ncheck = "{}"\nreason = "known"\nby = "cfo"'
BACKWARDS = '[[phases]]\nname = "p"\nstarts_on = 2008-03-27\nends_on = 2008-03-21'
MISTAKES = [
    # what is swapped, for what, the key that is named, and what the sentence says
    ('direction = "up"', 'directoin = "up"', "metrics[1].directoin", "key is 'direction'"),
    ("margin_rate", "margin_rat", "value.margin_rat", "nearest known key is 'margin_rate'"),
    ("cost_per_treated", "cost_per_treatd", "value.cost_per_treatd", "'cost_per_treated'"),
    (DESIGN, "sed = 1", "design.sed", "nearest known key is 'seed'"),
    ("[value]", "[vallue]", "vallue", "nearest known key is 'value'"),
    ('goal = "sales"', 'goal = "sale"', "pilot.goal", 'did you mean "sales"?'),
    ('kind = "mean"', 'kind = "median"', "metrics[1].kind", "choose one of mean, count, rate"),
    ('sponsor = "cfo@example.com"\n', "", "pilot.sponsor", "is missing; add it"),
    ("[[segments]]\nattribute", "[[segments]]\nattribut", "segments[1].attribute", "is missing"),
    ("starts_on = 2008-03-21", 'starts_on = "21 March"', "pilot.starts_on", "is not a day"),
    ("occurred_at = 2008-04-03", "occurred_at = 7", "behavior[1].occurred_at", "neither a date"),
    ("ends_on = 2008-04-03", "ends_on = 2008-03-20", "pilot", "is before starts_on"),
    ("ends_on = 2008-04-03", "ends_on = 9999-12-31", "pilot.ends_on", "2200-12-31"),
    ('treatments = ["Mens E-Mail"]', 'treatments = ["No E-Mail"]', "design", "named twice"),
    ('treatments = ["Mens E-Mail"]', "treatments = []", "design.treatments", "at least one"),
    (DESIGN, 'shares = { "No E-Mail" = 0.5, "Mens E-Mail" = 0.6 }', "design", "add up to 1.1"),
    (DESIGN, 'shares = { "No E-Mail" = 0.5, "Womens" = 0.5 }', "design", "name each arm once"),
    (DESIGN, 'shares = { "No E-Mail" = 0, "Mens E-Mail" = 1 }', "shares.No E-Mail", "than 0"),
    (DESIGN, "looks = [2008-03-27]", "design", "a fixed design looks once"),
    (DESIGN, "seed = -1", "design.seed", "greater than or equal to 0"),
    ("alpha = 0.05", "alpha = nan", "design.alpha", "finite"),
    ('kind = "randomized"', 'kind = "clustered"', "design", "needs cluster"),
    ('role = "secondary"\n# more', 'role = "guardrail"\n# more', "metrics[3]", "needs tolerance"),
    (METRIC, "tolerance = 0.1", "metrics[3]", 'for role = "guardrail" only'),
    (METRIC, "cap = { value = 5 }", "metrics[3]", 'for kind = "mean" only'),
    (METRIC, "window = { days = [7, 7] }", "metrics[3].window", "holds no day"),
    (METRIC, "window = { days = [0, 1000000000] }", "metrics[3].window.days[2]", "3660"),
    (METRIC, "active_days = 5", "metrics[3]", 'for kind = "retention" only'),
    ('kind = "rate"\nmeasure = "v', 'kind = "ratio"\nmeasure = "v', "metrics[2]", "denominator"),
    ('direction = "up"', "cap = { percentile = 99 }", "pilot file", "so it has no cap"),
    ('direction = "up"', "cap = { percentile = 99, value = 1 }", "metrics[1].cap", "either"),
    ('role = "primary"', 'role = "secondary"', "pilot file", "so its role is primary"),
    ('metric = "spend"', 'metric = "spent"', "pilot file", "none of the metrics: spend, visit"),
    ('name = "conversion"', 'name = "Visit"', "pilot file", "is there twice"),
    ("margin_rate = 0.45", "value_per_unit = 1", "pilot file", "margin_rate goes with kind = mean"),
    (
        'kind = "mean"',
        'kind = "latest"',
        "pilot file",
        "let a mean, rate or count carry the money",
    ),
    ("margin_rate = 0.45", "value_per_unit = 1\nmargin_rate = 0.45", "value", "give margin_rate"),
    ("cost_per_treated = 0.10", "cost_per_treated = -1", "pilot.cost_per_treated", "equal to 0"),
    (VALUE, "[value.pilot]\ncost_per_treated = 1", "value", "again in [value.pilot]"),
    (VALUE, 'basis = "rollout"', "value", "needs [value.rollout]"),
    ('currency = "USD"', 'currency = "dollars"', "value.currency", "three capital letters"),
    ('slug = "mens-email"', 'slug = "Men\'s"', "pilot.slug", "lower-case letters"),
    ('arm = "segment"             #', "#", "customers", "other_arms needs arm"),
    (WIDE, "", "behavior[1]", "wide, a column per measure"),
    (WIDE, 'measure = "m"', "behavior[1]", "go together"),
    (WIDE, WIDE + '\nnames = { cost = "spend" }', "behavior[1]", "list the column in measures too"),
    (WIDE, WIDE + '\nnames = { visit = "spend" }', "behavior[1]", "'spend' is recorded twice"),
    (WIDE, WIDE + '\neach_row = "visit"', "behavior[1]", "'visit' is recorded twice"),
    (WIDE, 'each_row = "visit"\nmeasure = "m"\nvalue = "v"', "behavior[1]", "every row is one"),
    (WIDE, 'measures = ["spend", "spend"]', "behavior[1]", "'spend' is named twice"),
    (WIDE, 'measures = ["spend"]\nitem = "spend"', "behavior[1]", "'spend' has two meanings"),
    (WIDE, 'measure = "m"\nvalue = "m"', "behavior[1]", "'m' has two meanings"),
    ('"recency", ', '"recency", "recency", ', "customers", "'recency' is named twice"),
    ('"recency", ', '"recency", "segment", ', "customers", "'segment' has two meanings"),
    (CUSTOMERS, 'enrolled_at = "history"', "customers", "'history' has two meanings"),
    (METRIC, BACKWARDS, "phases[1]", "is before starts_on"),
    (METRIC, PHASE.format("2008-04-04"), "pilot file", "which runs from 2008-03-21 to 2008-04-03"),
    (METRIC, GOAL, "pilot file", "did you mean 'visit'?"),
    (METRIC, EARLY_GOAL, "pilot file", "set a goal for 'contact', or plan a look for then"),
    (METRIC, STRANGE_GOAL, "pilot file", "known are spend, visit, conversion, contact"),
    (METRIC, WAIVER.format("spilt"), "waivers[1].check", 'did you mean "split"?'),
    (DESIGN, 'cluster = "account_id"', "design", 'cluster is for kind = "clustered"'),
    (DESIGN, 'spending = "pocock"', "design", 'spending is for look = "group_sequential"'),

    (DESIGN, 'futility = "pocock"', "design", 'futility is for look = "group_sequential"'),
    (DESIGN, "tuning_n = 5000", "design", 'tuning_n is for look = "always_valid"'),
    ("alpha = 0.05", "alpha = 1e-20", "design.alpha", "the smallest number is 0.000001"),
    ("margin_rate = 0.45", "margin_rate = 1e-400", "value.margin_rate", "too small to calculate"),
    ("cost_per_treated = 0.10", "cost_per_treated = 1e400", "cost_per_treated", "too large to"),
    ("hurdle_rate = 0.0", "hurdle_rate = 1_000_000_000_000_000", "hurdle_rate", "100,000,000,000"),
    (DESIGN, "[design.prior]\nmean = 0\nsd = 1e-300", "design.prior.sd", "too small to"),
    (VALUE, "[value.rollout]\ncustomers = 10000000001", "value.rollout.customers", "10000000000"),
    ('name = "conversion"', 'name = "a\\u0000b"', "metrics[3].name", "control character; remove"),
    ('name = "Men\'s e-mail, spring"', 'name = "a\\nb"', "pilot.name", "control character; remove"),
    ("within two weeks.", "within\\ttwo weeks.", "pilot.hypothesis", "control character; remove"),
    ("occurred_at = 2008-04-03", 'occurred_at = "a\\tb"', "behavior[1].occurred_at", "neither a"),
    ('"recency", ', '"recency", "spend", ', "pilot file", "column 'spend' of 'hillstrom.csv.gz'"),
    (CUSTOMERS, 'tier = "visit"', "pilot file", "must be known before the pilot"),
    (CUSTOMERS, 'owner = "visit"', "pilot file", "must be known before the pilot"),
    (WIDE, 'measure = "m"\nvalue = "history"', "pilot file", "column 'history'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "says"), MISTAKES)
def test_a_mistake_is_named_with_its_key_and_what_to_do(
    old: str, new: str, key: str, says: str
) -> None:
    found = problems(changed((old, new)))
    assert any(says in problem for problem in found), found
    if key != "pilot file":
        assert any(f"{key}: " in problem for problem in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('direction = "up"', 'directoin = "up"'),
        ('kind = "randomized" ', 'kind = "random"'),
        ("margin_rate = 0.45", "margin_rat = 0.45"),
        ("ends_on = 2008-04-03", "ends_on = 2008-13-03x"),
        (DESIGN, "seed = -1"),
        (BEHAVIOR, 'strict = "perhaps"'),
        ("cost_per_treated = 0.10", "cost_per_treated = -1"),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str) -> None:
    text = changed((old, new))
    line = line_of_text(text, new)
    with pytest.raises(BadPlan) as caught:
        parse_pilot_file(text)
    assert f"line {line}" in str(caught.value)


def test_an_outcome_is_no_attribute_however_the_path_of_its_file_is_written() -> None:
    text = changed((BEHAVIOR_FILE, BEHAVIOR_FILE.replace('"hill', '"./hill')))
    assert "column 'spend'" in only_problem(text.replace('"recency", ', '"recency", "spend", '))


def test_all_mistakes_are_listed_at_once_in_the_order_of_the_file() -> None:
    text = changed(
        ('goal = "sales"', 'goal = "sale"'),
        ('sponsor = "cfo@example.com"\n', ""),
        ("alpha = 0.05", "alpha = 2"),
        (BEHAVIOR_FILE, "customer_id = 1\noccurred_at"),
        ('direction = "up"', 'directoin = "up"'),
        ("hurdle_rate = 0.0", "hurdle = 0.0"),
    )  # fmt: skip
    found = problems(text)
    keys = ["pilot.sponsor", "pilot.goal", "design.alpha", "behavior[1].file",
            "behavior[1].customer_id", "metrics[1].directoin", "value.hurdle"]  # fmt: skip
    assert [next(key for key in keys if f"{key}: " in problem) for problem in found] == keys


def test_an_empty_file_names_every_table_that_is_missing() -> None:
    found = problems("")
    for table in ("pilot", "design", "metrics", "value", "customers", "behavior"):
        assert f"{table}: is missing; add it" in found


def test_what_is_no_toml_is_refused_with_its_line() -> None:
    with pytest.raises(BadPlan, match=r"not valid TOML.*line 4"):
        parse_pilot_file(changed(('goal = "sales"', "goal = sales")))


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadPlan, match="not valid TOML"):
        parse_pilot_file(changed((DESIGN, "alpha = 0.1")))


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "pilot.toml"
    path.write_bytes(PILOT_FILE.replace("Men's e-mail", "M\u00e4nner").encode("latin-1"))
    with pytest.raises(BadPlan, match=r"not UTF-8 text \(line 2\)"):
        read_pilot_file(path)


@pytest.mark.parametrize(
    "given", ['"yes"', "1", "86400", '"2008-06-18"', "2008-06-18T12:00:00Z", "2.5", "[]"]
)
def test_complete_is_yes_no_or_a_day_and_nothing_that_looks_like_it(given: str) -> None:
    problem = only_problem(changed((BEHAVIOR, f"complete = {given}")))
    assert "behavior[1].complete: should be true, false or a date without quotes" in problem


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPlan, match="There is no pilot file"):
        read_pilot_file(tmp_path / "nowhere.toml")
    with pytest.raises(BadPlan, match="is a folder"):
        read_pilot_file(tmp_path)
    (tmp_path / "pilot.toml").write_text(PILOT_FILE, encoding="utf-8")
    for unreadable in (tmp_path / "pilot.toml" / "x", tmp_path / ("x" * 300)):
        with pytest.raises(BadPlan, match="cannot be read"):
            read_pilot_file(unreadable)


def test_groups_that_people_chose_are_looked_at_once() -> None:
    found = problems(
        changed(
            ('kind = "randomized" ', 'kind = "supplied" '),
            ('look = "fixed"', 'look = "group_sequential"\nlooks = [2008-03-27, 2008-04-03]'),
        )
    )
    assert any("outcomes are looked at once" in problem for problem in found), found
