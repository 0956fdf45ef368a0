"""The pilot file: everything PILOT_FILE.md offers is read, every mistake is named with its line."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from experiments.errors import BadPlan
from experiments.plan.pilot_file import OtherArms, PilotFile, parse_pilot_file, read_pilot_file
from experiments.terms import Basis, Look, MetricKind, Spending
from tests.plan.example import PILOT_FILE, changed

DESIGN = "# more of the design"
CUSTOMERS = "# more of the customers"
BEHAVIOR = "# more of the behavior"
METRIC = "# more of the last metric"
VALUE = "# more of the value"
WIDE = 'measures = ["visit", "conversion", "spend"]     # wide: a column per measure'


def line_of_text(text: str, part: str) -> int:
    return next(at for at, line in enumerate(text.splitlines(), start=1) if part in line)


def problems(text: str) -> list[str]:
    with pytest.raises(BadPlan) as caught:
        parse_pilot_file(text)
    return [str(problem) for problem in caught.value.problems]


def only_problem(text: str) -> str:
    (problem,) = problems(text)
    return problem


def test_the_pilot_file_of_the_document_is_read() -> None:
    read = parse_pilot_file(PILOT_FILE)
    assert read.pilot.ends_on == date(2008, 4, 3)
    assert read.design.arms == ("No E-Mail", "Mens E-Mail")
    assert read.design.planned_shares() == dict.fromkeys(read.design.arms, Fraction(1, 2))
    assert read.customers.other_arms is OtherArms.LEAVE_OUT
    assert read.behavior[0].occurred_at == date(2008, 4, 3)
    assert read.behavior[0].complete is True
    assert read.behavior[0].strict
    assert [metric.name for metric in read.metrics] == ["spend", "visit", "conversion"]
    assert read.value.pilot.cost_per_treated == Decimal("0.10")
    assert read.money_metric.covariates == ("history",)


def test_the_document_itself_holds_a_pilot_file_that_is_read() -> None:
    document = Path(__file__).parents[2].parent / "shared" / "PILOT_FILE.md"
    if not document.is_file():
        pytest.skip(f"{document} is not here")
    text = document.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert parse_pilot_file(text) == parse_pilot_file(PILOT_FILE)


@pytest.mark.parametrize(
    ("comment", "lines"),
    [
        (DESIGN, 'shares = { "No E-Mail" = 0.5, "Mens E-Mail" = 0.5 }'),
        (DESIGN, 'shares = { "No E-Mail" = 0.1, "Mens E-Mail" = 0.9 }'),
        (DESIGN, 'strata = ["newbie"]'),
        (DESIGN, "seed = 2008"),
        (DESIGN, "[design.prior]\nmean = 0.0\nsd = 1.0"),
        (CUSTOMERS, 'tier = "tier"\nowner = "rep"\nenrolled_at = "joined"'),
        (BEHAVIOR, "complete = false"),
        (BEHAVIOR, "complete = 2008-06-18"),
        (BEHAVIOR, "strict = false"),
        (BEHAVIOR, 'source = "shop"'),
        (METRIC, "window = { days = [0, 90] }"),
        (METRIC, "pre_days = 90"),
        (METRIC, "at_least = 1"),
        (METRIC, '[[metrics]]\nname="c"\nkind="mean"\nmeasure="spend"\nrole="secondary"\n'
                 "cap = { percentile = 99.5 }"),
        (METRIC, '[[metrics]]\nname="c"\nkind="mean"\nmeasure="spend"\nrole="secondary"\n'
                 "cap = { value = 500 }"),
        (METRIC, '[[metrics]]\nname="r"\nkind="ratio"\nmeasure="spend"\nrole="secondary"\n'
                 'denominator = "order"'),
        (METRIC, '[[metrics]]\nname="r"\nkind="retention"\nmeasure="order"\nrole="secondary"\n'
                 "active_days = 90"),
        (METRIC, '[[metrics]]\nname="b"\nkind="breadth"\nmeasure="order"\nrole="secondary"'),
        (METRIC, '[[metrics]]\nname="l"\nkind="latest"\nmeasure="nps"\nrole="secondary"'),
        (METRIC, '[[metrics]]\nname="g"\nkind="mean"\nmeasure="complaint"\nrole="guardrail"\n'
                 'direction="down"\ntolerance = 0.5'),
        (METRIC, '[[metrics]]\nname="g"\nkind="mean"\nmeasure="margin"\nrole="guardrail"\n'
                 "tolerance_relative = 0.02"),
        (METRIC, '[[phases]]\nname="ramp"\nowner="ops"\nstarts_on=2008-03-21\nends_on=2008-03-27\n'
                 '[[phases.goals]]\nmetric="contact"\ntarget=1000\ndirection="up"\n'
                 '[[phases]]\nname="all"\nstarts_on=2008-03-28\nends_on=2008-04-03\n'
                 '[[phases.goals]]\nmetric="visit"\ntarget=0.1'),
        (METRIC, '[[waivers]]\ncheck="split"\nreason="known"\nby="cfo"'),
        (VALUE, "cost_fixed = 10\ncost_per_contact = 0.02\ncost_per_month = 3\n"
                "cost_of_experiment = 100"),
        (VALUE, 'basis = "pilot"\nverdict_on = "observed+projected"\nltv = "simple"'),
        (VALUE, 'ltv = "contractual"\nhorizon_months = 24\ndiscount_rate = 0.10\n'
                "persistence_months = 0"),
        (VALUE, "[value.rollout]\ncustomers = 1000000\ncost_fixed = 50000\n"
                "cost_per_treated = 0.05"),
    ],
)  # fmt: skip
def test_every_key_that_the_document_offers_is_read(comment: str, lines: str) -> None:
    assert isinstance(parse_pilot_file(changed((comment, lines))), PilotFile)


@pytest.mark.parametrize("spending", list(Spending))
def test_looks_are_read(spending: Spending) -> None:
    lines = f'looks = [2008-03-27, 2008-04-03]\nspending = "{spending}"\nfutility = "pocock"'
    text = changed(('look = "fixed"', 'look = "group_sequential"'), (DESIGN, lines))
    design = parse_pilot_file(text).design
    assert (design.look, design.spending) == (Look.GROUP_SEQUENTIAL, spending)
    assert design.looks == (date(2008, 3, 27), date(2008, 4, 3))


def test_a_cluster_is_read() -> None:
    text = changed(('kind = "randomized" ', 'kind = "clustered"\ncluster = "account_id" '))
    assert parse_pilot_file(text).design.cluster == "account_id"


def test_a_look_on_any_day_is_read() -> None:
    text = changed(('look = "fixed"', 'look = "always_valid"'), (DESIGN, "tuning_n = 5000"))
    text = text.replace("[[metrics]]", "[[metrics]]\nwindow = { days = [0, 14] }")
    assert parse_pilot_file(text).design.tuning_n == 5000


def test_long_form_is_read() -> None:
    long = 'measure = "m"\nvalue = "v"\nitem = "product"\nevent_id = "order_id"\nsource = "shop"'
    behavior = parse_pilot_file(changed((WIDE, long))).behavior[0]
    assert (behavior.measure, behavior.value, behavior.event_id) == ("m", "v", "order_id")


def test_a_wide_row_may_be_an_event_of_its_own_under_other_names() -> None:
    wide = 'measures = ["Revenue EUR"]\nnames = { "Revenue EUR" = "spend" }\nevent_id = "No"'
    behavior = parse_pilot_file(changed((WIDE, f'{wide}\neach_row = "visit"'))).behavior[0]
    assert (behavior.recorded, behavior.event_id) == (("spend", "visit"), "No")
    assert parse_pilot_file(changed((WIDE, 'each_row = "visit"'))).behavior[0].measures == ()


def test_a_rate_carries_money_per_unit() -> None:
    text = changed(
        ('metric = "spend"            # the primary', 'metric = "visit"   # the primary'),
        ("margin_rate = 0.45", "value_per_unit = 10.0"),
        ('measure = "visit"\nrole = "secondary"', 'measure = "visit"\nrole = "primary"'),
    )
    read = parse_pilot_file(text)
    assert read.money_metric.kind is MetricKind.RATE
    assert read.value.money_per_unit == 10


def test_a_rollout_changes_the_basis_that_was_not_said() -> None:
    text = changed((VALUE, "[value.rollout]\ncustomers = 10\ncost_per_treated = 0.05"))
    value = parse_pilot_file(text).value
    assert value.basis is Basis.ROLLOUT
    assert value.rollout_costs().cost_per_treated == Decimal("0.05")


def test_a_cost_that_the_rollout_does_not_name_is_the_pilots() -> None:
    value = parse_pilot_file(changed((VALUE, "[value.rollout]\ncustomers = 10"))).value
    assert value.rollout_costs().cost_per_treated == Decimal("0.10")


PHASE = '[[phases]]\nname = "p"\nstarts_on = 2008-03-21\nends_on = {}\n'
GOAL = PHASE.format("2008-03-27") + '[[phases.goals]]\nmetric = "vist"\ntarget = 1'
EARLY_GOAL = GOAL.replace("vist", "visit")
STRANGE_GOAL = GOAL.replace("vist", "q")
WAIVER = '[[waivers]]\ncheck = "{}"\nreason = "known"\nby = "cfo"'
BACKWARDS = '[[phases]]\nname = "p"\nstarts_on = 2008-03-27\nends_on = 2008-03-21'
BEHAVIOR_FILE = 'file = "hillstrom.csv.gz"\ncustomer_id = "#row"\noccurred_at'
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


def test_what_happened_before_the_pilot_may_be_history_and_attribute() -> None:
    text = changed((WIDE, 'measures = ["history"]'), ("occurred_at = 2008-04-03",
                                                      "occurred_at = 2008-03-20"))  # fmt: skip
    assert parse_pilot_file(text).behavior[0].measures == ("history",)


def test_a_column_of_another_file_may_have_the_name_of_an_attribute() -> None:
    text = changed((BEHAVIOR_FILE, BEHAVIOR_FILE.replace("hillstrom", "orders")),
                   ('"recency", ', '"recency", "spend", '))  # fmt: skip
    assert "spend" in parse_pilot_file(text).customers.attributes


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
    ("line", "through"),
    [
        ("", date(2008, 4, 3)),
        ("complete = true", date(2008, 4, 3)),
        ("complete = false", None),
        ("complete = 2008-06-18", date(2008, 6, 18)),
    ],
)
def test_a_file_is_complete_to_the_end_of_the_pilot_or_through_a_day(
    line: str, through: date | None
) -> None:
    read = parse_pilot_file(changed((BEHAVIOR, line)))
    assert read.behavior[0].complete_through(ends_on=read.pilot.ends_on) == through


@pytest.mark.parametrize(
    "given", ['"yes"', "1", "86400", '"2008-06-18"', "2008-06-18T12:00:00Z", "2.5", "[]"]
)
def test_complete_is_yes_no_or_a_day_and_nothing_that_looks_like_it(given: str) -> None:
    problem = only_problem(changed((BEHAVIOR, f"complete = {given}")))
    assert "behavior[1].complete: should be true, false or a date without quotes" in problem


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "pilot.toml"
    path.write_text(PILOT_FILE, encoding="utf-8-sig")
    assert read_pilot_file(path) == parse_pilot_file(PILOT_FILE)


def test_line_endings_of_windows_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "pilot.toml"
    path.write_bytes(PILOT_FILE.replace("\n", "\r\n").encode())
    assert read_pilot_file(path) == parse_pilot_file(PILOT_FILE)


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


def test_groups_that_people_chose_may_come_in_clusters() -> None:
    read = parse_pilot_file(
        changed(('kind = "randomized" ', 'kind = "supplied"\ncluster = "account_id" '))
    )
    assert read.design.cluster == "account_id"
