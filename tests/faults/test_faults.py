"""Short runs of what `make faults` does long; those that take seconds are live."""

import shutil

import pytest

from tests.faults.concurrency import c1, c2, c4
from tests.faults.crashes import d2, d3, d6
from tests.faults.full_disk import d5
from tests.faults.registry import c6
from tests.faults.repeats import d8, d9
from tests.faults.torn import d4, d7

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.mark.live
def test_torn_files_are_set_aside_or_named_and_no_post_is_lost() -> None:
    assert d4(tries=1) == {"mended": 8, "refused": 8}


@pytest.mark.live
def test_flipped_bits_are_all_found() -> None:
    assert d7(files=5)["named"] == 5


@pytest.mark.live
@needs_strace
def test_a_process_that_stops_at_a_system_call_loses_and_doubles_nothing() -> None:
    assert sum(d2(repeats=1, most=2).values()) >= 1


@pytest.mark.live
@needs_strace
def test_nothing_is_answered_before_it_is_on_disk() -> None:
    assert d3(ingests=2)["ingests"] == 2


@pytest.mark.live
@needs_strace
def test_an_error_of_the_disk_is_said_and_doubles_nothing() -> None:
    assert d6(tries=1)["linkat"] == 1


@pytest.mark.live
def test_a_full_disk_is_said_and_loses_nothing() -> None:
    try:
        figures = d5(levels=4)
    except PermissionError as error:
        pytest.skip(str(error))
    assert figures["507"] >= 1


def test_the_same_upload_is_one_batch() -> None:
    assert d8(again=16)["batches"] == 1


def test_stories_of_posts_crashes_and_care_end_well() -> None:
    assert d9(stories=3, steps=12)["stories"] == 3


def test_writers_care_and_readers_do_not_disturb_each_other() -> None:
    assert c1(writers=2, posts=5)["rows"] == 30


@pytest.mark.live
def test_two_who_append_the_same_batches_append_each_once() -> None:
    assert c2(batches=5)["commits"] == 5


def test_no_vacuum_is_rash() -> None:
    assert c4()["refused"] == 169


def test_of_two_editors_one_is_told() -> None:
    assert c6(edits=5)["answers"] == {200: 5, 412: 5}
