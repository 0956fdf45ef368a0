"""Assign customers to arms by chance that anybody can repeat.

Inside each stratum customers are ordered by SHA-256 of a key and their id, and the order is cut
at the planned shares. So the arms depend on seed, ids and strata only: not on the order of the
rows, the machine, or the version of a library. The recipe is frozen by a test vector; another
recipe gets another name in `RECIPE`.

A stratum's size seldom divides evenly. The cuts of a stratum are shifted together by a fraction
drawn from the seed (systematic rounding, Madow 1949), so that every customer's chance of an arm
is exactly the planned share, in small strata too.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from experiments.engines.engine import Engine

Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

RECIPE = "pilotbook-assignment-1"
HASH_DIGITS = 12  # so many hexadecimal digits tell nearly all customers apart
HASH_BITS = 4 * HASH_DIGITS


def assign(
    engine: Engine, customers: ir.Table, *, seed: int, shares: Mapping[str, Fraction]
) -> ir.Table:
    """Draw an arm for every customer.

    Args:
        engine: Runs the queries.
        customers: Columns `customer_id` (unique) and `stratum` (text).
        seed: Any whole number; the same seed gives the same arms.
        shares: Share of each arm, in the order of the arms; they add up to 1.

    Returns:
        Columns `customer_id` and `arm`.
    """
    table = engine.fetch(customers.select("customer_id", "stratum"))
    strata = pc.dictionary_encode(table["stratum"]).combine_chunks()
    arms = draw(engine, table["customer_id"], strata, seed=seed, shares=shares)
    named = {"customer_id": table["customer_id"], "arm": arms.cast(pa.string())}
    return ibis.memtable(pa.table(named))


def draw(
    engine: Engine,
    ids: pa.ChunkedArray,
    strata: pa.DictionaryArray,
    *,
    seed: int,
    shares: Mapping[str, Fraction],
) -> pa.DictionaryArray:
    """Draw an arm for every id, in the order of the ids; arguments as for `assign`.

    Numbers made of stratum and hash are sorted alone. A customer whose number lies between those
    at two cuts is between these cuts; only those who share the number at a cut need their whole
    hash and id.
    """
    codes, names = strata.indices.to_numpy(), strata.dictionary.to_pylist()
    keys = _keys(_hashes(engine, ids, seed=seed), codes, strata=len(names))
    in_order = np.sort(keys)
    starts = _starts(names, np.bincount(codes, minlength=len(names)), seed=seed, shares=shares)
    firsts = in_order[starts[starts < len(keys)]]
    section = np.searchsorted(firsts, keys, side="right") - 1
    at_cuts = np.flatnonzero(keys == firsts[section])
    exact = _exact_order(at_cuts, keys, ids, seed=seed)
    alike = keys[exact]
    ranks = np.searchsorted(in_order, alike) + np.arange(len(exact)) - np.searchsorted(alike, alike)
    section[exact] = np.searchsorted(starts, ranks, side="right") - 1
    return pa.DictionaryArray.from_arrays((section % len(shares)).astype(np.int8), [*shares])


def _hashes(engine: Engine, ids: pa.ChunkedArray, *, seed: int) -> Keys:
    """The first digits of each customer's hash, as a number."""
    places = pa.array(np.arange(len(ids)))
    table = pa.table({"place": places, "customer_id": ids})
    asked = ibis.memtable(table)
    digest = (ibis.literal(_key(seed)) + asked.customer_id).hexdigest("sha256")
    number = (ibis.literal("0x") + digest.left(HASH_DIGITS)).cast("uint64")
    found = engine.fetch(asked.select("place", number=number))
    hashes = np.empty(len(ids), np.uint64)
    hashes[found["place"].to_numpy()] = found["number"].to_numpy()
    return hashes


def _keys(hashes: Keys, codes: npt.NDArray[np.int32], *, strata: int) -> Keys:
    """Numbers in the order of strata and, within one, of hashes as far as there is room."""
    room = min(HASH_BITS, 64 - (strata - 1).bit_length())
    return codes.astype(np.uint64) << np.uint64(room) | hashes >> np.uint64(HASH_BITS - room)


def _exact_order(places: Integers, keys: Keys, ids: pa.ChunkedArray, *, seed: int) -> Integers:
    """Some customers by number, whole hash and id."""
    chosen = ids.take(pa.array(places)).to_pylist()
    key = hashlib.sha256(_key(seed).encode())

    def digest(text: str) -> bytes:
        whole = key.copy()
        whole.update(text.encode())
        return whole.digest()

    order = sorted(
        (number, digest(one), one.encode(), place)
        for number, one, place in zip(keys[places].tolist(), chosen, places.tolist(), strict=True)
    )
    return np.array([place for *_, place in order], np.int64)


def _starts(
    names: Sequence[str], sizes: Integers, *, seed: int, shares: Mapping[str, Fraction]
) -> Integers:
    """The place at which each arm begins, stratum after stratum."""
    starts, before = [], 0
    for stratum, size in zip(names, sizes.tolist(), strict=True):
        places = cut(size, shares=shares, shift=_shift(seed, stratum))
        starts += [before + first for _, first, _ in places]
        before += size
    return np.array(starts, np.int64)


def cut(
    size: int, *, shares: Mapping[str, Fraction], shift: Fraction
) -> list[tuple[str, int, int]]:
    """Cut `size` places into arms: (arm, first place, place after the last).

    Example:
        >>> cut(5, shares={"control": Fraction(1, 2), "mail": Fraction(1, 2)}, shift=Fraction(0))
        [('control', 0, 2), ('mail', 2, 5)]
    """
    places, first, share_so_far = [], 0, Fraction(0)
    for arm, share in shares.items():
        share_so_far += share
        end = math.floor(share_so_far * size + shift)
        places.append((arm, first, end))
        first = end
    # Shares written as decimals may miss 1 by a hair; the last arm always ends with the stratum.
    arm, start, _ = places[-1]
    places[-1] = (arm, start, size)
    return places


def _key(seed: int) -> str:
    """What stands before an id when it is hashed."""
    return f"{RECIPE}\n{seed}\n"


def _shift(seed: int, stratum: str) -> Fraction:
    """A fraction in [0, 1) drawn from the seed and the stratum's name."""
    digest = hashlib.sha256(f"{RECIPE}-shift\n{seed}\n{stratum}".encode()).hexdigest()
    return Fraction(int(digest[:13], 16), 16**13)
