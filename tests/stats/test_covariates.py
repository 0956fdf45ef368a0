"""Two groups as one, and which variables say something of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.covariates import both_groups, independent
from experiments.stats.moments import Moments
from tests.stats.samples import columns, drawn


def test_two_groups_as_one_have_the_moments_of_all_their_rows() -> None:
    one, other = columns(1, 7, shift=50), columns(2, 5)
    names = ["spend", "visits"]
    together = both_groups(treatment=Moments.of(**one), control=Moments.of(**other), names=names)
    every = Moments.of(**{name: one[name] + other[name] for name in names})
    assert together.n == 12
    assert together.means == pytest.approx(every.means)
    for mine, theirs in zip(together.scatter, every.scatter, strict=True):
        assert mine == pytest.approx(theirs)


def test_an_empty_group_adds_nothing() -> None:
    one, nobody = drawn(1, 7), Moments.of(spend=[])
    together = both_groups(treatment=nobody, control=one, names=["spend"])
    assert (together.n, together.mean("spend")) == (7, one.mean("spend"))
    assert both_groups(treatment=nobody, control=nobody, names=["spend"]).n == 0


def test_of_two_that_say_the_same_the_first_is_kept() -> None:
    group = drawn(1, 30)
    assert independent([group], ["before", "cents", "visits"]) == ("before", "visits")
    assert independent([group], ["cents", "before", "visits"]) == ("cents", "visits")
    assert independent([group], ["constant"]) == ()
    total = group.combine(
        {"sum": {"before": 1, "visits": 1}, "visits": {"visits": 1}, "before": {"before": 1}}
    )
    assert independent([total], ["visits", "before", "sum"]) == ("visits", "before")


def test_what_is_redundant_in_one_group_is_left_out_of_both() -> None:
    flat = Moments.of(before=[1.0, 2.0, 3.0], visits=[4.0, 4.0, 4.0])
    assert independent([drawn(1, 9), flat], ["visits", "before"]) == ("before",)


@given(seed=st.integers(0, 999), tiny=st.sampled_from([1e-9, 1e-3, 1e9]))
def test_the_unit_of_a_variable_does_not_decide(seed: int, tiny: float) -> None:
    group = drawn(seed, 25).combine({"before": {"before": 1}, "visits": {"visits": tiny}})
    assert independent([group], ["before", "visits"]) == ("before", "visits")
