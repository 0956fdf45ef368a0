"""The machinery of the study can fail: a wrong interval is off, a cell without a reason is told."""

from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from experiments.decide.verdict import Reason, Status, decide
from experiments.stats.estimate import Difference
from experiments.stats.means import student, welch, welch_many
from experiments.stats.moments import Floats, Sample
from tests.evidence import CONTROL, TREATMENT, analysed, plan_of
from tests.studies import product, results
from tests.studies.__main__ import all_cells
from tests.studies.cells import Cell, Side, Tally, of_limits, of_tests
from tests.studies.reasons import known
from tests.studies.results import Finished, append, fingerprint, read, table, unexplained
from tests.studies.shapes import NORMAL, many_samples, over

COST = 0.1


def cell_of_width(confidence: float, *, shift: float = 0.0) -> Cell:
    """Welch's interval, deliberately of another confidence than it says, or moved."""

    def study(_: Generator, treatment: Floats, control: Floats) -> Tally:
        found = welch_many(
            treatment=many_samples(treatment[0]),
            control=many_samples(control[0]),
            confidence=confidence,
        )
        return of_limits((found.low + shift, found.high + shift))

    return Cell("wrong", f"welch {confidence} {shift}", "normal", over(NORMAL, study), proves=True)


def finished(cell: Cell) -> Finished:
    return Finished(cell, cell.run(cell.rng(), 2000))


def test_a_right_interval_is_on() -> None:
    assert finished(cell_of_width(0.95)).side is Side.ON


def test_an_interval_too_narrow_is_liberal_and_one_too_wide_conservative() -> None:
    narrow, wide = finished(cell_of_width(0.90)), finished(cell_of_width(0.99))
    assert (narrow.side, wide.side) == (Side.LIBERAL, Side.CONSERVATIVE)
    assert narrow.proved_too_often
    assert not wide.proved_too_often
    assert unexplained([narrow, wide]) == [narrow, wide]


def test_an_interval_that_is_moved_errs_in_one_tail() -> None:
    moved = finished(cell_of_width(0.95, shift=0.2))
    assert moved.side is Side.SHIFTED
    assert moved.tally.high > 4 * moved.tally.low


def test_a_bound_may_be_kept_with_room_to_spare() -> None:
    cell = cell_of_width(0.95)
    assert Cell("f", "m", "d", cell.run, at_most=True).side(Tally(10_000, 0, 10)) is Side.ON


def test_an_error_of_both_tails_together_is_seen() -> None:
    """Neither tail is out at 2.5 %, 210 to 293 of 10,000; both are, at 5 % (428 to 573)."""
    cell = cell_of_width(0.95)
    assert cell.side(Tally(10_000, 295, 295)) is Side.LIBERAL


def test_the_same_name_draws_the_same_companies() -> None:
    cell = cell_of_width(0.95)
    assert cell.run(cell.rng(), 50) == cell.run(cell.rng(), 50)


def test_no_answer_is_no_error() -> None:
    nan = float("nan")
    limits = np.array([nan, -2.0, 1.0]), np.array([nan, -1.0, 2.0])
    assert of_limits(limits) == Tally(3, low=1, high=1, undefined=1)
    assert of_tests(np.array([0.0, 1.0, -1.0]), np.array([nan, 0.01, 0.2])) == Tally(
        3, high=1, undefined=1
    )


def test_finished_cells_are_found_again_and_a_torn_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cells.jsonl"
    one = Finished(cell_of_width(0.95), Tally(100, 2, 3))
    append(path, one, stands_on="abc", seconds=1.0)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"cell": "half a li')
    assert read(path) == {one.cell.name: ("abc", Tally(100, 2, 3))}


def test_a_family_stands_on_the_methods_it_calls() -> None:
    names = results._stands_on("tests.studies.means")
    assert {"experiments.stats.means", "experiments.stats.limits", "tests.studies.cells"} <= names
    assert fingerprint("tests.studies.means") != fingerprint("tests.studies.times")


def test_the_table_says_what_is_not_explained_and_what_is_missing() -> None:
    found = table([finished(cell_of_width(0.90))], missing=["another"])
    assert "**not explained**" in found
    assert "Not finished: 1 cells." in found


def test_on_normal_data_a_method_has_no_excuse() -> None:
    assert known("adjusted / CUPED / n = 50 money", Side.LIBERAL) is not None
    assert known("adjusted / CUPED / normal", Side.LIBERAL) is None


def test_every_cell_has_a_name_of_its_own() -> None:
    assert len(all_cells()) > 400


@pytest.mark.parametrize("seed", range(12))
def test_the_rule_of_the_study_is_that_of_the_product(seed: int) -> None:
    """Skewed and unequal groups around break-even: the verdict by `decide`, and by this copy."""
    rng = np.random.default_rng(seed)
    gap = COST + rng.choice([-1.0, 0.0, 1.0]) * rng.uniform(0.2, 0.6)
    values = {
        TREATMENT: np.round(rng.lognormal(0.0, 1.0, 120) + gap, 4),
        CONTROL: np.round(rng.lognormal(0.0, 1.0, int(rng.choice([30, 120]))), 4),
    }
    plan = plan_of()
    verdict = decide(plan, analysed(plan, {arm: {"spend": v} for arm, v in values.items()}))
    treated, controls = (Sample.of(values[arm]) for arm in (TREATMENT, CONTROL))
    found = welch(treatment=treated, control=controls)
    assert isinstance(found, Difference)
    side = product.side(
        found,
        treatment=treated,
        control=controls,
        one_spread=lambda: student(treatment=treated, control=controls),
        cost=COST,
    )
    said = {Status.PROVED: 1, Status.DISPROVED: -1, Status.NOT_PROVED: 0}
    assert side == said[verdict.deciding.status], verdict.deciding.reason
    assert verdict.deciding.reason in (None, Reason.INTERVAL, Reason.TAILS)
