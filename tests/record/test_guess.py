"""Guessed meanings of the columns of behavior, and what becomes of chosen ones."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput
from experiments.intake.preview import Column, Looks, Preview, preview
from experiments.plan.pilot_file import BehaviorFile, read_pilot_file
from experiments.record.guess import (
    BehaviorGuess,
    BehaviorMeaning,
    behavior_file,
    guess_behavior,
)
from tests.enrol.test_guess import WORKED, days, ids, number, text

M = BehaviorMeaning
KNOWN = ["revenue", "order", "visit"]
DAY = days("when", date(2026, 3, 1), date(2026, 3, 31))


def guessed(*columns: Column) -> BehaviorGuess:
    return guess_behavior(Preview("b.csv", columns, (), 1000), measures=KNOWN)


def meanings(guess: BehaviorGuess) -> dict[str, BehaviorMeaning]:
    return {one.column: one.meaning for one in guess.columns}


def of_guess(guess: BehaviorGuess, occurred_at: date | None = None) -> BehaviorFile:
    return behavior_file(
        "b.csv",
        meanings(guess),
        names={one.column: one.measure for one in guess.columns if one.measure},
        each_row=guess.each_row or None,
        occurred_at=occurred_at,
        complete=False,
        strict=False,
    )


@pytest.mark.parametrize("name", ["wide", "long", "clustered"])
def test_the_worked_pilots_are_guessed_as_their_files_say(name: str) -> None:
    pilot = read_pilot_file(WORKED / name / "pilot.toml")
    behavior = pilot.behavior[0]
    seen = preview(WORKED / name / behavior.file, name=behavior.file)
    guess = guess_behavior(seen, measures=[metric.measure for metric in pilot.metrics])
    day = behavior.occurred_at if isinstance(behavior.occurred_at, date) else None
    assert guess.needs_date is (day is not None)
    file = behavior_file(
        behavior.file, meanings(guess), occurred_at=day, complete=True, strict=True
    )
    assert file == behavior


def test_public_files_are_guessed(shared_data: Path) -> None:
    def of(file: str) -> dict[str, str]:
        seen = preview(shared_data / file, name=file)
        found = meanings(guess_behavior(seen, measures=["visit", "conversion", "spend"]))
        return {name: str(meaning) for name, meaning in found.items() if meaning is not M.IGNORE}

    measures = ("measures",) * 3
    assert of("hillstrom.csv.gz") == {
        "#row": "customer_id", **dict(zip(("visit", "conversion", "spend"), measures, strict=True))
    }  # fmt: skip
    assert of("cookie_cats.csv.gz") == {
        "userid": "customer_id",
        **dict(zip(("sum_gamerounds", "retention_1", "retention_7"), measures, strict=True)),
    }
    assert of("cdnow_master_transactions.csv.gz") == {
        "customer_id": "customer_id", "date": "occurred_at", "units": "measures",
        "sales": "measures",
    }  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        ("customer", "date", "metric", "amount", "product", "order_id", "source"),
        ("Kundennummer", "Bestelldatum", "Kennzahl", "Betrag", "Artikel", "Bestell-Nr", "Quelle"),
        ("nr_klienta", "data", "miara", "kwota", "produkt", "nr zamówienia", "źródło"),
        ("client", "date d'achat", "mesure", "montant", "produit", "no_commande", "origine"),
        ("cliente", "fecha", "medida", "importe", "artículo", "id_pedido", "fuente"),
    ],
)
def test_a_long_file_is_known_by_its_words(header: tuple[str, ...]) -> None:
    who, when, what, value, item, event, source = header
    guess = guessed(
        text(who), days(when, date(2026, 3, 1), date(2026, 3, 2)), text(what, "a", "b"),
        number(value), text(item, "tea"), ids(event), text(source, "shop"),
    )  # fmt: skip
    assert guess.is_long
    assert guess.missing == ()
    assert list(meanings(guess).values())[1:] == [
        M.CUSTOMER_ID, M.OCCURRED_AT, M.MEASURE, M.VALUE, M.ITEM, M.EVENT_ID, M.SOURCE
    ]  # fmt: skip


def test_a_column_of_known_measures_makes_a_file_long_whatever_its_name() -> None:
    guess = guessed(text("customer_id"), DAY, text("x", "Order", "visit"), number("n"))
    assert guess.is_long
    assert meanings(guess)["x"] is M.MEASURE
    assert meanings(guess)["n"] is M.VALUE


def test_known_measures_leave_other_numbers_alone_in_a_wide_file() -> None:
    guess = guessed(text("customer_id"), DAY, number("revenue"), number("order"), number("age"))
    found = meanings(guess)
    assert not guess.is_long
    assert (found["revenue"], found["order"], found["age"]) == (M.MEASURES, M.MEASURES, M.IGNORE)


def test_without_known_measures_numbers_are_measures_and_keys_are_not() -> None:
    found = meanings(guessed(text("customer_id"), DAY, number("units"), number("store_id")))
    assert (found["units"], found["store_id"]) == (M.MEASURES, M.IGNORE)


@pytest.mark.parametrize(
    ("name", "measure"),
    [("Revenue", "revenue"), ("Revenue EUR", "revenue"), ("Net amount", "revenue"),
     ("Orders", "order"), ("Number of visits", "visit")],
)  # fmt: skip
def test_a_measure_is_known_by_its_words(name: str, measure: str) -> None:
    column = guessed(text("customer_id"), DAY, number(name)).columns[-1]
    assert (column.meaning, column.measure) == (M.MEASURES, measure)


@pytest.mark.parametrize("name", ["Orders last year", "Order value", "Visits planned"])
def test_other_words_mean_another_thing(name: str) -> None:
    """An order's value is money, and belongs to the one measure of money."""
    column = guessed(text("customer_id"), DAY, number(name)).columns[-1]
    assert column.measure == ("revenue" if name == "Order value" else "")


