"""Days and p-values are said alike everywhere."""

from datetime import date

import pytest

from experiments.words import day, p_is, p_value


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (0.0496, "0.050"), (1.0, "1.000")],
)
def test_p_has_three_decimals(value: float, said: str) -> None:
    assert p_value(value) == said


def test_p_inside_a_sentence_has_one_sign() -> None:
    assert (p_is(0.0), p_is(0.5)) == ("p < 0.001", "p = 0.500")


def test_a_day_is_said_in_english_whatever_the_machine_speaks() -> None:
    class Abroad(date):
        def __format__(self, _: str) -> str:
            return "3 avril 2026"

        def strftime(self, _: str) -> str:
            return "3 avril 2026"

    assert day(Abroad(2026, 4, 3)) == day(date(2026, 4, 3)) == "3 April 2026"
