"""1.234 beside 980: thousands points are not taken for decimals."""

import pyarrow as pa
import pytest

from experiments.intake.number import thousands_points, to_numbers

GROUPED = ["1.234", "2.500", "1.090", "3.001", "12.750"]


def test_points_that_only_group_thousands_are_refused_with_both_readings() -> None:
    faults = thousands_points(pa.array([*GROUPED, "980", "75", "0"]))
    assert [fault.place for fault in faults] == [0, 1, 2, 3, 4]
    assert faults[0].reason == (
        "has a thousands point, by the look of its column; write 1234 "
        "(or 1.2340, if a decimal is meant)"
    )


@pytest.mark.parametrize(
    "values",
    [
        [*GROUPED, "0.375"],  # a thousand never starts with 0
        [*GROUPED, "1.5"],  # another number of decimals
        GROUPED,  # nothing but three decimals, as weights have
        [*GROUPED, "12500"],  # a whole number above 1,000 without a point
        [*GROUPED[:4], "980"],  # too few to tell
        [*GROUPED, "0", "0"],  # nothing at all, as a customer who bought nothing
    ],
)
def test_true_decimals_pass(values: list[str]) -> None:
    assert thousands_points(pa.array(values)) == ()
    assert to_numbers(pa.array(values)).faults == ()
