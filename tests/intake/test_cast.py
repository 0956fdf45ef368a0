"""Casting: what is a number, a day and a label, and what each refusal says."""

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.intake.cast import Kind, Rule, cast_rows
from experiments.intake.day import to_days
from experiments.intake.label import to_labels
from experiments.intake.number import looks_numeric, to_numbers

LARGEST = Decimal("99999999999999.9999")


@pytest.mark.parametrize(
    ("text", "number", "rounded"),
    [
        ("1", "1", False),
        ("1.0", "1", False),
        ("-.5", "-0.5", False),
        ("+5.", "5", False),
        (" 7\t", "7", False),
        ("0012", "12", False),
        ("2e3", "2000", False),
        ("1E-5", "0", True),
        ("1.00005", "1.0000", True),
        ("1.00015", "1.0002", True),
        ("-1.00015", "-1.0002", True),
        ("0.10000000000000000000", "0.1", False),
        ("1.000050000000000000000001", "1.0001", True),
        ("99999999999999.9999", "99999999999999.9999", False),
        ("-99999999999999.99994", "-99999999999999.9999", True),
        ("000000000000000000000000000001", "1", False),
        ("1e-999999", "0", True),
    ],
)
def test_a_number_has_four_decimals_rounded_half_even(
    text: str, number: str, rounded: bool
) -> None:
    cast = to_numbers(pa.array([text]))
    assert cast.values.to_pylist() == [Decimal(number)]
    assert cast.rounded is not None
    assert cast.rounded.tolist() == [rounded]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not a finite number"),
        ("-inf", "not a finite number"),
        ("Infinity", "not a finite number"),
        ("1e400", "out of range; numbers go from -99,999,999,999,999.9999 to 99,999,"),
        ("1e309", "out of range"),
        ("100000000000000", "out of range"),
        ("99999999999999.99995", "out of range"),
        ("9" * 300, "out of range"),
        ("1e99999999", "not a number"),
        ("1,5", "write 1.5"),
        ("1,234", "write 1.234 or 1234, whichever is meant"),
        ("1,234.50", "thousands separators; write 1234.50"),
        ("1.234,50", "thousands separators; write 1234.50"),
        ("1,234,567", "thousands separators; write 1234567"),
        ("1 234", "thousands separators; write 1234"),
        ("1'234.5", "thousands separators; write 1234.5"),
        ("1_000", "thousands separators; write 1000"),
        ("5 EUR", "not a number"),
        ("12%", "not a number"),
        ("0x10", "not a number"),
        ("١٢", "not a number"),
        ("--1", "not a number"),
        (".", "not a number"),
        ("1e", "not a number"),
        ("9" * 5_000, "not a number"),
        ("true", "not a number"),
    ],
)
def test_what_is_no_number_is_refused_with_what_to_write(text: str, reason: str) -> None:
    cast = to_numbers(pa.array(["1", text, None]))
    assert cast.values.to_pylist() == [Decimal(1), None, None]
    assert [fault.place for fault in cast.faults] == [1]
    assert reason in cast.faults[0].reason


@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
    )
)
def test_numbers_agree_with_exact_decimal_arithmetic(numbers: list[Decimal]) -> None:
    cast = to_numbers(pa.array([str(number) for number in numbers], pa.string()))
    expected = [number.quantize(Decimal("0.0001"), ROUND_HALF_EVEN) for number in numbers]
    assert cast.values.to_pylist() == [one if abs(one) <= LARGEST else None for one in expected]


