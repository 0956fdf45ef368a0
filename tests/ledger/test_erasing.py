"""Customers who are erased: nobody finds them, nothing else changes, no number is given again."""

from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from experiments.engines.engine import Engine, open_engine
from experiments.ledger.directory import number_customers
from experiments.ledger.erasing import blank, erase_numbers, erased_numbers, number_of_customer
from experiments.ledger.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def numbered(engine: Engine, ledger: Ledger, *ids: str, batch_no: int) -> dict[str, int]:
    table = number_customers(
        engine, ledger, ibis.memtable(pa.table({"customer_id": list(ids)})), batch_no=batch_no
    )
    rows = engine.fetch(table).to_pylist()
    return {row["customer_id"]: row["customer"] for row in rows}


def test_an_erased_id_names_nobody_and_the_others_stay(tmp_path: Path, ledger: Ledger) -> None:
    with open_engine("duckdb", scratch=tmp_path) as engine:
        before = numbered(engine, ledger, "ann", "bob", "cid", batch_no=1)
        assert number_of_customer(engine, ledger, "bob") == before["bob"]
        erase_numbers(engine, ledger, [before["bob"]])
        assert number_of_customer(engine, ledger, "bob") is None
        assert number_of_customer(engine, ledger, "cid") == before["cid"]
        assert erased_numbers(engine, ledger) == {before["bob"]}


def test_a_number_is_never_given_again_not_even_the_highest(tmp_path: Path, ledger: Ledger) -> None:
    with open_engine("duckdb", scratch=tmp_path) as engine:
        before = numbered(engine, ledger, "ann", "zoe", batch_no=1)
        assert before == {"ann": 1, "zoe": 2}
        erase_numbers(engine, ledger, [2])
        assert numbered(engine, ledger, "zoe", "dan", batch_no=2) == {"ann": 1, "dan": 3, "zoe": 4}


def test_erasing_twice_changes_nothing(tmp_path: Path, ledger: Ledger) -> None:
    with open_engine("duckdb", scratch=tmp_path) as engine:
        numbered(engine, ledger, "ann", "bob", batch_no=1)
        erase_numbers(engine, ledger, [1])
        versions = ledger.pinned().versions
        erase_numbers(engine, ledger, [1])
        assert ledger.pinned().versions == versions


def test_the_log_holds_no_id_of_anybody(tmp_path: Path, ledger: Ledger) -> None:
    """Delta writes the lowest and the highest text beside each file, unless told not to."""
    with open_engine("duckdb", scratch=tmp_path) as engine:
        numbered(engine, ledger, "a-lowest", "mid", "z-highest", batch_no=1)
        erase_numbers(engine, ledger, [2])
    log = "".join(
        path.read_text() for path in (ledger.root / "directory/_delta_log").glob("*.json")
    )
    assert "lowest" not in log
    assert "highest" not in log


def test_what_is_known_of_somebody_is_emptied_and_of_nobody_else(
    tmp_path: Path, ledger: Ledger
) -> None:
    rows = pa.table(
        {
            "customer": pa.array([1, 2], pa.int64()),
            "arm": ["hold", "mail"],
            "owner": ["Mill Street", "High Street"],
            "attribute_0": ["gold", "gold"],
            "batch_no": pa.array([1, 1], pa.int64()),
        }
    )
    ledger.append_enrolment("spring", rows, batch_no=1)
    blank(ledger, "spring", [2], ["owner"])
    with open_engine("duckdb", scratch=tmp_path) as engine:
        found = engine.fetch(ledger.enrolment(engine, "spring", batch_no=1).order_by("customer"))
    first, second = rows.to_pylist()
    assert found.to_pylist() == [first, {**second, "owner": None}]
