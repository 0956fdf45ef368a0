"""Forget who a customer is: the number stays and names nobody, so that every total repeats.

Numbers of erased customers are kept, because the next customer must not get the highest of them.
Old versions of the tables hold the person until a vacuum takes their files.
"""

from collections.abc import Callable, Collection
from typing import Final

import ibis
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from experiments.engines.engine import Engine
from experiments.ledger.ledger import ERASED, Ledger
from experiments.ledger.writing import HOOKS

TRIES: Final = 5  # beside a writer that commits to the same table
# What the log tells the range of, beside each file; neither ids nor what is known of somebody.
TOLD: Final = {"delta.dataSkippingStatsColumns": "customer,batch_no"}


def number_of_customer(engine: Engine, ledger: Ledger, customer_id: str) -> int | None:
    """The number that stands for a customer id; None where nobody has it."""
    directory = ledger.directory(engine)
    wanted = directory.customer_id == ibis.literal(customer_id, "string")
    found = engine.fetch(directory.filter(wanted).select("customer"))["customer"].to_pylist()
    return found[0] if found else None


def erased_numbers(engine: Engine, ledger: Ledger) -> frozenset[int]:
    """The numbers that stand for nobody any more."""
    return frozenset(engine.fetch(ledger.erased(engine).distinct())["customer"].to_pylist())


def erase_numbers(engine: Engine, ledger: Ledger, customers: Collection[int]) -> None:
    """Note numbers as erased, and remove the ids that they stood for; again changes nothing."""
    new = sorted({*customers} - erased_numbers(engine, ledger))
    if new:
        ledger.append_erased(pa.table({"customer": new}, schema=ERASED))

    def forget(directory: DeltaTable) -> None:
        directory.delete(_among(customers), post_commithook_properties=HOOKS)

    _change(ledger, "directory", forget)


def blank(ledger: Ledger, pilot: str, customers: Collection[int], columns: Collection[str]) -> None:
    """Empty what an enrolment knows of some customers.

    Args:
        ledger: Holds the enrolment.
        pilot: Whose enrolment.
        customers: Their numbers.
        columns: What is emptied.
    """

    def empty(enrolment: DeltaTable) -> None:
        enrolment.update(
            updates=dict.fromkeys(columns, "NULL"),
            predicate=_among(customers),
            post_commithook_properties=HOOKS,
        )

    _change(ledger, f"enrolments/{pilot}", empty)


def _change(ledger: Ledger, name: str, change: Callable[[DeltaTable], None]) -> None:
    """Change a table, if it exists; once more where another writer was quicker."""
    for tries in range(TRIES):
        table = ledger.open(name)
        if table is None:
            return
        try:
            if not TOLD.items() <= table.metadata().configuration.items():
                table.alter.set_table_properties(TOLD, post_commithook_properties=HOOKS)
            change(table)
        except CommitFailedError:
            if tries == TRIES - 1:
                raise
        else:
            return


def _among(customers: Collection[int]) -> str:
    return f"customer IN ({', '.join(str(int(each)) for each in sorted(customers))})"
