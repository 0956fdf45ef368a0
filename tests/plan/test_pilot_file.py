"""The pilot file: everything PILOT_FILE.md offers is read."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from experiments.plan.pilot_file import OtherArms, PilotFile, parse_pilot_file, read_pilot_file
from experiments.terms import Basis, Look, MetricKind, Spending
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


def test_what_happened_before_the_pilot_may_be_history_and_attribute() -> None:
    text = changed((WIDE, 'measures = ["history"]'), ("occurred_at = 2008-04-03",
                                                      "occurred_at = 2008-03-20"))  # fmt: skip
    assert parse_pilot_file(text).behavior[0].measures == ("history",)


def test_a_column_of_another_file_may_have_the_name_of_an_attribute() -> None:
    text = changed((BEHAVIOR_FILE, BEHAVIOR_FILE.replace("hillstrom", "orders")),
                   ('"recency", ', '"recency", "spend", '))  # fmt: skip
    assert "spend" in parse_pilot_file(text).customers.attributes


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


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "pilot.toml"
    path.write_text(PILOT_FILE, encoding="utf-8-sig")
    assert read_pilot_file(path) == parse_pilot_file(PILOT_FILE)


def test_line_endings_of_windows_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "pilot.toml"
    path.write_bytes(PILOT_FILE.replace("\n", "\r\n").encode())
    assert read_pilot_file(path) == parse_pilot_file(PILOT_FILE)


def test_groups_that_people_chose_may_come_in_clusters() -> None:
    read = parse_pilot_file(
        changed(('kind = "randomized" ', 'kind = "supplied"\ncluster = "account_id" '))
    )
    assert read.design.cluster == "account_id"
