"""Who really got the program: the effect on them, and what dropping the others would say."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from experiments.analyse.analysis import Analysis
from experiments.analyse.received import Received, WithoutCrossovers, effects_of_receipt
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.stats.compliers import ReceiptEffect, Whom
from experiments.stats.estimate import Difference, Interval
from tests.analyse.test_estimates import said
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, evidence_of, metric, plan_of

Floats = npt.NDArray[np.float64]
DAY = date(2026, 3, 10)


def drawn(
    seed: int, *, crossed: float, n: int = 400, effect: float = 6.0
) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Assignment by the toss, contact of the active ones first, and spending that follows both."""
    rng = np.random.default_rng(seed)
    assigned = np.arange(n) % 2 == 0
    active = rng.normal(0, 1, n)
    got = np.where(assigned, active > -0.7, active > 3 - 6 * crossed)
    if not crossed:
        got &= assigned
    spend = 20 + 3 * active + effect * got + rng.normal(0, 2, n)
    return assigned, got.astype(float), spend.round(2)


def analysed(
    engine: Engine, assigned: npt.NDArray[np.bool_], got: Floats, spend: Floats, **plan: Any
) -> Analysis:
    rows: list[Row] = [(at, "spend", DAY, float(value)) for at, value in enumerate(spend)]
    rows += [(at, "contact", DAY, 1.0) for at, one in enumerate(got) if one]
    return analysis_by_engine(
        engine,
        plan_of(**plan),
        behavior=behavior_of(rows, item="spring"),
        enrolment=enrolment_of([TREATMENT if one else CONTROL for one in assigned]),
    )


def only(found: Analysis) -> Received:
    (one,) = found.received
    return one


def effect_of(found: Received) -> ReceiptEffect:
    assert isinstance(found.effect, ReceiptEffect), found.effect
    return found.effect


@pytest.mark.parametrize(("crossed", "whom"), [(0.0, Whom.TREATED), (0.4, Whom.COMPLIERS)])
def test_the_effect_of_the_offer_is_divided_by_its_effect_on_contact(
    engine: Engine, crossed: float, whom: Whom
) -> None:
    """Wald's ratio by hand."""
    assigned, got, spend = drawn(1, crossed=crossed)
    found = only(analysed(engine, assigned, got, spend))
    gaps = [values[assigned].mean() - values[~assigned].mean() for values in (spend, got)]
    effect = effect_of(found)
    assert (found.whom, effect.whom) == (whom, whom)
    assert effect.value == pytest.approx(gaps[0] / gaps[1])
    assert isinstance(effect.interval, Interval)
    assert effect.interval.low < 6 < effect.interval.high
    error = sum(got[side].var(ddof=1) / side.sum() for side in (assigned, ~assigned))
    assert effect.first_stage_f == pytest.approx(gaps[1] ** 2 / error)


def test_dropping_the_crossovers_flatters_the_program(engine: Engine) -> None:
    """scipy.stats.ttest_ind of those who did as they were assigned; the truth is 6."""
    assigned, got, spend = drawn(2, crossed=0.4)
    found = only(analysed(engine, assigned, got, spend)).without_crossovers
    assert isinstance(found, WithoutCrossovers)
    assert isinstance(found.difference, Difference)
    wanted = stats.ttest_ind(
        spend[assigned & (got == 1)], spend[~assigned & (got == 0)], equal_var=False
    )
    assert found.difference.p_value == pytest.approx(wanted.pvalue)
    assert found.difference.low > 6
    assert found.treatment_left_out == int((assigned & (got == 0)).sum())
    assert found.control_left_out == int((~assigned & (got == 1)).sum())


def test_where_everybody_did_as_assigned_nobody_is_dropped(engine: Engine) -> None:
    assigned, _, spend = drawn(3, crossed=0.0)
    found = only(analysed(engine, assigned, assigned.astype(float), spend))
    assert found.without_crossovers is None
    assert effect_of(found).value == pytest.approx(spend[assigned].mean() - spend[~assigned].mean())
    read = said(plan_of(), analysed(engine, assigned, assigned.astype(float), spend))
    assert read["received"][0]["first_stage_f"] == {
        "undefined": "contact follows the assignment exactly"
    }


