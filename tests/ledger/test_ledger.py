"""The ledger in folders with unusual names."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from experiments.engines.engine import open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import Ledger, refuse_unusable_folder
from tests.behavior.ledgers import STARTS_ON, Entry, append


@pytest.mark.parametrize(
    "folder", ["customer=7", "a b", "50%", "a#b", "a?b", "a*b", "Łó", "a'b", "{a}", "a:b"]
)
def test_a_ledger_reads_back_what_it_was_given(tmp_path: Path, folder: str) -> None:
    ledger = Ledger(tmp_path / folder / "ledger")
    refuse_unusable_folder(ledger.root)
    append(ledger, [Entry(at, "revenue", STARTS_ON, Decimal(5)) for at in (1, 2)])
    with open_engine() as engine:
        found = engine.fetch(ledger.behavior(engine))
    assert sorted(found["customer"].to_pylist()) == [1, 2]


@pytest.mark.parametrize("folder", ["a[b", "a]b", "a|b", "a^b", "a\\b", "a\nb", "a%20b"])
def test_a_folder_that_cannot_hold_a_ledger_is_refused_in_words(folder: str) -> None:
    with pytest.raises(BadInput, match="stands in its path; use another folder"):
        refuse_unusable_folder(Path("/tmp") / folder)  # noqa: S108 - nothing is written


def test_a_read_leaves_out_later_batches_and_those_that_do_not_count(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    append(ledger, [Entry(at, "revenue", STARTS_ON, Decimal(5), batch_no=at) for at in (1, 2, 3)])
    with open_engine() as engine:

        def customers(**which: Any) -> set[int]:
            return set(engine.fetch(ledger.behavior(engine, **which))["customer"].to_pylist())

        assert customers() == {1, 2, 3}
        assert customers(through=2) == {1, 2}
        assert customers(without={2}) == {1, 3}
        assert customers(through=2, without={1, 3}) == {2}
