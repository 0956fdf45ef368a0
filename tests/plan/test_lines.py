"""Where a key stands in a TOML text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.plan.lines import line_of
from tests.plan.example import PILOT_FILE

NESTED = """\
[[phases]]
name = "one"

[[phases.goals]]
metric = "a"

[[phases.goals]]
metric = "b"

[[phases]]
name = "two"

[[phases.goals]]   # of the second
metric = "c"

[design.prior]
"mean" = 1
shares."No E-Mail" = 0.5
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("phases", 0, "name"), 2),
        (("phases", 0, "goals", 1, "metric"), 8),
        (("phases", 1, "goals", 0, "metric"), 14),
        (("phases", 1, "goals", 0, "target"), 13),  # missing: its table is named
        (("phases", 1, "starts_on"), 10),
        (("design", "prior", "mean"), 17),
        (("design", "prior", "shares", "No E-Mail"), 18),
        (("value",), None),
    ],
)
def test_a_key_is_found_where_it_stands(loc: tuple[int | str, ...], line: int | None) -> None:
    assert line_of(NESTED, loc) == line


def test_a_short_form_is_found_for_its_long_place() -> None:
    assert line_of("[value]\ncost_fixed = -1", ("value", "pilot", "cost_fixed")) == 2


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_text_of_several_lines_is_no_key(quotes: str) -> None:
    """A hypothesis may quote a table or a key; neither opens a table nor counts as one."""
    text = (
        f'[pilot]\nhypothesis = {quotes}\n[value]\ngoal = "sales"\n{quotes}\ngoal = "x"\n[value]\n'
    )
    assert line_of(text, ("pilot", "goal")) == 6
    assert line_of(text, ("value",)) == 7


@given(st.integers(0, 30))
def test_lines_above_move_a_key_down_by_as_many(above: int) -> None:
    comments = "# kind = 1\n" * above
    assert line_of(comments + PILOT_FILE, ("metrics", 1, "kind")) == above + (
        line_of(PILOT_FILE, ("metrics", 1, "kind")) or 0
    )


@given(st.integers(0, 8), st.data())
def test_each_entry_of_a_list_has_its_own_line(entries: int, data: st.DataObject) -> None:
    text = "".join(f'[[metrics]]\nname = "{at}"\nkind = "mean"\n' for at in range(entries + 1))
    at = data.draw(st.integers(0, entries))
    assert line_of(text, ("metrics", at, "kind")) == 3 * at + 3


def test_every_key_of_the_pilot_file_is_found_on_its_own_line() -> None:
    lines = PILOT_FILE.splitlines()
    for loc, starts in [
        (("pilot", "ends_on"), "ends_on"),
        (("design", "alpha"), "alpha"),
        (("behavior", 0, "measures"), "measures"),
        (("metrics", 2, "name"), 'name = "conversion"'),
        (("value", "metric"), 'metric = "spend"'),
    ]:
        line = line_of(PILOT_FILE, loc)
        assert line is not None
        assert lines[line - 1].startswith(starts)