def test_an_offer_that_hardly_moved_contact_has_no_effect_on_the_contacted(engine: Engine) -> None:
    assigned, _, spend = drawn(4, crossed=0.0)
    got = (np.arange(len(spend)) % 3 == 0).astype(float)
    found = only(analysed(engine, assigned, got, spend))
    assert isinstance(found.effect, Undefined)
    assert found.whom is Whom.COMPLIERS


def test_without_contacts_nothing_is_said(engine: Engine) -> None:
    assigned, got, spend = drawn(5, crossed=0.0)
    assert analysed(engine, assigned, got * 0, spend).received == ()


def test_with_groups_that_people_chose_nothing_is_divided() -> None:
    plan = plan_of(design={"kind": "supplied"})
    arms = {TREATMENT: {"spend": [1, 2], "contacts": [1, 1]}, CONTROL: {"spend": [1, 2]}}
    assert effects_of_receipt(plan, evidence_of(plan, arms), confidence=0.95) == ()


def test_clusters_are_the_units(engine: Engine) -> None:
    """The ratio of the two gaps of cluster means, by hand."""
    rng = np.random.default_rng(6)
    branch = np.repeat(np.arange(40), 6)
    assigned = branch % 2 == 0
    got = (assigned & (rng.random(240) < 0.7)).astype(float)
    spend = (10 + rng.normal(0, 2, 40)[branch] + 3 * got + rng.normal(0, 1, 240)).round(2)
    rows: list[Row] = [(at, "spend", DAY, float(value)) for at, value in enumerate(spend)]
    rows += [(at, "contact", DAY, 1.0) for at, one in enumerate(got) if one]
    found = analysis_by_engine(
        engine,
        plan_of(design={"kind": "clustered", "cluster": "branch"}),
        behavior=behavior_of(rows, item="spring"),
        enrolment=enrolment_of(
            [TREATMENT if one else CONTROL for one in assigned],
            {"branch": [f"branch {at}" for at in branch]},
        ),
    )
    effect = effect_of(only(found))
    gaps = [values[assigned].mean() - values[~assigned].mean() for values in (spend, got)]
    assert effect.value == pytest.approx(gaps[0] / gaps[1])
    means = np.array([spend[branch == at].mean() for at in range(40)])
    error = sum(means[side::2].var(ddof=1) / 20 for side in (0, 1))
    assert effect.offer_effect / stats.norm.isf(effect.p_value / 2) == pytest.approx(
        np.sign(effect.offer_effect) * np.sqrt(error)
    )
    without = only(found).without_crossovers
    assert without is not None
    assert isinstance(without.difference, Undefined)


def test_several_treatments_have_one_each(engine: Engine) -> None:
    _, _, spend = drawn(7, crossed=0.0, n=300)
    arms = [[TREATMENT, "called", CONTROL][at % 3] for at in range(300)]
    rows: list[Row] = [(at, "spend", DAY, float(value)) for at, value in enumerate(spend)]
    rows += [(at, "contact", DAY, 1.0) for at in range(300) if at % 3 < 2 and at % 4]
    plan = plan_of(
        design={"treatments": [TREATMENT, "called"]},
        metrics=[metric("spend", role="primary", unit="EUR")],
    )
    found = analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(rows, item="spring"),
        enrolment=enrolment_of(arms),
    )
    assert [one.treatment for one in found.received] == [TREATMENT, "called"]
    read = said(plan, found)["received"]
    assert [one["whom"] for one in read] == ["treated", "treated"]
    assert {"metric", "value", "low", "high", "first_stage_f"} <= set(read[0])
    assert read[0]["without_crossovers"]["expected_bias"] == "upward"
