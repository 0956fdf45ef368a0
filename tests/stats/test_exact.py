"""Fisher's exact test against published values and by counting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.exact import fisher_exact
from experiments.stats.rates import Share

few = st.integers(1, 15).flatmap(lambda n: st.integers(0, n).map(lambda events: Share(events, n)))


def test_the_lady_tasting_tea_has_the_published_p_values() -> None:
    """Three of four cups right, Agresti (2002), Categorical Data Analysis, section 3.5: 17/70."""
    right, wrong = Share(3, 4), Share(1, 4)
    more = fisher_exact(treatment=right, control=wrong, alternative=Alternative.GREATER)
    assert more == pytest.approx(17 / 70)
    assert fisher_exact(treatment=right, control=wrong) == pytest.approx(34 / 70)


def test_where_only_one_table_is_possible_nothing_is_surprising() -> None:
    assert fisher_exact(treatment=Share(0, 5), control=Share(0, 9)) == 1
    assert fisher_exact(treatment=Share(5, 5), control=Share(9, 9)) == 1
    assert isinstance(fisher_exact(treatment=Share(0, 0), control=Share(1, 9)), Undefined)


@given(treatment=few, control=few)
def test_it_agrees_with_counting_the_tables_and_with_swapped_groups(
    treatment: Share, control: Share
) -> None:
    events = treatment.events + control.events

    def ways(hits: int) -> int:
        return math.comb(treatment.n, hits) * math.comb(control.n, events - hits)

    tables = range(max(0, events - control.n), min(events, treatment.n) + 1)
    every = sum(ways(hits) for hits in tables)
    seen = ways(treatment.events)
    expected = sum(ways(hits) for hits in tables if ways(hits) <= seen) / every
    found = fisher_exact(treatment=treatment, control=control)
    assert found == pytest.approx(expected)
    assert fisher_exact(treatment=control, control=treatment) == pytest.approx(found)
    more = sum(ways(hits) for hits in tables if hits >= treatment.events) / every
    greater = fisher_exact(treatment=treatment, control=control, alternative=Alternative.GREATER)
    assert greater == pytest.approx(more)
