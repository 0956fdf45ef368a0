"""Sums of products equal those of Python's whole numbers, to the last unit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import exact_products
from experiments.stats.exact_products import ExactProducts

words = st.integers(-(2**63), 2**63 - 1)


def expected(columns: list[list[int]], sizes: list[int]) -> list[Any]:
    """By the definition."""
    found, start = [], 0
    for size in sizes:
        rows = [[1] * size, *(column[start : start + size] for column in columns)]
        found.append([[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows])
        start += size
    return found


@given(st.lists(st.tuples(words, words), max_size=20), st.integers(0, 20))
def test_products_of_any_words_are_exact(rows: list[tuple[int, int]], cut: int) -> None:
    sizes = [min(cut, len(rows)), max(0, len(rows) - cut)]
    columns = [[row[at] for row in rows] for at in range(2)]
    products = ExactProducts(2)
    products.add([np.array(column, np.int64) for column in columns], np.array(sizes))
    assert products.products().tolist() == expected(columns, sizes)


@pytest.mark.parametrize("bits", [1, 17, 18, 19, 35, 36, 37, 53, 54, 62])
def test_the_largest_values_of_a_full_chunk_fit(bits: int) -> None:
    """Every product is as large as it can be, and there are as many as are added at once."""
    rows, value = exact_products.ROWS, 2**bits - 1
    products = ExactProducts(1)
    products.add([np.full(rows, value, np.int64)], np.array([rows]))
    products.add([np.full(rows, -value, np.int64)], np.array([rows]))
    assert products.products()[0].tolist() == [[2 * rows, 0], [0, 2 * rows * value**2]]


def test_counters_are_emptied_before_they_run_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_products, "ROWS", 2)
    values = list(range(-3_000, 3_000, 3))
    products = ExactProducts(1)
    products.add([np.array(values)], np.array([len(values)]))
    assert len(values) // 2 > exact_products.CHUNKS
    assert products.products().tolist() == expected([values], [len(values)])


def test_groups_that_come_later_are_added() -> None:
    products = ExactProducts(1)
    products.add([np.arange(5)], np.array([5]))
    products.add([np.arange(5)], np.array([2, 0, 3]))
    assert products.products().tolist() == [
        [[7, 11], [11, 31]],
        [[0, 0], [0, 0]],
        [[3, 9], [9, 29]],
    ]
