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
from collections.abc import Mapping
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.engines.engine import Engine

RECIPE = "pilotbook-assignment-1"


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
    key = ibis.literal(f"{RECIPE}\n{seed}\n") + customers.customer_id
    order = ibis.window(
        group_by=customers.stratum, order_by=[key.hexdigest("sha256"), customers.customer_id]
    )
    ranked = customers.select("customer_id", "stratum", rank=ibis.row_number().over(order))
    sizes = engine.fetch(customers.group_by("stratum").agg(size=lambda t: t.count()))
    cuts = ibis.memtable(_cuts(sizes, seed=seed, shares=shares))
    return ranked.join(
        cuts,
        [
            ranked.stratum == cuts.stratum,
            ranked.rank >= cuts.first,
            ranked.rank < cuts.end,
        ],
    ).select("customer_id", "arm")


def _cuts(sizes: pa.Table, *, seed: int, shares: Mapping[str, Fraction]) -> pa.Table:
    """From which rank to which each arm goes, in each stratum."""
    rows = [
        {"stratum": stratum, "arm": arm, "first": first, "end": end}
        for stratum, size in zip(
            sizes["stratum"].to_pylist(), sizes["size"].to_pylist(), strict=True
        )
        for arm, first, end in cut(size, shares=shares, shift=_shift(seed, stratum))
    ]
    columns = [("stratum", pa.string()), ("arm", pa.string())]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([*columns, ("first", pa.int64()), ("end", pa.int64())])
    )


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


def _shift(seed: int, stratum: str) -> Fraction:
    """A fraction in [0, 1) drawn from the seed and the stratum's name."""
    digest = hashlib.sha256(f"{RECIPE}-shift\n{seed}\n{stratum}".encode()).hexdigest()
    return Fraction(int(digest[:13], 16), 16**13)
