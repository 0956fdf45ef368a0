"""Assignment by chance that anybody can repeat: the recipe, its shares, its independence."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import ibis
import pyarrow as pa
import pytest

from experiments.engines.engine import Engine, open_engine
from experiments.enrol import assignment
from experiments.enrol.assignment import assign, cut

HALVES = {"control": Fraction(1, 2), "mail": Fraction(1, 2)}
THREE = {"control": Fraction(1, 5), "mail": Fraction(3, 10), "call": Fraction(1, 2)}
STRATA = ["", "gold", "silver", "Zürich"]
# The recipe is frozen: another list means that yesterday's pilots can no longer be repeated.
LETTERS = {"control": "-", "mail": "M", "call": "C"}
VECTOR = "CMCC--MCMC---CC-MCMCM-CCCMMMCM-CCCCMCCCM"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(threads=2) as opened:
        yield opened


def arms(
    engine: Engine,
    ids: Sequence[str],
    *,
    seed: int,
    shares: Mapping[str, Fraction],
    strata: Sequence[str] | None = None,
) -> dict[str, str]:
    table = pa.table({"customer_id": list(ids), "stratum": list(strata or [""] * len(ids))})
    drawn = engine.fetch(assign(engine, ibis.memtable(table), seed=seed, shares=shares))
    assert drawn.num_rows == len(ids)
    return {row["customer_id"]: row["arm"] for row in drawn.to_pylist()}


def by_hashlib(
    ids: Sequence[str], strata: Sequence[str], *, seed: int, shares: Mapping[str, Fraction]
) -> dict[str, str]:
    """The recipe in plain Python: order by SHA-256, cut at the shares, shifted by a fraction."""
    found: dict[str, str] = {}
    for stratum in set(strata):
        inside = [one for one, its in zip(ids, strata, strict=True) if its == stratum]
        inside.sort(key=lambda one: (sha256(f"pilotbook-assignment-1\n{seed}\n{one}"), one))
        digest = sha256(f"pilotbook-assignment-1-shift\n{seed}\n{stratum}")
        shift = Fraction(int(digest[:13], 16), 16**13)
        so_far, first = Fraction(0), 0
        for arm, share in shares.items():
            so_far += share
            end = math.floor(so_far * len(inside) + shift)
            found |= dict.fromkeys(inside[first:end], arm)
            first = end
    return found


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_recipe_gives_the_frozen_arms(engine: Engine) -> None:
    ids = [f"{number:04}" for number in range(40)]
    strata = [STRATA[number % 4] for number in range(40)]
    drawn = arms(engine, ids, seed=2008, shares=THREE, strata=strata)
    assert drawn == by_hashlib(ids, strata, seed=2008, shares=THREE)
    assert "".join(LETTERS[drawn[one]] for one in ids) == VECTOR


def test_ids_with_any_letters_are_hashed_as_utf8(engine: Engine) -> None:
    ids = ["Łódź", "ß", "日本", "a b", "0012", "12", "'", "%s", "é"]
    drawn = arms(engine, ids, seed=1, shares=HALVES)
    assert drawn == by_hashlib(ids, [""] * len(ids), seed=1, shares=HALVES)


@pytest.mark.parametrize("digits", [1, 2, 16])
def test_customers_whose_hashes_begin_alike_are_told_apart_by_the_rest(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    """With one digit every cut falls among such hashes; with 16 the stratum takes some bits."""
    monkeypatch.setattr(assignment, "HASH_DIGITS", digits)
    monkeypatch.setattr(assignment, "HASH_BITS", 4 * digits)
    ids = [str(number) for number in range(600)]
    strata = [STRATA[number % 7 % 4] for number in range(600)]
    drawn = arms(engine, ids, seed=11, shares=THREE, strata=strata)
    assert drawn == by_hashlib(ids, strata, seed=11, shares=THREE)


def test_the_order_of_the_rows_does_not_matter(engine: Engine) -> None:
    ids = [str(number) for number in range(500)]
    strata = [STRATA[number % 3] for number in range(500)]
    forwards = arms(engine, ids, seed=3, shares=THREE, strata=strata)
    assert arms(engine, ids[::-1], seed=3, shares=THREE, strata=strata[::-1]) == forwards


def test_another_seed_gives_other_arms(engine: Engine) -> None:
    ids = [str(number) for number in range(500)]
    one, other = (arms(engine, ids, seed=seed, shares=HALVES) for seed in (1, 2))
    moved = sum(one[key] != other[key] for key in ids)
    assert 180 < moved < 320  # half of 500, give or take seven standard deviations


@pytest.mark.parametrize("shares", [HALVES, THREE], ids=["halves", "three"])
def test_shares_are_exact_where_they_divide(engine: Engine, shares: Mapping[str, Fraction]) -> None:
    ids = [str(number) for number in range(1_000)]
    counts = Counter(arms(engine, ids, seed=9, shares=shares).values())
    assert counts == {arm: share * 1_000 for arm, share in shares.items()}


def test_every_stratum_misses_the_shares_by_less_than_one(engine: Engine) -> None:
    ids = [str(number) for number in range(700)]
    strata = [f"s{number % 37 % 11}" for number in range(700)]
    drawn = arms(engine, ids, seed=4, shares=THREE, strata=strata)
    for stratum in set(strata):
        inside = [drawn[one] for one, its in zip(ids, strata, strict=True) if its == stratum]
        for arm, share in THREE.items():
            assert abs(inside.count(arm) - share * len(inside)) < 1


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_in_a_tiny_stratum_the_chance_of_an_arm_is_its_share(engine: Engine, size: int) -> None:
    """2,000 strata stand for 2,000 draws: each has a shift of its own."""
    draws = 2_000
    ids = [f"{draw}-{at}" for draw in range(draws) for at in range(size)]
    strata = [one.split("-")[0] for one in ids]
    drawn = arms(engine, ids, seed=size, shares=THREE, strata=strata)
    first = Counter(drawn[f"{draw}-0"] for draw in range(draws))
    for arm, share in THREE.items():
        spread = math.sqrt(float(share * (1 - share)) * draws)
        assert abs(first[arm] - float(share) * draws) < 4.5 * spread


@pytest.mark.parametrize("shares", [HALVES, THREE], ids=["halves", "three"])
@pytest.mark.parametrize("size", [0, 1, 2, 9, 10])
def test_over_all_shifts_the_expected_size_of_an_arm_is_its_share(
    shares: Mapping[str, Fraction], size: int
) -> None:
    """Exactly: the average over a fine grid of shifts is the share of the places."""
    grid = [Fraction(at, 40) for at in range(40)]
    places = [cut(size, shares=shares, shift=shift) for shift in grid]
    for at, (arm, share) in enumerate(shares.items()):
        sizes = [cuts[at][2] - cuts[at][1] for cuts in places]
        assert all(cuts[at][0] == arm for cuts in places)
        assert Fraction(sum(sizes), len(grid)) == share * size
        assert min(sizes) >= 0


def test_shares_that_miss_one_by_a_hair_leave_nobody_out() -> None:
    third = Fraction("0.333333")
    shares = {"a": third, "b": third, "c": third}
    for shift in (Fraction(0), Fraction(16**13 - 1, 16**13)):
        assert cut(10, shares=shares, shift=shift)[-1][2] == 10
