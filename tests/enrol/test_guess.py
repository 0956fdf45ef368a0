"""Guessed meanings of customers' columns, and what becomes of chosen ones."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.enrol.customers import attributes_of
from experiments.enrol.guess import (
    CustomerMeaning,
    CustomersGuess,
    customers_file,
    guess_customers,
)
from experiments.errors import BadInput
from experiments.intake.preview import Column, Looks, Preview, preview
from experiments.pilot import Plan
from experiments.plan.pilot_file import OtherArms, read_pilot_file
from tests.behavior.ledgers import small_plan

WORKED = Path(__file__).resolve().parents[2] / "app/demo/worked"
M = CustomerMeaning


def text(name: str, *values: str) -> Column:
    return Column(name, Looks.TEXT, False, 0.0, len(values) or 900, values)


def number(name: str, *values: str) -> Column:
    return Column(name, Looks.NUMBER, False, 0.0, len(values) or 900, values)


def ids(name: str) -> Column:
    return Column(name, Looks.TEXT, True, 0.0, 1000, ())


def days(name: str, first: date, last: date) -> Column:
    return Column(name, Looks.DATE, False, 0.0, 900, (), first, last)


def guessed(*columns: Column, plan: Plan | None = None) -> CustomersGuess:
    return guess_customers(Preview("c.csv", columns, (), 1000), plan=plan or small_plan())


def meanings(guess: CustomersGuess) -> dict[str, CustomerMeaning]:
    return {one.column: one.meaning for one in guess.columns}


def needing(**changes: Any) -> Plan:
    plan = small_plan()
    return Plan.model_validate({**plan.model_dump(), **changes})


def seeded() -> Plan:
    return needing(design={"control": "control", "treatments": ["mail"], "seed": 1})


ARMS = text("g", "control", "mail")


@pytest.mark.parametrize("name", ["wide", "long", "clustered"])
def test_the_worked_pilots_are_guessed_as_their_files_say(name: str) -> None:
    pilot = read_pilot_file(WORKED / name / "pilot.toml")
    seen = preview(WORKED / name / pilot.customers.file, name=pilot.customers.file)
    guess = guess_customers(seen, plan=pilot.plan())
    file = customers_file("customers.csv", meanings(guess))
    assert guess.missing == ()
    plan = pilot.plan()
    assert set(attributes_of(file)) == set(attributes_of(pilot.customers, plan))
    for key in ("customer_id", "arm", "tier", "owner", "enrolled_at"):
        assert getattr(file, key) == getattr(pilot.customers, key)


def test_hillstrom_is_guessed_by_the_plan(shared_data: Path) -> None:
    visit = {"name": "visit", "kind": "rate", "measure": "visit"}
    base = small_plan(visit).model_dump(mode="json")
    base["metrics"][0] |= {"measure": "spend", "covariates": ["history"]}
    design = {"control": "No E-Mail", "treatments": ["Mens E-Mail"]}
    segments = [{"attribute": "newbie"}]
    plan = Plan.model_validate({**base, "design": design, "segments": segments})
    seen = preview(shared_data / "hillstrom.csv.gz", name="hillstrom.csv.gz")
    guess = guess_customers(seen, plan=plan)
    found = meanings(guess)
    assert guess.missing == ()
    assert guess.other_arms == ("Womens E-Mail",)
    assert [name for name, meaning in found.items() if meaning is M.ATTRIBUTE] == [
        "history_segment", "history", "zip_code", "newbie", "channel"
    ]  # fmt: skip
    assert (found["#row"], found["segment"]) == (M.CUSTOMER_ID, M.ARM)
    assert (found["visit"], found["spend"], found["conversion"]) == (M.IGNORE,) * 3


@pytest.mark.parametrize(
    "name",
    ["customer_id", "CustomerID", "userid", "ID", "Kunden-Nr.", "Kundennummer", "id_klienta",
     "Nr klienta", "Numéro client", "cliente_id", "email", "account_id", "master_id"],
)  # fmt: skip
def test_a_column_of_ids_is_known_by_its_name(name: str) -> None:
    assert meanings(guessed(ids(name), ARMS))[name] is M.CUSTOMER_ID


def test_customers_come_before_what_they_belong_to() -> None:
    found = meanings(guessed(ids("account_id"), ids("customer_id"), ids("id"), ARMS))
    assert [name for name, meaning in found.items() if meaning is M.CUSTOMER_ID] == ["customer_id"]


def test_without_a_column_of_ids_each_row_is_a_customer() -> None:
    assert meanings(guessed(ids("comment"), number("uid"), ARMS))["#row"] is M.CUSTOMER_ID


def test_arms_are_known_by_their_values_whatever_their_capitals() -> None:
    guess = guessed(text("group", "a", "b"), text("g", "Control", "MAIL "))
    assert meanings(guess)["g"] is M.ARM
    assert meanings(guess)["group"] is M.ATTRIBUTE
    assert guess.columns[2].reason == "values are the plan's groups"


def test_arms_that_the_plan_does_not_name_are_told() -> None:
    assert guessed(text("g", "control", "mail", "phone")).other_arms == ("phone",)


def test_a_name_is_enough_for_arms_only_where_the_plan_draws_none() -> None:
    group = text("Gruppe", "A", "B")
    assert meanings(guessed(group))["Gruppe"] is M.ARM
    assert meanings(guessed(group, plan=seeded()))["Gruppe"] is M.ATTRIBUTE
    assert guessed(group, plan=seeded()).missing == ()


def test_several_columns_of_zeros_and_ones_leave_the_arm_open() -> None:
    plan = needing(design={"control": "0", "treatments": ["1"]})
    guess = guessed(number("newbie", "0", "1"), number("mens", "0", "1"), plan=plan)
    assert M.ARM not in meanings(guess).values()
    assert guess.missing == (
        "Columns 'mens', 'newbie' all look like the plan's groups ('0', '1'); choose one",
    )
    named = guessed(number("newbie", "0", "1"), number("treatment", "0", "1"), plan=plan)
    assert meanings(named)["treatment"] is M.ARM


def test_a_file_without_arms_says_what_to_do() -> None:
    assert "choose it, or plan a design.seed" in guessed(ids("id")).missing[0]


def test_what_the_plan_needs_is_an_attribute_and_what_lacks_is_named() -> None:
    plan = needing(segments=[{"attribute": "newbie"}, {"attribute": "Rank"}])
    guess = guessed(ids("id"), ARMS, number("newbie", "0", "1"), text("rank", "a", "b"), plan=plan)
    assert meanings(guess)["newbie"] is M.ATTRIBUTE
    assert guess.missing == (
        "The plan needs attribute 'Rank', but no column has that name; did you mean 'rank'?",
    )


@pytest.mark.parametrize("name", ["revenue", "Revenue", "money"])
def test_an_outcome_of_the_plan_is_never_an_attribute(name: str) -> None:
    """Measure and metric of the plan: `revenue` and `money`."""
    plan = needing(segments=[{"attribute": name}])
    guess = guessed(ids("id"), ARMS, text(name, "low", "high"), plan=plan)
    assert meanings(guess)[name] is M.IGNORE
    assert "a measure or metric of the plan" in guess.missing[0]


def test_tier_owner_and_enrolment_are_known_by_name_and_look() -> None:
    within = days("joined", date(2026, 3, 2), date(2026, 3, 30))
    found = meanings(guessed(text("Kundenstufe", "A", "B"), text("Opiekun", "x", "y"), within))
    assert (found["Kundenstufe"], found["Opiekun"]) == (M.TIER, M.OWNER)
    assert found["joined"] is M.ENROLLED_AT


def test_days_outside_the_pilot_are_not_those_of_enrolment() -> None:
    early = days("joined", date(2020, 1, 1), date(2026, 3, 30))
    assert meanings(guessed(early))["joined"] is M.IGNORE


def test_numbers_that_the_plan_does_not_name_and_people_are_left_out() -> None:
    found = meanings(
        guessed(number("churned", "0", "1"), text("Vorname", "A", "B"), text("x", "1"))
    )
    assert {found["churned"], found["Vorname"], found["x"]} == {M.IGNORE}


@pytest.mark.parametrize("name", ["Orders last year", "Spend 2025", "prior_visits", "Age"])
def test_numbers_whose_name_says_that_they_are_older_are_known_before(name: str) -> None:
    """The pilot begins in March 2026."""
    assert meanings(guessed(number(name)))[name] is M.ATTRIBUTE


@pytest.mark.parametrize("name", ["Orders", "Spend 2026", "conversion", "stage"])
def test_other_numbers_may_be_outcomes(name: str) -> None:
    assert meanings(guessed(number(name)))[name] is M.IGNORE


NAMES = ["id", "uid", "customer_id", "client", "account_id", "arm", "group", "tier", "stufe"]
NAMES += ["owner", "joined", "revenue", "money", "newbie", "city", "email", "Datum", "x"]
POOL = st.lists(
    st.builds(
        Column,
        st.sampled_from(NAMES),
        st.sampled_from(Looks),
        st.booleans(),
        st.just(0.0),
        st.integers(1, 30),
        st.sampled_from([(), ("control", "mail"), ("a", "b"), ("control",), ("mail", "x")]),
        st.sampled_from([None, date(2026, 3, 5)]),
        st.sampled_from([None, date(2026, 3, 9)]),
    ),
    unique_by=lambda column: column.name,
    min_size=1,
)


@given(columns=POOL, data=st.data())
def test_the_order_of_the_columns_does_not_matter(
    columns: list[Column], data: st.DataObject
) -> None:
    plan = needing(segments=[{"attribute": "newbie"}, {"attribute": "tier"}])
    one = guessed(*columns, plan=plan)
    other = guessed(*data.draw(st.permutations(columns)), plan=plan)
    assert sorted(one.columns, key=str) == sorted(other.columns, key=str)
    assert (one.missing, one.other_arms) == (other.missing, other.other_arms)
    assert all(
        meanings(one).get(name, M.IGNORE) is not M.ATTRIBUTE for name in ("revenue", "money")
    )
    customers_file("c.csv", meanings(one))


def test_chosen_meanings_become_the_description_of_the_file() -> None:
    chosen = {"#row": M.CUSTOMER_ID, "g": M.ARM, "a": M.ATTRIBUTE, "b": M.IGNORE, "c": M.ATTRIBUTE}
    file = customers_file("c.csv", chosen, other_arms=OtherArms.LEAVE_OUT)
    assert (file.customer_id, file.arm, file.attributes) == ("#row", "g", ("a", "c"))
    assert file.other_arms is OtherArms.LEAVE_OUT


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"a": M.CUSTOMER_ID, "b": M.CUSTOMER_ID}, r"'a', 'b': only one column can be customer_id"),
        ({"a": M.CUSTOMER_ID, "#row": M.CUSTOMER_ID}, r"'a', '#row': only one"),
        ({"a": M.CUSTOMER_ID, "b": M.ARM, "c": M.ARM}, r"'b', 'c': only one column can be arm"),
        ({"a": M.ATTRIBUTE}, r"customer_id: choose the column"),
        ({"a": M.CUSTOMER_ID, "#row": M.ARM}, r"'#row': the row number can only be"),
        (
            {"a": M.CUSTOMER_ID, "b": M.ATTRIBUTE, "x" * 129: M.ATTRIBUTE},
            r"'x{129}': .*at most 128",
        ),
        ({"y" * 129: M.CUSTOMER_ID}, r"'y{129}': .*at most 128"),
    ],
)
def test_meanings_that_do_not_fit_name_the_columns(
    chosen: dict[str, CustomerMeaning], said: str
) -> None:
    with pytest.raises(BadInput, match=r"^c\.csv: (?s:.*)" + said):
        customers_file("c.csv", chosen)


def test_the_rule_of_the_file_itself_is_told_too() -> None:
    with pytest.raises(BadInput, match="other_arms needs arm"):
        customers_file("c.csv", {"a": M.CUSTOMER_ID}, other_arms=OtherArms.LEAVE_OUT)
