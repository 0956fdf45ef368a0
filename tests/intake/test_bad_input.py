"""Files on purpose wrong (RELIABILITY.md, B1 to B7), with loads that a test has time for."""

import pytest

from tests.faults import bad_input


@pytest.mark.live
def test_a_corpus_of_malformed_files_is_refused_in_words() -> None:
    assert bad_input.b1()["files"] >= 60


def test_accepted_and_rejected_are_all_records_and_the_rejected_are_the_planted_ones() -> None:
    figures = bad_input.b2(rows=30_000, faults=120, long=(2, 3))
    assert figures == {**figures, "rows": 30_002, "rejected": 122}


def test_values_are_kept_byte_for_byte_or_refused() -> None:
    assert bad_input.b4(examples=120)["examples"] >= 100


def test_columns_are_bound_by_name_or_the_file_is_refused() -> None:
    assert bad_input.b5(permutations=18) == {"bound": 9, "refused": 9}


def test_no_text_of_an_export_starts_a_formula() -> None:
    assert bad_input.b6() == {"starts": 6, "tables": 24}


def test_false_minima_and_maxima_change_nothing() -> None:
    figures = bad_input.b7(files=4)
    assert figures["same"] + figures["refused"] == 4
