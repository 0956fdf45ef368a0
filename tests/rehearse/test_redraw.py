"""Drawing arms anew: as many as designed, every unit alike, sums as added up one by one."""

from collections import Counter

import numpy as np
import pytest

from experiments.rehearse.redraw import redraw, redrawn_sums


def test_every_stratum_is_parted_as_the_shares_say() -> None:
    strata = np.array([0, 1] * 30 + [1] * 40)
    found = redraw(np.random.default_rng(3), strata=strata, shares=[0.2, 0.3, 0.5], draws=50)
    for stratum, sizes in ((0, [6, 9, 15]), (1, [14, 21, 35])):
        inside = found[:, strata == stratum]
        counted = np.stack([(inside == arm).sum(axis=1) for arm in range(3)], axis=1)
        assert (counted == sizes).all()


def test_in_a_stratum_that_does_not_divide_the_chance_is_still_the_share() -> None:
    strata = np.array([0, 1, 1, 1])
    found = redraw(np.random.default_rng(4), strata=strata, shares=[0.5, 0.5], draws=20_000)
    assert (found == 1).mean(axis=0) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(20_000))
    assert set(Counter(found[:, 1:].sum(axis=1).tolist())) == {1, 2}


def test_every_pair_of_units_is_together_equally_often() -> None:
    found = redraw(
        np.random.default_rng(5), strata=np.zeros(6, dtype=np.int64), shares=[0.5, 0.5], draws=9_000
    )
    chance = 3 * 2 / (6 * 5)
    both = np.array([(found[:, a] & found[:, b]).mean() for a in range(6) for b in range(a)])
    assert both == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 9_000))


def test_sums_are_those_of_the_drawn_arms() -> None:
    rng = np.random.default_rng(6)
    columns, strata = rng.normal(size=(40, 3)), np.arange(40) % 3
    shares = [0.5, 0.25, 0.25]
    told: list[int] = []
    found = redrawn_sums(
        np.random.default_rng(7), columns, strata=strata, shares=shares, draws=8, at=told.append
    )
    arms = redraw(np.random.default_rng(7), strata=strata, shares=shares, draws=8)
    for draw in range(8):
        for arm in range(3):
            members = arms[draw] == arm
            assert found.n[draw, arm] == members.sum()
            assert found.sums[draw, arm] == pytest.approx(columns[members].sum(axis=0))
    assert told == [8]