def test_a_column_is_numeric_when_every_value_is_and_no_code_loses_its_zeros() -> None:
    assert looks_numeric(pa.array(["1.5", None, "-2e3", "0", "0.5"])) is True
    assert looks_numeric(pa.array(["1", "x"])) is False
    assert looks_numeric(pa.array(["1", "0012"])) is False
    assert looks_numeric(pa.array(["1", "nan"])) is False
    assert looks_numeric(pa.array([None], pa.string())) is None
    assert looks_numeric(pa.chunked_array([pa.array(["1"]), pa.array(["x"])])) is False


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-28", dt.date(2026, 2, 28)),
        (" 2024-02-29 ", dt.date(2024, 2, 29)),
        ("2026-02-28T23:30", dt.date(2026, 2, 28)),
        ("2026-02-28 23:30:00.123456789", dt.date(2026, 2, 28)),
        ("2026-02-28T23:30:00Z", dt.date(2026, 3, 1)),
        ("2026-02-28T23:30:00+01:00", dt.date(2026, 2, 28)),
        ("2026-02-28 00:30:00+0200", dt.date(2026, 2, 27)),
        ("2026-06-30T22:30:00+00", dt.date(2026, 7, 1)),
        ("1900-01-01", dt.date(1900, 1, 1)),
        ("2200-12-31", dt.date(2200, 12, 31)),
    ],
)
def test_a_day_is_the_day_in_the_time_zone_of_the_company(text: str, day: dt.date) -> None:
    cast = to_days(pa.array([text]), zone="Europe/Berlin")
    assert cast.values.to_pylist() == [day]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("30/02/2026", "without guessing; write it year-month-day, such as 2026-02-28"),
        ("28.02.2026", "year-month-day"),
        ("20260228", "year-month-day"),
        ("46081", "year-month-day"),
        ("2026-W09-6", "year-month-day"),
        ("2026-2-8", "year-month-day"),
        ("2026-02-30", "there is no such day in 2026-02"),
        ("2026-02-00", "there is no such day"),
        ("2026-13-01", "there is no month 13"),
        ("99999-01-01", "outside 1900 to 2200"),
        ("1899-12-31", "outside 1900 to 2200"),
        ("0000-01-01", "outside 1900 to 2200"),
        ("2200-12-31T23:59:00-05:00", "outside 1900 to 2200"),
        ("2026-02-28T25:00", "no such time of day"),
        ("2026-02-28T10:00:00+25:00", "no such time of day"),
        ("2026-02-28T10:00:00+01:99", "no such time of day"),
        ("yesterday", "year-month-day"),
    ],
)
def test_what_is_no_day_is_refused_with_how_to_write_it(text: str, reason: str) -> None:
    cast = to_days(pa.array([None, "2026-02-28", text]), zone="Europe/Berlin")
    assert cast.values.to_pylist() == [None, dt.date(2026, 2, 28), None]
    assert [fault.place for fault in cast.faults] == [2]
    assert reason in cast.faults[0].reason


def test_labels_keep_their_bytes_and_refuse_what_cannot_be_seen() -> None:
    column = pa.array([" 0012\t", "1.0", "a\nb", "a\0b", "\x85", "\x7f", "é" * 256, "é" * 257])
    cast = to_labels(column)
    kept = ["0012", "1.0", None, None, None, None, "é" * 256, None]
    assert cast.values.to_pylist() == kept
    assert [fault.place for fault in cast.faults] == [2, 3, 4, 5, 7]
    assert "257" not in cast.faults[0].reason
    assert "256" in cast.faults[4].reason


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=256).filter(
            lambda one: one == one.strip(" ")
        )
    )
)
def test_a_label_without_control_characters_is_kept_byte_for_byte(labels: list[str]) -> None:
    assert to_labels(pa.array(labels, pa.string())).values.to_pylist() == labels


def test_a_row_with_any_bad_cell_is_refused_with_a_reason_for_each() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array(["a", "b", None, "d"]),
            "day": pa.array(["2026-02-28", "2026-02-30", "2026-02-28", None]),
            "spend": pa.array(["1.00001", "x", "2.00001", None]),
            "#line": pa.array([2, 3, 5, 6], pa.int64()),
            "#row": pa.array([1, 2, 3, 4], pa.int64()),
        }
    )
    rules = {
        "#row": Rule(Kind.LABEL),
        "id": Rule(Kind.LABEL),
        "day": Rule(Kind.DAY, required=False),
        "spend": Rule(Kind.NUMBER, required=False),
    }
    rows = cast_rows(batch, rules, zone="UTC")
    assert rows.batch.to_pydict() == {
        "#row": ["1", "4"],
        "id": ["a", "d"],
        "day": [dt.date(2026, 2, 28), None],
        "spend": [Decimal("1.0000"), None],
        "#line": [2, 6],
    }
    assert [(reject.line, reject.column) for reject in rows.rejects] == [
        (3, "day"),
        (3, "spend"),
        (5, "id"),
    ]
    assert (rows.refused, rows.rounded) == (2, 1)
    assert str(rows.batch.schema.field("spend").type) == "decimal128(18, 4)"
