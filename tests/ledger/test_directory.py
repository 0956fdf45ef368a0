"""Which number stands for which customer id, and what an append leaves behind."""

from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa

from experiments.engines.engine import Engine, open_engine
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import Ledger
from tests.behavior.ledgers import STARTS_ON, Entry, append


def numbers(engine: Engine, ledger: Ledger, ids: list[str], *, batch_no: int) -> dict[str, int]:
    """The directory after some ids were numbered."""
    table = ibis.memtable(pa.table({"customer_id": pa.array(ids, pa.string())}))
    found = engine.fetch(number_customers(engine, ledger, table, batch_no=batch_no))
    return {row["customer_id"]: row["customer"] for row in found.to_pylist()}


def test_numbers_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    with open_engine() as engine:
        one = numbers(engine, Ledger(tmp_path / "1"), ["b", "0012", "a", "b"], batch_no=1)
        other = numbers(engine, Ledger(tmp_path / "2"), ["a", "b", "0012"], batch_no=1)
    assert one == other == {"0012": 1, "a": 2, "b": 3}


def test_a_known_customer_keeps_the_number_and_a_new_one_gets_the_next(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with open_engine() as engine:
        numbers(engine, ledger, ["m", "n"], batch_no=1)
        later = numbers(engine, ledger, ["a", "n", "12", "0012"], batch_no=2)
    assert later == {"m": 1, "n": 2, "0012": 3, "12": 4, "a": 5}


def test_an_append_that_is_repeated_writes_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    entry = Entry(1, "revenue", STARTS_ON, Decimal(5), batch_no=4)
    append(ledger, [entry])
    append(ledger, [entry])
    with open_engine() as engine:
        assert engine.fetch(ledger.behavior(engine)).num_rows == 1


def test_a_ledger_that_holds_nothing_has_no_rows_and_no_folder(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    with open_engine() as engine:
        assert engine.fetch(ledger.behavior(engine, through=9)).num_rows == 0
        assert engine.fetch(ledger.directory(engine)).num_rows == 0
    assert not ledger.root.exists()
