"""What is known of customers before anything was done: of how many, the mean, the levels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import AccountColumns, Attribute
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.engines.engine import Engine

Number = tuple[ir.Value, ir.BooleanValue]
MOST_LEVELS = 20
LAST_DECIMAL = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Profile:
    """What values an attribute takes among the enrolled customers.

    Attributes:
        unknown: Customers without a value, or with a number too large for the ledger.
        mean: Of a number, over everybody of whom it is known, to the ledger's four decimals.
        levels: Values of a text attribute, most frequent first; empty for a number.
    """

    unknown: int
    mean: Decimal = Decimal(0)
    levels: tuple[str, ...] = ()


def profile_of_text(engine: Engine, accounts: ir.Table, attribute: Attribute) -> Profile:
    """Count what is unknown, and list the levels."""
    column = accounts[attribute.column]
    counts = accounts.group_by(level=column).agg(n=lambda t: t.count())
    unknown_first = counts.order_by([counts.level.notnull(), ibis.desc("n"), "level"])
    found = engine.fetch(unknown_first.limit(MOST_LEVELS + 2)).to_pylist()
    unknown = found.pop(0)["n"] if found and found[0]["level"] is None else 0
    return Profile(int(unknown), levels=tuple(row["level"] for row in found))


def profiles_of(
    engine: Engine, accounts: ir.Table, numbers: Mapping[str, Number]
) -> dict[str, Profile]:
    """Of numbers, and of where each is known: the customers where it is not, and the mean."""
    if not numbers:
        return {}
    wanted: dict[str, ir.Value] = {"n": accounts.count()}
    for at, (number, known) in enumerate(numbers.values()):
        wanted[f"known_{at}"] = known.sum()
        wanted[f"total_{at}"] = number.sum(where=known).cast("decimal(38, 4)")
    (row,) = engine.fetch(accounts.aggregate(**wanted)).to_pylist()
    found = {}
    for at, name in enumerate(numbers):
        known = int(row[f"known_{at}"] or 0)
        mean = row[f"total_{at}"] / known if known else Decimal(0)
        found[name] = Profile(int(row["n"]) - known, mean.quantize(LAST_DECIMAL))
    return found


def numbers_of(accounts: ir.Table, attributes: Iterable[Attribute]) -> dict[str, Number]:
    """Attributes that are numbers, by their columns."""
    found = {}
    for attribute in attributes:
        if attribute.numeric:
            number = accounts[attribute.column].try_cast(AMOUNT_TYPE)
            found[attribute.column] = (number, number.notnull())
    return found


def numbers_before(accounts: ir.Table, columns: AccountColumns) -> dict[str, Number]:
    """Pre-period values, by their columns, known where the ledger reaches back."""
    return {
        column: (accounts[column], accounts[columns.has_before[metric]] == 1)
        for metric, of_metric in columns.before.items()
        for column in of_metric
    }