def test_two_columns_of_one_measure_leave_it_open() -> None:
    guess = guessed(text("customer_id"), DAY, number("Revenue EUR"), number("Revenue net"))
    assert guess.held == set()
    assert guess.missing[0].startswith("No column holds a measure")


ORDERS = text("Customer No"), days("Order date", date(2026, 3, 1), date(2026, 3, 31))


def test_an_export_of_orders_is_guessed_for_the_plan() -> None:
    columns = (*ORDERS, ids("Order no"), number("Revenue EUR"))
    guess = guess_behavior(
        Preview("b.csv", columns, (), 1000), measures=["revenue"], counted=["order", "complaint"]
    )
    assert meanings(guess)["Order no"] is M.EVENT_ID
    assert (guess.each_row, set(guess.held)) == ("order", {"revenue", "order"})
    file = of_guess(guess)
    assert (file.recorded, file.event_id) == (("revenue", "order"), "Order no")


def test_rows_are_events_only_where_customers_may_come_back() -> None:
    def each_row(*columns: Column) -> str:
        seen = Preview("b.csv", columns, (), 1000)
        return guess_behavior(seen, measures=KNOWN, counted=["ticket"]).each_row

    assert each_row(*ORDERS, number("revenue")) == "ticket"
    assert each_row(ids("Customer No"), ORDERS[1], number("revenue")) == ""
    assert each_row(ORDERS[0], number("revenue")) == ""


def test_numbers_of_orders_that_repeat_tell_no_rows_apart() -> None:
    guess = guessed(*ORDERS, text("Order no"), number("revenue"))
    assert meanings(guess)["Order no"] is M.IGNORE
    assert guess.columns[-2].reason.startswith("several rows have the same number")


def test_without_dates_one_date_is_asked_for_and_rows_may_be_customers() -> None:
    guess = guessed(number("revenue"))
    assert guess.needs_date
    assert guess.missing == ("No column holds dates; choose it, or give one date for all rows",)
    assert meanings(guess)["#row"] is M.CUSTOMER_ID
    assert guessed(DAY, number("revenue")).missing == (
        "No column holds the customers' ids; choose it",
    )


def test_the_day_of_the_deed_comes_before_other_days() -> None:
    some = date(2026, 3, 1), date(2026, 3, 2)
    found = meanings(
        guessed(days("birthday", *some), days("date", *some), days("order_date", *some))
    )
    assert found["order_date"] is M.OCCURRED_AT
    assert found["birthday"] is M.IGNORE


NAMES = ["id", "customer", "customer_id", "order_id", "order", "revenue", "Revenue", "visit"]
NAMES += ["date", "day", "birthday", "measure", "event", "value", "amount", "item", "product_id"]
NAMES += ["source", "age", "x"]
POOL = st.lists(
    st.builds(
        Column,
        st.sampled_from(NAMES),
        st.sampled_from(Looks),
        st.booleans(),
        st.just(0.0),
        st.integers(1, 30),
        st.sampled_from([(), ("order", "visit"), ("a", "b"), ("order", "x")]),
    ),
    unique_by=lambda column: column.name,
    min_size=1,
)


@given(columns=POOL, data=st.data())
def test_the_order_of_the_columns_does_not_matter(
    columns: list[Column], data: st.DataObject
) -> None:
    one, other = guessed(*columns), guessed(*data.draw(st.permutations(columns)))
    assert sorted(one.columns, key=str) == sorted(other.columns, key=str)
    assert (one.missing, one.is_long, one.needs_date) == (
        other.missing, other.is_long, other.needs_date
    )  # fmt: skip
    day = date(2026, 3, 31) if one.needs_date else None
    if one.missing in ((), ("No column holds dates; choose it, or give one date for all rows",)):
        of_guess(one, occurred_at=day)


LONG = {"who": M.CUSTOMER_ID, "when": M.OCCURRED_AT, "what": M.MEASURE, "n": M.VALUE}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"m": M.CUSTOMER_ID}, r"'who', 'm': only one column can be customer_id"),
        ({"who": M.IGNORE}, r"customer_id: choose the column"),
        ({"when": M.IGNORE}, r"occurred_at: choose the column that holds dates, or give one"),
        ({"n": M.IGNORE}, r"'what': measure and value go together"),
        ({"m": M.MEASURES}, r"'m'.*name measures = "),
    ],
)
def test_meanings_that_do_not_fit_name_the_columns(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=r"^b\.csv: (?s:.*)" + said):
        behavior_file("b.csv", LONG | changes, complete=False, strict=False)


def test_one_date_and_one_source_stand_for_all_rows_but_not_beside_a_column() -> None:
    wide = {"who": M.CUSTOMER_ID, "revenue": M.MEASURES}
    day = date(2026, 3, 31)
    file = behavior_file("b.csv", wide, occurred_at=day, source="till", complete=day, strict=True)
    assert (file.occurred_at, file.source, file.complete) == (day, "till", day)
    with pytest.raises(BadInput, match="'when': is occurred_at, and one date for all rows"):
        behavior_file("b.csv", LONG, occurred_at=day, complete=False, strict=False)
