"""A baseline is a possible one, or it says why not."""

import math

import pytest

from experiments.behavior.history import Typical, TypicalClusters, TypicalDenominator
from experiments.errors import BadInput, Undefined
from experiments.plan.baseline import Baseline, Clusters, Denominator


def test_the_spread_of_a_rate_follows_from_it() -> None:
    """sqrt(0.1 x 0.9) = 0.3."""
    found = Baseline.of_rate(0.1)
    assert (found.mean, found.source) == (0.1, "typed in")
    assert found.sd == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("mean", "sd", "correlation", "reason"),
    [
        (math.nan, 1.0, 0.0, "no number"),
        (math.inf, 1.0, 0.0, "no number"),
        (1.0, -0.1, 0.0, "0 or more"),
        (1.0, math.nan, 0.0, "0 or more"),
        (1.0, 1.0, 1.0, "between -1 and 1"),
        (1.0, 1.0, math.nan, "between -1 and 1"),
    ],
)
def test_what_cannot_be_is_refused(mean: float, sd: float, correlation: float, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        Baseline(mean=mean, sd=sd, correlation=correlation)


@pytest.mark.parametrize("rate", [-0.01, 1.01, math.nan])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(BadInput, match="from 0 to 1"):
        Baseline.of_rate(rate)


def test_history_says_where_it_comes_from() -> None:
    found = Baseline.from_history(Typical(12_000, 3.5, 8.0, 0.4))
    assert (found.mean, found.sd, found.correlation) == (3.5, 8.0, 0.4)
    assert found.source == "from 12,000 customers of the ledger"


def test_a_ledger_that_reaches_not_back_correlates_with_nothing() -> None:
    found = Baseline.from_history(Typical(10, 3.5, 8.0, Undefined("too short")))
    assert found.correlation == 0.0


def test_history_knows_denominator_answers_and_clusters() -> None:
    found = Baseline.from_history(
        Typical(
            customers=10,
            mean=20.0,
            sd=8.0,
            correlation=0.4,
            denominator=TypicalDenominator(4.0, 2.0, 0.9),
            response_rate=0.25,
            clusters=TypicalClusters(5.0, 0.5, Undefined("too few")),
        )
    )
    assert found.denominator == Denominator(mean=4.0, sd=2.0, correlation=0.9)
    assert found.clusters == Clusters(size=5.0, icc=None, variation=0.5)
    assert found.response_rate == 0.25
